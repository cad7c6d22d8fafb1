package watch_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The folders that are checked here.
const (
	dashboardFolder = "../../grafana/dashboards"
	ruleFolder      = "../../observability/prometheus/rules"
	runbookFolder   = "../../observability/runbooks"
)

// dashboard is what of Grafana's classic JSON our dashboards use. A field that is missing here is refused, since the
// viewer draws the same files.
type dashboard struct {
	File string `json:"-"` // without its folder
	Text string `json:"-"`

	UID           string                    `json:"uid"`
	Title         string                    `json:"title"`
	Description   string                    `json:"description"`
	Tags          []string                  `json:"tags"`
	SchemaVersion int                       `json:"schemaVersion"`
	Version       int                       `json:"version"`
	Timezone      string                    `json:"timezone"`
	Editable      bool                      `json:"editable"`
	GraphTooltip  int                       `json:"graphTooltip"`
	Refresh       string                    `json:"refresh"`
	Time          struct{ From, To string } `json:"time"`
	Links         []map[string]any          `json:"links"`
	Templating    struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []annotation `json:"list"`
	} `json:"annotations"`
	Panels []panel `json:"panels"`
}

type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// variable has a query that is a text for a data source, and an object for what is asked of one.
type variable struct {
	Name       string          `json:"name"`
	Label      string          `json:"label"`
	Type       string          `json:"type"`
	Datasource source          `json:"datasource"`
	Query      json.RawMessage `json:"query"`
	Hide       int             `json:"hide"`
	Refresh    int             `json:"refresh"`
	Sort       int             `json:"sort"`
	Multi      bool            `json:"multi"`
	IncludeAll bool            `json:"includeAll"`
	AllValue   string          `json:"allValue"`
	Current    map[string]any  `json:"current"`
}

type annotation struct {
	Name        string `json:"name"`
	Datasource  source `json:"datasource"`
	Enable      bool   `json:"enable"`
	Hide        bool   `json:"hide"`
	IconColor   string `json:"iconColor"`
	TitleFormat string `json:"titleFormat"`
	TextFormat  string `json:"textFormat"`
	TagKeys     string `json:"tagKeys"`
	Target      struct {
		RefID    string `json:"refId"`
		Expr     string `json:"expr"`
		Interval string `json:"interval"`
	} `json:"target"`
}

type panel struct {
	ID              int                           `json:"id"`
	Type            string                        `json:"type"`
	Title           string                        `json:"title"`
	Description     string                        `json:"description"`
	Collapsed       bool                          `json:"collapsed"`
	Datasource      source                        `json:"datasource"`
	GridPos         struct{ H, W, X, Y int }      `json:"gridPos"`
	Links           []struct{ Title, URL string } `json:"links"`
	Targets         []target                      `json:"targets"`
	FieldConfig     fieldConfig                   `json:"fieldConfig"`
	Options         map[string]any                `json:"options"`
	Transformations []struct {
		ID      string
		Options any
	} `json:"transformations"`
	Panels []panel `json:"panels"` // of a row that is collapsed
}

type target struct {
	RefID        string `json:"refId"`
	Datasource   source `json:"datasource"`
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat"`
	Instant      bool   `json:"instant"`
	Exemplar     bool   `json:"exemplar"`
	Format       string `json:"format"`
}

type fieldConfig struct {
	Defaults struct {
		Unit       string           `json:"unit"`
		Decimals   *int             `json:"decimals"`
		Min        *float64         `json:"min"`
		Max        *float64         `json:"max"`
		NoValue    string           `json:"noValue"`
		Mappings   []map[string]any `json:"mappings"`
		Thresholds struct {
			Mode  string `json:"mode"`
			Steps []step `json:"steps"`
		} `json:"thresholds"`
		Custom map[string]any `json:"custom"`
	} `json:"defaults"`
	Overrides []map[string]any `json:"overrides"`
}

type step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"` // null is where the first step begins
}

// parseDashboard refuses what the types above don't know.
func parseDashboard(file, text string) (dashboard, error) {
	d := dashboard{File: file, Text: text}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return d, fmt.Errorf("%s: %w", file, err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(text), "", "  "); err != nil {
		return d, fmt.Errorf("%s: %w", file, err)
	}
	if strings.TrimRight(indented.String(), "\n")+"\n" != text {
		return d, fmt.Errorf("%s is not indented by two spaces; write it as `jq .` does", file)
	}
	return d, nil
}

// dashboards returns all of them, in the order of their names.
func dashboards(t *testing.T) (all []dashboard) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dashboardFolder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no dashboards, error %v", dashboardFolder, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := parseDashboard(filepath.Base(file), string(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// What a query is asked as.
const (
	kindRange      = "range"      // over the time range, in steps
	kindInstant    = "instant"    // once, at its end
	kindVariable   = "variable"   // a selector, of whose series one label is taken
	kindAnnotation = "annotation" // over the time range, in steps
)

// query is what a dashboard asks of Prometheus, after Grafana has put in its variables: all streams, groups, and so on.
type query struct {
	File  string // of the dashboard, without its folder
	Panel string // title of the panel, or name of the variable or annotation
	Expr  string
	Kind  string
}

func (q query) String() string { return fmt.Sprintf("%s: %q: %s", q.File, q.Panel, q.Expr) }

// queries returns what all dashboards ask.
func queries(t *testing.T) (all []query) {
	t.Helper()
	for _, d := range dashboards(t) {
		all = append(all, d.queries()...)
	}
	return all
}

func (d dashboard) queries() (all []query) {
	add := func(kind, panel, expr string) {
		all = append(all, query{d.File, panel, d.expand(expr), kind})
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			add(kindVariable, v.Name, v.selector())
		}
	}
	for _, a := range d.Annotations.List {
		add(kindAnnotation, a.Name, a.Target.Expr)
	}
	for _, p := range d.allPanels() {
		for _, t := range p.Targets {
			kind := kindRange
			if t.Instant {
				kind = kindInstant
			}
			add(kind, p.Title, t.Expr)
		}
	}
	return all
}

// allPanels returns the rows too, and what is in them while they are collapsed.
func (d dashboard) allPanels() (all []panel) {
	for _, p := range d.Panels {
		all = append(append(all, p), p.Panels...)
	}
	return all
}

var labelValues = regexp.MustCompile(`^label_values\((.+), *\w+\)$`)

// selector returns the series that a variable takes its values from; of another form than ours, the whole query.
func (v variable) selector() string {
	var q struct{ Query string }
	if err := json.Unmarshal(v.Query, &q); err != nil {
		return string(v.Query)
	}
	if found := labelValues.FindStringSubmatch(q.Query); found != nil {
		return found[1]
	}
	return q.Query
}

var variableName = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)

// expand puts in the variables, as Grafana does for a short interval and all values. What it doesn't know stays, and is
// no PromQL.
func (d dashboard) expand(expr string) string {
	values := map[string]string{"__rate_interval": "1m", "__range": "15m"}
	for _, v := range d.Templating.List {
		values[v.Name] = v.AllValue
	}
	return variableName.ReplaceAllStringFunc(expr, func(name string) string {
		if value, ok := values[strings.Trim(name, "${}")]; ok {
			return value
		}
		return name
	})
}
