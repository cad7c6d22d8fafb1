package page

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// heard is what the order API was asked.
type heard struct {
	Line, Body string
	Header     []string // names, without those that every request has
	Baggage    string
}

func TestOrdersAreForwarded(t *testing.T) {
	var last heard
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		last = heard{Line: r.Method + " " + r.URL.RequestURI(), Body: string(body), Baggage: r.Header.Get("Baggage")}
		for name := range r.Header {
			if !slices.Contains([]string{"User-Agent", "Content-Length", "Accept-Encoding", "Connection"}, name) {
				last.Header = append(last.Header, name)
			}
		}
		slices.Sort(last.Header)
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Location", "http://elsewhere.example/")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		switch r.URL.Path {
		case "/orders/refused":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"title":"Not Found","status":404,"detail":"there is no such order"}`)
		case "/orders/moved":
			w.WriteHeader(http.StatusFound)
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id":"1"}`)
		}
	}))
	defer api.Close()
	r := newRigAt(t, api.URL)
	foreign := []string{"Baggage", "clew.propagation=off", "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"Authorization", "Bearer " + token, "Cookie", "a=b", "X-Forwarded-For", "10.0.0.1"}

	for name, test := range map[string]struct {
		method, path, body string
		want               heard
		status             int
		answer             string
	}{
		"place": {http.MethodPost, "/api/orders", `{"a":1}`,
			heard{"POST /orders", `{"a":1}`, []string{"Baggage", "Content-Type"}, "clew.propagation=off"}, 201, `{"id":"1"}`},
		"list": {http.MethodGet, "/api/orders?limit=50&after=a%2Fb", "",
			heard{"GET /orders?limit=50&after=a%2Fb", "", []string{"Baggage", "Content-Type", "Traceparent"}, "clew.propagation=off"}, 201, `{"id":"1"}`},
		"one that is not there": {http.MethodGet, "/api/orders/refused", "",
			heard{"GET /orders/refused", "", []string{"Baggage", "Content-Type", "Traceparent"}, "clew.propagation=off"}, 404, "no such order"},
		"a name that is no path": {http.MethodGet, "/api/orders/..%2Fadmin", "",
			heard{"GET /orders/..%2Fadmin", "", []string{"Baggage", "Content-Type", "Traceparent"}, "clew.propagation=off"}, 201, `{"id":"1"}`},
		"a redirect is not followed": {http.MethodGet, "/api/orders/moved", "",
			heard{"GET /orders/moved", "", []string{"Baggage", "Content-Type", "Traceparent"}, "clew.propagation=off"}, 302, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.ask(test.method, test.path, test.body, foreign...)
			if got.Code != test.status || !strings.Contains(got.Body.String(), test.answer) {
				t.Errorf("answer %d %s", got.Code, got.Body)
			}
			if diff := cmp.Diff(test.want, last); diff != "" {
				t.Errorf("the order API heard (-want +got):\n%s", diff)
			}
			for _, name := range []string{"Set-Cookie", "Location", "Access-Control-Allow-Origin"} {
				if got.Header().Get(name) != "" {
					t.Errorf("the header %s is passed on", name)
				}
			}
		})
	}
	t.Run("too large", func(*testing.T) {
		last = heard{}
		got := r.ask(http.MethodPost, "/api/orders", strings.Repeat(" ", maxOrderBytes+1))
		r.wantProblem(got, http.StatusRequestEntityTooLarge, "1048576 bytes")
	})
}

// The page asks when traces change: an asking that changed traces would go on for ever.
func TestAskingForOrdersMakesNoTrace(t *testing.T) {
	var traceparent string
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { traceparent = r.Header.Get("Traceparent") }))
	defer api.Close()
	r := newRigAt(t, api.URL)
	r.ask(http.MethodGet, "/api/orders", "")
	if !strings.HasSuffix(traceparent, "-00") {
		t.Errorf("traceparent is %q, want one that is not sampled", traceparent)
	}
}

func TestSKUs(t *testing.T) {
	r := newRigAt(t, "")
	list := read[struct{ Items []sku }](r, "/api/skus")
	tests := 0
	for _, item := range list.Items {
		if item.Test {
			tests++
		}
		if item.SKU == "" || item.Teaches == "" || item.Test != strings.HasPrefix(item.SKU, "test-") {
			t.Errorf("%+v", item)
		}
	}
	if tests != 7 {
		t.Errorf("%d test SKUs, want seven", tests)
	}
}
