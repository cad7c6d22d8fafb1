package httpserver

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// Authorized reports whether a request bears the token (RFC 6750). If not, it has answered 401 with detail, which tells
// the caller where to get the token. An empty token refuses every request.
func Authorized(w http.ResponseWriter, r *http.Request, token, detail string) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token != "" && strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1 {
		return true
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	Problemf(http.StatusUnauthorized, "%s", detail).Write(w)
	return false
}
