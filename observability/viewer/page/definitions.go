package page

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"example.com/clew/observability/telemetry/httpserver"
)

// firstDashboard is the first in the list. Each dashboard has a link to the next.
const firstDashboard = "clew-overview"

// dashboard is an entry of the list, with the unchanged file.
type dashboard struct {
	UID         string `json:"uid"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Problem     string `json:"problem,omitempty"` // why it cannot be opened

	next string // uid of the dashboard to read after this one
	file []byte
}

// readDashboards returns all dashboards, in the order of their links, and last those without a link to them.
func (p *page) readDashboards() ([]dashboard, error) {
	names, err := fs.Glob(p.Dashboards, "*.json")
	if err != nil {
		return nil, err
	}
	byUID := map[string]dashboard{}
	var faulty []dashboard
	for _, name := range names {
		content, err := fs.ReadFile(p.Dashboards, name)
		if err != nil {
			return nil, httpserver.Problemf(http.StatusInternalServerError, "read dashboard: %v", err)
		}
		d := dashboard{file: content}
		var links struct{ Links []struct{ Title, URL string } }
		if err := errors.Join(json.Unmarshal(content, &d), json.Unmarshal(content, &links)); err != nil {
			return nil, httpserver.Problemf(http.StatusInternalServerError, "read dashboard %s: %v", name, err)
		}
		for _, link := range links.Links {
			if strings.HasPrefix(link.Title, "Next: ") {
				d.next = strings.TrimPrefix(link.URL, "/d/")
			}
		}
		if d.UID == "" {
			d.UID = strings.TrimSuffix(name, ".json")
		}
		if other, taken := byUID[d.UID]; taken {
			d.Problem = fmt.Sprintf("%s has the uid %q, as has the dashboard %q: each needs one of its own", name, d.UID, other.Title)
			faulty = append(faulty, d)
			continue
		}
		byUID[d.UID] = d
	}
	var ordered []dashboard
	for d, found := byUID[firstDashboard]; found; d, found = byUID[d.next] {
		ordered = append(ordered, d)
		delete(byUID, d.UID)
	}
	left := len(ordered)
	for _, d := range byUID {
		ordered = append(ordered, d)
	}
	slices.SortFunc(ordered[left:], func(a, b dashboard) int { return cmp.Compare(a.Title, b.Title) })
	return append(ordered, faulty...), nil
}

func (p *page) getDashboards(*http.Request) (any, error) {
	all, err := p.readDashboards()
	return Items(all), err
}

func (p *page) getDashboard(r *http.Request) (any, error) {
	all, err := p.readDashboards()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(d dashboard) bool { return d.UID == r.PathValue("uid") && d.Problem == "" })
	if i < 0 {
		return nil, httpserver.Problemf(http.StatusNotFound, "there is no dashboard %.100q", r.PathValue("uid"))
	}
	return json.RawMessage(all[i].file), nil
}

// runbooksFolder is where the runbooks are in the repository, as documents point to them.
const runbooksFolder = "observability/runbooks"

var alertName = regexp.MustCompile(`^\w+$`)

// getRunbook answers a runbook as HTML.
func (p *page) getRunbook(r *http.Request) (any, error) {
	alert := r.PathValue("alert")
	source, err := fs.ReadFile(p.Runbooks, alert+".md")
	if !alertName.MatchString(alert) || errors.Is(err, fs.ErrNotExist) {
		return nil, httpserver.Problemf(http.StatusNotFound, "there is no runbook %.100q", alert)
	}
	var html string
	if err == nil {
		html, err = p.newText(runbooksFolder+"/"+alert+".md", source).html()
	}
	if err != nil {
		return nil, httpserver.Problemf(http.StatusInternalServerError, "read runbook %s: %v", alert, err)
	}
	return map[string]string{"alert": alert, "html": html}, nil
}
