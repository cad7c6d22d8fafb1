package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/telemetry/httpserver/httpservertest"
)

func TestOnlyAllowedHostsAreServed(t *testing.T) {
	handler := httpserver.Wrap(newMux(), []string{"Order", "clew.example."}, quiet)
	for host, served := range map[string]bool{
		"localhost":              true,
		"LocalHost.:8080":        true,
		"127.0.0.1:8080":         true,
		"192.168.1.7":            true,
		"[::1]:8080":             true,
		"[::1]":                  true,
		"[fe80::1%25eth0]:8080":  true,
		"order:8080":             true,
		"ORDER.":                 true,
		"Clew.Example:80":        true,
		"evil.example":           false,
		"evil.example:8080":      false,
		"localhost.evil.example": false,
		"127.0.0.1.evil.example": false,
		"orders":                 false,
		"":                       false,
	} {
		t.Run(host, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/things", nil)
			r.Host = host
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if served {
				if w.Code != http.StatusOK {
					t.Errorf("status %d, want it served", w.Code)
				}
				return
			}
			p := httpservertest.Problem(t, w, http.StatusMisdirectedRequest)
			if !strings.Contains(p.Detail, "CLEW_ALLOWED_HOSTS") {
				t.Errorf("detail %q does not say what to do", p.Detail)
			}
		})
	}
}

func TestRequestsFromOtherOriginsAreRefused(t *testing.T) {
	handler := httpserver.Wrap(newMux(), nil, quiet)
	const body = `{"name":"a","count":1}`
	for _, c := range []struct {
		name    string
		method  string
		target  string
		header  []string
		refused bool
	}{
		{"not a browser", "POST", "/things", nil, false},
		{"a page of this server", "POST", "/things", []string{"Sec-Fetch-Site", "same-origin"}, false},
		{"a page of another site", "POST", "/things", []string{"Sec-Fetch-Site", "cross-site"}, true},
		{"a page on another port", "POST", "/things", []string{"Sec-Fetch-Site", "same-site"}, true},
		{"an old browser, this server", "POST", "/things", []string{"Origin", "http://localhost"}, false},
		{"an old browser, another server", "POST", "/things", []string{"Origin", "http://evil.example"}, true},
		{"a sandboxed page", "POST", "/things", []string{"Origin", "null"}, true},
		{"a read by a page of another site", "GET", "/things", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, true},
		{"its image", "GET", "/things", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, true},
		{"a browser that does not say how", "GET", "/things", []string{"Sec-Fetch-Site", "cross-site"}, true},
		{"a link on it", "GET", "/things", []string{
			"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document",
		}, false},
		{"a frame in it", "GET", "/things", []string{
			"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe",
		}, true},
		{"a read by a page of this server", "GET", "/things", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"}, false},
		{"a read by a page on another port", "GET", "/things", []string{"Sec-Fetch-Site", "same-site"}, false},
		{"an address typed in", "GET", "/things", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httpservertest.Ask(handler, c.method, c.target, body, c.header...)
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("Access-Control-Allow-Origin: %s lets foreign pages read", got)
			}
			if !c.refused {
				if w.Code != http.StatusOK {
					t.Errorf("status %d, want 200: %s", w.Code, w.Body)
				}
				return
			}
			httpservertest.Problem(t, w, http.StatusForbidden)
		})
	}
}
