package apiserver_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/telemetry/httpserver/httpservertest"
	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/service/apiserver"
)

const (
	callerTrace = "0af7651916cd43dd8448eb211c80319c"
	traceparent = "00-" + callerTrace + "-b7ad6b7169203331-01"
)

// recorded is a handler under OTel, and what it recorded.
type recorded struct {
	handler http.Handler
	spans   *tracetest.SpanRecorder
	metrics *sdkmetric.ManualReader
}

func traced(next http.Handler, trustCaller bool) recorded {
	return tracedWith(next, apiserver.Tracing{TrustCaller: trustCaller})
}

func tracedWith(next http.Handler, t apiserver.Tracing) recorded {
	spans, metrics := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	t.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	t.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(metrics))
	t.Propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	return recorded{apiserver.OTel(next, t), spans, metrics}
}

// span is the one span of the one request.
func (r recorded) span(t *testing.T) sdktrace.ReadOnlySpan {
	t.Helper()
	spans := r.spans.Ended()
	if len(spans) != 1 {
		t.Fatalf("%d spans, want one", len(spans))
	}
	return spans[0]
}

func attributeOf(attributes []attribute.KeyValue, key string) string {
	set := attribute.NewSet(attributes...)
	value, _ := set.Value(attribute.Key(key))
	return value.String()
}

func TestEveryRequestIsOneSpanNamedByItsRoute(t *testing.T) {
	const body = `{"name":"a","count":1}`
	for _, c := range []struct {
		name          string
		method        string
		target        string
		header        []string
		status        int
		span, route   string
		serverFailure bool
	}{
		{"an operation", "POST", "/things/7", nil, 200, "POST /things/{id}", "/things/{id}", false},
		{"a page", "GET", "/docs", nil, 200, "GET /docs", "/docs", false},
		{"an unknown path", "GET", "/nope/7", nil, 404, "GET", "", false},
		{"an unknown method", "PUT", "/things/7", nil, 405, "PUT", "", false},
		{"an error", "GET", "/fail/plain", nil, 500, "GET /fail/{how}", "/fail/{how}", true},
		{"a panic", "GET", "/fail/badly", nil, 500, "GET /fail/{how}", "/fail/{how}", true},
		{"a foreign page", "POST", "/things/7", []string{"Sec-Fetch-Site", "cross-site"}, 403, "POST", "", false},
		{"a foreign host", "GET", "http://evil.example/docs", nil, 421, "GET", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := traced(httpserver.Wrap(newMux(quiet), nil, quiet), true)
			w := httpservertest.Ask(server.handler, c.method, c.target, body, c.header...)
			if w.Code != c.status {
				t.Fatalf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			span := server.span(t)
			if span.Name() != c.span || span.SpanKind() != trace.SpanKindServer {
				t.Errorf("span %s %q, want server %q", span.SpanKind(), span.Name(), c.span)
			}
			if route := attributeOf(span.Attributes(), "http.route"); route != c.route {
				t.Errorf("http.route %q, want %q", route, c.route)
			}
			if failed := span.Status().Code == codes.Error; failed != c.serverFailure {
				t.Errorf("status %v, want an error: %v", span.Status(), c.serverFailure)
			}
			sc := span.SpanContext()
			want := fmt.Sprintf("00-%s-%s-%s", sc.TraceID(), sc.SpanID(), sc.TraceFlags())
			if got := w.Header().Get("traceresponse"); got != want {
				t.Errorf("traceresponse %q, want %q", got, want)
			}
		})
	}
}

func TestTheDurationMetricKnowsTheRoute(t *testing.T) {
	server := traced(httpserver.Wrap(newMux(quiet), nil, quiet), true)
	httpservertest.Ask(server.handler, "GET", "/fail/plain", "")

	var collected metricdata.ResourceMetrics
	if err := server.metrics.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	for _, m := range collected.ScopeMetrics[0].Metrics {
		if m.Name == "http.server.request.duration" {
			points := m.Data.(metricdata.Histogram[float64]).DataPoints
			if route := attributeOf(points[0].Attributes.ToSlice(), "http.route"); len(points) != 1 || route != "/fail/{how}" {
				t.Errorf("%d points, route %q", len(points), route)
			}
			return
		}
	}
	t.Error("no http.server.request.duration")
}

