// Package e2e tests the whole of Clew. Here both services run in the test's process, as their own app packages build
// them, on a Redis and databases of the test's own; what they record is compared with golden files.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"example.com/clew/clew/orderapi"
	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/observability/viewer"
	inventory "example.com/clew/services/inventory/app"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
	order "example.com/clew/services/order/app"
	"example.com/clew/services/service"
)

func TestMain(m *testing.M) {
	// A client's idle connections end when their server does, a moment later than the test.
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { http.DefaultClient.CloseIdleConnections() }))
}

type stack struct {
	t                *testing.T
	databases        map[string]string // URLs, by service
	replicas         map[string]int    // that were started, by service
	redisURL         string
	recorder         *telemetrytest.Recorder
	orders           *orderapi.Client
	order, inventory string // base URLs
	orderAdmin       string
	inventoryAdmin   string
	viewer           string
}

const token = "e2e"

// newStack starts both services, in test mode; they stop with the test.
func newStack(t *testing.T) *stack {
	t.Helper()
	s := newOrderAlone(t)
	s.startInventory()
	return s
}

// newOrderAlone starts the order service.
func newOrderAlone(t *testing.T) *stack {
	t.Helper()
	dir := t.TempDir()
	s := prepare(t, map[string]string{
		"order": "sqlite://" + filepath.Join(dir, "order.db"), "inventory": "sqlite://" + filepath.Join(dir, "inventory.db"),
	})
	s.startOrder()
	return s
}

// prepare starts what the services need.
func prepare(t *testing.T, databases map[string]string) *stack {
	t.Helper()
	s := &stack{
		t: t, databases: databases, replicas: map[string]int{}, redisURL: messagingtest.Redis(t), recorder: telemetrytest.NewRecorder(),
	}
	s.startViewer()
	return s
}

func (s *stack) startOrder() {
	s.t.Helper()
	service, err := order.New(s.t.Context(), order.Config{
		Config: s.config("order"), Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0",
	}, s.recorder.Setup(s.t, "order"))
	s.run(service, err)
	s.order, s.orderAdmin = "http://"+service.Addr(), "http://"+service.AdminAddr()
	s.orders = orderapi.New(s.order)
}

func (s *stack) startInventory() {
	s.t.Helper()
	service, err := inventory.New(s.t.Context(), inventory.Config{
		Config: s.config("inventory"), Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0",
	}, s.recorder.Setup(s.t, "inventory"))
	s.run(service, err)
	s.inventory, s.inventoryAdmin = "http://"+service.Addr(), "http://"+service.AdminAddr()
}

// startViewer starts what the services report to.
func (s *stack) startViewer() {
	s.t.Helper()
	v := viewer.New(viewer.Config{})
	otlp, api := httptest.NewServer(v.OTLPHandler()), httptest.NewServer(v.Handler())
	s.t.Cleanup(otlp.Close)
	s.t.Cleanup(api.Close)
	s.t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", otlp.URL)
	s.viewer = api.URL
}

func (s *stack) config(name string) service.Config {
	s.replicas[name]++
	return service.Config{
		Redis: messaging.Redis{URL: s.redisURL}, DatabaseURL: s.databases[name],
		Partitions: 1, Instance: fmt.Sprint(name, "-", s.replicas[name]), Token: token, TrustCaller: true,
		Propagation: true, ClaimAfter: time.Second, Heartbeat: 100 * time.Millisecond, TestMode: true,
	}
}

// run runs a service until the end of the test.
func (s *stack) run(started *service.Service, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- started.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("a service ended with: %v", err)
		}
	})
}

// accept places an order for one unit.
func (s *stack) accept(sku, baggage string) orderapi.Order {
	s.t.Helper()
	accepted, err := s.orders.Place(s.t.Context(), orderapi.Request{
		CustomerID: "e2e", Items: []orderapi.Item{{SKU: sku, Quantity: 1, UnitPriceCents: 1999}}, Baggage: baggage,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return accepted
}

// place places an order for one unit, and returns it once it is no longer pending.
func (s *stack) place(sku string) orderapi.Order {
	s.t.Helper()
	finished, err := s.orders.Await(s.t.Context(), s.accept(sku, "").ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return finished
}

// ask sends a request, decodes the answer into answer unless that is nil, and fails unless it has the status.
func (s *stack) ask(method, url, body string, status int, answer any) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != status {
		s.t.Fatalf("%s %s: %s: %s", method, url, response.Status, text)
	}
	if answer != nil {
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(answer); err != nil {
			s.t.Fatal(err)
		}
	}
}

// eventTypes counts the ended spans of an operation by type of event.
func eventTypes(spans telemetrytest.Spans, operation string) map[string]int {
	count := map[string]int{}
	for _, span := range spans {
		var name, eventType string
		for _, a := range span.Attributes {
			switch a.Key {
			case "messaging.operation.name":
				name = a.Value.AsString()
			case "cloudevents.event_type":
				eventType = a.Value.AsString()
			}
		}
		if name == operation {
			count[eventType]++
		}
	}
	return count
}

// awaitSent waits until events of these types were sent, and their creating transactions have ended.
func (s *stack) awaitSent(types ...string) telemetrytest.Spans {
	s.t.Helper()
	return s.recorder.WaitFor(s.t, func(spans telemetrytest.Spans) bool {
		sent := eventTypes(spans, "send")
		for _, eventType := range types {
			if sent[eventType] == 0 {
				return false
			}
		}
		return balanced(spans)
	})
}

// balanced tells whether all that has begun has ended: each message was created and sent, and each that a service
// handles was processed, by every group that does.
func balanced(spans telemetrytest.Spans) bool {
	created, sent, processed := eventTypes(spans, "create"), eventTypes(spans, "send"), eventTypes(spans, "process")
	for eventType, n := range sent {
		handled := map[string]bool{
			"order.created.v1": true, "order.cancelled.v1": true, "stock.reserved.v1": true, "stock.rejected.v1": true,
		}[eventType]
		if created[eventType] != n || handled && processed[eventType] < n {
			return false
		}
	}
	return true
}

// tree renders spans with what tells one message from another. Requests that only read are left out.
func tree(spans telemetrytest.Spans) string {
	reads := map[trace.TraceID]bool{}
	for _, span := range spans {
		if strings.HasPrefix(span.Name, "GET ") {
			reads[span.SpanContext.TraceID()] = true
		}
	}
	told := slices.DeleteFunc(slices.Clone(spans), func(span telemetrytest.Span) bool { return reads[span.SpanContext.TraceID()] })
	return telemetrytest.Tree(told, "cloudevents.event_type", "messaging.redis_streams.outcome",
		"messaging.redis_streams.dlq.reason", "customer.tier")
}
