package httpapi_test

import (
	"database/sql"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/clew/observability/telemetry/httpserver/httpservertest"
	"example.com/clew/services/inventory/internal/httpapi"
	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/messaging/database"
)

// Each of these requests is wrong in one way. It is answered with a problem that names the place, and changes nothing.
func TestWhatIsRefused(t *testing.T) {
	s := newServer(t, "secret", stock.Item{SKU: "lamp", Available: 5})
	const nine = `{"available":9}`

	type request struct {
		method, path, body string // PUT /stock/lamp with the token, unless it says otherwise
		header             []string
	}
	for _, test := range []struct {
		what string
		request
		status int
		at     string // the field that is named; "" if the request is wrong as a whole
	}{
		// A body that is no stock at all.
		{"no body", request{}, 400, "body"},
		{"malformed", request{body: `{"available":`}, 400, "body.available"},
		{"a number as others write it", request{body: `{"available":+9}`}, 400, "body.available"},
		{"infinitely many", request{body: `{"available":Infinity}`}, 400, "body.available"},
		{"no number", request{body: `{"available":NaN}`}, 400, "body.available"},
		{"trailing data", request{body: nine + "x"}, 400, "body"},
		{"a name twice", request{body: `{"available":9,"available":8}`}, 400, "body.available"},
		{"a list", request{body: "[" + nine + "]"}, 422, "body"},
		{"a number alone", request{body: "9"}, 422, "body"},
		{"null", request{body: "null"}, 422, "body"},
		{"larger than 1 MiB", request{body: nine + strings.Repeat(" ", 1<<20)}, 413, "body"},
		{"text", request{body: nine, header: []string{"Content-Type", "text/plain"}}, 415, "header.Content-Type"},
		{"an unsaid content type", request{body: nine, header: []string{"Content-Type", ""}}, 415, "header.Content-Type"},

		// Its one field.
		{"no number of units", request{body: "{}"}, 422, "body"},
		{"an unknown field", request{body: `{"available":1,"reserved":1}`}, 422, "body.reserved"},
		{"a capital in its name", request{body: `{"available":1,"Available":1}`}, 422, "body.Available"},
		{"null units", request{body: `{"available":null}`}, 422, "body.available"},
		{"units as text", request{body: `{"available":"9"}`}, 422, "body.available"},
		{"half a unit", request{body: `{"available":0.5}`}, 422, "body.available"},
		{"less than none", request{body: `{"available":-1}`}, 422, "body.available"},
		{"more than the bound", request{body: `{"available":1000000000001}`}, 422, "body.available"},
		{"more than 64 bits", request{body: `{"available":9223372036854775808}`}, 422, "body.available"},
		{"more than a float", request{body: `{"available":1e999}`}, 422, "body.available"},

		// The SKU.
		{"a SKU with a space", request{path: "/stock/a%20b", body: nine}, 422, "path.sku"},
		{"a SKU with an umlaut", request{path: "/stock/l%C3%A4mp", body: nine}, 422, "path.sku"},
		{"a SKU with NUL", request{path: "/stock/a%00b", body: nine}, 422, "path.sku"},
		{"a SKU with a slash", request{path: "/stock/a%2Fb", body: nine}, 422, "path.sku"},
		{"a long SKU", request{path: "/stock/" + strings.Repeat("a", 65), body: nine}, 422, "path.sku"},
		{"no SKU", request{path: "/stock/", body: nine}, 404, ""},
		{"read an unknown SKU", request{method: "GET", path: "/stock/lamb"}, 404, ""},
		{"read a wrong SKU", request{method: "GET", path: "/stock/a%20b"}, 422, "path.sku"},

		// Lists and reservations.
		{"a page of 0", request{method: "GET", path: "/stock?limit=0"}, 422, "query.limit"},
		{"a page of 201", request{method: "GET", path: "/stock?limit=201"}, 422, "query.limit"},
		{"a page of many", request{method: "GET", path: "/stock?limit=many"}, 422, "query.limit"},
		{"a page of two sizes", request{method: "GET", path: "/stock?limit=1&limit=2"}, 422, "query.limit"},
		{"no cursor of ours", request{method: "GET", path: "/stock?after=***"}, 422, "query.after"},
		{"a cursor to nothing", request{method: "GET", path: "/stock?after=AAAA"}, 422, "query.after"},
		{"an unknown filter", request{method: "GET", path: "/stock?sku=lamp"}, 422, "query.sku"},
		{"a malformed query", request{method: "GET", path: "/stock?limit=%zz"}, 400, "query"},
		{"an unknown reservation", request{method: "GET", path: "/reservations/unknown"}, 404, ""},
		{"a wrong order", request{method: "GET", path: "/reservations/a%20b"}, 422, "path.order_id"},

		// Requests for something else, or of somebody else.
		{"an unknown path", request{method: "GET", path: "/stocks"}, 404, ""},
		{"another method", request{method: "DELETE"}, 405, ""},
		{"OPTIONS", request{method: "OPTIONS"}, 405, ""},
		{"no token", request{body: nine, header: []string{"Authorization", ""}}, 401, ""},
		{"a wrong token", request{body: nine, header: []string{"Authorization", "Bearer public"}}, 401, ""},
		{"a page of another site", request{body: nine, header: []string{"Sec-Fetch-Site", "cross-site"}}, 403, ""},
		{"another host", request{body: nine, header: []string{"Host", "evil.example"}}, 421, ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			method, path := test.method, test.path
			if method == "" {
				method = "PUT"
			}
			if path == "" {
				path = "/stock/lamp"
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
	page := httpservertest.Decode[httpapi.StockPage](t, s.ask("GET", "/stock", ""), http.StatusOK)
	if len(page.Items) != 1 || page.Items[0] != (httpapi.StockItem{SKU: "lamp", Available: 5}) {
		t.Errorf("refused requests left %+v", page.Items)
	}
}

// send is ask with the token, and with headers that may be empty.
func (s server) send(method, path, body string, header []string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost:8081"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer secret")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func TestAWrongMethodIsToldTheRightOnes(t *testing.T) {
	s := newServer(t, "")
	for path, want := range map[string]string{"/stock": "GET, HEAD", "/stock/x": "GET, HEAD, PUT", "/reservations/x": "GET, HEAD"} {
		if got := s.ask("POST", path, "").Header().Get("Allow"); got != want {
			t.Errorf("%s allows %q, want %q", path, got, want)
		}
	}
}

// Somebody else holds the database for longer than a statement waits: that is not the request's fault, and passes.
func TestALockedDatabaseIsUnavailable(t *testing.T) {
	s := newServer(t, "secret", stock.Item{SKU: "lamp", Available: 5})
	unlock := lock(t, s.db)
	w := s.send("PUT", "/stock/lamp", `{"available":9}`, nil)
	unlock()
	httpservertest.Problem(t, w, http.StatusServiceUnavailable)
	if got := w.Header().Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q", got)
	}
	if got := httpservertest.Decode[httpapi.StockItem](t, s.ask("GET", "/stock/lamp", ""), http.StatusOK); got.Available != 5 {
		t.Errorf("an answer of 503 set the stock to %+v", got)
	}
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
