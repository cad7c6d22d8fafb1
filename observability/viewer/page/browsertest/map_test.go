package browsertest

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chromedp/chromedp"

	"example.com/clew/observability/viewer/page/pagetest"
)

// measured answers each query of the map whose text has a key with its values, by their labels.
type measured map[string][]sample

type sample struct {
	labels map[string]string
	value  string
}

func (m measured) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	result := []any{}
	for part, samples := range m {
		if query := r.FormValue("query"); !strings.Contains(query, part) || strings.Contains(query, "histogram_quantile") {
			continue
		}
		for _, s := range samples {
			result = append(result, object{"metric": s.labels, "value": []any{1, s.value}})
		}
	}
	writeJSON(w, object{"status": "success", "data": object{"resultType": "vector", "result": result}})
}

func of(stream, group string) map[string]string {
	return map[string]string{"messaging_destination_name": stream, "messaging_consumer_group_name": group}
}

func from(job, stream string) map[string]string {
	return map[string]string{"job": job, "messaging_destination_name": stream}
}

func job(name string) map[string]string { return map[string]string{"job": name} }

// system is a Clew that has processed an order: beside its services a listener reads, and another has gone.
func system(t *testing.T) *stage {
	s := newStageOf(t, measured{
		"(up)":                      {{job("order"), "1"}, {job("inventory"), "2"}},
		"outbox_pending_messages":   {{job("order"), "0"}, {job("inventory"), "3"}},
		"http_server_request":       {{job("order"), "12.5"}},
		"client_sent_messages":      {{from("order", "orders"), "12.5"}, {from("inventory", "stock"), "0.5"}},
		"process_duration_seconds_": {{of("orders", "inventory"), "12.5"}, {of("stock", "order"), "0"}},
	}, fstest.MapFS{})
	s.set("/api/v1/query_range", object{"status": "success", "data": object{"result": []any{}}})
	s.record("plain")
	s.send("mailer", span(7, 0, "process orders", 0, 1, with("messaging.system", "redis_streams"),
		with("messaging.destination.name", "orders"), with("messaging.consumer.group.name", "mails")))
	group := func(name string, consumers, lag, pending int) object {
		return object{"name": name, "consumers": consumers, "pending": pending, "oldest_pending_seconds": 0, "lag": lag, "lag_capped": false, "lag_seconds": 0}
	}
	s.set("/api/streams", list(
		object{"stream": "orders", "partition": 0, "messages": 9, "dead_letters": 2, "groups": []object{
			group("inventory", 2, 5, 1), group("mails", 1, 0, 0), group("ghost", 0, 7, 0),
		}},
		object{"stream": "stock", "partition": 0, "messages": 9, "dead_letters": 0, "groups": []object{group("order", 1, 0, 0)}},
	))
	return s
}

func TestTheMapShowsTheSystem(t *testing.T) {
	s := system(t)
	p := s.open("/")
	p.Until("document.querySelectorAll('.map-node').length === 7")
	nodes := p.Texts(".map-node")
	for _, want := range []string{
		"clients", "order1 processoutbox: 0 wait", "inventory2 processesoutbox: 3 wait", "mailer", "ghostdoes not run",
		"orders7 wait, 1 in work2 dead letters", "stockempty",
	} {
		has(t, nodes, want)
	}
	labels := p.Texts(".map-label")
	has(t, labels, "13/s")
	has(t, labels, "0.5/s")
	has(t, labels, "nobody reads")
	if bad := p.Texts(".map-node.map-bad b"); len(bad) != 1 || bad[0] != "ghost" {
		t.Errorf("%q are red, want ghost", bad)
	}
	// Clients to order, order to orders, orders to inventory: six dots each. Inventory to stock: one.
	if dots := pagetest.Eval[int](p, "document.querySelectorAll('.map-edge circle').length"); dots != 3*6+1 {
		t.Errorf("%d messages move, want 19", dots)
	}
	for node, path := range map[string]string{"service inventory": "/traces", "stream orders": "/streams"} {
		p.Click("[data-node='" + node + "']")
		p.Until("location.pathname === '" + path + "'")
		p.Do(chromedp.NavigateBack())
		p.Until("document.querySelectorAll('.map-node').length === 7")
	}
	p.Do(chromedp.EmulateViewport(390, 800))
	p.Until("innerWidth === 390 && document.querySelector('.map-box').clientWidth < 390")
	p.Fits()
}

func TestTheMapIsCalm(t *testing.T) {
	s := newStageOf(t, measured{}, fstest.MapFS{})
	s.set("/api/v1/query_range", object{"status": "success", "data": object{"result": []any{}}})
	p := s.open("/")
	p.UntilText("Place an order: what it passes appears here.")
	if pagetest.Eval[bool](p, "document.querySelector('.map circle') !== null") {
		t.Error("something moves")
	}
}
