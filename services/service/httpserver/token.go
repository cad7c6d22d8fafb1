package httpserver

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// Authorized reports whether a request bears the token (RFC 6750). If not, it has answered: 401, or 403 if there is no
// token, which refuses every request.
func Authorized(w http.ResponseWriter, r *http.Request, token string) bool {
	if token == "" {
		WriteProblem(w, http.StatusForbidden,
			"this needs a token, and none was chosen; start the service with CLEW_TOKEN")
		return false
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
		w.Header().Set("WWW-Authenticate", "Bearer")
		WriteProblem(w, http.StatusUnauthorized,
			"this needs the header Authorization: Bearer <token>, with the value of CLEW_TOKEN")
		return false
	}
	return true
}
