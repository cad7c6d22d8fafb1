package apiserver

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"example.com/clew/observability/telemetry/httpserver"
)

// Authorized reports whether a request bears the token, the value of CLEW_TOKEN. If not, it has answered: 401, or 403 if
// the token is empty, which refuses every request.
func Authorized(w http.ResponseWriter, r *http.Request, token string) bool {
	if token == "" {
		httpserver.Problemf(http.StatusForbidden, "this needs a token, and none was chosen; start the service with CLEW_TOKEN").Write(w)
		return false
	}
	return httpserver.Authorized(w, r, token, "this needs the header Authorization: Bearer <token>, with the value of CLEW_TOKEN")
}

// RequireToken returns middleware of an operation that lets only requests with the token pass; see Authorized.
func RequireToken(token string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if r, w := humago.Unwrap(ctx); Authorized(w, r, token) {
			next(ctx)
		}
	}
}
