package streamsapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/clew/services/messaging"
)

const (
	deadOrders  = "orders:{0}:dlq"
	traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
)

// today is when the dead letters were created and given up: they are young enough to be redriven.
var today = time.Now().UTC().Format(time.DateOnly)

// die adds a dead letter that the group inventory gave up in this second.
func (r *rig) die(key, id string, second int, more ...any) {
	r.Helper()
	r.add(key, id, append([]any{
		"specversion", "1.0", "id", "m" + id, "source", "/order", "type", "order.created.v1", "subject", "o" + id,
		"time", today + "T00:00:00Z", "data", `{"a":1}`, "traceparent", traceparent,
		"dlqreason", "permanent", "dlqerror", "never", "dlqattempts", 1, "dlqgroup", "inventory", "dlqentryid", "5-0",
		"dlqconsumer", "inventory-1", "dlqtime", fmt.Sprintf("%sT00:00:%02dZ", today, second),
	}, more...)...)
}

func TestDeadLetters(t *testing.T) {
	r := newRig(t)
	r.die(deadOrders, "1-0", 1)
	r.die("stock:{1}:dlq", "2-0", 3, "dlqtraceparent", traceparent)
	r.die(deadOrders, "3-0", 2)
	type list struct {
		Items []map[string]any
		Total int
	}
	got := read[list](r, "/api/dead-letters")
	if got.Total != 3 || len(got.Items) != 3 || got.Items[1]["id"] != "3-0" || got.Items[2]["id"] != "1-0" {
		t.Fatalf("%+v, want three, the newest first", got)
	}
	field := func(name, value string) any { return []any{name, value} }
	want := map[string]any{
		"id": "2-0", "stream": "stock", "partition": 1.0, "reason": "permanent", "error": "never", "attempts": 1.0, "entry_id": "5-0",
		"group": "inventory", "consumer": "inventory-1", "time": today + "T00:00:03Z", "redrives": 0.0,
		"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
		"message": map[string]any{
			"id": "m2-0", "type": "order.created.v1", "subject": "o2-0", "time": today + "T00:00:00Z", "data": `{"a":1}`,
			"fields": []any{
				field("specversion", "1.0"), field("id", "m2-0"), field("source", "/order"), field("type", "order.created.v1"),
				field("subject", "o2-0"), field("time", today+"T00:00:00Z"), field("data", `{"a":1}`), field("traceparent", traceparent),
			},
		},
	}
	if diff := cmp.Diff(want, got.Items[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDeadLettersAreFound(t *testing.T) {
	r := newRig(t)
	r.die(deadOrders, "1-0", 1, "data", `{"items":[{"sku":"Lamp"}]}`)
	r.die("stock:{1}:dlq", "2-0", 3, "type", "stock.reserved.v1", "dlqreason", "exhausted")
	for n := range 250 {
		r.die(deadOrders, fmt.Sprint(n+3, "-0"), 4)
	}
	for query, want := range map[string][]string{
		"reason=exhausted": {"2-0"}, "type=stock.reserved.v1": {"2-0"}, "text=lamp": {"1-0"}, "text=+LAMP+": {"1-0"}, "text=o2-0": {"2-0"},
		"reason=permanent&type=order.created.v1&text=o1-0": {"1-0"}, "reason=exhausted&text=lamp": {}, "text=o250-0": {"250-0"},
	} {
		var got []string
		list := read[struct {
			Items         []deadLetter
			Sought, Total int
			Types         []string
		}](r, "/api/dead-letters?"+query)
		for _, d := range list.Items {
			got = append(got, d.ID)
		}
		if !slices.Equal(got, want) || list.Sought != 252 || list.Total != 252 || !slices.Contains(list.Types, "order.created.v1") {
			t.Errorf("%s: %v among %d of %d, want %v among all; types %v", query, got, list.Sought, list.Total, want, list.Types)
		}
	}
}

func TestAtMost200DeadLettersAndNotAllOfEach(t *testing.T) {
	r := newRig(t)
	if got := read[map[string]any](r, "/api/dead-letters"); got["total"] != 0.0 || len(got["items"].([]any)) != 0 {
		t.Errorf("without any: %v", got)
	}
	for n := range 250 {
		r.die(deadOrders, fmt.Sprint(n+1, "-0"), n%60, "data", strings.Repeat("x", 20<<10))
	}
	got := r.ask(http.MethodGet, "/api/dead-letters", "")
	var list struct {
		Items []deadLetter
		Total int
	}
	if err := json.Unmarshal(got.Body.Bytes(), &list); err != nil || len(list.Items) != 200 || list.Total != 250 {
		t.Fatalf("%d of %d, %v", len(list.Items), list.Total, err)
	}
	if data := list.Items[0].Message.Data; !strings.HasSuffix(data, "… (20480 bytes)") || len(data) > 17<<10 {
		t.Errorf("a long payload is shown in %d bytes: %s", len(data), data[len(data)-30:])
	}
}

// left is what there is in Redis: messages and dead letters.
func (r *rig) left() [2]int64 {
	r.Helper()
	ctx := r.Context()
	return [2]int64{r.client.XLen(ctx, "orders:{0}").Val(), r.client.XLen(ctx, deadOrders).Val()}
}

func TestRedriveAndDiscard(t *testing.T) {
	r := newRig(t)
	if err := r.client.XGroupCreateMkStream(t.Context(), "orders:{0}", "inventory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	r.die(deadOrders, "1-0", 1)
	r.die(deadOrders, "2-0", 2)
	r.die(deadOrders, "3-0", 3, "dlqgroup", "gone")
	old := time.Now().Add(-messaging.InboxRetention - time.Hour).UTC().Format(time.RFC3339)
	r.die(deadOrders, "4-0", 4, "time", old)
	act := func(id, what string) string { return "/api/dead-letters/orders/0/" + id + "/" + what }
	bearer := []string{"Authorization", "Bearer " + token}

	t.Run("the token is needed", func(t *testing.T) {
		for _, what := range []string{"redrive", "discard"} {
			for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic " + token, token} {
				got := r.ask(http.MethodPost, act("1-0", what), "", "Authorization", authorization)
				r.wantProblem(got, http.StatusUnauthorized, "open the address that `clew up` prints")
			}
			r.wantProblem(r.ask(http.MethodPost, act("1-0", what)+"?token="+token, ""), http.StatusUnauthorized, "token")
			r.wantProblem(r.ask(http.MethodGet, act("1-0", what), "", bearer...), http.StatusNotFound, "GET")
		}
		if got := r.left(); got != [2]int64{0, 4} {
			t.Errorf("%v messages and dead letters, want nothing changed", got)
		}
	})
	t.Run("redrive", func(t *testing.T) {
		got := r.ask(http.MethodPost, act("1-0", "redrive"), "", bearer...)
		var answer struct {
			TraceID string `json:"trace_id"`
		}
		if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil || got.Code != http.StatusOK || r.left() != [2]int64{1, 3} {
			t.Fatalf("%d %s, %v; left %v", got.Code, got.Body, err, r.left())
		}
		trace := r.ask(http.MethodGet, "/api/v2/traces/"+answer.TraceID, "").Body.String()
		for _, part := range []string{`"viewer"`, `"redrive orders"`, "SPAN_KIND_SERVER", `"links"`} {
			if !strings.Contains(trace, part) {
				t.Errorf("the trace of the redrive has no %s: %s", part, trace)
			}
		}
		entry := r.client.XRange(t.Context(), "orders:{0}", "-", "+").Val()[0]
		if !strings.Contains(entry.Values["redrivetraceparent"].(string), answer.TraceID) {
			t.Errorf("the entry does not lead to that trace: %v", entry.Values)
		}
	})
	t.Run("discard", func(t *testing.T) {
		got := r.ask(http.MethodPost, act("2-0", "discard"), "", bearer...)
		if got.Code != http.StatusNoContent || got.Body.Len() != 0 || r.left() != [2]int64{1, 2} {
			t.Errorf("%d %s; left %v", got.Code, got.Body, r.left())
		}
	})
	t.Run("what is gone or never was", func(*testing.T) {
		for _, what := range []string{"redrive", "discard"} {
			for place, says := range map[string]string{"orders/0/1-0": "not there any more", "orders/1/3-0": "not there any more",
				"orders/9/3-0": "no partition", "secrets/0/3-0": "no stream", "orders/0/x": "no entry"} {
				r.wantProblem(r.ask(http.MethodPost, "/api/dead-letters/"+place+"/"+what, "", bearer...), http.StatusNotFound, says)
			}
		}
		r.wantProblem(r.ask(http.MethodPost, act("3-0", "redrive"), "", bearer...), http.StatusConflict, "the group gone")
	})
	t.Run("what could take effect twice", func(*testing.T) {
		r.wantProblem(r.ask(http.MethodPost, act("4-0", "redrive"), "", bearer...), http.StatusConflict, "--force orders/0/4-0")
	})
}

func TestWhetherAnOrderHasADeadLetter(t *testing.T) {
	r := newRig(t)
	streams := New(r.client, 2, time.Second, noop.NewTracerProvider())
	r.add("stock:{1}:dlq", "1-0", "subject", "o-1", "dlqgroup", "order", "dlqtime", "2026-01-01T00:00:01Z")
	for order, want := range map[string]bool{"o-1": true, "o-2": false} {
		if got, err := streams.HasDeadLetter(t.Context(), order); got != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", order, got, err, want)
		}
	}
	for i := range maxDeadLetters {
		r.add("stock:{0}:dlq", fmt.Sprintf("%d-0", i+1), "subject", "other", "dlqgroup", "order", "dlqtime", "2026-01-01T00:00:02Z")
	}
	if got, err := streams.HasDeadLetter(t.Context(), "o-2"); !got || err != nil {
		t.Errorf("one of too many to look at: %v, %v; want true", got, err)
	}
}
