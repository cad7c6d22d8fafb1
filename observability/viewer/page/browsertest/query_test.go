package browsertest

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/chromedp"

	"example.com/clew/observability/viewer/page/pagetest"
)

// oneSeries is an engine with one series, lag, which is 3.
func oneSeries(w http.ResponseWriter, r *http.Request) {
	labels := object{"__name__": "lag", "stream": "orders"}
	switch {
	case strings.Contains(r.URL.Path, "/label/"):
		writeJSON(w, object{"status": "success", "data": []string{"lag", "up"}})
	case strings.HasSuffix(r.URL.Path, "query_range"):
		start, _ := strconv.ParseFloat(r.FormValue("start"), 64)
		writeJSON(w, object{"status": "success", "data": object{"resultType": "matrix", "result": []object{
			{"metric": labels, "values": []any{[]any{start, "3"}, []any{start + 2, "3"}}},
		}}})
	default:
		writeJSON(w, object{"status": "success", "data": object{"resultType": "vector", "result": []object{
			{"metric": labels, "value": []any{time.Now().Unix(), "3"}},
		}}})
	}
}

func TestAQueryIsAskedAndDrawn(t *testing.T) {
	s := newStageOf(t, http.HandlerFunc(oneSeries), fstest.MapFS{})
	p := s.open("/query")
	p.Until("document.querySelectorAll('#metrics option').length === 2")
	p.Type("[name=query]", "lag")
	p.Press("Ask")
	p.Until("document.querySelectorAll('.panel canvas').length === 1")
	p.UntilText(`lag{stream="orders"}`)
	p.Until("[...document.querySelectorAll('.panel td')].some(td => td.textContent === '3')")
	p.Until("new URLSearchParams(location.search).get('query') === 'lag'")                                                   // so that it can be shared
	p.Until("(([a, b]) => a.bottom <= b.top)([...document.querySelectorAll('.panel')].map(p => p.getBoundingClientRect()))") // none covers the other
	p.Drag(".u-over", .2, .6)
	p.Until("/query=lag&from=\\d{13}&to=\\d{13}/.test(location.search)")
	p.UntilText("At the end")
	p.Do(chromedp.EmulateViewport(390, 800))
	p.Until("innerWidth === 390")
	p.Fits()
}

func TestAQueryOfTheAddressIsAsked(t *testing.T) {
	s := newStageOf(t, nil, fstest.MapFS{})
	s.set("/api/v1/label/__name__/values", object{"data": []string{}})
	s.set("/api/v1/query", object{"status": "success", "data": object{"resultType": "vector", "result": []any{}}})
	s.set("/api/v1/query_range", object{"status": "success", "data": object{"resultType": "matrix", "result": []any{}}})
	p := s.open("/query?query=nothing")
	p.UntilText("No data")
	if got := pagetest.Eval[string](p, "document.querySelector('[name=query]').value"); got != "nothing" {
		t.Errorf("the field has %q, want the query of the address", got)
	}
}
