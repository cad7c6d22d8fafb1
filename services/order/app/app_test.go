package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/order/app"
	"example.com/clew/services/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhereItListens(t *testing.T) {
	cfg, err := app.ReadConfig(map[string]string{"REDIS_URL": "redis://127.0.0.1", "DATABASE_URL": "sqlite:///order.db"})
	if err != nil || cfg.Addr != "127.0.0.1:8080" || cfg.AdminAddr != "127.0.0.1:9080" {
		t.Errorf("config %+v, error %v", cfg, err)
	}
}

// The API accepts orders as long as its database works. Their messages wait in the outbox.
func TestAnOrderAcceptedWithoutRedisIsPublishedLater(t *testing.T) {
	database := "sqlite://" + filepath.Join(t.TempDir(), "order.db")
	stop, service := start(t, map[string]string{"DATABASE_URL": database, "REDIS_URL": "unix:///nonexistent/redis.sock"})
	id, traceID := place(t, service, "")
	stop()

	redisURL := messagingtest.Redis(t)
	start(t, map[string]string{"DATABASE_URL": database, "REDIS_URL": redisURL})
	e := entry(t, redisURL)
	got := []any{e["type"], e["source"], e["subject"], strings.Split(fmt.Sprint(e["traceparent"]), "-")[1]}
	if diff := cmp.Diff([]any{"order.created.v1", "/order", id, traceID}, got); diff != "" {
		t.Fatalf("entry (-want +got):\n%s", diff)
	}
}

func TestTheTraceContextCanBeLeftOutOfMessages(t *testing.T) {
	const off = "clew.propagation=off"
	for name, test := range map[string]struct {
		variable, value, baggage string
		inMessage                bool
		baggageInMessage         any
	}{
		"by default it is there":            {"CLEW_TEST_MODE", "on", "", true, nil},
		"without test mode nobody may ask":  {"CLEW_TEST_MODE", "off", off, true, nil},
		"left out of one order's messages":  {"CLEW_TEST_MODE", "on", off, false, off},
		"left out of all messages":          {"CLEW_PROPAGATION", "off", "", false, nil},
		"left out, but the baggage travels": {"CLEW_PROPAGATION", "off", "customer.tier=trial", false, "customer.tier=trial"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redisURL := messagingtest.Redis(t)
			_, service := start(t, map[string]string{
				"DATABASE_URL": "sqlite://" + filepath.Join(t.TempDir(), "order.db"), "REDIS_URL": redisURL, test.variable: test.value,
			})
			place(t, service, test.baggage)
			e := entry(t, redisURL)
			if _, found := e["traceparent"]; found != test.inMessage || e["baggage"] != test.baggageInMessage {
				t.Errorf("entry %v, want a traceparent: %v, and the baggage %v", e, test.inMessage, test.baggageInMessage)
			}
		})
	}
}

// place places an order, and returns its id and its trace's.
func place(t *testing.T, s *service.Service, baggage string) (id, traceID string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+"/orders",
		strings.NewReader(`{"customer_id":"ada","items":[{"sku":"lamp","quantity":2,"unit_price_cents":4990}]}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Baggage", baggage)
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var accepted struct{ ID string }
	if err := json.NewDecoder(answer.Body).Decode(&accepted); err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %v", answer.Status, err)
	}
	return accepted.ID, strings.Split(answer.Header.Get("traceresponse"), "-")[1]
}

// entry waits for the one entry on the stream of orders.
func entry(t *testing.T, redisURL string) (fields map[string]any) {
	t.Helper()
	client := messagingtest.Client(t, redisURL)
	messagingtest.Eventually(t, "the order's message is on its stream", func() error {
		entries, err := client.XRange(t.Context(), messaging.StreamKey("orders", 0), "-", "+").Result()
		if err != nil {
			return err
		}
		if len(entries) != 1 {
			return fmt.Errorf("%d entries", len(entries))
		}
		fields = entries[0].Values
		return nil
	})
	return fields
}

// start runs the service until stop, or the end of the test.
func start(t *testing.T, variables map[string]string) (stop func(), s *service.Service) {
	t.Helper()
	variables["ORDER_ADDR"], variables["ADMIN_ADDR"] = "127.0.0.1:0", "127.0.0.1:0"
	cfg, err := app.ReadConfig(variables)
	if err != nil {
		t.Fatal(err)
	}
	s, err = app.New(t.Context(), cfg, telemetrytest.NewRecorder().Telemetry(t, "order"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if cancel(); !stopped {
			stopped = true
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return stop, s
}
