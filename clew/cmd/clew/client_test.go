package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
	"example.com/clew/clew/traceapi"
)

// These tests run the whole of Clew: real services as children, and the commands that talk to them.

func newRealClew(t *testing.T, env ...string) *clew {
	c := newClew(t, append(env, asClewVariable+"="+withServices)...)
	c.want(0, up)
	return c
}

func TestOrderPrintsOneTraceOfBothServices(t *testing.T) {
	c := newRealClew(t)
	out := c.want(0, []string{"order"},
		"confirmed after", "2 services",
		"POST /orders", "create orders", "send orders", "process orders", "create stock", "send stock", "process stock",
		"in the outbox", "in the stream",
	).stdout
	fits(t, out)
	orderID := found(t, `order (\S+) confirmed`, out)
	traceID := found(t, `(?m)^trace ([0-9a-f]{32})$`, out)
	if link := c.state().TraceURL(traceID); !strings.Contains(out, "\n"+link+"\n") {
		t.Errorf("no line is %s:\n%s", link, out)
	}
	for _, id := range []string{orderID, traceID} {
		if again := c.want(0, []string{"trace", id}).stdout; !strings.HasSuffix(out, again) {
			t.Errorf("clew trace %s prints something else:\n%s", id, again)
		}
	}
	traces, err := traceapi.New(c.state().Addresses.Traces).Search(t.Context(), "{}")
	if err != nil || len(traces) != 1 {
		t.Errorf("%d traces, %v; want that of the order alone, and none of the questions for it", len(traces), err)
	}
	each := c.want(0, []string{"trace", traceID, "--statements"}, "INSERT order_items").stdout
	if strings.Contains(each, "4 statements") {
		t.Error("--statements folds statements")
	}
}

func TestAnOrderThatIsNotSampledSaysSoAtOnce(t *testing.T) {
	c := newRealClew(t, "OTEL_TRACES_SAMPLER=always_off")
	out := c.want(0, []string{"order"}, "confirmed after", "was not sampled", "OTEL_TRACES_SAMPLER").stdout
	fits(t, out)
	c.want(0, []string{"order", "--json"}, `"unsampled": true`)
}

func TestManyOrders(t *testing.T) {
	c := newRealClew(t)
	var orders []placed
	out := c.want(0, []string{"order", "--sku", "lamp", "--sku", "mug", "--quantity", "2", "--count", "20", "--json"}).stdout
	if err := json.Unmarshal([]byte(out), &orders); err != nil {
		t.Fatal(err)
	}
	traces := map[string]bool{}
	for _, o := range orders {
		traces[o.TraceID] = true
		if o.Status != "confirmed" || o.Milliseconds <= 0 || !strings.HasSuffix(o.Trace, o.TraceID) {
			t.Errorf("order %+v", o)
		}
	}
	if len(traces) != 20 {
		t.Errorf("20 orders are %d traces", len(traces))
	}
	c.want(0, []string{"order", "--sku", "nothing-like-it"}, "rejected (unknown_sku: nothing-like-it)")
	c.want(0, []string{"order", "--count", "2"}, "the slowest is")
	c.want(0, []string{"order", "--count", "3", "--no-wait"}, "3 orders are accepted")
	c.want(0, []string{"order", "--sample", "0"}, "confirmed after", "was not sampled")
	for _, name := range []string{"order-1", "inventory-1"} {
		c.wantNoDrops(name)
	}
}

