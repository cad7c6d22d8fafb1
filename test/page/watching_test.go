package page_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	root "example.com/clew"
	"example.com/clew/observability/viewer/page/pagetest"
	"example.com/clew/test/internal/clewtest"
)

var alertName = regexp.MustCompile(`(?m)^ *- alert: (\w+)`)

func (c *clew) showsAlerts(t *testing.T) {
	rules, err := root.Rules.ReadFile("observability/prometheus/rules/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	tab := c.open(t, "/alerts")
	names := alertName.FindAllSubmatch(rules, -1)
	for _, name := range names {
		tab.Until(fmt.Sprintf("document.querySelector('[data-alert=%s]')", name[1]))
	}
	if shown := tab.Texts("[data-alert]"); len(shown) != len(names) || len(names) == 0 {
		t.Errorf("%d alerts are shown, want %d", len(shown), len(names))
	}
	const firing = "[data-alert=DeadLetterRate][data-state=firing]" // of the load test's invalid orders
	tab.Until(fmt.Sprintf("document.querySelector('%s').textContent.includes('became dead letters')", firing))
	tab.Click(firing + " a[href='/runbooks/DeadLetterRate']")
	tab.Until("document.querySelector('.runbook h1').textContent.includes('DeadLetterRate') && document.querySelector('.runbook pre')")
}

type panel struct {
	ID          int
	Type, Title string
	Targets     []struct{ Expr string }
	FieldConfig struct{ Defaults struct{ NoValue string } }
	Panels      []panel // of a row that is folded
}

func (c *clew) drawsDashboards(t *testing.T) {
	files, err := fs.Glob(root.Dashboards, "grafana/dashboards/*.json")
	if err != nil || len(files) != 7 {
		t.Fatalf("%q, error %v, want seven dashboards", files, err)
	}
	deadline := time.Now().Add(45 * time.Second) // rules are evaluated every 15 s at most, each from those before it
	for _, file := range files {
		var dashboard struct {
			UID    string
			Panels []panel
		}
		text, err := fs.ReadFile(root.Dashboards, file)
		if err == nil {
			err = json.Unmarshal(text, &dashboard)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Run(dashboard.UID, func(t *testing.T) {
			c.drawsPanels(t, dashboard.UID, wanted(path.Base(file), dashboard.Panels), deadline)
		})
	}
}

// wanted are the panels that must show data.
func wanted(file string, panels []panel) (all []panel) {
	for _, p := range panels {
		all = append(all, wanted(file, p.Panels)...)
		nothing := func(query struct{ Expr string }) bool {
			return slices.ContainsFunc(clewtest.NoData(), func(e clewtest.Exception) bool {
				return e.Dashboard == file && e.Expr.MatchString(query.Expr)
			})
		}
		isException := len(p.Targets) > 0 && !slices.ContainsFunc(p.Targets, func(q struct{ Expr string }) bool { return !nothing(q) })
		if p.Type != "row" && !isException {
			all = append(all, p)
		}
	}
	return all
}

// drawn are the panels that show something: what each says where it has no data, or else an empty text.
const drawn = `(() => {
	document.querySelectorAll('.board-row [aria-expanded=false]').forEach(b => b.click());
	return Object.fromEntries([...document.querySelectorAll('[data-panel]')].map(p => {
		const empty = p.querySelector('.problem, .panel-empty, .panel-waiting');
		const values = [...p.querySelectorAll('.stat-value, .gauge text')].map(v => v.textContent);
		const something = p.querySelector('canvas, .stat-value, .gauge, .bar, .panel-scroll');
		return [p.dataset.panel, { empty: empty || !something ? empty?.textContent || 'nothing' : '', values }];
	}));
})()`

func (c *clew) drawsPanels(t *testing.T, uid string, want []panel, deadline time.Time) {
	tab := browser.Open(t, c.Addresses.Viewer+"/d/"+uid+"?refresh=2s", pagetest.Look{Height: 6000}) // what is not seen asks nothing
	type shown struct {
		Empty  string
		Values []string
	}
	var missing []string
	for {
		all := pagetest.Eval[map[string]shown](tab, drawn)
		missing = nil
		for _, p := range want {
			now, found := all[strconv.Itoa(p.ID)]
			none := func(value string) bool {
				return slices.Contains([]string{p.FieldConfig.Defaults.NoValue, "No data", "–"}, value)
			}
			switch {
			case !found:
				missing = append(missing, p.Title+": not there")
			case now.Empty != "":
				missing = append(missing, p.Title+": "+now.Empty)
			case len(now.Values) > 0 && !slices.ContainsFunc(now.Values, func(v string) bool { return !none(v) }):
				missing = append(missing, fmt.Sprintf("%s: %q", p.Title, now.Values))
			}
		}
		if len(missing) == 0 || time.Now().After(deadline) {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	for _, m := range missing {
		t.Error(m)
	}
}

func (c *clew) survivesRedis(t *testing.T) {
	tab := c.open(t, "/streams")
	tab.Until("document.querySelectorAll('.streams tbody tr').length > 1")
	redis := *c.Process("redis").PID
	t.Cleanup(func() { _ = syscall.Kill(redis, syscall.SIGCONT) })
	if err := syscall.Kill(redis, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	tab.Until("document.querySelector('.streams > .problem')")
	if rows := tab.Texts(".streams tbody tr"); len(rows) < 2 {
		t.Errorf("what was known is gone: %q", rows)
	}
	t.Logf("it says %q", tab.Texts(".problem"))
	if err := syscall.Kill(redis, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	tab.Until("!document.querySelector('.problem')")
}
