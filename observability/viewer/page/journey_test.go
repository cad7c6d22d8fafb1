package page

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const placed = `{"resourceSpans":[{"scopeSpans":[{"spans":[
	{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"POST /orders","kind":2,"startTimeUnixNano":"1000000000"},
	{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002","parentSpanId":"0000000000000001","name":"create orders",
		"startTimeUnixNano":"1000000001","attributes":[
		{"key":"messaging.system","value":{"stringValue":"redis_streams"}},{"key":"messaging.operation.name","value":{"stringValue":"create"}},
		{"key":"messaging.message.id","value":{"stringValue":"m"}},{"key":"cloudevents.event_type","value":{"stringValue":"order.created.v1"}},
		{"key":"messaging.message.conversation_id","value":{"stringValue":"o-1"}}]},
	{"traceId":"00000000000000000000000000000001","spanId":"0000000000000003","parentSpanId":"0000000000000002","name":"send orders",
		"startTimeUnixNano":"1000000002","attributes":[
		{"key":"messaging.operation.name","value":{"stringValue":"send"}},{"key":"messaging.message.id","value":{"stringValue":"m"}}]}
]}]}]}`

// export sends OTLP's JSON to the viewer.
func (r *rig) export(t *testing.T, spans string) {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/v1/traces", strings.NewReader(spans))
	request.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	if r.viewer.OTLPHandler().ServeHTTP(w, request); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestAJourneyIsMadeOfTracesAndOfWhatIsPending(t *testing.T) {
	r := newRig(t)
	r.export(t, placed)
	const own = "00000000000000000000000000000001"
	path := "/api/orders/o-1/journey?trace=" + own + "&since=1970-01-01T00:00:01Z"
	type answer struct {
		Journey struct {
			Turns []struct{ Sent *struct{ Name string } }
		}
		Where struct {
			Turn  int
			Place string
			Held  *struct{ Consumer string }
		}
		Problem string
	}
	got := read[answer](r, path)
	if turns := got.Journey.Turns; len(turns) != 2 || turns[0].Sent == nil || turns[1].Sent != nil {
		t.Errorf("%+v", turns)
	}
	if got.Where.Place != "attempt" || got.Where.Turn != 1 || got.Where.Held.Consumer != "of o-1" {
		t.Errorf("%+v", got.Where)
	}

	r.shelf.broken = errors.New("Redis is away")
	if got := read[answer](r, path); got.Where.Place != "stream" || got.Problem != "Redis is away" {
		t.Errorf("while it is not known what is pending: %+v", got)
	}
	r.wantProblem(r.ask(http.MethodGet, "/api/orders/o-1/journey?trace="+own, ""), http.StatusBadRequest, "RFC 3339")
	r.wantProblem(r.ask(http.MethodGet, "/api/orders/o-1/journey?trace=x&since=1970-01-01T00:00:01Z", ""), http.StatusBadRequest, "hexadecimal")
}

func TestFatesOfOrders(t *testing.T) {
	r := newRig(t)
	r.export(t, placed)
	type fate struct {
		Finished *string
		Dead     bool
	}
	if got := read[map[string]fate](r, "/api/fates"); len(got) != 1 || got["o-1"] != (fate{}) {
		t.Errorf("%+v, want o-1, which is on its way", got)
	}
	answered := strings.NewReplacer("order.created.v1", "stock.reserved.v1", "send", "x", "POST /orders", "process", `"m"`, `"n"`).Replace(placed)
	r.export(t, strings.ReplaceAll(answered, "0000000000000001", "000000000000000a"))
	if got := read[map[string]fate](r, "/api/fates"); got["o-1"].Finished == nil || *got["o-1"].Finished != "1970-01-01T00:00:01.000000001Z" {
		t.Errorf("%+v, want o-1 finished", got)
	}
}
