package load

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// A trace that begins here goes on in the order service; of any other, it decides for itself.
func TestARequestCarriesItsTraceOnlyIfItIsSampled(t *testing.T) {
	status := http.StatusCreated
	var carried http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		carried = r.Header
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"id": "o-1"}`)
	}))
	defer server.Close()
	send := func(t *testing.T, sampler sdktrace.Sampler) []sdktrace.ReadOnlySpan {
		t.Helper()
		spans := tracetest.NewSpanRecorder()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithSpanProcessor(spans))
		sender := NewHTTP(server.URL, nil, provider.Tracer("test"), func(Arrival, Answer) {})
		sender.Send(t.Context(), Arrival{SKU: "load-001"})
		sender.Wait()
		return spans.Ended()
	}
	attributes := func(span sdktrace.ReadOnlySpan) map[string]any {
		all := map[string]any{}
		for _, a := range span.Attributes() {
			all[string(a.Key)] = a.Value.AsInterface()
		}
		return all
	}

	t.Run("sampled", func(t *testing.T) {
		span := send(t, sdktrace.AlwaysSample())[0]
		want := "00-" + span.SpanContext().TraceID().String() + "-" + span.SpanContext().SpanID().String() + "-01"
		if got := carried.Get("traceparent"); got != want {
			t.Errorf("traceparent %q, want %q", got, want)
		}
		if span.Name() != "POST" || span.SpanKind() != trace.SpanKindClient {
			t.Errorf("a span %s %s, want POST client", span.Name(), span.SpanKind())
		}
		wantAttributes := map[string]any{
			"http.request.method": "POST", "http.response.status_code": int64(201), "url.full": server.URL + "/orders",
			"server.address": "127.0.0.1", "server.port": int64(server.Listener.Addr().(*net.TCPAddr).Port),
		}
		if diff := cmp.Diff(wantAttributes, attributes(span)); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
	})
	t.Run("refused", func(t *testing.T) {
		status = http.StatusServiceUnavailable
		span := send(t, sdktrace.AlwaysSample())[0]
		if got := attributes(span)["error.type"]; got != "503" || span.Status().Code != codes.Error {
			t.Errorf("error.type %v, status %v", got, span.Status())
		}
	})
	t.Run("not sampled", func(t *testing.T) {
		if spans := send(t, sdktrace.NeverSample()); len(spans) != 0 || carried.Get("traceparent") != "" {
			t.Errorf("%d spans, traceparent %q; want none", len(spans), carried.Get("traceparent"))
		}
	})
}

// What follows a request may read its address: the password in it is sent, and written down nowhere.
func TestAPasswordIsOnNoSpan(t *testing.T) {
	var user, password string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { user, password, _ = r.BasicAuth() }))
	defer server.Close()
	spans := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
	sender := NewHTTP(server.URL, url.UserPassword("tools", "secret"), tracer, func(Arrival, Answer) {})
	sender.Send(t.Context(), Arrival{SKU: "load-001"})
	sender.Wait()
	if user != "tools" || password != "secret" {
		t.Errorf("sent by %q with %q", user, password)
	}
	if text := fmt.Sprint(spans.Ended()[0].Attributes()); strings.Contains(text, "secret") {
		t.Errorf("attributes %s", text)
	}
}

func TestAClientUsesNoProxyAndFollowsNoRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	client := NewClient(0)
	defer client.CloseIdleConnections()
	response, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("%s, want the redirect itself", response.Status)
	}
	if client.Transport.(*http.Transport).Proxy != nil {
		t.Error("it uses the proxy that HTTP_PROXY names")
	}
}
