package viewer

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	recordpb "go.opentelemetry.io/proto/otlp/logs/v1"
)

func TestLogsAreFound(t *testing.T) {
	v := New(Config{})
	level := func(record *recordpb.LogRecord, number recordpb.SeverityNumber, seconds uint64) *recordpb.LogRecord {
		record.SeverityNumber, record.TimeUnixNano = number, seconds*second
		return record
	}
	named := level(newRecord(2, "Attempt failed"), recordpb.SeverityNumber_SEVERITY_NUMBER_WARN2, 3)
	named.Attributes = append(named.Attributes, text("order.id", "Ö7"))
	unknown := level(newRecord(0, "of no level"), 0, 4)
	mustAddLogs(t, v.logs, logBatch("order", level(newRecord(1, "placed"), recordpb.SeverityNumber_SEVERITY_NUMBER_INFO, 1),
		level(newRecord(3, "gone"), recordpb.SeverityNumber_SEVERITY_NUMBER_FATAL, 2), unknown))
	mustAddLogs(t, v.logs, logBatch("inventory", named, level(newRecord(1, "asleep"), recordpb.SeverityNumber_SEVERITY_NUMBER_DEBUG, 5)))
	trace := func(ids ...int) (query string) {
		for _, id := range ids {
			query += fmt.Sprintf("&trace_id=%x", newTraceID(id))
		}
		return query
	}
	for question, want := range map[string]string{
		"":                              "placed gone Attempt failed of no level asleep",
		"level=trace":                   "placed gone Attempt failed asleep",
		"level=info":                    "placed gone Attempt failed",
		"level=WARN":                    "gone Attempt failed",
		"service=inventory":             "Attempt failed asleep",
		"service=inventory&level=warn":  "Attempt failed",
		"service=invent":                "",
		"text=ATTEMPT":                  "Attempt failed",
		"text=" + url.QueryEscape("ö7"): "Attempt failed",
		"text=order.id%3D":              "Attempt failed",
		"limit=2":                       "Attempt failed asleep", // those that arrived last
		"service=order&limit=1":         "of no level",
		trace(1):                        "placed asleep",
		trace(2, 1):                     "placed Attempt failed asleep",
		trace(1, 2) + "&limit=2":        "Attempt failed asleep",
		trace(1) + "&level=info":        "placed",
		trace(4):                        "",
	} {
		var bodies []string
		for _, line := range read[struct{ Items []logLine }](t, v, "/api/logs?"+question).Items {
			bodies = append(bodies, line.Body)
		}
		if got := strings.Join(bodies, " "); got != want {
			t.Errorf("%s finds %q, want %q", question, got, want)
		}
	}
	if got := read[struct{ Items []string }](t, v, "/api/logs/services").Items; !slices.Equal(got, []string{"inventory", "order"}) {
		t.Errorf("the services are %q", got)
	}
}

func TestAWrongQuestionForLogsSaysWhatIsExpected(t *testing.T) {
	for question, want := range map[string]string{
		"level=loud":                            `level is "loud": expected one of trace, debug, info, warn, error, fatal`,
		"text=" + strings.Repeat("x", 201):      "text has 201 characters: expected at most 200",
		"limit=-1":                              `limit is "-1": expected 1 to 1000`,
		"trace_id=1&trace_id=x":                 `trace id "x": expected hexadecimal digits`,
		"a" + strings.Repeat("&trace_id=1", 22): "trace_id is given 22 times: expected at most 21",
	} {
		got := get(New(Config{}), "/api/logs?"+question)
		if got.Code != http.StatusBadRequest || strings.TrimSpace(got.Body.String()) != want {
			t.Errorf("%.30s: %d %q, want 400 %q", question, got.Code, got.Body, want)
		}
	}
}

// A reader goes on from where it was, however many records came and went meanwhile.
func TestRecordsAreEvictedWhileTheyAreRead(t *testing.T) {
	s := newLogStore(maxLogBytes)
	for n := range 2*recordsAtOnce + 10 {
		mustAddLogs(t, s, logBatch("order", newRecord(1, fmt.Sprint(n))))
	}
	read := 0
	for range s.all {
		if read++; read == 1 { // those of the first look are known already
			mustAddLogs(t, s, logBatch("order", newRecord(1, "new")))
			s.max = s.size / 2 // all that follow but ten are evicted
			mustAddLogs(t, s, logBatch("order", newRecord(1, "newer")))
		}
	}
	if want := s.records.Len() - 2; read != want {
		t.Errorf("%d records were read, want the %d that are left, without the newer ones", read, want)
	}
}

func TestASearchForLogsEnds(t *testing.T) {
	v := New(Config{})
	mustAddLogs(t, v.logs, logBatch("order", newRecord(1, "one")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (logRequest{limit: 1}).find(ctx, v.logs.all); err == nil {
		t.Error("nobody waits for the answer any more, but it went on")
	}
	v.searchTimeout = 0
	for _, path := range []string{"/api/logs", "/api/logs/services"} {
		if got := get(v, path); got.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s, want 503", path, got.Code, got.Body)
		}
	}
}

// BenchmarkLogsOfARareText looks at all that is kept.
func BenchmarkLogsOfARareText(b *testing.B) {
	v := New(Config{})
	records := make([]*recordpb.LogRecord, 1000)
	for i := range records {
		records[i] = newRecord(1+i/5, strings.Repeat("message processed ", 5))
		records[i].Attributes = append(records[i].Attributes, text("order.id", "01J0000000000000000000000"), text("messaging.destination.name", "orders"))
	}
	for v.logs.evicted == 0 {
		mustAddLogs(b, v.logs, logBatch("order", records...))
	}
	b.Logf("%d records", v.logs.records.Len())
	for b.Loop() {
		if got := get(v, "/api/logs?text=nowhere"); got.Code != http.StatusOK {
			b.Fatal(got.Body)
		}
	}
}
