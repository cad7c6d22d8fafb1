package follow_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	logging.Disable()
	goleak.VerifyTestMain(m)
}

// A server is a redis-server of the test's own, whose data survive its restarts.
type server struct {
	dir, port string
	process   *exec.Cmd
	client    *redis.Client
}

func startRedis(t testing.TB) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	s := &server{dir: t.TempDir(), port: port, client: redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:" + port, DisableIdentity: true, ContextTimeoutEnabled: true, PoolSize: 300,
		MaxRetries: -1, DialerRetries: 1, // Redis is away as soon as it is
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})}
	s.start(t)
	t.Cleanup(func() {
		_ = s.client.Close()
		s.kill()
	})
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	s.process = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", s.port, "--dir", s.dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always")
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		t.Fatalf("these tests need redis-server: %v", err)
	}
	eventually(t, "redis-server answers", func() error { return s.client.Ping(t.Context()).Err() })
}

// kill ends the server the hard way.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// A system writes to Redis what Clew's services do.
type system struct {
	*server
	t          testing.TB
	partitions int
}

func newSystem(t testing.TB, partitions int) system {
	t.Helper()
	s := system{startRedis(t), t, partitions}
	for p := range partitions {
		for stream, group := range map[string]string{"orders": "inventory", "stock": "order"} {
			s.do("XGROUP", "CREATE", key(stream, p), group, "0", "MKSTREAM")
		}
	}
	return s
}

func key(stream string, partition int) string { return fmt.Sprintf("%s:{%d}", stream, partition) }

func (s system) do(command ...any) {
	s.t.Helper()
	if err := s.client.Do(s.t.Context(), command...).Err(); err != nil && !errors.Is(err, redis.Nil) {
		s.t.Fatal(command, err)
	}
}

// An entry is what is told of an order. A test gives ids of events once for an order.
type entry struct {
	stream, suffix, eventType, id, data string
	headers                             []any
}

func created() entry            { return entry{"orders", "", "order.created.v1", "created", "{}", nil} }
func confirmed(id string) entry { return entry{"orders", "", "order.confirmed.v1", id, "{}", nil} }
func rejected(id string) entry  { return entry{"orders", "", "order.rejected.v1", id, "{}", nil} }
func cancelled(id string) entry { return entry{"orders", "", "order.cancelled.v1", id, "{}", nil} }

func reserved(id string, units int) entry {
	data := fmt.Sprintf(`{"order_id":"o","items":[{"sku":"a","quantity":1},{"sku":"b","quantity":%d}]}`, units-1)
	return entry{"stock", "", "stock.reserved.v1", id, data, nil}
}

func (e entry) with(headers ...any) entry {
	e.headers = headers
	return e
}

func (e entry) replayed() entry { return e.with("replayed", "1") }
func (e entry) redriven() entry { return e.with("redrivecount", "1", "redrivegroup", "inventory") }

func (e entry) dead(group, reason string) entry {
	e.suffix = ":dlq"
	return e.with("dlqreason", reason, "dlqerror", "no", "dlqattempts", "5", "dlqstream", e.stream, "dlqgroup", group)
}

// tell adds what is told of an order.
func (s system) tell(order string, entries ...entry) {
	s.t.Helper()
	s.tellAll([]string{order}, entries...)
}

// tellAll adds the same of several orders, in one pipeline.
func (s system) tellAll(orders []string, entries ...entry) {
	s.t.Helper()
	if len(entries) == 0 {
		return
	}
	pipeline := s.client.Pipeline()
	for _, order := range orders {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(order))
		partition := int(hash.Sum32() % uint32(s.partitions))
		for _, e := range entries {
			pipeline.Do(s.t.Context(), append([]any{
				"XADD", key(e.stream, partition) + e.suffix, "*", "specversion", "1.0", "id", order + e.id, "source", "/order",
				"type", e.eventType, "subject", order, "time", time.Now().UTC().Format(time.RFC3339Nano),
				"datacontenttype", "application/json", "data", e.data,
				"traceparent", "00-afaa7805f0a2cfc04d217709ded4ae96-108c9f58e4b4105c-01",
			}, e.headers...)...)
		}
	}
	if _, err := pipeline.Exec(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// work delivers and acknowledges everything.
func (s system) work() {
	s.t.Helper()
	for p := range s.partitions {
		for stream, group := range map[string]string{"orders": "inventory", "stock": "order"} {
			s.do("XREADGROUP", "GROUP", group, "c", "COUNT", 100_000, "NOACK", "STREAMS", key(stream, p), ">")
		}
	}
}

var orders atomic.Int64 // the last order of this test process

func newOrderID() string {
	return "0199c0de-7a1b-7cde-8f01-" + fmt.Sprintf("%012s", strconv.FormatInt(orders.Add(1), 16))
}

// eventually asks until there is no error, and fails the test with the last one after 10 s.
func eventually(t testing.TB, what string, ask func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatalf("after 10 s still not: %s: %v", what, err)
}