// An exemplar holds 128 characters, and OTel puts into it what a view leaves out of the series: here the server's address.
// One that is too long is dropped, and the metric no longer leads to its traces.
func TestALongHostKeepsTheExemplar(t *testing.T) {
	tel := telemetrytest.NewRecorder().Telemetry(t, "things")
	handler := apiserver.OTel(httpserver.Wrap(newMux(quiet), nil, quiet), apiserver.Tracing{
		TracerProvider: tel.TracerProvider, MeterProvider: tel.MeterProvider, Propagator: tel.Propagator,
		TrustCaller: true, Addr: "127.0.0.1:8080",
	})
	httpservertest.Ask(handler, "GET", "http://"+strings.Repeat("long.", 40)+"example:12345/docs", "", "Traceparent", traceparent)

	scrape := httpservertest.Ask(tel.AdminHandler(nil, nil, nil), "GET", "/metrics", "",
		"Accept", "application/openmetrics-text; version=1.0.0").Body.String()
	for line := range strings.Lines(scrape) {
		if strings.HasPrefix(line, "http_server_request_duration_seconds_bucket") && strings.Contains(line, `trace_id="`+callerTrace+`"`) {
			return
		}
	}
	t.Errorf("no exemplar of the trace:\n%s", scrape)
}

func TestTheCallersTraceIsContinuedOrLinked(t *testing.T) {
	header := []string{"Traceparent", traceparent}
	next := httpserver.Wrap(newMux(quiet), nil, quiet)

	trusting := traced(next, true)
	httpservertest.Ask(trusting.handler, "GET", "/docs", "", header...)
	span := trusting.span(t)
	if got := span.SpanContext().TraceID().String(); got != callerTrace || len(span.Links()) != 0 {
		t.Errorf("trusted: trace %s with %d links, want the caller's trace and no link", got, len(span.Links()))
	}

	wary := traced(next, false)
	httpservertest.Ask(wary.handler, "GET", "/docs", "", header...)
	span = wary.span(t)
	if span.SpanContext().TraceID().String() == callerTrace || span.Parent().IsValid() {
		t.Error("not trusted: the span is in the caller's trace")
	}
	if links := span.Links(); len(links) != 1 || links[0].SpanContext.TraceID().String() != callerTrace {
		t.Errorf("not trusted: links %v, want one to the caller", links)
	}
}

func TestOnlyKnownBaggagePasses(t *testing.T) {
	type want struct{ always, inTestMode string }
	both := func(passes string) want { return want{passes, passes} }
	for sent, want := range map[string]want{
		"":                       both(""),
		"customer.tier=premium":  both("customer.tier=premium"),
		"customer.tier=standard": both("customer.tier=standard"),
		"customer.tier=trial,user.email=ada%40example.org": both("customer.tier=trial"),
		"customer.tier=Premium":                            both(""),
		"customer.tier=":                                   both(""),
		"customer.tier=premium;secret=1":                   both(""),
		"tier=premium,clew.propagation=on":                 both(""),
		"clew.relation=parent,clew.propagation=off;x=1":    both(""),
		"not baggage at all":                               both(""),
		"clew.propagation=off":                             {"", "clew.propagation=off"},
		"clew.relation=link":                               {"", "clew.relation=link"},
	} {
		t.Run(sent, func(t *testing.T) {
			for _, tracing := range []apiserver.Tracing{{}, {TrustCaller: true}, {TestMode: true}} {
				want := map[bool]string{false: want.always, true: want.inTestMode}[tracing.TestMode]
				mux := http.NewServeMux()
				got := "the handler did not run"
				mux.HandleFunc("GET /", func(_ http.ResponseWriter, r *http.Request) {
					got = baggage.FromContext(r.Context()).String()
				})
				server := tracedWith(httpserver.Wrap(mux, nil, quiet), tracing)
				httpservertest.Ask(server.handler, "GET", "/", "", "Baggage", sent)
				if got != want {
					t.Errorf("%+v: baggage %q, want %q", tracing, got, want)
				}
			}
		})
	}
}

func TestTheCustomersTierIsOnTheSpan(t *testing.T) {
	for sent, want := range map[string]string{"customer.tier=premium": "premium", "customer.tier=gold": "", "": ""} {
		server := traced(httpserver.Wrap(newMux(quiet), nil, quiet), true)
		httpservertest.Ask(server.handler, "GET", "/docs", "", "Baggage", sent)
		if got := attributeOf(server.span(t).Attributes(), "customer.tier"); got != want {
			t.Errorf("%q: customer.tier %q, want %q", sent, got, want)
		}
	}
}

func TestAHandlerCanStream(t *testing.T) {
	mux := http.NewServeMux()
	seen := make(chan struct{})
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		select {
		case <-seen:
			_, _ = io.WriteString(w, "second")
		case <-r.Context().Done():
		}
	})
	server := httptest.NewServer(traced(httpserver.Wrap(mux, nil, quiet), true).handler)
	defer server.Close()

	answer, err := server.Client().Get(server.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	first := make([]byte, len("first"))
	if _, err := io.ReadFull(answer.Body, first); err != nil {
		t.Fatal(err)
	}
	close(seen)
	rest, err := io.ReadAll(answer.Body)
	if string(first) != "first" || string(rest) != "second" || err != nil {
		t.Errorf("got %q then %q, %v", first, rest, err)
	}
}
