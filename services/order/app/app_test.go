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
	"example.com/clew/services/process"
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
	stop, service := start(t, database, "unix:///nonexistent/redis.sock")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+service.Addr()+"/orders",
		strings.NewReader(`{"customer_id":"ada","items":[{"sku":"lamp","quantity":2,"unit_price_cents":4990}]}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
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
	stop()

	redisURL := messagingtest.Redis(t)
	start(t, database, redisURL)
	client := messagingtest.Client(t, redisURL)
	traceID := strings.Split(answer.Header.Get("traceresponse"), "-")[1]
	messagingtest.Eventually(t, "the order's message is on its stream", func() error {
		entries, err := client.XRange(t.Context(), messaging.StreamKey("orders", 0), "-", "+").Result()
		if err != nil {
			return err
		}
		if len(entries) != 1 {
			return fmt.Errorf("%d entries", len(entries))
		}
		e := entries[0].Values
		got := []any{e["type"], e["source"], e["subject"], strings.Split(fmt.Sprint(e["traceparent"]), "-")[1]}
		if diff := cmp.Diff([]any{"order.created.v1", "/order", accepted.ID, traceID}, got); diff != "" {
			t.Fatalf("entry (-want +got):\n%s", diff)
		}
		return nil
	})
}

// start runs the service until stop, or the end of the test.
func start(t *testing.T, database, redisURL string) (stop func(), service *process.Process) {
	t.Helper()
	service, err := app.New(t.Context(), app.Config{
		Config: process.Config{RedisURL: redisURL, DatabaseURL: database, Partitions: 1, Instance: "order-1", TrustCaller: true},
		Addr:   "127.0.0.1:0", AdminAddr: "127.0.0.1:0",
	}, telemetrytest.NewRecorder().Telemetry(t, "order"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
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
	return stop, service
}
