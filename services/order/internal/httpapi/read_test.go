package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/services/order/internal/httpapi"
)

func TestAnUnknownOrder(t *testing.T) {
	s := newServer(t)
	for _, id := range []string{"0199c0de-7a1b-7cde-8f01-23456789abcd", "nonsense"} {
		problem(t, s.ask("GET", "/orders/"+id, ""), http.StatusNotFound)
		problem(t, s.ask("POST", "/orders/"+id+"/cancel", ""), http.StatusNotFound)
	}
	if got := location(t, problem(t, s.ask("GET", "/orders/a%00b", ""), http.StatusUnprocessableEntity)); got != "path.id" {
		t.Errorf("the problem names %q", got)
	}
	problem(t, s.ask("DELETE", "/orders/x", ""), http.StatusMethodNotAllowed)
}

// pages follows next from page to page and returns the ids of each.
func pages(t *testing.T, s server, query string) [][]string {
	t.Helper()
	var all [][]string
	for after := ""; ; {
		w := s.ask("GET", "/orders?"+query+after, "")
		page := decode[httpapi.OrderPage](t, w, http.StatusOK)
		ids := []string{}
		for _, o := range page.Items {
			ids = append(ids, o.ID)
		}
		all = append(all, ids)
		if page.Next == "" {
			if strings.Contains(w.Body.String(), `"next"`) {
				t.Errorf("the last page has a next: %s", w.Body)
			}
			return all
		}
		if page.Next != url.QueryEscape(page.Next) {
			t.Errorf("next is not URL-safe: %q", page.Next)
		}
		after = "&after=" + page.Next
	}
}

func TestAListIsReadInPages(t *testing.T) {
	s := newServer(t)
	var ids []string // the newest first
	for range 5 {
		ids = append(ids, s.place(t, lamps).ID)
	}
	slices.Reverse(ids)
	bob := s.place(t, strings.Replace(lamps, "ada", "bob", 1)).ID
	s.setStatus(t, ids[1], "rejected", "out_of_stock: lamp")

	for query, want := range map[string][][]string{
		"":                        {slices.Concat([]string{bob}, ids)},
		"limit=2":                 {{bob, ids[0]}, ids[1:3], ids[3:]},
		"limit=6":                 {slices.Concat([]string{bob}, ids)},
		"customer_id=ada&limit=3": {ids[:3], ids[3:]},
		"customer_id=bob":         {{bob}},
		"customer_id=eve":         {{}},
		"status=rejected":         {{ids[1]}},
		"status=pending&limit=4":  {{bob, ids[0], ids[2], ids[3]}, {ids[4]}},
	} {
		t.Run(query, func(t *testing.T) {
			if diff := cmp.Diff(want, pages(t, s, query)); diff != "" {
				t.Errorf("pages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnEmptyListIsAList(t *testing.T) {
	if body := strings.TrimSpace(newServer(t).ask("GET", "/orders", "").Body.String()); body != `{"items":[]}` {
		t.Errorf("body %s", body)
	}
}

func TestAWrongListIsRefusedByField(t *testing.T) {
	s := newServer(t)
	for query, want := range map[string]string{
		"limit=0": "query.limit", "limit=201": "query.limit", "limit=many": "query.limit",
		"status=lost": "query.status", "customer_id=a%20b": "query.customer_id",
		"after=***": "query.after", "after=AAAA": "query.after", "after=" + strings.Repeat("a", 2000): "query.after",
	} {
		if got := location(t, problem(t, s.ask("GET", "/orders?"+query, ""), http.StatusUnprocessableEntity)); got != want {
			t.Errorf("%.40s: the problem names %q, want %q", query, got, want)
		}
	}
}

func TestOpenAPIShowsTheBounds(t *testing.T) {
	var document struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]map[string]any }
		}
	}
	if err := json.Unmarshal(newServer(t).ask("GET", "/openapi.json", "").Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	for _, bound := range []struct {
		schema, property, keyword string
		want                      any
	}{
		{"NewOrder", "customer_id", "pattern", "^[A-Za-z0-9._-]{1,64}$"},
		{"NewOrder", "currency", "default", "EUR"},
		{"NewOrder", "items", "maxItems", 1000.},
		{"Item", "quantity", "maximum", 1e6},
		{"Item", "unit_price_cents", "minimum", 0.},
	} {
		if got := document.Components.Schemas[bound.schema].Properties[bound.property][bound.keyword]; got != bound.want {
			t.Errorf("%s.%s: %s is %v, want %v", bound.schema, bound.property, bound.keyword, got, bound.want)
		}
	}
}
