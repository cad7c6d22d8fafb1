package row

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
	"github.com/redis/go-redis/v9"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

func names(rows []Row) (names []string) {
	for _, r := range rows {
		names = append(names, r.Name)
	}
	return names
}

func TestARowIsChosenWithWhatItNeeds(t *testing.T) {
	want := []string{
		"floor_orders_sqlite", "orders_sqlite_sampled_all", "orders_sqlite_telemetry_off", "orders_telemetry_cost",
	}
	if diff := cmp.Diff(want, names(Choose(Rows(), regexp.MustCompile("^orders_telemetry_cost$")))); diff != "" {
		t.Error(diff)
	}
	want = []string{"floor_consume", "consume_metrics", "partitions_64"}
	if diff := cmp.Diff(want, names(Choose(Rows(), regexp.MustCompile("^partitions_64$")))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(names(Rows()), names(Choose(Rows(), regexp.MustCompile("")))); diff != "" {
		t.Error(diff)
	}
}

func TestWhatARowNeedsIsMeasuredBeforeIt(t *testing.T) {
	before := map[string]bool{"": true}
	for _, r := range append(Rows(), Growth(Sizes{Backlog: 1_000_000})...) {
		if !before[r.Floor] || !before[r.needs] {
			t.Errorf("%s comes before %q or %q", r.Name, r.Floor, r.needs)
		}
		before[r.Name] = true
	}
}

func TestTheReportIsOneTableOf100Columns(t *testing.T) {
	var all []report.Series
	for _, r := range append(Rows(), Growth(Sizes{Backlog: 1_000_000})...) {
		s := report.Series{Row: r.Row, Ratios: []float64{1.25, 0.75}}
		for _, v := range []float64{234_567.8, 1} {
			s.Results = append(s.Results, report.Result{Value: v, Allocs: 12.3, Exported: 200_000, Dropped: 1_000_000})
		}
		all = append(all, s)
	}
	all[2].Errs = []error{errors.New("lost")}
	var b strings.Builder
	report.Print(&b, all, []string{"machine"})
	for line := range strings.Lines(b.String()) {
		if utf8.RuneCountInString(line) > 101 { // with its end
			t.Errorf("too wide: %s", line)
		}
	}
	for _, want := range []string{"consume_off                     117 284 messages/s     1.00    ≥ 0.95 yes ", "FAIL", "lost"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

func TestEveryPartitionIsConsumed(t *testing.T) {
	b := benchOf(t, 1000)
	j := child.Job{Stream: streamPartitioned, Group: "test", Messages: b.sizes.Messages, Partitions: 64, Telemetry: child.MetricsOnly}
	var err error
	if j.RedisURL, err = b.redis(t.Context(), j.Stream); err != nil {
		t.Fatal(err)
	}
	client := messagingtest.Client(t, j.RedisURL)
	for partition := range j.Partitions {
		if key := messaging.StreamKey(j.Stream, partition); client.XLen(t.Context(), key).Val() == 0 {
			t.Errorf("%s is empty", key)
		}
	}
	if r, err := runConsume(t.Context(), j); err != nil || r.Value <= 0 {
		t.Errorf("%v messages/s, %v", r.Value, err)
	}
	for partition := range j.Partitions {
		key := messaging.StreamKey(j.Stream, partition)
		if groups := client.XInfoGroups(t.Context(), key).Val(); len(groups) > 0 {
			t.Errorf("%s still has the groups %v", key, groups)
		}
	}
}

func TestWhatIsPendingInAnyPartitionIsNotFinished(t *testing.T) {
	ctx, client := t.Context(), messagingtest.Client(t, messagingtest.Redis(t))
	j := child.Job{Stream: "s", Group: "g", Messages: 1, Partitions: 3}
	for partition := range j.Partitions {
		if err := client.XGroupCreateMkStream(ctx, messaging.StreamKey("s", partition), "g", "0").Err(); err != nil {
			t.Fatal(err)
		}
	}
	last := messaging.StreamKey("s", 2)
	id := client.XAdd(ctx, &redis.XAddArgs{Stream: last, Values: []string{"n", "1"}}).Val()
	client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{last, ">"}})
	if n, err := work.Pending(ctx, client, j); n != 1 || err != nil {
		t.Errorf("%d are pending, %v, want 1", n, err)
	}
	if work.Finished(ctx, client, j, 1) == nil {
		t.Error("finished, with a pending message")
	}
	client.XAck(ctx, last, "g", id)
	if err := work.Finished(ctx, client, j, 1); err != nil {
		t.Error(err)
	}
}

func TestAHeldMessageTakesMoreThanItsData(t *testing.T) {
	r, err := runHold(t.Context(), child.Job{
		RedisURL: messagingtest.Redis(t), Stream: streamHeld, Group: "test", Messages: 4000, Telemetry: child.MetricsOnly,
	})
	if err != nil || r.Value < 512 || r.Extras["messages held"] != 100 {
		t.Errorf("%v bytes, %v, %v", r.Value, r.Extras, err)
	}
}

// benchOf is one with a Redis of its own, which streams of so many messages are loaded into.
func benchOf(t *testing.T, messages int) *Bench {
	t.Helper()
	return &Bench{sizes: Sizes{Messages: messages}, loaded: map[string]bool{}, redisURL: messagingtest.Redis(t)}
}

func TestWhatAnotherProgramSaysIsInTheError(t *testing.T) {
	r, err := runProgram(t.Context(), "sh", "-c", `echo '{"Value": 2, "Allocs": 3}'`)
	want := report.Result{Value: 2, Allocs: 3, Exported: report.Unknown, Dropped: report.Unknown}
	if diff := cmp.Diff(want, r); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for name, script := range map[string]string{"why not": "echo why not >&2; exit 1", "read what sh measured": "echo 2 messages"} {
		if _, err := runProgram(t.Context(), "sh", "-c", script); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q", script, err, name)
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
	l.note("in time", now.Add(work.ObjectiveTime), l.finished, l.answered)
	l.note("told first", now.Add(time.Second), l.answered, l.finished)
	if len(l.slots) != 1 || l.accepted != 2 || l.good != 2 || l.check() != nil {
		t.Errorf("%d unfinished, %d accepted, %d good, %v", len(l.slots), l.accepted, l.good, l.check())
	}
	l.note("late", now.Add(work.ObjectiveTime+1), l.finished, l.answered)
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
