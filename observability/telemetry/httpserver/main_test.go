package httpserver_test

import (
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// newMux has one handler of each kind that a test needs.
func newMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "one\n") })
	mux.HandleFunc("POST /things", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "two\n") })
	mux.HandleFunc("GET /fail", func(http.ResponseWriter, *http.Request) { panic("the secret") })
	mux.HandleFunc("GET /begun", func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		panic("too late")
	})
	mux.HandleFunc("GET /abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /own", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "my own words", http.StatusNotFound) })
	mux.HandleFunc("POST /patient", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			http.Error(w, "cut off", http.StatusInternalServerError)
		case <-time.After(100 * time.Millisecond): // longer than the request may take to arrive
			_, _ = io.WriteString(w, "done")
		}
	})
	return mux
}
