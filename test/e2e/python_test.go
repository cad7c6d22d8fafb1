package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/processtest"
	"example.com/clew/clew/traceapi"
	"example.com/clew/observability/viewer/story"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/test/internal/clewtest"
)

// docs/lessons/listener.py takes part by the formats alone: it is given each message once, in all partitions, and its spans
// are like those of a service in Go.
func TestAListenerInPython(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("SKIPPED: python3 is missing; `make test` installs it")
	}
	binaries, err := clewtest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := binaries.Start(t, "CLEW_PARTITIONS=3")
	p := &pythonTest{t, c, traceapi.New(c.Addresses.Traces), messagingtest.Client(t, c.Redis.URL)}

	// Before it starts: an order, and two messages that an earlier run was given, of which one is gone.
	earlier := p.place()
	const abandoned, own, unsampled, inventorys, malformed, last = "0a", "0b", "0c", "0d", "0e", "0f" // traces
	p.redis.XGroupCreateMkStream(t.Context(), orders, "python", "0")
	p.publish("id", "abandoned", "traceparent", traceparent(abandoned, "01"))
	gone := p.publish("id", "gone")
	err = p.redis.XReadGroup(t.Context(), &redis.XReadGroupArgs{
		Group: "python", Consumer: "python-1", Streams: []string{orders, ">"}, Count: 1000,
	}).Err()
	if err != nil {
		t.Fatal(err)
	}
	p.redis.XDel(t.Context(), orders, gone)

	listener, said := exec.Command(python, "../../docs/lessons/listener.py"), &messagingtest.Log{}
	listener.Env, listener.Stdout, listener.Stderr = c.Env, said, said
	if err := listener.Start(); err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		if err := errors.Join(listener.Process.Signal(syscall.SIGINT), listener.Wait()); err != nil {
			t.Errorf("after ctrl-C: %v\n%s", err, said)
		}
	})
	t.Cleanup(end)

	for range 9 { // subjects of all partitions
		p.like(p.place())
	}
	p.like(earlier)
	broken := p.place("--propagation", "off")
	p.publish("id", "unsampled", "traceparent", traceparent(unsampled, "00"))
	p.publish("id", "inventory's", "redrivegroup", "inventory", "traceparent", traceparent(inventorys, "01"))
	p.publish("id", "malformed", "traceparent", strings.Replace(traceparent(malformed, "01"), "aa", "00", 1))
	p.publish("id", "own", "redrivegroup", "python", "traceparent", traceparent(own, "01"))
	p.publish("id", "last", "traceparent", traceparent(last, "01"))
	p.await(last, "process orders", "python", 1)
	for trace, want := range map[string]bool{abandoned: true, own: true, unsampled: false, inventorys: false, malformed: false} {
		if _, err := p.traces.Trace(t.Context(), trace); (err == nil) != want {
			t.Errorf("trace %s: %v, want it to be there: %t", trace, err, want)
		}
	}
	processtest.Eventually(t, "all is acknowledged", p.settled)
	end()

	lines := strings.Split(said.String(), "\n")
	for text, times := range map[string]int{
		"lesson.test.v1":              5, // not the one that is gone, nor inventory's
		"order.created.v1 ":           11,
		"order.confirmed.v1 ":         11,
		" " + broken.ID + " without ": 2,
	} {
		n := 0
		for _, line := range lines {
			if strings.Contains(line, text) {
				n++
			}
		}
		if n != times {
			t.Errorf("it printed %q %d times, want %d:\n%s", text, n, times, said)
		}
	}
}

type pythonTest struct {
	t      *testing.T
	clew   *clewtest.Clew
	traces *traceapi.Client
	redis  redis.UniversalClient
}

