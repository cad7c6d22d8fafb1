package watch_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"example.com/clew/clew/state"
)

// The dashboard that links to traces lead to in the full stack. Grafana alone draws it: the viewer has a page instead, and
// could draw neither of its panels.

const traceFile = "../../grafana/trace/trace.json"

type traceDashboard struct {
	UID         string
	Title       string
	Description string
	Tags        []string
	Time        struct{ From, To string }
	Links       []struct{ Title, Type, URL string }
	Templating  struct{ List []struct{ Name, Type string } }
	Panels      []struct {
		ID                       int
		Type, Title, Description string
		Datasource               source
		GridPos                  struct{ H, W, X, Y int }
		Targets                  []traceTarget
	}
}

type traceTarget struct {
	Datasource source
	QueryType  string
	Query      string // of Tempo
	Expr       string // of Loki
}

func readTraceDashboard(t *testing.T) (d traceDashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(readFile(t, traceFile)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// What a command prints is the dashboard's address, with the id in its one variable.
func TestALinkToATraceLeadsToItsDashboard(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	link, err := url.Parse(state.State{Mode: state.Compose, Addresses: state.Addresses{Viewer: "http://127.0.0.1:3000"}}.TraceURL(id))
	if err != nil {
		t.Fatal(err)
	}
	d := readTraceDashboard(t)
	if link.Path != "/d/"+d.UID {
		t.Errorf("the link leads to %s, the dashboard is /d/%s", link.Path, d.UID)
	}
	if len(d.Templating.List) != 1 || d.Templating.List[0].Type != "textbox" {
		t.Fatalf("variables %+v, want one, in which an id can be written", d.Templating.List)
	}
	if diff := cmp.Diff(url.Values{"var-" + d.Templating.List[0].Name: {id}}, link.Query()); diff != "" {
		t.Errorf("the link sets other variables than there are (-dashboard +link):\n%s", diff)
	}
	for _, other := range dashboards(t) {
		if other.UID == d.UID {
			t.Errorf("%s has the uid %s, too", other.File, d.UID)
		}
	}
}

func TestTheTraceDashboardShowsSpansAndLogs(t *testing.T) {
	d := readTraceDashboard(t)
	if d.Title == "" || d.Description == "" || !slices.Equal(d.Tags, []string{"clew"}) {
		t.Error("want a title, a description and the tag clew")
	}
	there := map[source]bool{}
	for _, s := range provisionedSources(t) {
		there[s] = true
	}
	id := "${" + d.Templating.List[0].Name + "}"
	want := map[string]traceTarget{
		"traces": {Datasource: source{"tempo", "tempo"}, QueryType: "traceql", Query: id},
		// Without an id it asks for nothing, rather than for the lines of no trace.
		"logs": {Datasource: source{"loki", "loki"}, QueryType: "range", Expr: `{service_name=~".+"} | trace_id="` + id + `" | trace_id!=""`},
	}
	bottom := 0
	for _, p := range d.Panels {
		if len(p.Targets) != 1 || p.Datasource != p.Targets[0].Datasource || !there[p.Datasource] {
			t.Fatalf("%q asks %v for %+v, want one target of a data source that is there", p.Title, p.Datasource, p.Targets)
		}
		got := p.Targets[0]
		got.Expr, _, _ = strings.Cut(got.Expr, " | line_format ") // what a line looks like is not looked at here
		if diff := cmp.Diff(want[p.Type], got); diff != "" {
			t.Errorf("%q of type %s (-want +got):\n%s", p.Title, p.Type, diff)
		}
		delete(want, p.Type)
		if p.Title == "" || p.Description == "" {
			t.Errorf("panel %d has no title or no description", p.ID)
		}
		if p.GridPos.X != 0 || p.GridPos.W != 24 || p.GridPos.Y != bottom {
			t.Errorf("%q is at %+v, want it from column 0 to 24, and from %d down", p.Title, p.GridPos, bottom)
		}
		bottom += p.GridPos.H
	}
	if len(want) > 0 {
		t.Errorf("no panels that show %v", want)
	}
}

// Tempo finds a trace by its id alone; Loki looks for its lines in the dashboard's time range, and keeps no older ones.
func TestTheTraceDashboardLooksAsFarBackAsThereAreLogs(t *testing.T) {
	for file, key := range map[string]string{"loki/loki.yaml": "retention_period", "tempo/tempo.yaml": "block_retention"} {
		kept := regexp.MustCompile(key + `: (\w+)\n`).FindStringSubmatch(readFile(t, filepath.Join("../../observability", file)))
		if kept == nil {
			t.Fatalf("%s has no %s", file, key)
		}
		if d := readTraceDashboard(t); d.Time.From != "now-"+kept[1] || d.Time.To != "now" {
			t.Errorf("the time is %+v, %s has it for %s", d.Time, file, kept[1])
		}
	}
}

func TestTheTraceDashboardLeadsToExplore(t *testing.T) {
	d := readTraceDashboard(t)
	for _, link := range d.Links {
		path, query, _ := strings.Cut(link.URL, "?")
		if path != "/explore" {
			continue
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		var panes map[string]struct {
			Datasource string
			Queries    []traceTarget
		}
		if err := json.Unmarshal([]byte(values.Get("panes")), &panes); err != nil {
			t.Fatal(err)
		}
		want := traceTarget{Datasource: source{"tempo", "tempo"}, QueryType: "traceql", Query: "${" + d.Templating.List[0].Name + "}"}
		if pane := panes["traces"]; pane.Datasource != "tempo" || !slices.Equal(pane.Queries, []traceTarget{want}) {
			t.Errorf("Explore is asked for %+v, want %+v", panes, want)
		}
		return
	}
	t.Errorf("no link leads to Explore: %+v", d.Links)
}

// provisionedSources are the data sources that Grafana finds.
func provisionedSources(t *testing.T) []source {
	t.Helper()
	data, err := os.ReadFile("../../grafana/provisioning/datasources/clew.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Datasources []source }
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Datasources
}
