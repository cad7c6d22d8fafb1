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
	"go.uber.org/goleak"

	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/order/app"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noRedis is where nothing listens.
const noRedis = "unix:///nonexistent/redis.sock"

func config(t *testing.T, redisURL string) app.Config {
	t.Helper()
	return app.Config{
		Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", RedisURL: redisURL, Partitions: 1, Instance: "order-test",
		DatabaseURL: "sqlite://" + filepath.Join(t.TempDir(), "order.db"), TrustCaller: true,
	}
}

// running is a service that runs until stop, which returns what Run did.
type running struct {
	*app.App
	stop func() error
}

func start(t *testing.T, cfg app.Config) running {
	t.Helper()
	a, err := app.New(t.Context(), cfg, telemetrytest.NewRecorder().Telemetry(t, "order"))
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
	header http.Header
	body   string
}

// ask sends a request on a connection of its own.
func ask(t *testing.T, method, url, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
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
	return answer{w.StatusCode, w.Header, string(text)}
}

const order = `{"customer_id":"ada","items":[{"sku":"lamp","quantity":2,"unit_price_cents":4990}]}`

func TestAnOrderReachesItsStreamInItsTrace(t *testing.T) {
	redisURL := messagingtest.Redis(t)
	r := start(t, config(t, redisURL))
	a := ask(t, "POST", "http://"+r.Addr()+"/orders", order)
	if a.status != http.StatusCreated {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	var accepted struct{ ID string }
	if err := json.Unmarshal([]byte(a.body), &accepted); err != nil {
		t.Fatal(err)
	}
	traceID := strings.Split(a.header.Get("traceresponse"), "-")[1]

	client := messagingtest.Client(t, redisURL)
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
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestStartAndStop(t *testing.T) {
	redisURL := messagingtest.Redis(t)
	cfg := config(t, redisURL)
	r := start(t, cfg)
	messagingtest.Eventually(t, "the service is ready", func() error {
		if a := ask(t, "GET", "http://"+r.AdminAddr()+"/readyz", ""); a.status != http.StatusOK {
			return errors.New(a.body)
		}
		return nil
	})
	if a := ask(t, "GET", "http://"+r.AdminAddr()+"/livez", ""); a.status != http.StatusOK {
		t.Errorf("livez: %d %s", a.status, a.body)
	}
	if a := ask(t, "GET", "http://"+r.Addr()+"/livez", ""); a.status != http.StatusNotFound {
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

func TestWithoutRedisOrdersAreTakenButItIsNotReady(t *testing.T) {
	r := start(t, config(t, noRedis))
	if a := ask(t, "POST", "http://"+r.Addr()+"/orders", order); a.status != http.StatusCreated {
		t.Errorf("POST /orders: %d: %s", a.status, a.body)
	}
	a := ask(t, "GET", "http://"+r.AdminAddr()+"/readyz", "")
	var ready struct{ Checks map[string]string }
	if err := json.Unmarshal([]byte(a.body), &ready); err != nil {
		t.Fatal(err)
	}
	if a.status != http.StatusServiceUnavailable || ready.Checks["database"] != "ok" || ready.Checks["redis"] == "ok" {
		t.Errorf("readyz: %d: %s, want 503 because of redis alone", a.status, a.body)
	}
	if a := ask(t, "GET", "http://"+r.AdminAddr()+"/livez", ""); a.status != http.StatusOK {
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
		"API port taken":   {func(c *app.Config) { c.Addr = taken.Addr().String() }, "set ORDER_ADDR"},
		"admin port taken": {func(c *app.Config) { c.Addr, c.AdminAddr = free, taken.Addr().String() }, "set ADMIN_ADDR"},
		"no database":      {func(c *app.Config) { c.Addr, c.DatabaseURL = free, "sqlite:///nonexistent/order.db" }, "DATABASE_URL: "},
		"no Redis URL":     {func(c *app.Config) { c.Addr, c.RedisURL = free, "http://127.0.0.1" }, "REDIS_URL: "},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t, noRedis)
			test.change(&cfg)
			if _, err := app.New(t.Context(), cfg, telemetrytest.NewRecorder().Telemetry(t, "order")); err == nil || !strings.Contains(err.Error(), test.want) {
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
