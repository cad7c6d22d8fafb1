package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/telemetry/httpserver/httpservertest"
	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/order/internal/httpapi"
)

// pages follows next from page to page and returns the ids of each.
func pages(t *testing.T, s server, query string) [][]string {
	t.Helper()
	var all [][]string
	for after := ""; ; {
		w := s.ask("GET", "/orders?"+query+after, "")
		page := httpservertest.Decode[httpapi.OrderPage](t, w, http.StatusOK)
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

// What clients are generated from does not change unnoticed: read the difference, then run with -update.
func TestTheDocumentIsStable(t *testing.T) {
	var indented bytes.Buffer
	if err := json.Indent(&indented, newServer(t).ask("GET", "/openapi.json", "").Body.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	telemetrytest.Golden(t, "openapi", indented.String())
}
