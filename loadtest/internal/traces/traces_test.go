package traces

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// received counts the spans of the service loadtest that an OTLP server was sent.
func received(t *testing.T) (url string, spans *atomic.Int64) {
	spans = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request coltracepb.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &request)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
		for _, batch := range request.ResourceSpans {
			if name := batch.Resource.Attributes[0].Value.GetStringValue(); name != "loadtest" {
				t.Errorf("spans of %q", name)
			}
			spans.Add(int64(len(batch.ScopeSpans[0].Spans)))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, spans
}

func begin(t *testing.T, traces *Traces, count int) {
	t.Helper()
	for range count {
		_, span := traces.Start(t.Context(), "POST")
		span.End()
	}
}

func TestAShareOfTheTracesIsSent(t *testing.T) {
	for _, test := range []struct {
		share       float64
		least, most int64
	}{{1, 1000, 1000}, {0.1, 50, 150}, {0, 0, 0}} { // a fair coin is outside of 50 to 150 once in ten million
		base, spans := received(t)
		traces, err := New(base, test.share)
		if err != nil {
			t.Fatal(err)
		}
		begin(t, traces, 1000)
		if err := traces.Close(); err != nil {
			t.Error(err)
		}
		if got := spans.Load(); got < test.least || got > test.most {
			t.Errorf("%d of 1000 spans at a share of %v, want %d to %d", got, test.share, test.least, test.most)
		}
	}
}

func TestTheVariableSaysWhereTracesGo(t *testing.T) {
	base, spans := received(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", base)
	traces, err := New("http://127.0.0.1:1", 1)
	if err != nil {
		t.Fatal(err)
	}
	begin(t, traces, 3)
	if err := traces.Close(); err != nil || spans.Load() != 3 {
		t.Errorf("%d spans, error %v; want 3", spans.Load(), err)
	}
}

func TestSpansThatCannotBeSentAreSaidOnce(t *testing.T) {
	traces, err := New("http://127.0.0.1:1", 1)
	if err != nil {
		t.Fatal(err)
	}
	begin(t, traces, 3)
	if err := traces.Close(); err == nil || !strings.HasPrefix(err.Error(), "some traces of the load test could not be sent: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want one line", err)
	}
}

func TestWithoutAnAddressNothingIsRecorded(t *testing.T) {
	traces, err := New("", 1)
	if err != nil {
		t.Fatal(err)
	}
	begin(t, traces, 3)
	if err := traces.Close(); err != nil {
		t.Error(err)
	}
}
