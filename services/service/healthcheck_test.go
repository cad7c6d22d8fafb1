package service

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/telemetry"
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

type settings struct {
	Config
	admin string
}

func (s settings) Admin() string { return s.admin }

func TestArguments(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_LOGS_EXPORTER", "none")
	var asked, built bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	read := func(map[string]string) (settings, error) {
		return settings{Config{Instance: "lamps-1"}, server.Listener.Addr().String()}, nil
	}
	build := func(context.Context, settings, *telemetry.Telemetry) (*Service, error) {
		built = true
		return nil, errors.New("no lamps")
	}
	for _, test := range []struct {
		args         []string
		built, asked bool
		code         int
	}{
		{nil, true, false, 1},
		{[]string{"healthcheck"}, false, true, 0},
		{[]string{"health"}, false, false, 2},
		{[]string{"healthcheck", "now"}, false, false, 2},
	} {
		asked, built = false, false
		code := Main("lamps", test.args, read, build)
		if diff := cmp.Diff([]any{test.built, test.asked, test.code}, []any{built, asked, code}); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.args, diff)
		}
	}
	unread := func(map[string]string) (settings, error) { return settings{}, errors.New("REDIS_URL is missing") }
	if code := Main("lamps", nil, unread, build); code != 1 || built {
		t.Errorf("with settings that are wrong: code %d, built %v", code, built)
	}
}
