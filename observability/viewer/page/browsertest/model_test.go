package browsertest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"example.com/clew/observability/viewer/page/pagetest"
)

// outline writes a model as lines: the tree, and what the waterfall draws of each node.
const outline = `const lines = [];
	for (const { node: n, depth } of rows(model.roots, new Set())) {
		const line = [n.span.name + (n.attempt ? ' #' + n.attempt : '')];
		if (n.killed) line.push('killed');
		if (n.orphan) line.push('orphan');
		if (n.span.error) line.push('failed');
		if (n.wait) line.push('waited in ' + n.wait.place);
		for (const l of linksOf(n)) line.push(l.sign + ' ' + (l.trace ? 'another trace' : l.text));
		lines.push('  '.repeat(depth) + line.join(', '));
	}
	return lines;`

// model evaluates code on the model of a trace, in a tab that shows anything of the page.
func model[T any](t *testing.T, p *pagetest.Tab, of trace, code string) T {
	t.Helper()
	return pagetest.Eval[T](p.In(t), fmt.Sprintf(`(async () => {
		const { decode, build, rows, linksOf, summary, walk } = await import('/static/spans.js');
		const model = build(decode({ trace: %s }, %q));
		%s
	})()`, of.answer, of.id, code))
}

func TestTheModelOfEachKindOfOrder(t *testing.T) {
	p := newStage(t).open("/dashboards")
	const stock = "process stock, waited in stream, ↖ create stock"
	for kind, want := range map[string][]string{
		"plain": {
			"POST /orders",
			"  create orders, ↙ process orders",
			"    4 statements",
			"    send orders, waited in outbox",
			"    process orders, waited in stream, ↖ create orders",
			"      5 statements",
			"      create stock, ↙ process stock",
			"        2 statements",
			"        send stock, waited in outbox",
			"        " + stock,
			"          2 statements",
			"          create orders",
			"            2 statements",
			"            send orders, waited in outbox",
		},
		"flaky": {
			"POST /orders",
			"  create orders, ↙ process orders #1, ↙ process orders #2, ↙ process orders #3",
			"    4 statements",
			"    send orders, waited in outbox",
			"    process orders #1, failed, waited in stream, ↖ create orders",
			"    process orders #2, failed, waited in stream, ↖ create orders",
			"    process orders #3, waited in stream, ↖ create orders",
			"      5 statements",
			"      create stock, ↙ process stock",
			"        2 statements",
			"        send stock, waited in outbox",
			"        " + stock,
			"          2 statements",
			"          create orders",
			"            2 statements",
			"            send orders, waited in outbox",
		},
		"crash": {
			"POST /orders",
			"  create orders, ↙ process orders #2",
			"    4 statements",
			"    send orders, waited in outbox",
			"    process orders #1, killed",
			"    process orders #2, waited in stream, ↖ create orders",
			"      5 statements",
			"      create stock, ↙ process stock",
			"        2 statements",
			"        send stock, waited in outbox",
			"        " + stock,
			"          2 statements",
			"          create orders",
			"            2 statements",
			"            send orders, waited in outbox",
		},
		"invalid": { // redriven, and still invalid
			"POST /orders",
			"  create orders, ↙ process orders #1, ↙ process orders #2",
			"    4 statements",
			"    send orders, waited in outbox",
			"    process orders #1, failed, waited in stream, ↖ create orders, ↙ dead_letter orders",
			"    dead_letter orders, ↗ process orders #1",
			"    process orders #2, failed, waited in stream, ↖ create orders, ↗ another trace, ↙ dead_letter orders",
			"    dead_letter orders, ↗ process orders #2",
		},
		"link": { // processing is in traces of its own
			"POST /orders",
			"  create orders",
			"    4 statements",
			"    send orders, waited in outbox",
		},
		"off": {
			"POST /orders",
			"  create orders",
			"    4 statements",
			"    send orders, waited in outbox",
		},
	} {
		t.Run(kind, func(t *testing.T) {
			if diff := cmp.Diff(want, model[[]string](t, p, recorded(t, kind).traces[0], outline)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheModelOfOddTraces(t *testing.T) {
	p := newStage(t).open("/dashboards")
	noTime := func(s *tracepb.Span) { s.StartTimeUnixNano, s.EndTimeUnixNano = 0, 0 }
	for name, test := range map[string]struct {
		spans []*tracepb.Span
		want  []string
	}{
		"no spans": {nil, []string{}},
		"siblings in the order of their start, the tree kept": {
			[]*tracepb.Span{span(3, 1, "c", 5, 6), span(4, 2, "d", 4, 9), span(2, 1, "b", 1, 2), span(1, 0, "a", 0, 9)},
			[]string{"a", "  b", "    d", "  c"},
		},
		"several roots":            {[]*tracepb.Span{span(2, 0, "b", 1, 2), span(1, 0, "a", 0, 9)}, []string{"a", "b"}},
		"a parent that is missing": {[]*tracepb.Span{span(1, 9, "a", 0, 1)}, []string{"a, orphan"}},
		"its own parent":           {[]*tracepb.Span{span(1, 1, "a", 0, 1)}, []string{"a, orphan"}},
		"each other's parents":     {[]*tracepb.Span{span(1, 2, "a", 0, 1), span(2, 1, "b", 0, 2)}, []string{"b, orphan", "  a"}},
		"a child before its parent": {
			[]*tracepb.Span{span(1, 0, "a", 5, 6), span(2, 1, "b", 1, 2)}, []string{"a", "  b"},
		},
		"an end before its start":     {[]*tracepb.Span{span(1, 0, "a", 5, 1)}, []string{"a"}},
		"everything at one moment":    {[]*tracepb.Span{span(1, 0, "a", 0, 0), span(2, 1, "b", 0, 0)}, []string{"a", "  b"}},
		"one id twice":                {[]*tracepb.Span{span(1, 0, "a", 0, 1), span(1, 0, "a", 2, 3)}, []string{"a", "a"}},
		"one without times":           {[]*tracepb.Span{span(1, 0, "a", 0, 1), span(2, 1, "b", 0, 0, noTime)}, []string{"a", "  b"}},
		"names of the language's own": {[]*tracepb.Span{span(1, 0, "__proto__", 0, 1, with("__proto__", "x"))}, []string{"__proto__"}},
		"a wait that is no number":    {[]*tracepb.Span{span(1, 0, "a", 0, 1, with("messaging.redis_streams.outbox_wait_ms", "long"))}, []string{"a"}},
		"a wait of a broken clock":    {[]*tracepb.Span{span(1, 0, "a", 0, 1, with("messaging.redis_streams.outbox_wait_ms", 1e300))}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, model[[]string](t, p, answer(t, test.spans...), outline)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// A chain of spans must not be as deep as the stack allows.
func TestTheModelOfADeepTrace(t *testing.T) {
	p := newStage(t).open("/dashboards")
	var spans []*tracepb.Span
	for i := range uint64(20_000) {
		spans = append(spans, span(i+1, i, "step", int(i), 40_000-int(i)))
	}
	if got := model[int](t, p, answer(t, spans...), `return rows(model.roots, new Set()).at(-1).depth`); got != 19_999 {
		t.Errorf("the last row is %d deep", got)
	}
}

func TestAttemptsAreNumberedAndKilledOnesAdded(t *testing.T) {
	p := newStage(t).open("/dashboards")
	const seen = "2026-02-03T10:15:30.133456789Z" // 10 ms after epoch
	attempt := func(id uint64, from int, edits ...func(*tracepb.Span)) *tracepb.Span {
		return span(id, 1, "process orders", from, from+1000, edits...)
	}
	for name, test := range map[string]struct {
		spans []*tracepb.Span
		want  []string // the rows beneath the first
	}{
		"a single one has no number": {
			[]*tracepb.Span{attempt(2, 5000, attempted(1, "one", 4))}, []string{"  process orders, waited in stream"},
		},
		"by the delivery, where attempts are missing": {
			[]*tracepb.Span{attempt(2, 5000, attempted(3, "one", 4))}, []string{"  process orders #3, waited in stream"},
		},
		"going on where deliveries began again": {
			[]*tracepb.Span{attempt(2, 5000, attempted(2, "one", 4)), attempt(3, 9000, attempted(1, "one", 4))},
			[]string{"  process orders #2, waited in stream", "  process orders #3, waited in stream"},
		},
		"the killed one before the one that took over": {
			[]*tracepb.Span{attempt(2, 90_000, attempted(2, "two", 85), tookOver("one", 1, seen))},
			[]string{"  process orders #1, killed", "  process orders #2, waited in stream"},
		},
		"none of a consumer that lived on and told of it": {
			[]*tracepb.Span{
				attempt(2, 5000, attempted(1, "one", 4)), attempt(3, 90_000, attempted(2, "two", 85), tookOver("one", 1, seen)),
			},
			[]string{"  process orders #1, waited in stream", "  process orders #2, waited in stream"},
		},
		"none of an event that does not say when": {
			[]*tracepb.Span{attempt(2, 90_000, attempted(1, "two", 85), tookOver("one", 1, "yesterday"))},
			[]string{"  process orders, waited in stream"},
		},
		"none seen later than what took over": {
			[]*tracepb.Span{attempt(2, 5000, attempted(1, "two", 4), tookOver("one", 0, seen))},
			[]string{"  process orders, waited in stream"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			spans := append([]*tracepb.Span{span(1, 0, "create orders", 0, 1000)}, test.spans...)
			if diff := cmp.Diff(test.want, model[[]string](t, p, answer(t, spans...), outline)[1:]); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
		})
	}
}

// The wait before an attempt does not count again what came before it: here 85 ms since the message was sent, of which a
// killed attempt took the time from 5 to 10 ms.
func TestWaitsAndKilledAttemptsTakeTurns(t *testing.T) {
	p := newStage(t).open("/dashboards")
	spans := answer(t, span(1, 0, "create orders", 0, 1000),
		span(2, 1, "process orders", 90_000, 91_000, attempted(2, "two", 85), tookOver("one", 1, "2026-02-03T10:15:30.133456789Z")))
	got := model[[]float64](t, p, spans, `const [killed, then] = model.roots[0].children; return [killed.from, killed.to, then.wait.ns];`)
	if diff := cmp.Diff([]float64{5e6, 10e6, 80e6}, got); diff != "" {
		t.Errorf("from, last seen, wait (-want +got):\n%s", diff)
	}
}

func TestTheCriticalPath(t *testing.T) {
	p := newStage(t).open("/dashboards")
	spans := answer(t,
		span(1, 0, "request", 0, 100),
		span(2, 1, "fast", 10, 20), span(3, 1, "slow", 10, 60),
		span(4, 3, "inside", 20, 30),
		span(5, 1, "later", 150, 200), // after the request, as a message is processed
		span(6, 1, "last before the end", 70, 80))
	got := model[[]string](t, p, spans, `const path = [];
		walk(model.roots, n => n.path && path.push(n.span.name + ' ' + n.path.map(part => part.map(ns => ns / 1000).join('-')).join(' ')));
		return path;`)
	want := []string{"request 80-100 60-70 0-10", "slow 30-60 10-20", "inside 20-30", "last before the end 70-80", "later 150-200"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("path (-want +got):\n%s", diff)
	}
}
