package main

import (
	"regexp"
	"strings"
	"syscall"
	"testing"

	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
	"example.com/clew/clew/traceapi"
	"example.com/clew/observability/viewer/story"
)

// What goes wrong with a message is in its order's one trace.
func TestFailures(t *testing.T) {
	c := newRealClew(t)
	orderSKU := func(t *testing.T, sku string, parts ...string) string {
		t.Helper()
		c.t = t
		out := c.want(0, []string{"order", "--sku", sku}, parts...).stdout
		fits(t, out)
		return out
	}
	t.Run("two attempts fail, the third succeeds", func(t *testing.T) {
		out := orderSKU(t, "test-flaky", " confirmed after", "2 errors",
			"process orders #1 ✗", "process orders #2 ✗", "process orders #3 ↖", "create stock", "process stock")
		if n := strings.Count(out, "✗ retry: "); n != 2 {
			t.Errorf("%d attempts with their reason, want 2:\n%s", n, out)
		}
	})
	t.Run("an attempt kills its process, and the next takes over", func(t *testing.T) {
		before := c.process("inventory-1", func(state.Process) bool { return true }).Restarts
		orderSKU(t, "test-crash", " confirmed after",
			"process orders #1 ☠", "☠ killed: inventory-1-", "last seen at +", "process orders #2 ↖")
		c.process("inventory-1", func(p state.Process) bool { return p.Restarts == before+1 })
	})
	t.Run("a permanent failure is dead-lettered at once", func(t *testing.T) {
		out := orderSKU(t, "test-invalid", " dead-lettered (permanent) after", "clew dlq show orders/0/",
			"process orders ✗", "✗ dead_letter: permanent", "dead_letter orders", "✗ permanent")
		if strings.Contains(out, "#2") {
			t.Errorf("it was tried again:\n%s", out)
		}
		c.want(0, []string{"dlq", "discard", c.deadLetters(1)[0].ID})
	})
	t.Run("five failures are dead-lettered, and redriven they succeed in the same trace", func(t *testing.T) {
		out := orderSKU(t, "test-poison", " dead-lettered (exhausted) after", "clew fix poison",
			"process orders #5 ✗", "dead_letter orders", "✗ exhausted", "5 errors")
		orderID := found(t, `order (\S+) dead-lettered`, out)
		letter := c.deadLetters(1)[0]
		if letter.Subject != orderID || letter.Attempts != 5 {
			t.Errorf("dead letter %+v, want the order's after 5 attempts", letter)
		}
		c.want(0, []string{"dlq", "show", letter.ID}, orderID, "exhausted", `"sku": "test-poison"`)
		c.want(0, []string{"fix", "poison"})
		redrive := c.want(0, []string{"dlq", "redrive", "--all"}, "redriven "+letter.ID).stdout
		operator := found(t, `(?m)^trace ([0-9a-f]{32})$`, redrive)
		if link := c.state().TraceURL(operator); !strings.Contains(redrive, "\n"+link+"\n") {
			t.Errorf("no line is %s:\n%s", link, redrive)
		}
		processtest.Eventually(t, "the order's trace shows the success, and who redrove it", func() error {
			trace := c.run("trace", orderID).stdout
			return processtest.Unless(strings.Contains(trace, "process orders #6 ↖↗") &&
				strings.Contains(trace, "links to trace "+operator) && strings.Contains(trace, "process stock"), "it is\n%s", trace)
		})
		processtest.Eventually(t, "the operator's trace links back", func() error {
			trace := c.run("trace", operator).stdout
			return processtest.Unless(strings.Contains(trace, "redrive orders ↗1"), "it is\n%s", trace)
		})
		orderSKU(t, "test-poison", " confirmed after")
		c.want(0, []string{"break", "poison"})
		orderSKU(t, "test-poison", " dead-lettered (exhausted)")
	})
}

