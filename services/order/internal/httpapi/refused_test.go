package httpapi_test

import (
	"database/sql"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/telemetry/httpserver/httpservertest"
	"example.com/clew/services/messaging/database"
)

var nothing = map[string]int64{"orders": 0, "order_items": 0, "idempotency_keys": 0, "outbox": 0}

// rows counts what a request may have left.
func (s server) rows(t *testing.T) map[string]int64 {
	t.Helper()
	rows := map[string]int64{}
	for table := range nothing {
		var n int64
		if err := s.db.Read.Table(table).Count(&n).Error; err != nil {
			t.Fatal(err)
		}
		rows[table] = n
	}
	return rows
}

// Each of these requests is wrong in one way. It is answered with a problem that names the place, and leaves nothing.
func TestWhatIsRefused(t *testing.T) {
	s := newServer(t)
	replace := func(old, new string) string { return strings.Replace(lamps, old, new, 1) }
	items := func(items ...string) string {
		return `{"customer_id":"ada","items":[` + strings.Join(items, ",") + `]}`
	}
	many := func(n int) string {
		return items(strings.Split(strings.Repeat(`{"sku":"a","quantity":1,"unit_price_cents":1} `, n), " ")[:n]...)
	}
	const max64 = "9223372036854775807"

	type request struct {
		method, path, body string // POST /orders, unless it says otherwise
		header             []string
	}
	for _, test := range []struct {
		what string
		request
		status int
		at     string // the field that is named; "" if the request is wrong as a whole
	}{
		// A body that is no order at all.
		{"no body", request{header: []string{"Content-Type", "application/json"}}, 400, "body"},
		{"malformed", request{body: `{"customer_id":`}, 400, "body.customer_id"},
		{"a bare word", request{body: `{"customer_id":ada}`}, 400, "body.customer_id"},
		{"a comma too many", request{body: replace("}]}", "},]}")}, 400, "body.items[2]"},
		{"trailing data", request{body: lamps + "x"}, 400, "body"},
		{"two orders", request{body: lamps + lamps}, 400, "body"},
		{"a name twice", request{body: replace(`"quantity":2`, `"quantity":2,"quantity":1`)}, 400, "body.items[0].quantity"},
		{"NUL", request{body: replace("ada", "a\x00a")}, 400, "body.customer_id"},
		{"a list", request{body: "[" + lamps + "]"}, 422, "body"},
		{"text", request{body: `"ada"`}, 422, "body"},
		{"null", request{body: "null"}, 422, "body"},
		{"larger than 1 MiB", request{body: replace("ada", strings.Repeat("a", 1<<20))}, 413, "body"},
		{"a form", request{body: "customer_id=ada", header: []string{"Content-Type", "application/x-www-form-urlencoded"}}, 415, "header.Content-Type"},
		{"an unsaid content type", request{body: lamps, header: []string{"Content-Type", ""}}, 415, "header.Content-Type"},

		// A field that is missing, unknown, or of another type.
		{"no customer", request{body: `{"items":[{"sku":"a","quantity":1,"unit_price_cents":1}]}`}, 422, "body"},
		{"no items", request{body: `{"customer_id":"ada"}`}, 422, "body"},
		{"no quantity", request{body: items(`{"sku":"a","unit_price_cents":1}`)}, 422, "body.items[0]"},
		{"an unknown field", request{body: replace(`"items"`, `"coupon":"X","items"`)}, 422, "body.coupon"},
		{"a field of the answer", request{body: replace(`"items"`, `"status":"confirmed","items"`)}, 422, "body.status"},
		{"a capital in a name", request{body: replace(`"quantity":2`, `"quantity":2,"Quantity":1`)}, 422, "body.items[0].Quantity"},
		{"a customer that is a number", request{body: replace(`"ada"`, "7")}, 422, "body.customer_id"},
		{"a customer that is null", request{body: replace(`"ada"`, "null")}, 422, "body.customer_id"},
		{"a currency that is null", request{body: replace(`"items"`, `"currency":null,"items"`)}, 422, "body.currency"},
		{"items that are null", request{body: `{"customer_id":"ada","items":null}`}, 422, "body.items"},
		{"an item that is null", request{body: items("null")}, 422, "body.items[0]"},
		{"a quantity that is text", request{body: replace(`"quantity":2`, `"quantity":"2"`)}, 422, "body.items[0].quantity"},
		{"half a unit", request{body: replace(`"quantity":2`, `"quantity":1.5`)}, 422, "body.items[0].quantity"},

		// A value that is out of bounds.
		{"no unit", request{body: replace(`"quantity":2`, `"quantity":0`)}, 422, "body.items[0].quantity"},
		{"less than no unit", request{body: replace(`"quantity":2`, `"quantity":-1`)}, 422, "body.items[0].quantity"},
		{"too many units", request{body: replace(`"quantity":2`, `"quantity":1000001`)}, 422, "body.items[0].quantity"},
		{"a negative price", request{body: replace("4990", "-1")}, 422, "body.items[0].unit_price_cents"},
		{"a price beyond 64 bits", request{body: replace("4990", "9223372036854775808")}, 422, "body.items[0].unit_price_cents"},
		{"a line beyond 64 bits", request{body: replace("4990", max64)}, 422, "body.items"},
		{"a total beyond 64 bits", request{body: items(
			`{"sku":"a","quantity":1,"unit_price_cents":`+max64+`}`, `{"sku":"b","quantity":1,"unit_price_cents":1}`)}, 422, "body.items"},
		{"0 items", request{body: items()}, 422, "body.items"},
		{"1001 items", request{body: many(1001)}, 422, "body.items"},
		{"a currency in small letters", request{body: replace(`"items"`, `"currency":"eur","items"`)}, 422, "body.currency"},
		{"an empty currency", request{body: replace(`"items"`, `"currency":"","items"`)}, 422, "body.currency"},
		{"an empty customer", request{body: replace("ada", "")}, 422, "body.customer_id"},
		{"a long customer", request{body: replace("ada", strings.Repeat("a", 65))}, 422, "body.customer_id"},
		{"a customer with a space", request{body: replace("ada", "a b")}, 422, "body.customer_id"},
		{"a customer with a line end", request{body: replace("ada", `ada\n`)}, 422, "body.customer_id"},
		{"a customer with an umlaut", request{body: replace("ada", "ädä")}, 422, "body.customer_id"},
		{"a customer with NUL", request{body: replace("ada", `a\u0000a`)}, 422, "body.customer_id"},
		{"an empty SKU", request{body: replace("lamp", "")}, 422, "body.items[0].sku"},
		{"a long SKU", request{body: replace("lamp", strings.Repeat("a", 65))}, 422, "body.items[0].sku"},
		{"a SKU with a space", request{body: replace("lamp", "a lamp")}, 422, "body.items[0].sku"},
		{"a SKU with an umlaut", request{body: replace("lamp", "lämp")}, 422, "body.items[0].sku"},
		{"a SKU that is no UTF-8", request{body: replace("lamp", "l\xffmp")}, 422, "body.items[0].sku"},

		// The idempotency key.
		{"an empty key", request{body: lamps, header: []string{"Idempotency-Key", ""}}, 422, "header.Idempotency-Key"},
		{"an empty key in quotation marks", request{body: lamps, header: []string{"Idempotency-Key", `""`}}, 422, "header.Idempotency-Key"},
		{"a long key", request{body: lamps, header: []string{"Idempotency-Key", strings.Repeat("k", 256)}}, 422, "header.Idempotency-Key"},
		{"a key with a space", request{body: lamps, header: []string{"Idempotency-Key", "a b"}}, 422, "header.Idempotency-Key"},
		{"a key with a tab", request{body: lamps, header: []string{"Idempotency-Key", "a\tb"}}, 422, "header.Idempotency-Key"},
		{"a key with an umlaut", request{body: lamps, header: []string{"Idempotency-Key", "ä"}}, 422, "header.Idempotency-Key"},
		{"two keys", request{body: lamps, header: []string{"Idempotency-Key", "a", "Idempotency-Key", "b"}}, 422, "header.Idempotency-Key"},

		// Lists.
		{"a page of 0", request{method: "GET", path: "/orders?limit=0"}, 422, "query.limit"},
		{"a page of 201", request{method: "GET", path: "/orders?limit=201"}, 422, "query.limit"},
		{"a page of many", request{method: "GET", path: "/orders?limit=many"}, 422, "query.limit"},
		{"a page of infinitely many", request{method: "GET", path: "/orders?limit=%2BInf"}, 422, "query.limit"},
		{"a page that says no number", request{method: "GET", path: "/orders?limit"}, 422, "query.limit"},
		{"a page of two sizes", request{method: "GET", path: "/orders?limit=1&limit=2"}, 422, "query.limit"},
		{"an unknown status", request{method: "GET", path: "/orders?status=lost"}, 422, "query.status"},
		{"a wrong customer", request{method: "GET", path: "/orders?customer_id=a%20b"}, 422, "query.customer_id"},
		{"no cursor of ours", request{method: "GET", path: "/orders?after=***"}, 422, "query.after"},
		{"a cursor to nothing", request{method: "GET", path: "/orders?after=AAAA"}, 422, "query.after"},
		{"a long cursor", request{method: "GET", path: "/orders?after=" + strings.Repeat("a", 2000)}, 422, "query.after"},
		{"an unknown filter", request{method: "GET", path: "/orders?costumer_id=ada"}, 422, "query.costumer_id"},
		{"a malformed query", request{method: "GET", path: "/orders?status=%zz"}, 400, "query"},

		// One order.
		{"an unknown id", request{method: "GET", path: "/orders/0199c0de-7a1b-7cde-8f01-23456789abcd"}, 404, ""},
		{"an id that is no UUID", request{method: "GET", path: "/orders/nonsense"}, 404, ""},
		{"an id with NUL", request{method: "GET", path: "/orders/a%00b"}, 422, "path.id"},
		{"an id with a slash", request{method: "GET", path: "/orders/a%2Fb"}, 422, "path.id"},
		{"a long id", request{method: "GET", path: "/orders/" + strings.Repeat("a", 65)}, 422, "path.id"},
		{"a very long path", request{method: "GET", path: "/orders/" + strings.Repeat("a/", 30_000)}, 404, ""},
		{"cancel an unknown order", request{method: "POST", path: "/orders/nonsense/cancel"}, 404, ""},
		{"cancel a wrong id", request{method: "POST", path: "/orders/a%20b/cancel"}, 422, "path.id"},

		// Requests for something else.
		{"an unknown path", request{method: "GET", path: "/order"}, 404, ""},
		{"a slash too many", request{method: "GET", path: "/orders/"}, 404, ""},
		{"another method", request{method: "DELETE", path: "/orders/x"}, 405, ""},
		{"OPTIONS", request{method: "OPTIONS"}, 405, ""},
		{"an unheard-of method", request{method: "BREW"}, 405, ""},
		{"a page of another site", request{body: lamps, header: []string{"Origin", "https://evil.example"}}, 403, ""},
		{"another host", request{body: lamps, header: []string{"Host", "evil.example"}}, 421, ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			method, path := test.method, test.path
			if method == "" {
				method = "POST"
			}
			if path == "" {
				path = "/orders"
			}
			p := httpservertest.Problem(t, s.send(method, path, test.body, test.header), test.status)
			if p.Status != test.status || p.Detail == "" {
				t.Errorf("%+v, want the status %d and a detail", p, test.status)
			}
			var named []string
			for _, field := range p.Errors {
				named = append(named, field.Location)
			}
			if got := strings.Join(named, " "); got != test.at {
				t.Errorf("named is %q, want %q: %+v", got, test.at, p)
			}
		})
	}
	if diff := cmp.Diff(nothing, s.rows(t)); diff != "" {
		t.Errorf("refused requests left rows (-want +got):\n%s", diff)
	}
}

