package follow_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"example.com/clew/loadtest/internal/redistest"
)

func TestMain(m *testing.M) {
	logging.Disable()
	goleak.VerifyTestMain(m)
}

// A system writes to Redis what Clew's services do.
type system struct {
	*redistest.Server
	t          testing.TB
	partitions int
}

func newSystem(t testing.TB, partitions int) system {
	t.Helper()
	s := system{redistest.Start(t), t, partitions}
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
	if err := s.Client.Do(s.t.Context(), command...).Err(); err != nil && !errors.Is(err, redis.Nil) {
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
	pipeline := s.Client.Pipeline()
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
