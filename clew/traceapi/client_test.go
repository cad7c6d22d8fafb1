package traceapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/clew/observability/viewer/story"
)

const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"

// As Tempo answers: base64 ids, enum names, 64-bit numbers as strings.
const tempoTrace = `{"trace":{"resourceSpans":[{
	"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"inventory"}}]},
	"scopeSpans":[{"scope":{"name":"messaging"},"spans":[{
		"traceId":"S/kvNXezTaajzpKdDg5HNg==","spanId":"APBnqgupArc=","parentSpanId":"t61rcWkgMzE=",
		"name":"process orders","kind":"SPAN_KIND_CONSUMER",
		"startTimeUnixNano":"1770113730123456789","endTimeUnixNano":"1770113730125000000",
		"attributes":[
			{"key":"text","value":{"stringValue":""}},
			{"key":"int","value":{"intValue":"9007199254740993"}},
			{"key":"double","value":{"doubleValue":0.83}},
			{"key":"bool","value":{"boolValue":false}},
			{"key":"bytes","value":{"bytesValue":"AQI="}},
			{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"1"}]}}},
			{"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}}},
			{"key":"nothing","value":null}],
		"events":[{"name":"exception","timeUnixNano":"1770113730124000000",
			"attributes":[{"key":"exception.message","value":{"stringValue":"no"}}]}],
		"links":[{"traceId":"S/kvNXezTaajzpKdDg5HNg==","spanId":"t61rcWkgMzE="}],
		"status":{"message":"no answer","code":"STATUS_CODE_ERROR"}}]}]}]},
	"metrics":{"inspectedBytes":"1234"}}`

// The same as OTLP's own JSON spells it: hexadecimal ids, numbers as numbers.
const otlpTrace = `{"trace":{"resourceSpans":[{
	"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"inventory"}}]},
	"scopeSpans":[{"spans":[{
		"traceId":"4BF92F3577B34DA6A3CE929D0E0E4736","spanId":"00F067AA0BA902B7","parentSpanId":"b7ad6b7169203331",
		"name":"process orders","kind":5,
		"startTimeUnixNano":1770113730123456789,"endTimeUnixNano":1770113730125000000,
		"attributes":[
			{"key":"text","value":{"stringValue":""}},
			{"key":"int","value":{"intValue":9007199254740993}},
			{"key":"double","value":{"doubleValue":"0.83"}},
			{"key":"bool","value":{"boolValue":false}},
			{"key":"bytes","value":{"bytesValue":"AQI="}},
			{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":1}]}}},
			{"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}}},
			{"key":"nothing","value":{}}],
		"events":[{"name":"exception","timeUnixNano":1770113730124000000,
			"attributes":[{"key":"exception.message","value":{"stringValue":"no"}}]}],
		"links":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"b7ad6b7169203331"}],
		"status":{"message":"no answer","code":2}}]}]}]}}`

func TestTraceInEitherSpelling(t *testing.T) {
	at := func(ns int64) time.Time { return time.Unix(0, ns).UTC() }
	want := story.Trace{ID: traceID, Spans: []story.Span{{
		TraceID: traceID, ID: "00f067aa0ba902b7", Parent: "b7ad6b7169203331",
		Service: "inventory", Resource: story.Attributes{"service.name": "inventory"}, Name: "process orders", Kind: story.KindConsumer,
		Start: at(1770113730123456789), End: at(1770113730125000000),
		Attributes: story.Attributes{
			"text": "", "int": int64(9007199254740993), "double": 0.83, "bool": false, "bytes": "AQI=",
			"list": []any{"a", int64(1)}, "map": map[string]any{"k": true}, "nothing": nil,
		},
		Events: []story.Event{{Name: "exception", Time: at(1770113730124000000), Attributes: story.Attributes{"exception.message": "no"}}},
		Links:  []story.Link{{TraceID: traceID, SpanID: "b7ad6b7169203331"}},
		Error:  true, StatusMessage: "no answer",
	}}}
	for name, body := range map[string]string{"Tempo": tempoTrace, "OTLP": otlpTrace} {
		t.Run(name, func(t *testing.T) {
			client, requests := backEnd(t, http.StatusOK, body)
			got, err := client.Trace(t.Context(), " "+strings.ToUpper(traceID)+"\n")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(story.Span{}, "Scope")); diff != "" {
				t.Errorf("trace (-want +got):\n%s", diff)
			}
			if path := (<-requests).URL.Path; path != "/api/v2/traces/"+traceID {
				t.Errorf("asked %s", path)
			}
		})
	}
}

