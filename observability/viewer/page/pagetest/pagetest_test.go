package pagetest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var browser Browser

func TestMain(m *testing.M) {
	code := browser.Run(m)
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// serve answers each path with HTML; all others are not found.
func serve(t *testing.T, pages map[string]string) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		html, found := pages[r.URL.Path]
		w.Header().Set("Content-Security-Policy", "img-src 'self' data:")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if !found {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte("<!doctype html><link rel=icon href=data:,>" + html))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// witness is a test that only notes what is said against it.
type witness struct {
	testing.TB
	said []string
}

func (w *witness) Errorf(format string, args ...any) {
	w.said = append(w.said, fmt.Sprintf(format, args...))
}
func (w *witness) Log(args ...any) { w.said = append(w.said, strings.TrimSpace(fmt.Sprintln(args...))) }
func (w *witness) Failed() bool    { return len(w.said) > 0 }
func (w *witness) Helper()         {}

func TestAProblemOfThePageFailsTheTest(t *testing.T) {
	for name, test := range map[string]struct {
		html, want string // want is empty if nothing is wrong
	}{
		"nothing":                {`<p>fine</p><script>console.warn('careful')</script>`, ""},
		"an answer of the API":   {`<script>fetch('/api/none')</script>`, ""},
		"an error":               {`<script>null.x</script>`, "Cannot read properties of null"},
		"an error later":         {`<script>setTimeout(() => null.x)</script>`, "Cannot read properties of null"},
		"a rejection":            {`<script>Promise.reject(Error('no'))</script>`, "Error: no"},
		"an error that is told":  {`<script>console.error('bad', 1)</script>`, "error: bad 1"},
		"a file that is missing": {`<script src=/none.js></script>`, "404"},
		"the policy":             {`<img src=http://127.0.0.2/x.png>`, "Content Security Policy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			url := serve(t, map[string]string{"/": test.html, "/after": "after"})
			w := &witness{TB: t}
			t.Cleanup(func() { // after what the tab does at the end
				said := strings.Join(w.said, "\n")
				if test.want == "" && said != "" || !strings.Contains(said, test.want) {
					t.Errorf("said is %q, want %q", said, test.want)
				}
				if _, path, found := strings.Cut(said, "screenshot: "); found {
					if picture, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(picture), "\x89PNG") {
						t.Errorf("no screenshot: %v", err)
					}
				} else if test.want != "" {
					t.Errorf("said is %q, want a screenshot", said)
				}
			})
			tab := browser.Open(w, url, Look{})
			Eval[bool](tab, "new Promise(done => setTimeout(() => done(true)))")
			tab.Go(url + "/after") // and it is not forgotten
		})
	}
}

func TestATabIsWhatAPersonHas(t *testing.T) {
	url := serve(t, map[string]string{"/": `<title>one</title><p>some <b>words</b>
		<input onkeydown="document.title += event.key"><button onclick="location = '/two'">Next</button>`, "/two": `two`})
	tab := browser.Open(t, url, Look{Width: 390, Height: 700, Dark: true})
	if got := Eval[string](tab, "`${innerWidth} ${innerHeight} ${matchMedia('(prefers-color-scheme: dark)').matches}`"); got != "390 700 true" {
		t.Errorf("width, height, dark: %s", got)
	}
	if got := tab.Texts("p"); !slices.Equal(got, []string{"some words Next"}) {
		t.Errorf("texts %q", got)
	}
	tab.UntilText("some words")
	tab.Type("input", "ab")
	tab.Focus("input")
	tab.Keys("c")
	tab.Until("document.querySelector('input').value === 'abc' && document.title === 'oneabc'")
	tab.Fits()
	tab.Press("Next")
	tab.UntilText("two")
}
