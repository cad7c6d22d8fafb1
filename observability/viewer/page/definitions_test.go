package page

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestDashboardsInTheOrderOfTheirLinks(t *testing.T) {
	r := newRigAt(t, "")
	list := read[struct{ Items []map[string]string }](r, "/api/dashboards")
	want := []map[string]string{
		{"uid": "clew-overview", "title": "Overview", "description": ""},
		{"uid": "clew-second", "title": "Second", "description": "2"},
		{"uid": "clew-alone", "title": "Alone", "description": ""},
	}
	if diff := cmp.Diff(want, list.Items); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	one := read[map[string]any](r, "/api/dashboards/clew-second")
	panels := one["panels"].([]any)
	if one["title"] != "Second" || len(panels) != 1 {
		t.Errorf("%v, want the file as it is", one)
	}
	r.wantProblem(r.ask(http.MethodGet, "/api/dashboards/nothing", ""), http.StatusNotFound, `no dashboard "nothing"`)
}

func TestARunbookIsHTMLWithoutScripts(t *testing.T) {
	r := newRigAt(t, "")
	got := read[map[string]string](r, "/api/runbooks/StreamLag")
	want := map[string]string{"alert": "StreamLag", "html": "<h1 id=\"lag\">Lag</h1>\n" +
		`<p>See <a href="/runbooks/Other">Other</a>, <a href="/runbooks/README">all</a>, ` +
		`<a href="https://example.com/x.md">away</a> and <a href="">evil</a>.</p>` + "\n" +
		"<!-- raw HTML omitted -->\n<p><code>a &lt; b</code></p>\n" +
		"<pre><code class=\"language-promql\">sum by (job) (up) &gt; 1\n</code></pre>\n" +
		"<p><a href=\"/query?query=sum+by+%28job%29+%28up%29+%3E+1\">Run it</a></p>\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, missing := range []string{"Nothing", "..%2FStreamLag", "StreamLag.md"} {
		r.wantProblem(r.ask(http.MethodGet, "/api/runbooks/"+missing, ""), http.StatusNotFound, "no runbook")
	}
}

func TestADashboardNeedsAUIDOfItsOwn(t *testing.T) {
	p := page{Config: Config{Dashboards: fstest.MapFS{
		"a.json": {Data: []byte(`{"uid":"same","title":"First"}`)}, "b.json": {Data: []byte(`{"uid":"same","title":"Second"}`)},
		"nameless.json": {Data: []byte(`{"title":"Third"}`)},
	}}}
	all, err := p.readDashboards()
	if err != nil || len(all) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	if all[0].UID != "same" || all[1].UID != "nameless" || all[0].Problem+all[1].Problem != "" {
		t.Errorf("%+v, want the first with its uid and the nameless one with its file's name", all)
	}
	if want := `b.json has the uid "same", as has the dashboard "First": each needs one of its own`; all[2].Problem != want {
		t.Errorf("%q, want %q", all[2].Problem, want)
	}
}

func TestADashboardThatIsNoJSONIsNamed(t *testing.T) {
	p := page{Config: Config{Dashboards: fstest.MapFS{"broken.json": {Data: []byte("{")}}}}
	_, err := p.readDashboards()
	if err == nil || asProblem(err).Status != http.StatusInternalServerError || !strings.Contains(err.Error(), "broken.json") {
		t.Errorf("%v, want the file named", err)
	}
}
