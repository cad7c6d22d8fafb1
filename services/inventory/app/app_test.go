package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/contracts"
	"example.com/clew/services/inventory/app"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noRedis is where nothing listens.
const noRedis = "unix:///nonexistent/redis.sock"

func config(t *testing.T, redisURL string) app.Config {
	t.Helper()
	return app.Config{
		Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", RedisURL: redisURL, Partitions: 1, Instance: "inventory-test",
		DatabaseURL: "sqlite://" + filepath.Join(t.TempDir(), "inventory.db"), TrustCaller: true,
	}
}

// running is a service that runs until stop, which returns what Run did.
type running struct {
	*app.App
	stop func() error
}

func start(t *testing.T, cfg app.Config) running {
	t.Helper()
	a, err := app.New(t.Context(), cfg, telemetrytest.NewRecorder().Telemetry(t, "inventory"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	var result error
	stopped := false
	r := running{a, func() error {
		if cancel(); !stopped {
			stopped, result = true, <-done
		}
		return result
	}}
	t.Cleanup(func() { _ = r.stop() })
	return r
}

// An answer is what is left of a response.
type answer struct {
	status int
	body   string
}

// ask sends a request on a connection of its own.
func ask(t *testing.T, method, url string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	w, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{w.StatusCode, string(text)}
}

func TestAnOrderIsAnsweredInItsTrace(t *testing.T) {
	redisURL := messagingtest.Redis(t)
	r := start(t, config(t, redisURL))

	const traceID = "0af7651916cd43dd8448eb211c80319c"
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c},
		SpanID:  trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
	}))
	m, err := messaging.NewMessage(ctx, contracts.StreamOrders, contracts.OrderCreatedV1, "o", contracts.OrderCreated{
		OrderID: "o", CustomerID: "ada", Currency: "EUR", TotalCents: 9980,
		Items: []contracts.Item{{SKU: "lamp", Quantity: 2, UnitPriceCents: 4990}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Source = "/order"
	client := messagingtest.Client(t, redisURL)
	if err := errors.Join(messaging.NewPublisher(client, 1).Publish(t.Context(), m)...); err != nil {
		t.Fatal(err)
	}

	messagingtest.Eventually(t, "the answer is on its stream", func() error {
		entries, err := client.XRange(t.Context(), messaging.StreamKey(contracts.StreamStock, 0), "-", "+").Result()
		if err != nil {
			return err
		}
		if len(entries) != 1 {
			return fmt.Errorf("%d entries", len(entries))
		}
		e := entries[0].Values
		got := []any{e["type"], e["source"], e["subject"], strings.Split(fmt.Sprint(e["traceparent"]), "-")[1]}
		if diff := cmp.Diff([]any{contracts.StockReservedV1, "/inventory", "o", traceID}, got); diff != "" {
			t.Fatalf("entry (-want +got):\n%s", diff)
		}
		return nil
	})
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestStartAndStop(t *testing.T) {
	redisURL := messagingtest.Redis(t)
	cfg := config(t, redisURL)
	r := start(t, cfg)
	messagingtest.Eventually(t, "the service is ready", func() error {
		if a := ask(t, "GET", "http://"+r.AdminAddr()+"/readyz"); a.status != http.StatusOK {
			return errors.New(a.body)
		}
		return nil
	})
	if a := ask(t, "GET", "http://"+r.AdminAddr()+"/livez"); a.status != http.StatusOK {
		t.Errorf("livez: %d %s", a.status, a.body)
	}
	if a := ask(t, "GET", "http://"+r.Addr()+"/livez"); a.status != http.StatusNotFound {
		t.Errorf("the API's own port answers livez: %d", a.status)
	}
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	for _, addr := range []string{r.Addr(), r.AdminAddr()} {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Errorf("%s still accepts connections", addr)
		}
	}
	if err := start(t, cfg).stop(); err != nil { // on the same database
		t.Errorf("second Run: %v", err)
	}
}

func TestWithoutRedisStockIsServedButItIsNotReady(t *testing.T) {
	r := start(t, config(t, noRedis))
	if a := ask(t, "GET", "http://"+r.Addr()+"/stock/lamp"); a.status != http.StatusOK {
		t.Errorf("GET /stock/lamp: %d: %s", a.status, a.body)
	}
	a := ask(t, "GET", "http://"+r.AdminAddr()+"/readyz")
	var ready struct{ Checks map[string]string }
	if err := json.Unmarshal([]byte(a.body), &ready); err != nil {
		t.Fatal(err)
	}
	if a.status != http.StatusServiceUnavailable || ready.Checks["database"] != "ok" || ready.Checks["redis"] == "ok" {
		t.Errorf("readyz: %d: %s, want 503 because of redis alone", a.status, a.body)
	}
	if a := ask(t, "GET", "http://"+r.AdminAddr()+"/livez"); a.status != http.StatusOK {
		t.Errorf("livez: %d: %s", a.status, a.body)
	}
}

func TestAFailedStartSaysWhatToDoAndLeavesNothingOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := func() string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		return ln.Addr().String()
	}()
	for name, test := range map[string]struct {
		change func(*app.Config)
		want   string
	}{
		"API port taken":   {func(c *app.Config) { c.Addr = taken.Addr().String() }, "set INVENTORY_ADDR"},
		"admin port taken": {func(c *app.Config) { c.Addr, c.AdminAddr = free, taken.Addr().String() }, "set ADMIN_ADDR"},
		"no database":      {func(c *app.Config) { c.Addr, c.DatabaseURL = free, "sqlite:///nonexistent/inventory.db" }, "DATABASE_URL: "},
		"no Redis URL":     {func(c *app.Config) { c.Addr, c.RedisURL = free, "http://127.0.0.1" }, "REDIS_URL: "},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t, noRedis)
			test.change(&cfg)
			if _, err := app.New(t.Context(), cfg, telemetrytest.NewRecorder().Telemetry(t, "inventory")); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			ln, err := net.Listen("tcp", free)
			if err != nil {
				t.Fatalf("the API's port is still taken: %v", err)
			}
			ln.Close()
		})
	}
}
