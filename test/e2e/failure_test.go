package e2e

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// What goes wrong with an order's message is in the order's trace.

const orders = "orders:{0}"

func TestTwoFailedAttemptsThenSuccess(t *testing.T) {
	s := newStack(t)
	o := s.place(contracts.TestFlaky)
	if o.Status != "confirmed" {
		t.Fatalf("the order is %s", o.Status)
	}
	telemetrytest.Golden(t, "flaky", tree(inTrace(s.awaitSent("order.confirmed.v1"), o.TraceID)))
}

// A killed process leaves no span of its attempt: the one that took over tells of it.
func TestTakenOverAfterItsConsumerWasKilled(t *testing.T) {
	s := newOrderAlone(t)
	o := s.accept("lamp", "")
	client := messagingtest.Client(t, s.redisURL)
	client.XGroupCreateMkStream(t.Context(), orders, "inventory", "0")
	read := client.XReadGroup(t.Context(), &redis.XReadGroupArgs{
		Group: "inventory", Consumer: "inventory-1-4711", Streams: []string{orders, ">"}, Count: 1, Block: 10 * time.Second,
	})
	if read.Err() != nil {
		t.Fatal(read.Err())
	}
	s.startInventory()
	telemetrytest.Golden(t, "takeover", tree(inTrace(s.awaitSent("order.confirmed.v1"), o.TraceID)))
}

func TestDeadLetteredForGood(t *testing.T) {
	s := newStack(t)
	o := s.accept(contracts.TestInvalid, "")
	telemetrytest.Golden(t, "permanent", tree(inTrace(s.awaitEnded("dead_letter orders", 1), o.TraceID)))
}

func TestDeadLetteredBecauseItCannotBeHandled(t *testing.T) {
	for reason, change := range map[string]func(*messaging.Message){
		"undecodable":     func(m *messaging.Message) { m.Data = []byte(`{"order_id":`) },
		"unknown_version": func(m *messaging.Message) { m.Type = "order.created.v9" },
	} {
		t.Run(reason, func(t *testing.T) {
			s := newStack(t)
			tel := s.recorder.Telemetry(t, "stranger")
			ctx, create := tel.TracerProvider.Tracer("test").Start(t.Context(), "create orders")
			m, err := messaging.NewMessage(ctx, contracts.OrderCancelled{OrderID: "o-1"})
			if err != nil {
				t.Fatal(err)
			}
			create.End()
			change(&m)
			streams := messaging.New(messagingtest.Client(t, s.redisURL),
				messaging.Config{Source: "/stranger", TracerProvider: tel.TracerProvider})
			if err := errors.Join(streams.Publisher().Publish(t.Context(), m)...); err != nil {
				t.Fatal(err)
			}
			telemetrytest.Golden(t, reason, tree(s.awaitEnded("dead_letter orders", 1)))
		})
	}
}

// The product's picture: five attempts, the dead letter, and after a fix and a redrive the success, in one trace.
func TestDeadLetteredRedrivenAndDone(t *testing.T) {
	s := newStack(t)
	o := s.accept(contracts.TestPoison, "")
	s.awaitEnded("dead_letter orders", 1)

	client := messagingtest.Client(t, s.redisURL)
	if err := client.HSet(t.Context(), contracts.TestSwitches, contracts.SwitchPoison, contracts.PoisonFixed).Err(); err != nil {
		t.Fatal(err)
	}
	admin := messaging.New(client, messaging.Config{TracerProvider: s.recorder.Telemetry(t, "clew").TracerProvider}).Admin()
	dead, err := admin.DeadLetters(t.Context(), "orders")
	if err != nil || len(dead) != 1 || dead[0].Reason != "exhausted" || dead[0].Message.Subject != o.ID {
		t.Fatalf("dead letters %+v, error %v", dead, err)
	}
	if ok, err := admin.Redrive(t.Context(), "orders", dead[0], false); err != nil || !ok {
		t.Fatalf("redrive: %v, %v", ok, err)
	}
	finished, err := s.orders.Await(t.Context(), o.ID)
	if err != nil || finished.Status != "confirmed" {
		t.Fatalf("the order is %s: %v", finished.Status, err)
	}
	telemetrytest.Golden(t, "redriven", tree(s.awaitSent("order.confirmed.v1")))
}

// A message that is published again is recognised; and whoever recognises it publishes its answer again.
func TestDuplicate(t *testing.T) {
	s := newStack(t)
	o := s.place("lamp")
	s.awaitSent("order.confirmed.v1")
	s.ask("POST", s.orderAdmin+"/outbox/replay?since=1h", "", http.StatusOK, nil)
	spans := s.recorder.WaitFor(t, func(spans telemetrytest.Spans) bool {
		return count(spans, "process orders") == 2 && count(spans, "process stock") == 2 &&
			count(spans, "send orders") == 4 && count(spans, "send stock") == 2
	})
	telemetrytest.Golden(t, "duplicate", tree(inTrace(spans, o.TraceID)))
	var stock struct{ Reserved int64 }
	s.ask("GET", s.inventory+"/stock/lamp", "", http.StatusOK, &stock)
	if stock.Reserved != 1 {
		t.Errorf("%d units are reserved for one order of one", stock.Reserved)
	}
}

func TestLinkMode(t *testing.T) {
	s := newStack(t)
	s.accept("lamp", "clew.relation=link")
	telemetrytest.Golden(t, "link", tree(s.awaitSent("order.confirmed.v1")))
}

func TestPropagationOff(t *testing.T) {
	s := newStack(t)
	s.accept("lamp", "clew.propagation=off")
	telemetrytest.Golden(t, "propagation_off", tree(s.awaitSent("order.confirmed.v1")))
}

func TestTheCustomersTierIsOnEverySpanThatShouldHaveIt(t *testing.T) {
	s := newStack(t)
	o := s.accept("lamp", "customer.tier=premium,user.email=ada%40example.org")
	telemetrytest.Golden(t, "tier", tree(inTrace(s.awaitSent("order.confirmed.v1"), o.TraceID)))
}

func count(spans telemetrytest.Spans, name string) int {
	n := 0
	for _, span := range spans {
		if span.Name == name {
			n++
		}
	}
	return n
}

// awaitEnded waits for so many spans of a name, and for those that sent what they are about.
func (s *stack) awaitEnded(name string, n int) telemetrytest.Spans {
	s.t.Helper()
	return s.recorder.WaitFor(s.t, func(spans telemetrytest.Spans) bool {
		return count(spans, name) >= n && count(spans, "send orders") >= n
	})
}
