package main

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func names(rows []row) (names []string) {
	for _, r := range rows {
		names = append(names, r.name)
	}
	return names
}

func TestARowIsChosenWithWhatItNeeds(t *testing.T) {
	want := []string{
		"floor_orders_sqlite", "orders_sqlite_sampled_all", "orders_sqlite_telemetry_off", "orders_telemetry_cost",
	}
	if diff := cmp.Diff(want, names(choose(regexp.MustCompile("^orders_telemetry_cost$")))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(names(rows()), names(choose(regexp.MustCompile("")))); diff != "" {
		t.Error(diff)
	}
}

func TestWhatARowNeedsIsMeasuredBeforeIt(t *testing.T) {
	before := map[string]bool{"": true}
	for _, r := range rows() {
		if !before[r.floor] || !before[r.needs] {
			t.Errorf("%s comes before %q or %q", r.name, r.floor, r.needs)
		}
		before[r.name] = true
	}
}

// seriesOf has rounds of these values, and of these ratios.
func seriesOf(r row, values, ratios []float64) series {
	s := series{row: r, ratios: ratios}
	for _, v := range values {
		s.results = append(s.results, result{Value: v, Allocs: 12.3, Exported: 200_000, Dropped: 1_000_000})
	}
	return s
}

func TestTheMedianOfTheRatiosIsComparedWithTheTarget(t *testing.T) {
	least := row{name: "least", floor: "floor", target: 0.5}
	most := row{name: "most", floor: "floor", target: 0.5, atMost: true}
	alone := row{name: "alone", target: 2, atMost: true}
	ofValue := row{name: "of value", floor: "floor", target: 5, ofValue: true}
	for _, test := range []struct {
		s    series
		want string
	}{
		{seriesOf(least, []float64{9, 9, 9}, []float64{0.1, 0.5, 0.9}), "yes"},
		{seriesOf(least, []float64{9, 9}, []float64{0.1, 0.8}), "NO"},
		{seriesOf(most, []float64{9, 9, 9}, []float64{0.1, 0.5, 0.9}), "yes"},
		{seriesOf(most, []float64{9, 9, 9}, []float64{0.1, 0.6, 0.9}), "NO"},
		{seriesOf(least, []float64{9}, nil), "FAIL"}, // its floor has no result
		{seriesOf(alone, []float64{3, 1, 2}, nil), "yes"},
		{seriesOf(ofValue, []float64{4, 5, 6}, []float64{0.1, 0.1, 0.1}), "yes"},
		{seriesOf(ofValue, []float64{4, 4, 6}, []float64{9, 9, 9}), "NO"},
		{seriesOf(alone, nil, nil), "FAIL"},
		{seriesOf(row{name: "floor"}, []float64{9}, nil), ""},
	} {
		if got := test.s.met(); got != test.want {
			t.Errorf("%s of %v: %q, want %q", test.s.name, test.s.ratios, got, test.want)
		}
	}
}

func TestTheReportIsOneTableOf100Columns(t *testing.T) {
	var all []series
	for _, r := range rows() {
		all = append(all, seriesOf(r, []float64{234_567.8, 1}, []float64{1.25, 0.75}))
	}
	all[2].errs = []error{errors.New("lost")}
	var b strings.Builder
	report(&b, all, []string{"machine"})
	for line := range strings.Lines(b.String()) {
		if utf8.RuneCountInString(line) > 101 { // with its end
			t.Errorf("too wide: %s", line)
		}
	}
	for _, want := range []string{"consume_off                     117 284 messages/s   1.00    ≥ 0.70 yes ", "FAIL", "lost"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

func TestSpansAreCountedWithoutDecodingThem(t *testing.T) {
	span := &tracepb.Span{Name: "x", Attributes: nil}
	scope := &tracepb.ScopeSpans{SchemaUrl: "s", Spans: []*tracepb.Span{span, span}}
	data, err := proto.Marshal(&collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{
		{SchemaUrl: "r", ScopeSpans: []*tracepb.ScopeSpans{scope, scope}}, {ScopeSpans: []*tracepb.ScopeSpans{scope}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := spansIn(data); n != 6 || err != nil {
		t.Errorf("%d spans, %v, want 6", n, err)
	}
	if _, err := spansIn(data[:len(data)-1]); err == nil {
		t.Error("half a request is no error")
	}
}

func TestEverySpanThatDidNotArriveIsDropped(t *testing.T) {
	const scrape = `
otel_sdk_processor_span_processed_total{otel_component_name="a"} 90
otel_sdk_processor_span_processed_total{error_type="queue_full",otel_component_name="a"} 10
otel_sdk_exporter_span_exported_total{otel_component_name="b"} 85
otel_sdk_exporter_span_exported_total{error_type="x",otel_component_name="b"} 5
`
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(
		"# TYPE otel_sdk_processor_span_processed_total counter\n# TYPE otel_sdk_exporter_span_exported_total counter" + scrape))
	if err != nil {
		t.Fatal(err)
	}
	got := countSpans(slices.Collect(maps.Values(families)))
	if want := (spanCounts{queued: 90, exported: 85, dropped: 15}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestAStatementIsWrittenAsItsDatabaseWantsIt(t *testing.T) {
	if got, want := postgres.dialect(lockStock), `SELECT * FROM "stock" WHERE sku IN ($1) ORDER BY sku FOR UPDATE`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := sqlite.dialect(lockStock); got != lockStock {
		t.Error(got)
	}
}

func TestAnOrderIsDoneWithWhenItIsAnsweredAndFinished(t *testing.T) {
	now := time.Now()
	l := &load{
		slots: make(chan struct{}, 3), answered: map[string]time.Time{}, finished: map[string]time.Time{},
	}
	for _, id := range []string{"in time", "told first", "late"} {
		l.slots <- struct{}{}
		if id == "told first" {
			l.note(id, now, l.finished, l.answered)
		} else {
			l.note(id, now, l.answered, l.finished)
		}
	}
	l.note("in time", now.Add(objectiveTime), l.finished, l.answered)
	l.note("told first", now.Add(time.Second), l.answered, l.finished)
	if len(l.slots) != 1 || l.accepted != 2 || l.good != 2 || l.check() != nil {
		t.Errorf("%d unfinished, %d accepted, %d good, %v", len(l.slots), l.accepted, l.good, l.check())
	}
	l.note("late", now.Add(objectiveTime+1), l.finished, l.answered)
	if len(l.slots) != 0 || l.accepted != 3 || l.good != 2 || l.check() == nil {
		t.Errorf("%d unfinished, %d accepted, %d good, %v", len(l.slots), l.accepted, l.good, l.check())
	}
}

func TestTheServerThatDoesNothingReadsOneRequestAfterTheOther(t *testing.T) {
	const first = "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{\"a\":\"\r\n\r\n\"}"
	const second = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	requests := bufio.NewReader(strings.NewReader(first + second + "POST"))
	for _, left := range []string{second + "POST", "POST"} {
		if err := skipRequest(requests); err != nil {
			t.Fatal(err)
		}
		if next, _ := requests.Peek(len(left)); string(next) != left || requests.Buffered() != len(left) {
			t.Errorf("%q is left, want %q", next, left)
		}
	}
	if err := skipRequest(requests); !errors.Is(err, io.EOF) {
		t.Errorf("half a request: %v, want the end", err)
	}
}

func TestPercentile(t *testing.T) {
	var durations []time.Duration
	for i := range 1001 {
		durations = append(durations, time.Duration(1000-i)*time.Millisecond)
	}
	if p50, p99 := percentile(durations, 50), percentile(durations, 99); p50 != 500 || p99 != 990 {
		t.Errorf("p50 %v, p99 %v", p50, p99)
	}
}
