package process

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHealthcheck(t *testing.T) {
	var ready error
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" && ready != nil {
			http.Error(w, ready.Error(), http.StatusServiceUnavailable)
		}
	}))
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"127.0.0.1:" + port, ":" + port, "0.0.0.0:" + port} {
		if err := Healthcheck(t.Context(), addr); err != nil {
			t.Errorf("of %s: %v, want it ready", addr, err)
		}
	}
	ready = errors.New("no database")
	if err := Healthcheck(t.Context(), ":"+port); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("%v, want what the service said", err)
	}
	server.Close()
	if err := Healthcheck(t.Context(), ":"+port); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v, want that nothing listens", err)
	}
}

func TestArguments(t *testing.T) {
	var did string
	command := func(name string) Command {
		return func(context.Context, map[string]string) error { did = name; return nil }
	}
	for _, test := range []struct {
		args []string
		did  string
		code int
	}{
		{nil, "run", 0},
		{[]string{"healthcheck"}, "healthcheck", 0},
		{[]string{"health"}, "", 2},
		{[]string{"healthcheck", "now"}, "", 2},
	} {
		did = ""
		code := Main("lamps", test.args, command("run"), command("healthcheck"))
		if diff := cmp.Diff([]any{test.did, test.code}, []any{did, code}); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.args, diff)
		}
	}
}
