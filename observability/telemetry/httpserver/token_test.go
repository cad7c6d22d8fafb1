package httpserver_test

import (
	"net/http"
	"testing"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/telemetry/httpserver/httpservertest"
)

func TestOnlyTheTokenAuthorizes(t *testing.T) {
	guarded := func(token string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if httpserver.Authorized(w, r, token, "look in the drawer") {
				w.WriteHeader(http.StatusNoContent)
			}
		})
	}
	for _, authorization := range []string{"Bearer secret", "bearer secret"} {
		if w := httpservertest.Ask(guarded("secret"), "POST", "/", "", "Authorization", authorization); w.Code != http.StatusNoContent {
			t.Errorf("%q: %d %s", authorization, w.Code, w.Body)
		}
	}
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Bearer  secret", "Basic secret", "secret"} {
		for _, token := range []string{"secret", ""} {
			w := httpservertest.Ask(guarded(token), "POST", "/", "", "Authorization", authorization)
			p := httpservertest.Problem(t, w, http.StatusUnauthorized)
			if p.Detail != "look in the drawer" || w.Header().Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%q for token %q: %v %+v", authorization, token, w.Header(), p)
			}
		}
	}
}
