package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var files embed.FS

// routes are the paths of the page's views.
var routes = [...]string{
	"/{$}", "/traces", "/traces/{id}", "/compare", "/logs", "/streams", "/dashboards", "/d/{uid}", "/d/{uid}/{slug}", "/query", "/alerts",
	"/runbooks/{alert}", "/processes", "/learn", "/learn/{path...}",
}

// serveStatic serves the page's files under /static/, and index.html, which it returns, at every route. Browsers must revalidate
// each file: on loopback that costs nothing, and no browser shows an old page with new data.
func serveStatic(mux *http.ServeMux) (index file) {
	err := fs.WalkDir(files, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		f := newFile(name, content)
		mux.Handle("GET /"+name, f)
		if name == "static/index.html" {
			index = f
			for _, route := range routes {
				mux.Handle("GET "+route, f)
			}
		}
		return nil
	})
	if err != nil {
		panic(err) // the files are part of this program
	}
	// Grafana's path of the runbooks, which the links in rules and dashboards use.
	mux.HandleFunc("GET /public/runbooks/{file}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/runbooks/"+strings.TrimSuffix(r.PathValue("file"), ".md"), http.StatusFound)
	})
	return index
}

// file is one of the page's files, as it is and compressed.
type file struct {
	contentType   string
	plain, zipped []byte
	tag           string
}

func newFile(name string, content []byte) file {
	types := map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
		".svg": "image/svg+xml",
	}
	contentType, known := types[path.Ext(name)]
	if !known {
		contentType = "text/plain; charset=utf-8" // licences
	}
	var zipped bytes.Buffer
	zipper := gzip.NewWriter(&zipped)
	_, _ = zipper.Write(content) // a buffer takes everything
	_ = zipper.Close()
	sum := sha256.Sum256(content)
	return file{contentType, content, zipped.Bytes(), base64.RawURLEncoding.EncodeToString(sum[:12])}
}

// serveNotFound serves it with status 404.
func (f file) serveNotFound(w http.ResponseWriter) {
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write(f.plain)
}

func (f file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, tag := f.plain, f.tag
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		content, tag = f.zipped, f.tag+"-gzip"
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Vary", "Accept-Encoding")
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
