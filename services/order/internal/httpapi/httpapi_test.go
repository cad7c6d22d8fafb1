package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/telemetry/httpserver/httpservertest"
	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/order/internal/httpapi"
	"example.com/clew/services/order/internal/store"
	"example.com/clew/services/order/internal/store/migrations"
	"example.com/clew/services/service/apiserver"
)

// A server is the API with all that stands in front of it in a process.
type server struct {
	handler http.Handler
	db      *database.DB
	spans   *telemetrytest.Recorder
}

// newServer returns a server on a database of its own.
func newServer(t *testing.T) server {
	t.Helper()
	return openServer(t, "sqlite://"+filepath.Join(t.TempDir(), "order.db"))
}

// openServer returns a server with connections of its own to a database, as each replica has.
func openServer(t *testing.T, databaseURL string) server {
	t.Helper()
	spans := telemetrytest.NewRecorder()
	tel := spans.Telemetry(t, "order")
	db, err := database.Open(t.Context(), databaseURL, migrations.FS, tel.TracerProvider, tel.Registry)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	mux := httpapi.New(store.New(db, tel.Registry), outbox.New(db, db.System(), messaging.New(nil, messaging.Config{Source: "/order", TracerProvider: tel.TracerProvider})), tel.Logger)
	handler := apiserver.OTel(httpserver.Wrap(mux, nil, tel.Logger), apiserver.Tracing{
		TracerProvider: tel.TracerProvider, MeterProvider: tel.MeterProvider, Propagator: tel.Propagator, TrustCaller: true,
	})
	return server{handler, db, spans}
}

// ask sends one request; header is name, value, name, value …
func (s server) ask(method, path, body string, header ...string) *httptest.ResponseRecorder {
	return httpservertest.Ask(s.handler, method, path, body, header...)
}

// place places an order that must be accepted.
func (s server) place(t *testing.T, body string, header ...string) httpapi.Order {
	t.Helper()
	return httpservertest.Decode[httpapi.Order](t, s.ask("POST", "/orders", body, header...), http.StatusCreated)
}

// setStatus does what inventory's answer would.
func (s server) setStatus(t *testing.T, id, status, reason string) {
	t.Helper()
	if err := s.db.Write.Exec("UPDATE orders SET status = ?, reason = ? WHERE id = ?", status, reason, id).Error; err != nil {
		t.Fatal(err)
	}
}

// An event is what the outbox holds of a message.
type event struct{ Type, Subject, Data, Traceparent string }

func (s server) events(t *testing.T) []event {
	t.Helper()
	var events []event
	if err := s.db.Read.Raw("SELECT type, subject, data, traceparent FROM outbox ORDER BY id").Scan(&events).Error; err != nil {
		t.Fatal(err)
	}
	return events
}

// location is the one field that a problem names.
func location(t *testing.T, p httpserver.Problem) string {
	t.Helper()
	if len(p.Errors) != 1 {
		t.Fatalf("%d fields are named, want 1: %+v", len(p.Errors), p)
	}
	return p.Errors[0].Location
}
