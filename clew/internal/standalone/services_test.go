package standalone

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// clew up says that all is ready when orders are not only accepted, but processed.
func TestAServiceWithoutRedisIsNotReadyYet(t *testing.T) {
	for answer, test := range map[string]struct {
		code  int
		ready bool
	}{
		`{"status":"ok","checks":{"database":"ok","redis":"ok"}}`:                       {http.StatusOK, true},
		`{"status":"degraded","checks":{"database":"ok","redis":"connection refused"}}`: {http.StatusOK, false},
		`{"status":"unavailable","checks":{"database":"locked","redis":"ok"}}`:          {http.StatusServiceUnavailable, false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.code)
			_, _ = io.WriteString(w, answer)
		}))
		if err := askReady(t.Context(), server.URL); (err == nil) != test.ready {
			t.Errorf("%s: error %v, want ready: %t", answer, err, test.ready)
		}
		server.Close()
	}
}
