package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
)

// The API answers what Prometheus's own engine makes of the same storage.
func TestQueries(t *testing.T) {
	s, other := newService(t), newService(t)
	r := start(t, t.TempDir(), noRules, s.as("order"), other.as("inventory"))
	for i := range 20 { // scrapes differ
		value := strconv.Itoa(i)
		s.Set(float64(i))
		s.Observe(float64(i % 3))
		r.await(`test_gauge{job="order"}`, value)
	}
	own := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1e6, Timeout: time.Minute, Parser: r.files.Parser, EnableAtModifier: true, EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return interval.Milliseconds() },
	})
	now := time.Now().Truncate(time.Millisecond)
	from := now.Add(-time.Second)
	time := func(t time.Time) string { return strconv.FormatFloat(float64(timestamp.FromTime(t))/1000, 'f', 3, 64) }
	for _, query := range []string{
		"up", "test_gauge", "rate(test_seconds_count[1s])", "sum by (job) (increase(test_seconds_sum[10s]))",
		"histogram_quantile(0.99, sum by (le) (rate(test_seconds_bucket[1s])))", "max_over_time(test_gauge[5s:100ms])", "count_over_time(test_gauge[1s:])",
		"test_gauge offset -1s", "up @ end()", "1 + 1",
	} {
		t.Run(query, func(t *testing.T) {
			instant, err := own.NewInstantQuery(t.Context(), r.storage, nil, query, now)
			if err != nil {
				t.Fatal(err)
			}
			ranged, err := own.NewRangeQuery(t.Context(), r.storage, nil, query, from, now, interval)
			if err != nil {
				t.Fatal(err)
			}
			same(t, r, instant, "query", "query", query, "time", time(now))
			same(t, r, ranged, "query_range", "query", query, "start", time(from), "end", time(now), "step", "0.05")
		})
	}
}

func same(t *testing.T, r *running, query promql.Query, path string, parameters ...string) {
	t.Helper()
	defer query.Close()
	result := query.Exec(t.Context())
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	text, err := json.Marshal(result.Value)
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	got := get[struct{ Result any }](r, path, parameters...).Result
	if diff := cmp.Diff(want, got); diff != "" || len(text) < 5 {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestOtherQuestions(t *testing.T) {
	s := newService(t)
	r := start(t, t.TempDir(), noRules, s.as("order"))
	r.await("up", "1")
	for path, part := range map[string]string{
		"labels":                   `"instance","job","le"`,
		"label/job/values":         `["order"]`,
		"series?match[]=up":        `"__name__":"up"`,
		"metadata":                 `"test_gauge":[{"type":"gauge"`,
		"targets":                  `"health":"up"`,
		"targets/metadata":         `"metric":"test_seconds"`,
		"rules":                    `"groups":[]`,
		"alerts":                   `"alerts":[]`,
		"status/buildinfo":         `"version":"` + version + `"`,
		"status/tsdb":              `"name":"test_seconds_bucket","value":3`,
		"status/config":            `scrape_configs`,
		"status/flags":             `"data":{}`,
		"format_query?query=1%2B1": `"1 + 1"`,
		"parse_query?query=up":     `"vectorSelector"`,
	} {
		if code, body := r.do(http.MethodGet, "/api/v1/"+path, ""); code != http.StatusOK || !strings.Contains(body, part) {
			t.Errorf("%s is answered %d %s, want %s", path, code, body, part)
		}
	}
	if code, body := r.do(http.MethodPost, "/api/v1/query", "query=up"); code != http.StatusOK || !strings.Contains(body, `"job":"order"`) {
		t.Errorf("a query by POST is answered %d %s", code, body)
	}
	if code, body := r.do(http.MethodGet, "/api/v1/query?query=rate(", ""); code != http.StatusBadRequest || !strings.Contains(body, "bad_data") {
		t.Errorf("half a query is answered %d %s", code, body)
	}
}

func TestNothingCanBeChanged(t *testing.T) {
	r := start(t, t.TempDir(), noRules)
	for _, path := range []string{
		"write", "otlp/v1/metrics", "read", "admin/tsdb/delete_series", "admin/tsdb/clean_tombstones", "admin/tsdb/snapshot",
	} {
		for _, method := range []string{http.MethodPost, http.MethodPut} {
			if code, body := r.do(method, "/api/v1/"+path, "match[]=up"); code != http.StatusNotFound {
				t.Errorf("%s %s is answered %d %s, want 404", method, path, code, body)
			}
		}
	}
	for _, path := range []string{"status/runtimeinfo", "admin/tsdb/snapshot", "notifications/live", "openapi.yaml"} {
		if code, body := r.do(http.MethodGet, "/api/v1/"+path, ""); code != http.StatusNotFound {
			t.Errorf("%s is answered %d %s, want 404", path, code, body)
		}
	}
	if code, body := r.do(http.MethodDelete, "/api/v1/series", ""); code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE series is answered %d %s, want 405", code, body)
	}
}

func TestTheEngineShowsItself(t *testing.T) {
	r := start(t, t.TempDir(), noRules)
	addr := strings.TrimPrefix(r.url, "http://")
	r.SetTargets(Target{Job: "prometheus", Addr: addr})
	r.await(`up{job="prometheus",instance="`+addr+`"}`, "1")
	for _, metric := range []string{
		"prometheus_tsdb_head_series", "prometheus_target_scrape_pool_targets", "prometheus_target_scrapes_exceeded_sample_limit_total",
		"prometheus_engine_queries", "go_goroutines", "process_resident_memory_bytes",
	} {
		r.await("count("+metric+")", "1")
	}
}

func TestAQueryHasLimits(t *testing.T) {
	limit := make(queryLimit, 1)
	if _, err := limit.Insert(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		_, err := limit.Insert(ctx, "")
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("a second query had the result %v, want it to wait", err)
	}
	limit.Delete(0)
	if _, err := limit.Insert(t.Context(), ""); err != nil {
		t.Error(err)
	}
}

// Release 3.15.0 of Prometheus is 0.315.0 as libraries.
func TestVersion(t *testing.T) {
	needs, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	major, rest, _ := strings.Cut(version, ".")
	if want := "github.com/prometheus/prometheus v0." + major + rest + "\n"; !strings.Contains(string(needs), want) {
		t.Errorf("the API says %s, and go.mod does not have %s", version, want)
	}
}
