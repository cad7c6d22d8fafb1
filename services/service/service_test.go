package service_test

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
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noRedis is where nothing listens.
const noRedis = "unix:///nonexistent/redis.sock"

var migrations = fstest.MapFS{"0001_none.sql": {Data: []byte("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 1;\n")}}

// A config is where a service of these tests listens, and what it is told.
type config struct {
	service.Config
	api, admin string
}

func newConfig(t *testing.T, redisURL string) config {
	t.Helper()
	cfg := config{api: "127.0.0.1:0", admin: "127.0.0.1:0"}
	err := service.ReadConfig("lamps", &cfg.Config, &cfg.Config, map[string]string{
		"REDIS_URL": redisURL, "DATABASE_URL": "sqlite://" + filepath.Join(t.TempDir(), "lamps.db"), "CLEW_TOKEN": "secret",
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// build puts a service together that has every part.
func build(t *testing.T, cfg config) (_ *service.Service, err error) {
	t.Helper()
	tel := telemetrytest.NewRecorder().Telemetry(t, "lamps")
	s := service.New(cfg.Config, tel)
	defer func() { err = s.Abandon(t.Context(), err) }()
	db, err := s.Database(t.Context(), migrations)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /lamps", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "desk") })
	client, err := s.Redis()
	if err != nil {
		return nil, err
	}
	streams := s.Streams(client, "/lamps")
	out := outbox.New(db, db.System(), streams)
	s.Housekeeping(out.Table)
	adminErr := s.ServeAdmin(cfg.admin, "ADMIN_ADDR", out.Table)
	s.Relay(outbox.NewRelay(out.Table))
	sampleErr := s.Sample(t.Context(), streams, "notes", "lamps")
	s.Consume(messaging.NewConsumer(streams, messaging.Named("lamps"), s.Consumer("lamps")))
	return s, errors.Join(adminErr, sampleErr, s.ServeAPI(cfg.api, "LAMPS_ADDR", mux))
}

// running is a service that runs until stop, which returns what Run did.
type running struct {
	*service.Service
	stop func() error
}

func start(t *testing.T, cfg config) running {
	t.Helper()
	p, err := build(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	var result error
	stopped := false
	r := running{p, func() error {
		if cancel(); !stopped {
			stopped, result = true, <-done
		}
		return result
	}}
	t.Cleanup(func() { _ = r.stop() })
	return r
}

// ask sends a request on a connection of its own.
func ask(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestStartAndStop(t *testing.T) {
	redisURL := messagingtest.Redis(t)
	cfg := newConfig(t, redisURL)
	r := start(t, cfg)
	messagingtest.Eventually(t, "the service is ready", func() error {
		if status, body := ask(t, "http://"+r.AdminAddr()+"/readyz"); status != http.StatusOK {
			return errors.New(body)
		}
		return nil
	})
	messagingtest.Eventually(t, "Redis is there", func() error {
		if _, metrics := ask(t, "http://"+r.AdminAddr()+"/metrics"); !strings.Contains(metrics, `dependency_up{dependency="redis"} 1`) {
			return errors.New("the metrics do not say so")
		}
		return nil
	})
	for url, want := range map[string]int{
		r.AdminAddr() + "/livez": 200, r.AdminAddr() + "/metrics": 200, r.Addr() + "/lamps": 200,
		r.AdminAddr() + "/outbox/replay": 405, // it takes a POST
		r.Addr() + "/livez":              404, // the API's port is not for those who run it
	} {
		if status, body := ask(t, "http://"+url); status != want {
			t.Errorf("%s: %d %s, want %d", url, status, body, want)
		}
	}
	client := messagingtest.Client(t, redisURL)
	messagingtest.Eventually(t, "the consumer is a member of its group", func() error {
		consumers, err := client.XInfoConsumers(t.Context(), "lamps:{0}", "lamps").Result()
		if err == nil && len(consumers) != 1 {
			err = errors.New("no consumer")
		}
		return err
	})
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

// Every part ends in its turn and before the deadline, which would be an error.
func TestAStopWhileRedisHangs(t *testing.T) {
	redisURL := messagingtest.Redis(t)
	client := messagingtest.Client(t, redisURL)
	r := start(t, newConfig(t, redisURL))
	messagingtest.Eventually(t, "the consumer is a member of its group", func() error {
		return client.XInfoConsumers(t.Context(), "lamps:{0}", "lamps").Err()
	})
	var pid int
	if _, err := fmt.Sscan(client.InfoMap(t.Context(), "server").Item("Server", "process_id"), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestWithoutRedisItIsDegradedButReady(t *testing.T) {
	r := start(t, newConfig(t, noRedis))
	if status, _ := ask(t, "http://"+r.Addr()+"/lamps"); status != http.StatusOK {
		t.Errorf("the API answers %d", status)
	}
	status, body := ask(t, "http://"+r.AdminAddr()+"/readyz")
	var ready struct {
		Status string
		Checks map[string]string
	}
	if err := json.Unmarshal([]byte(body), &ready); err != nil {
		t.Fatal(err)
	}
	if status != http.StatusOK || ready.Status != "degraded" || ready.Checks["database"] != "ok" || ready.Checks["redis"] == "ok" {
		t.Errorf("readyz: %d %s, want 200, and degraded because of redis", status, body)
	}
	messagingtest.Eventually(t, "the metrics say so", func() error {
		_, metrics := ask(t, "http://"+r.AdminAddr()+"/metrics")
		for _, want := range []string{`dependency_up{dependency="database"} 1`, `dependency_up{dependency="redis"} 0`} {
			if !strings.Contains(metrics, want) {
				return errors.New("no " + want)
			}
		}
		return nil
	})
	if status, body := ask(t, "http://"+r.AdminAddr()+"/livez"); status != http.StatusOK {
		t.Errorf("livez: %d %s", status, body)
	}
	if err := r.stop(); err != nil {
		t.Errorf("a stop without Redis: %v", err)
	}
}

const otherPartitions = "CLEW_PARTITIONS is 1, and the stream lamps in this Redis has 4 partitions: give all services the same " +
	"number, or change it while none runs: clew streams partitions 1"

func TestAnotherNumberOfPartitionsIsRefusedAtTheStart(t *testing.T) {
	redisURL := messagingtest.Redis(t)
	if err := messagingtest.Client(t, redisURL).Set(t.Context(), "lamps:partitions", 4, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := build(t, newConfig(t, redisURL)); err == nil || err.Error() != otherPartitions {
		t.Errorf("error %v, want %s", err, otherPartitions)
	}
}

// Where Redis is away at the start, the number is not known yet.
func TestAnotherNumberOfPartitionsEndsTheProcessOnceItIsKnown(t *testing.T) {
	redisURL := messagingtest.Redis(t)
	client := messagingtest.Client(t, redisURL)
	if err := client.Set(t.Context(), "lamps:partitions", 4, 0).Err(); err != nil {
		t.Fatal(err)
	}
	addr, appear := away(t, strings.TrimPrefix(redisURL, "unix://"))
	p, err := build(t, newConfig(t, "redis://"+addr))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Run(t.Context()) }()
	if status, body := ask(t, "http://"+p.Addr()+"/lamps"); status != http.StatusOK {
		t.Errorf("while Redis is away, the API answers %d %s", status, body)
	}
	appear()
	if err := <-ended; err == nil || err.Error() != otherPartitions {
		t.Errorf("Run: %v, want %s", err, otherPartitions)
	}
	if groups := client.XInfoGroups(t.Context(), "lamps:{0}").Val(); len(groups) > 0 {
		t.Errorf("it has joined %v", groups)
	}
}

// away returns the address of a server that closes every connection until it appears: then they lead to the socket.
func away(t *testing.T, socket string) (addr string, appear func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var there atomic.Bool
	var copying sync.WaitGroup
	copying.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			if !there.Load() {
				near.Close()
				continue
			}
			far, err := net.Dial("unix", socket)
			if err != nil {
				t.Error(err)
				return
			}
			copying.Go(func() { _, _ = io.Copy(near, far); near.Close() })
			copying.Go(func() { _, _ = io.Copy(far, near); far.Close() })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		copying.Wait()
	})
	return listener.Addr().String(), func() { there.Store(true) }
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
		change func(*config)
		want   []string
	}{
		"ports taken": {func(c *config) { c.api, c.admin = taken.Addr().String(), taken.Addr().String() },
			[]string{"set LAMPS_ADDR", "set ADMIN_ADDR"}},
		"admin port taken": {func(c *config) { c.api, c.admin = free, taken.Addr().String() }, []string{"set ADMIN_ADDR"}},
		"no database":      {func(c *config) { c.api, c.DatabaseURL = free, "sqlite:///nonexistent/x.db" }, []string{"DATABASE_URL: "}},
		"no Redis URL":     {func(c *config) { c.api, c.URL = free, "http://:secret@host" }, []string{"REDIS_URL is wrong"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newConfig(t, noRedis)
			test.change(&cfg)
			_, err := build(t, cfg)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
					t.Errorf("error %v, want one with %q", err, want)
				}
			}
			ln, err := net.Listen("tcp", free)
			if err != nil {
				t.Fatalf("the API's port is still taken: %v", err)
			}
			ln.Close()
		})
	}
}
