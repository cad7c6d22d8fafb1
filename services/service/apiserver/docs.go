package apiserver

import (
	"embed"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs
var docs embed.FS

// registerDocs serves the OpenAPI document of api and the page that shows it. The page loads nothing from elsewhere.
func registerDocs(mux *http.ServeMux, api huma.API) {
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(api.OpenAPI()) // the only error left is a client that is gone
	})
	for path, file := range map[string]string{
		"/docs":          "docs/index.html",
		"/docs/docs.css": "docs/docs.css",
		"/docs/docs.js":  "docs/docs.js",
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy",
				"default-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			http.ServeFileFS(w, r, docs, file)
		})
	}
}
