package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// tsdb.Open leaves its log open when it finds a damaged block. A storage that is not closed has other goroutines too.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/prometheus/prometheus/tsdb/wlog.(*WL).run"))
}

// interval is how often tests scrape and evaluate.
const interval = 50 * time.Millisecond

var noRules = fstest.MapFS{}

func rulesIn(content string) fs.FS { return fstest.MapFS{"rules/test.yml": {Data: []byte(content)}} }

func open(dir string, rules fs.FS) (*Engine, error) {
	return Open(Config{
		Dir: dir, Rules: rules, Logger: slog.New(slog.DiscardHandler), ScrapeInterval: interval, EvaluationInterval: interval,
	})
}

// running is an engine that scrapes and answers.
type running struct {
	t *testing.T
	*Engine
	url  string
	stop func() // does nothing the second time
}

func start(t *testing.T, dir string, rules fs.FS, targets ...Target) *running {
	t.Helper()
	e, err := open(dir, rules)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	server := httptest.NewServer(e.Handler())
	r := &running{t: t, Engine: e, url: server.URL, stop: func() {
		cancel()
		<-ended
	}}
	t.Cleanup(server.Close)
	t.Cleanup(r.stop)
	e.SetTargets(targets...)
	return r
}

// get decodes what the API answers.
func get[T any](r *running, path string, parameters ...string) (data T) {
	r.t.Helper()
	query := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	code, body := r.do(http.MethodGet, "/api/v1/"+path+"?"+query.Encode(), "")
	answer := struct{ Data *T }{&data}
	if err := json.Unmarshal([]byte(body), &answer); code != http.StatusOK || err != nil {
		r.t.Fatalf("%s %q is answered %d %s: %v", path, parameters, code, body, err)
	}
	return data
}

func (r *running) do(method, path, body string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("Origin", "http://evil.example")
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	if allowed := response.Header.Get("Access-Control-Allow-Origin"); allowed != "" {
		r.t.Errorf("%s %s may be read by pages of %s", method, path, allowed)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// query evaluates a query now: the values of series, by their labels in JSON.
func (r *running) query(promql string) map[string]string {
	r.t.Helper()
	vector := get[struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}](r, "query", "query", promql)
	found := map[string]string{}
	for _, series := range vector.Result {
		name, err := json.Marshal(series.Metric)
		if err != nil {
			r.t.Fatal(err)
		}
		found[string(name)] = fmt.Sprint(series.Value[1])
	}
	return found
}

// await asks until a query has exactly one series, with that value.
func (r *running) await(promql, value string) {
	r.t.Helper()
	eventually(r.t, promql+" is "+value, func() bool {
		for _, got := range r.query(promql) {
			return got == value
		}
		return false
	})
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s, not yet: %s", what)
		}
	}
}

// service is a process to scrape. Closing its server is its death.
type service struct {
	*httptest.Server
	prometheus.Gauge     // test_gauge
	prometheus.Histogram // test_seconds
}

func newService(t *testing.T) *service {
	registry := prometheus.NewRegistry()
	s := &service{
		Server:    httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})),
		Gauge:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "test_gauge"}),
		Histogram: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "test_seconds", Buckets: []float64{1, 2}}),
	}
	registry.MustRegister(s.Gauge, s.Histogram)
	t.Cleanup(s.Close)
	return s
}

func (s *service) addr() string { return s.Listener.Addr().String() }

func (s *service) as(job string) Target { return Target{Job: job, Addr: s.addr()} }