// send is ask with headers that may be empty, or stand twice.
func (s server) send(method, path, body string, header []string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost:8080"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		switch name := header[i]; name {
		case "Host":
			r.Host = header[i+1]
		case "Content-Type":
			r.Header.Set(name, header[i+1])
		default:
			r.Header.Add(name, header[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func TestAWrongMethodIsToldTheRightOnes(t *testing.T) {
	s := newServer(t)
	for path, want := range map[string]string{
		"/orders": "GET, HEAD, POST", "/orders/x": "GET, HEAD", "/orders/x/cancel": "POST", "/openapi.json": "GET, HEAD",
	} {
		if got := s.ask("PATCH", path, "").Header().Get("Allow"); got != want {
			t.Errorf("%s allows %q, want %q", path, got, want)
		}
	}
	if w := s.ask("HEAD", "/orders", ""); w.Code != http.StatusOK {
		t.Errorf("HEAD: status %d", w.Code)
	}
}

// A redirect, with a page of HTML, is no answer of an API.
func TestAnUncleanPathIsAProblem(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"//orders", "/orders/../../orders", "/./orders//x"} {
		for _, method := range []string{"GET", "POST"} {
			httpservertest.Problem(t, s.ask(method, path, lamps), http.StatusNotFound)
		}
	}
}

// Nobody can know yet that there is no such product: inventory says so later.
func TestAnUnknownSKUIsAccepted(t *testing.T) {
	newServer(t).place(t, strings.Replace(lamps, "lamp", "no-such-thing", 1))
}

// Somebody else holds the database for longer than a statement waits: that is not the request's fault, and passes.
func TestALockedDatabaseIsUnavailable(t *testing.T) {
	s := newServer(t)
	unlock := lock(t, s.db)
	w := s.ask("POST", "/orders", lamps, "Idempotency-Key", "basket")
	unlock()
	httpservertest.Problem(t, w, http.StatusServiceUnavailable)
	if got := w.Header().Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q", got)
	}
	if diff := cmp.Diff(nothing, s.rows(t)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	s.place(t, lamps, "Idempotency-Key", "basket")
}

// lock takes the write lock of an SQLite database, through a connection of its own.
func lock(t *testing.T, db *database.DB) (unlock func()) {
	t.Helper()
	var file string
	if err := db.Read.Raw("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file).Error; err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
