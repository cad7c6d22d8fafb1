package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/telemetry/httpserver/httpservertest"
	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/inventory/internal/httpapi"
	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/inventory/internal/store"
	"example.com/clew/services/inventory/internal/store/migrations"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/service/apiserver"
)

// A server is the API with all that stands in front of it in a process, on a database of its own.
type server struct {
	handler http.Handler
	db      *database.DB
	store   *store.Store
}

func newServer(t *testing.T, token string, items ...stock.Item) server {
	t.Helper()
	tel := telemetrytest.NewRecorder().Telemetry(t, "inventory")
	db, err := database.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "inventory.db"), migrations.FS, tel.TracerProvider, tel.Registry)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := store.New(db, tel.Registry)
	if err := s.Seed(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	mux := httpapi.New(s, token, tel.Logger)
	handler := apiserver.OTel(httpserver.Wrap(mux, nil, tel.Logger), apiserver.Tracing{
		TracerProvider: tel.TracerProvider, MeterProvider: tel.MeterProvider, Propagator: tel.Propagator, TrustCaller: true,
	})
	return server{handler, db, s}
}

// ask sends one request; header is name, value, name, value …
func (s server) ask(method, path, body string, header ...string) *httptest.ResponseRecorder {
	return httpservertest.Ask(s.handler, method, path, body, header...)
}

// change does what a handler of messages would.
func (s server) change(t *testing.T, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := outbox.New(s.db, s.db.System(), messaging.New(nil, messaging.Config{})).Transaction(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestStockIsRead(t *testing.T) {
	s := newServer(t, "", stock.Item{SKU: "lamp", Available: 5})
	w := s.ask("GET", "/stock/lamp", "")
	if body := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || body != `{"sku":"lamp","available":5,"reserved":0}` {
		t.Errorf("status %d, body %s", w.Code, body)
	}
	if w.Header().Get("traceresponse") == "" {
		t.Error("no traceresponse")
	}
}

func TestStockIsListedInPages(t *testing.T) {
	var items []stock.Item
	for i := range 5 {
		items = append(items, stock.Item{SKU: fmt.Sprintf("sku-%d", i), Available: int64(i)})
	}
	s := newServer(t, "", items...)
	for limit, want := range map[string][][]string{
		"":         {{"sku-0", "sku-1", "sku-2", "sku-3", "sku-4"}},
		"limit=2&": {{"sku-0", "sku-1"}, {"sku-2", "sku-3"}, {"sku-4"}},
		"limit=5&": {{"sku-0", "sku-1", "sku-2", "sku-3", "sku-4"}},
	} {
		var got [][]string
		for after := ""; after != "" || got == nil; {
			page := httpservertest.Decode[httpapi.StockPage](t, s.ask("GET", "/stock?"+limit+"after="+after, ""), http.StatusOK)
			var skus []string
			for _, item := range page.Items {
				skus = append(skus, item.SKU)
			}
			got, after = append(got, skus), page.Next
			if after != url.QueryEscape(after) {
				t.Errorf("next is not URL-safe: %q", after)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: pages (-want +got):\n%s", limit, diff)
		}
	}
	if body := strings.TrimSpace(newServer(t, "").ask("GET", "/stock", "").Body.String()); body != `{"items":[]}` {
		t.Errorf("the empty list is %s", body)
	}
}

func TestStockIsSet(t *testing.T) {
	s := newServer(t, "secret", stock.Item{SKU: "lamp", Available: 5})
	s.change(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := s.store.Insert(ctx, tx, stock.Reservation{
			OrderID: "o", State: stock.Reserved, Lines: []stock.Line{{SKU: "lamp", Quantity: 2}},
		})
		return err
	})
	for sku, want := range map[string]httpapi.StockItem{
		"lamp": {SKU: "lamp", Available: 9, Reserved: 2},
		"new":  {SKU: "new", Available: 9},
	} {
		w := s.ask("PUT", "/stock/"+sku, `{"available":9}`, "Authorization", "Bearer secret")
		if got := httpservertest.Decode[httpapi.StockItem](t, w, http.StatusOK); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestSettingStockNeedsTheToken(t *testing.T) {
	s := newServer(t, "secret", stock.Item{SKU: "lamp", Available: 5})
	for _, authorization := range []string{"", "secret", "Bearer", "Bearer ", "Bearer wrong", "Bearer secret2", "Basic secret"} {
		w := s.ask("PUT", "/stock/lamp", `{"available":9}`, "Authorization", authorization)
		p := httpservertest.Problem(t, w, http.StatusUnauthorized)
		if !strings.Contains(p.Detail, "CLEW_TOKEN") || w.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%q: %+v, WWW-Authenticate %q", authorization, p, w.Header().Get("WWW-Authenticate"))
		}
	}

	open := newServer(t, "", stock.Item{SKU: "lamp", Available: 5})
	for _, authorization := range []string{"", "Bearer ", "Bearer x"} {
		p := httpservertest.Problem(t, open.ask("PUT", "/stock/lamp", `{"available":9}`, "Authorization", authorization), http.StatusForbidden)
		if !strings.Contains(p.Detail, "CLEW_TOKEN") {
			t.Errorf("%q: %+v", authorization, p)
		}
	}
	for _, s := range []server{s, open} {
		if got := httpservertest.Decode[httpapi.StockItem](t, s.ask("GET", "/stock/lamp", ""), http.StatusOK); got.Available != 5 {
			t.Errorf("a refused request set the stock to %+v", got)
		}
	}
}

func TestAReservationIsRead(t *testing.T) {
	s := newServer(t, "", stock.Item{SKU: "lamp", Available: 5})
	s.change(t, func(ctx context.Context, tx *store.Tx) error {
		for _, r := range []stock.Reservation{
			{OrderID: "served", State: stock.Reserved, Lines: []stock.Line{{SKU: "lamp", Quantity: 2}}},
			{OrderID: "refused", State: stock.Rejected, Reason: "out_of_stock: lamp"},
		} {
			if _, err := s.store.Insert(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	for orderID, want := range map[string]string{
		"served":  `{"order_id":"served","state":"reserved","reason":"","items":[{"sku":"lamp","quantity":2}]}`,
		"refused": `{"order_id":"refused","state":"rejected","reason":"out_of_stock: lamp","items":[]}`,
	} {
		w := s.ask("GET", "/reservations/"+orderID, "")
		if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != want {
			t.Errorf("status %d, body %s, want %s", w.Code, got, want)
		}
	}
}

// What clients are generated from does not change unnoticed: read the difference, then run with -update.
func TestTheDocumentIsStable(t *testing.T) {
	var indented bytes.Buffer
	if err := json.Indent(&indented, newServer(t, "").ask("GET", "/openapi.json", "").Body.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	telemetrytest.Golden(t, "openapi", indented.String())
}
