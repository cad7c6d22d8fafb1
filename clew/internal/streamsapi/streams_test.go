package streamsapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
)

func TestStreams(t *testing.T) {
	r := newRig(t)
	r.add("orders:{1}", "1-0", "type", "order.created.v1", "subject", "o")
	r.client.XGroupCreate(t.Context(), "orders:{1}", "inventory", "0")
	got := read[struct{ Items []messaging.StreamInfo }](r, "/api/streams")
	var shown []string
	for _, s := range got.Items {
		shown = append(shown, fmt.Sprint(s.Stream, s.Partition, s.Messages, len(s.Groups)))
	}
	if diff := cmp.Diff([]string{"orders0 0 0", "orders1 1 1", "stock0 0 0", "stock1 0 0"}, shown); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnEntryIsShownRaw(t *testing.T) {
	r := newRig(t)
	hostile := "<img src=x onerror=alert(1)>\x00\xff\u202e"
	r.add("orders:{1}", "1-0", "specversion", "1.0", "data", hostile, "long", strings.Repeat("x", 1<<20))
	got := read[messaging.Entry](r, "/api/streams/orders/1/entries/1-0")
	want := messaging.Entry{ID: "1-0", Key: "orders:{1}", Fields: [][2]string{
		{"specversion", "1.0"}, {"data", strings.ToValidUTF8(hostile, "\ufffd")},
		{"long", strings.Repeat("x", messaging.MaxDataBytes) + "… (1048576 bytes)"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for place, says := range map[string]string{
		"orders/1/entries/1-1":                    "not in the stream any more",
		"orders/1/entries/-":                      "no entry",
		"orders/1/entries/1":                      "no entry",
		"orders/1/entries/99999999999999999999-0": "no entry",
		"orders/2/entries/1-0":                    "no partition",
		"orders/x/entries/1-0":                    "no partition",
		"secrets/0/entries/1-0":                   "no stream",
	} {
		r.wantProblem(r.ask(http.MethodGet, "/api/streams/"+place, ""), http.StatusNotFound, says)
	}
}

func TestPending(t *testing.T) {
	r := newRig(t)
	r.add("stock:{0}", "1-0", "type", "stock.reserved.v1", "subject", "o")
	r.add("stock:{0}", "2-0", "type", "stock.reserved.v1", "subject", "p")
	for _, command := range [][]any{
		{"XGROUP", "CREATE", "stock:{0}", "order", "0"}, {"XREADGROUP", "GROUP", "order", "order-1", "STREAMS", "stock:{0}", ">"},
	} {
		if err := r.client.Do(t.Context(), command...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	type list struct{ Items []pending }
	got := read[list](r, "/api/streams/stock/pending")
	if len(got.Items) != 2 || got.Items[0].Subject != "o" || got.Items[0].Consumer != "order-1" || got.Items[0].Deliveries != 1 {
		t.Errorf("%+v", got)
	}
	if got.Items[0].Queued {
		t.Error("a consumer of two messages is said to hold more than it works on")
	}
	for i := range messaging.DefaultWorkers {
		r.add("orders:{0}", fmt.Sprintf("%d-0", i+1), "type", "order.created.v1", "subject", "q")
	}
	r.add("orders:{0}", "99-0", "type", "order.created.v1", "subject", "q")
	r.client.XGroupCreate(t.Context(), "orders:{0}", "inventory", "0")
	r.client.XReadGroup(t.Context(), &redis.XReadGroupArgs{Group: "inventory", Consumer: "inventory-1", Streams: []string{"orders:{0}", ">"}})
	if got := read[list](r, "/api/streams/orders/pending"); len(got.Items) != messaging.DefaultWorkers+1 || !got.Items[0].Queued {
		t.Errorf("%+v, want them queued", got.Items)
	}
	r.client.Del(t.Context(), "orders:{0}")
	if got := read[list](r, "/api/streams/stock/pending?limit=1"); len(got.Items) != 1 {
		t.Errorf("%d of one", len(got.Items))
	}
	if got := read[list](r, "/api/streams/orders/pending"); got.Items == nil || len(got.Items) != 0 {
		t.Errorf("%v, want an empty list", got.Items)
	}
	r.wantProblem(r.ask(http.MethodGet, "/api/streams/secrets/pending", ""), http.StatusNotFound, "no stream")
	for _, limit := range []string{"0", "-1", "1001", "many"} {
		r.wantProblem(r.ask(http.MethodGet, "/api/streams/stock/pending?limit="+limit, ""), http.StatusBadRequest, "expected 1 to 1000")
	}
}
