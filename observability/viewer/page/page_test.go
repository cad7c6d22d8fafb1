package page

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"testing"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/telemetry/httpserver/httpservertest"
)

func TestEveryAnswerIsProtected(t *testing.T) {
	r := newRig(t)
	for _, question := range []string{"/", "/static/app.js", "/api/skus", "/api/nothing", "/nothing"} {
		header := r.ask(http.MethodGet, question, "").Header()
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
				"font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":      "nosniff",
			"Referrer-Policy":             "no-referrer",
			"Access-Control-Allow-Origin": "",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", question, name, got, want)
			}
		}
	}
}

func TestThePageIsServedAtEachOfItsPaths(t *testing.T) {
	r := newRig(t)
	index, err := files.ReadFile("static/index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range []string{
		"/", "/traces", "/traces/5b8efff798038103d269b633813fc60c", "/compare?a=1&b=2", "/logs?level=warn", "/streams", "/dashboards",
		"/d/clew-overview", "/d/clew-overview/overview", "/query", "/alerts", "/runbooks/StreamLag",
		"/learn", "/learn/docs/words.md",
	} {
		got := r.ask(http.MethodGet, route, "")
		if got.Code != http.StatusOK || got.Body.String() != string(index) || got.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d, %s, %.40q", route, got.Code, got.Header().Get("Content-Type"), got.Body)
		}
	}
	for _, unknown := range []string{"/nothing", "/static/", "/static/nothing.js", "/static/../page.go", "/api/", "/api/orders/1/2", "/traces/1/2"} {
		if got := r.ask(http.MethodGet, unknown, ""); got.Code != http.StatusNotFound && got.Code != http.StatusTemporaryRedirect {
			t.Errorf("%s: %d, want 404", unknown, got.Code)
		}
	}
	answered := r.ask(http.MethodGet, "/nothing", "", "Accept", "text/html,*/*;q=0.8")
	if answered.Code != http.StatusNotFound || answered.Body.String() != string(index) {
		t.Errorf("an unknown page: %d %.40q, want 404 and the page", answered.Code, answered.Body)
	}
	r.wantProblem(r.ask(http.MethodGet, "/api/nothing", ""), http.StatusNotFound, "/api/nothing")
	r.wantProblem(r.ask(http.MethodPost, "/traces", ""), http.StatusNotFound, "POST /traces")
	got := r.ask(http.MethodGet, "/public/runbooks/StreamLag.md", "")
	if got.Code != http.StatusFound || got.Header().Get("Location") != "/runbooks/StreamLag" {
		t.Errorf("Grafana's path of a runbook: %d %s", got.Code, got.Header())
	}
}

func TestFilesOfThePage(t *testing.T) {
	r := newRig(t)
	wanted := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	sent := 0
	err := fs.WalkDir(files, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		plain := r.ask(http.MethodGet, "/"+name, "")
		if plain.Code != http.StatusOK || plain.Body.String() != string(content) || plain.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d, %s", name, plain.Code, plain.Header())
		}
		if want := wanted[path.Ext(name)]; want != "" && plain.Header().Get("Content-Type") != want {
			t.Errorf("%s is %s, want %s", name, plain.Header().Get("Content-Type"), want)
		}
		zipped := r.ask(http.MethodGet, "/"+name, "", "Accept-Encoding", "br, gzip")
		sent += zipped.Body.Len()
		unzipped, err := gzip.NewReader(zipped.Body)
		if err != nil {
			return err
		}
		if got, err := io.ReadAll(unzipped); err != nil || string(got) != string(content) || zipped.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s compressed is another file: %v, %s", name, err, zipped.Header())
		}
		for _, first := range []http.Header{plain.Header(), zipped.Header()} {
			again := r.ask(http.MethodGet, "/"+name, "", "Accept-Encoding", first.Get("Content-Encoding"), "If-None-Match", first.Get("ETag"))
			if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
				t.Errorf("%s is sent again, though it did not change: %d", name, again.Code)
			}
		}
		if plain.Header().Get("ETag") == zipped.Header().Get("ETag") {
			t.Errorf("%s has one tag for two representations", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("all of it is %d bytes on the wire", sent)
}

func TestWhatChangesSomethingNeedsTheToken(t *testing.T) {
	r := newRig(t)
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic " + token, token} {
		got := r.ask(http.MethodPost, "/api/shelf", "", "Authorization", authorization)
		r.wantProblem(got, http.StatusUnauthorized, "open the address that `clew up` prints")
	}
	for n, scheme := range []string{"Bearer ", "bearer "} {
		got := r.ask(http.MethodPost, "/api/shelf", "", "Authorization", scheme+token)
		if got.Code != http.StatusNoContent || r.shelf.count != n+1 {
			t.Errorf("%s: %d %s, done %d times", scheme, got.Code, got.Body, r.shelf.count)
		}
	}
	r.config.Token = ""
	without := New(r.config)
	for _, authorization := range []string{"", "Bearer "} {
		w := httpservertest.Ask(without, http.MethodPost, "/api/shelf", "", "Authorization", authorization)
		r.wantProblem(w, http.StatusUnauthorized, "token")
	}
}

// What is read without the order service and without streams works without them; all else says in one line what is wrong.
func TestWithoutOthers(t *testing.T) {
	r := newRig(t)
	r.shelf.broken = httpserver.Problemf(http.StatusServiceUnavailable, "the shelf is gone")
	r.wantProblem(r.ask(http.MethodGet, "/api/streams", ""), http.StatusServiceUnavailable, "the shelf is gone")
	r.wantProblem(r.ask(http.MethodGet, "/api/orders", ""), http.StatusBadGateway, "the order service does not answer")
	if got := r.ask(http.MethodGet, "/api/dashboards", ""); got.Code != http.StatusOK {
		t.Errorf("dashboards: %d", got.Code)
	}
	r.shelf.broken = errors.New("what nobody expected")
	got := r.ask(http.MethodGet, "/api/streams", "")
	r.wantProblem(got, http.StatusInternalServerError, "what nobody expected")
	if got.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a browser may keep the error: %v", got.Header())
	}
}