// wantNoDrops fails the test if the process has dropped spans, or does not tell.
func (c *clew) wantNoDrops(name string) {
	c.t.Helper()
	answer, err := http.Get(c.process(name, func(state.Process) bool { return true }).Admin + "/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	processed := regexp.MustCompile(`(?m)^otel_sdk_processor_span_processed_total{.*`).FindAllString(string(text), -1)
	if len(processed) != 1 || strings.Contains(processed[0], "error_type") {
		c.t.Errorf("%s has %q, want spans that were processed and none that were dropped", name, processed)
	}
}

func TestWhatCannotBeOrdered(t *testing.T) {
	c := newRealClew(t)
	c.want(1, []string{"order", "--quantity", "0"}, "items[0].quantity")
	c.want(1, []string{"order", "--count", "0"}, "expected 1 or more")
	c.want(1, []string{"order", "--sample", "101"}, "expected a percentage")
	c.want(1, []string{"order", "--sample", "NaN"}, "expected a percentage")
	c.want(1, []string{"trace", "4bf92f3577b34da6a3ce929d0e0e4736"}, "no such trace")
	c.want(1, []string{"trace", "not-an-order"}, "not-an-order")
	c.want(1, []string{"trace", "xyz"}, "hexadecimal")
	c.want(1, []string{"listen", "order.created.v2"}, `nobody publishes events of type "order.created.v2"`, "order.created.v1, ")
	c.want(2, []string{"listen"}, "<type>")
}

func TestClientCommandsNeedARunningClew(t *testing.T) {
	c := newClew(t)
	for _, args := range [][]string{
		{"order"}, {"trace", "1"}, {"listen", "order.created.v1"}, {"streams"}, {"streams", "forget-group", "orders", "x"},
		{"dlq", "list"}, {"dlq", "show", "x"}, {"dlq", "redrive", "--all"}, {"dlq", "discard", "--all"},
		{"outbox", "replay"}, {"fix", "poison"}, {"break", "poison"},
	} {
		c.want(3, args, "Clew is not running here")
	}
}

// A further group hears every event, and stands in the order's trace beside the first.
func TestListenIsAGroupOfItsOwn(t *testing.T) {
	c := newRealClew(t)
	audit := []string{"order.created.v1", "stock.reserved.v1", "order.confirmed.v1", "--group", "audit"}
	first := c.listen(audit...)
	orderID, traceID := c.order()
	first.readAll("order.created.v1 "+orderID, "stock.reserved.v1 "+orderID, "order.confirmed.v1 "+orderID)
	first.stop()
	processtest.Eventually(t, "the listener is in the trace", func() error {
		trace := c.want(0, []string{"trace", traceID}).stdout
		return processtest.Unless(strings.Contains(trace, "3 services") && strings.Count(trace, "process orders") == 3, "it is\n%s", trace)
	})

	missed, _ := c.order() // while nobody listens: a named group goes on where it stopped
	second := c.listen(audit...)
	second.readAll("order.created.v1 "+missed, "stock.reserved.v1 "+missed, "order.confirmed.v1 "+missed)
	second.stop()
	if groups := redis(t, c.state(), "XINFO GROUPS orders:{0}", 1)[0]; groups != "*2" {
		t.Errorf("groups of the stream: %s, want inventory and audit", groups)
	}
}

func TestListenWithoutAGroupLeavesNone(t *testing.T) {
	c := newRealClew(t)
	c.order() // an old event, which is not shown
	groups := func() string { return redis(t, c.state(), "XINFO GROUPS orders:{0}", 1)[0] }
	l := c.listen("order.confirmed.v1")
	processtest.Eventually(t, "the listener has a group", func() error { return processtest.Unless(groups() == "*2", "there is inventory only") })
	orderID, _ := c.order()
	if first := l.read("order.confirmed.v1"); !strings.Contains(first, orderID) {
		t.Errorf("the first event shown is %q, want the one of order %s", first, orderID)
	}
	l.read("traceparent 00-")
	l.read(`data {"order_id":"` + orderID + `"}`)
	l.stop()
	if got := groups(); got != "*1" {
		t.Errorf("groups of the stream: %s, want only inventory", got)
	}
}

// order places one, and returns its id and its trace's.
func (c *clew) order() (orderID, traceID string) {
	c.t.Helper()
	var orders []placed
	if err := json.Unmarshal([]byte(c.want(0, []string{"order", "--json"}).stdout), &orders); err != nil {
		c.t.Fatal(err)
	}
	return orders[0].ID, orders[0].TraceID
}

// listening is a `clew listen` that runs.
type listening struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func (c *clew) listen(args ...string) *listening {
	c.t.Helper()
	cmd := c.command(append([]string{"listen"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = cmd.Process.Kill() }) // where the test has failed before stop
	return &listening{c.t, cmd, bufio.NewScanner(stdout)}
}

// read blocks until a line with the text was printed, and returns it.
func (l *listening) read(text string) string {
	l.t.Helper()
	for l.lines.Scan() {
		if strings.Contains(l.lines.Text(), text) {
			return l.lines.Text()
		}
	}
	l.t.Fatalf("the listener ended without a line with %q", text)
	return ""
}

// readAll blocks until lines with all the texts were printed, in whatever order.
func (l *listening) readAll(texts ...string) {
	l.t.Helper()
	for len(texts) > 0 {
		line := l.read("")
		texts = slices.DeleteFunc(texts, func(text string) bool { return strings.Contains(line, text) })
	}
}

// stop is a ctrl-C.
func (l *listening) stop() {
	l.t.Helper()
	if err := l.cmd.Process.Signal(syscall.SIGINT); err != nil {
		l.t.Fatal(err)
	}
	if err := l.cmd.Wait(); err != nil {
		l.t.Errorf("the listener ended with: %v", err)
	}
}

func TestClewExplainsItself(t *testing.T) {
	c := newClew(t)
	for _, args := range [][]string{{}, {"help"}, {"--help"}, {"help", "dlq"}} {
		c.want(0, args, "Usage: clew")
	}
	c.want(0, []string{"help", "dlq", "redrive"}, "Usage: clew dlq redrive")
}