// place places an order, which is confirmed.
func (p *pythonTest) place(args ...string) orderapi.Order {
	p.t.Helper()
	var placed []orderapi.Order
	out := p.clew.Run(append([]string{"order", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &placed); err != nil || len(placed) != 1 || placed[0].Status != "confirmed" {
		p.t.Fatalf("%v:\n%s", err, out)
	}
	return placed[0]
}

// publish adds a message to the first partition that no service handles, and returns the entry's id.
func (p *pythonTest) publish(fields ...any) string {
	p.t.Helper()
	id, err := p.redis.XAdd(p.t.Context(), &redis.XAddArgs{Stream: orders, Values: append([]any{
		"specversion", "1.0", "type", "lesson.test.v1", "source", "/test", "data", "{}",
	}, fields...)}).Result()
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

func traceparent(trace, flags string) string {
	return "00-" + strings.Repeat("0", 30) + trace + "-00000000000000aa-" + flags
}

// await waits until a trace has so many spans of a name and a service, and returns them.
func (p *pythonTest) await(trace, name, service string, times int) []story.Span {
	p.t.Helper()
	var found []story.Span
	processtest.Eventually(p.t, fmt.Sprintf("trace %s has %q of %s %d times", trace, name, service, times), func() error {
		read, err := p.traces.Trace(p.t.Context(), trace)
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(read.Spans, func(s story.Span) bool { return s.Name != name || s.Service != service })
		return processtest.Unless(len(found) == times, "it has %d", len(found))
	})
	return found
}

// ofServices are attributes that only a service in Go has.
var ofServices = []string{
	"messaging.redis_streams.entry_id", "messaging.redis_streams.delivery_count", "server.address", "server.port",
}

// like fails the test unless the order's trace has a span of python for each message on the stream, and each is like
// inventory's: a child of the span that created its message, which it links to, with the same attributes.
func (p *pythonTest) like(order orderapi.Order) {
	p.t.Helper()
	inventory := p.await(order.TraceID, "process orders", "inventory", 1)[0]
	created := p.await(order.TraceID, "create orders", "order", 2)
	for _, span := range p.await(order.TraceID, "process orders", "python", 2) {
		i := slices.IndexFunc(created, func(c story.Span) bool { return c.ID == span.Parent })
		if i < 0 || span.Kind != story.KindConsumer || span.End.Before(span.Start) ||
			len(span.Links) != 1 || span.Links[0].TraceID != order.TraceID || span.Links[0].SpanID != span.Parent {
			p.t.Fatalf("%+v\namong %+v", span, created)
		}
		for key := range inventory.Attributes {
			if _, has := span.Attributes[key]; !has && !slices.Contains(ofServices, key) {
				p.t.Errorf("%s is missing", key)
			}
		}
		for key, value := range span.Attributes {
			switch like := inventory.Attributes[key]; key {
			case "messaging.consumer.group.name", "messaging.client.id":
				if value == like || value == "" {
					p.t.Errorf("%s is %v", key, value)
				}
			case "messaging.message.id", "cloudevents.event_type":
				if value != created[i].Attributes[key] {
					p.t.Errorf("%s is %v, of the one that created it %v", key, value, created[i].Attributes[key])
				}
			case "messaging.redis_streams.stream_wait_ms":
				if wait, ok := value.(float64); !ok || wait < 0 {
					p.t.Errorf("%s is %v", key, value)
				}
			default:
				if value != like {
					p.t.Errorf("%s is %v, inventory's %v", key, value, like)
				}
			}
		}
	}
}

// settled is an error while the group has not acknowledged everything.
func (p *pythonTest) settled() error {
	partitions, err := messaging.New(p.redis, messaging.Config{Partitions: p.clew.Partitions}).Admin().Streams(p.t.Context(), "orders")
	if err != nil {
		return err
	}
	groups := 0
	for _, partition := range partitions {
		for _, g := range partition.Groups {
			if g.Name == "python" {
				groups++
				if g.Lag+g.Pending > 0 {
					return errors.New("a partition has more")
				}
			}
		}
	}
	return processtest.Unless(groups == p.clew.Partitions, "%d partitions have the group", groups)
}