func TestTraceNotFound(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"404":                         {http.StatusNotFound, "trace not found"},
		"an empty trace":              {http.StatusOK, `{"trace":{},"metrics":{}}`},
		"an empty trace with no body": {http.StatusOK, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := backEnd(t, answer.status, answer.body)
			_, err := client.Trace(t.Context(), traceID)
			if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), traceID) {
				t.Errorf("error %q, want ErrNotFound with the trace's id", err)
			}
		})
	}
}

func TestUselessAnswers(t *testing.T) {
	for name, answer := range map[string]struct {
		status    int
		body, say string
	}{
		"an error, quoted":  {http.StatusBadGateway, "\x1b[2Jbroken", `502: "\x1b[2Jbroken"`},
		"not JSON":          {http.StatusOK, "<html>", "decode the answer"},
		"an id of 3 bytes":  {http.StatusOK, `{"trace":{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"AQID"}]}]}]}}`, "has 3 bytes"},
		"a time that isn't": {http.StatusOK, `{"trace":{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}}`, "startTimeUnixNano"},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := backEnd(t, answer.status, answer.body)
			_, err := client.Trace(t.Context(), traceID)
			if err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), answer.say) {
				t.Errorf("error %v, want one that says %q", err, answer.say)
			}
		})
	}
}

func TestTraceIDIsCheckedBeforeAsking(t *testing.T) {
	for _, id := range []string{"not-a-trace", traceID + "00", "../search", traceID[:31] + "g"} {
		client := New("http://127.0.0.1:0") // asking would fail otherwise
		_, err := client.Trace(t.Context(), id)
		if err == nil || !strings.Contains(err.Error(), "expected 32 hexadecimal digits") {
			t.Errorf("Trace(%q): %v", id, err)
		}
	}
}

func TestTraceEndsWithItsContext(t *testing.T) {
	client, _ := backEnd(t, http.StatusOK, tempoTrace)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Trace(ctx, traceID); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestSearch(t *testing.T) {
	client, requests := backEnd(t, http.StatusOK, `{"traces":[
		{"traceID":"77b34da6a3ce929d0e0e4736","rootServiceName":"order","rootTraceName":"POST /orders",
		 "startTimeUnixNano":"1770113730000000000","durationMs":12},
		{"traceID":"4bf92f3577b34da6a3ce929d0e0e4736","startTimeUnixNano":"1770113731000000000"}],"metrics":{}}`)
	const query = `{ .a = "b" && .c = "d+e" }`
	got, err := client.Search(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	want := []Summary{
		{ID: "0000000077b34da6a3ce929d0e0e4736", RootService: "order", RootName: "POST /orders",
			Start: time.Unix(1770113730, 0).UTC(), Duration: 12 * time.Millisecond},
		{ID: traceID, Start: time.Unix(1770113731, 0).UTC()},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if q := (<-requests).URL.Query().Get("q"); q != query {
		t.Errorf("asked for %q, want %q", q, query)
	}
}

func TestSearchFindsNothing(t *testing.T) {
	client, _ := backEnd(t, http.StatusOK, `{"metrics":{}}`)
	if got, err := client.Search(t.Context(), "{}"); err != nil || len(got) != 0 {
		t.Errorf("Search = %v, %v; want nothing, and no error", got, err)
	}
}

// backEnd answers every request alike, and hands on the first.
func backEnd(t *testing.T, status int, body string) (*Client, <-chan *http.Request) {
	requests := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case requests <- r:
		default:
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return New(server.URL + "/"), requests
}