func TestWholeAndBrokenTraces(t *testing.T) {
	c := newRealClew(t)
	const another = "--- the same order, in another trace"
	if out := c.want(0, []string{"order"}, "2 services").stdout; strings.Contains(out, another) {
		t.Errorf("an order is several traces by default:\n%s", out)
	}
	off := c.want(0, []string{"order", "--propagation", "off"}, another).stdout
	whole, broken, _ := strings.Cut(off, another)
	if !strings.Contains(whole, "send orders") || strings.Contains(whole, "process orders") || !strings.Contains(broken, "process orders") {
		t.Errorf("want processing in another trace than the request:\n%s", off)
	}
	linked := c.want(0, []string{"order", "--relation", "link"}, another, "links to trace ").stdout
	if whole, _, _ := strings.Cut(linked, another); strings.Contains(whole, "process orders") {
		t.Errorf("want processing in another trace than the request:\n%s", linked)
	}
	if n := strings.Count(linked, another); n != 2 {
		t.Errorf("%d further traces, want one of each of the two messages that are processed:\n%s", n, linked)
	}
	traces := regexp.MustCompile(`(?m)^trace ([0-9a-f]{32})$`).FindAllStringSubmatch(linked, -1)
	for _, trace := range traces {
		if link := c.state().TraceURL(trace[1]); !strings.Contains(linked, "\n"+link+"\n") {
			t.Errorf("no line is %s:\n%s", link, linked)
		}
	}
	if len(traces) != 3 {
		t.Errorf("%d traces have their id on a line, want 3:\n%s", len(traces), linked)
	}
}

func TestTheTierIsOnEveryConsumersSpan(t *testing.T) {
	c := newRealClew(t)
	out := c.want(0, []string{"order", "--tier", "premium"}).stdout
	id := found(t, `trace ([0-9a-f]{32})`, out)
	trace, err := traceapi.New(c.state().Addresses.Viewer).Trace(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	processed := 0
	for _, span := range trace.Spans {
		if span.Kind == story.KindConsumer {
			processed++
			if tier := span.Attributes.String("customer.tier"); tier != "premium" {
				t.Errorf("%s has the tier %q", span.Name, tier)
			}
		}
	}
	if processed != 2 {
		t.Errorf("%d processing spans, want 2", processed)
	}
	c.want(2, []string{"order", "--tier", "gold"}, "premium")
}

// An order whose event Redis lost is finished by a replay, and those that are finished stay as they are.
func TestOutboxReplayRepairsWhatRedisLost(t *testing.T) {
	c := newRealClew(t)
	c.order()
	inventory := c.process("inventory-1", func(state.Process) bool { return true })
	if err := syscall.Kill(*inventory.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	redis(t, c.state(), "CLIENT KILL TYPE normal SKIPME yes", 1) // so that it has asked for nothing
	api := orderapi.New(c.state().Addresses.Order)
	accepted, err := api.Place(t.Context(), orderapi.Request{
		CustomerID: "c", Items: []orderapi.Item{{SKU: "lamp", Quantity: 1, UnitPriceCents: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	processtest.Eventually(t, "the event is in Redis", func() error {
		length := redis(t, c.state(), "XLEN orders:{0}", 1)[0]
		return processtest.Unless(length == ":3", "there are %s", length)
	})
	redis(t, c.state(), "FLUSHALL", 1)
	if err := syscall.Kill(*inventory.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	processtest.Eventually(t, "inventory reads again", func() error {
		streams := c.run("streams").stdout
		return processtest.Unless(strings.Contains(streams, "inventory"), "there are\n%s", streams)
	})
	if order, err := api.Get(t.Context(), accepted.ID); err != nil || order.Status != "pending" {
		t.Fatalf("order %+v, %v, want it to be pending: its event is lost", order, err)
	}
	// How many inventory's are depends on who is faster: for a duplicate it publishes its answer again by itself.
	c.want(0, []string{"outbox", "replay", "--since", "5m"}, "order: replayed 3 events", "inventory: replayed ")
	if order, err := api.Await(t.Context(), accepted.ID); err != nil || order.Status != "confirmed" {
		t.Errorf("order %+v, %v, want it confirmed", order, err)
	}
	c.want(0, []string{"dlq", "list"}, "no dead letters")
	c.want(0, []string{"outbox", "replay", "--since", "9000h", "--until", "8999h", "--force"}, "order: replayed 0 events")
	c.want(2, []string{"outbox", "replay", "--since=-1s"}, "more than 0")
	c.want(2, []string{"outbox", "replay", "--since", "5m", "--until", "5m"}, "below --since")
	c.want(2, []string{"outbox", "replay", "--since", "9000h"}, "8 days", "--force")
}

// found returns what a pattern's group matches.
func found(t *testing.T, pattern, text string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("no %s in:\n%s", pattern, text)
	}
	return match[1]
}
