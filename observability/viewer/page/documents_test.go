package page

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func pictureOf(width, height int) *fstest.MapFile {
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		panic(err) // a buffer takes everything
	}
	return &fstest.MapFile{Data: file.Bytes()}
}

var (
	documents = fstest.MapFS{
		"README.md":      {Data: []byte("# The system\n\n[Words](docs/words.md), [code](code/a.go#L2), [none](code/none.go), [binary](code/b.bin)\n")},
		"CHANGES.md":     {Data: []byte("# Changes\n")},
		"docs/chart.svg": {Data: []byte("<svg/>")},
		"docs/pic.png":   pictureOf(3, 2), "docs/page-light.png": pictureOf(4, 4), "docs/page-dark.png": pictureOf(4, 4),
		"docs/words.md": {Data: []byte("# Words\n\n## To `ack`, _again_\n\n## To ack again\n\n| a | b |\n|---|---|\n| 1 | <b>2</b> |\n\n" +
			"![one\npicture](pic.png) ![two](page-light.png)\n\n" +
			"[up](../README.md#x) [here](#to-ack-again) [alert](../observability/runbooks/Other.md) [away](https://example.com/a.md) [evil](javascript:alert(1))\n\n" +
			"See http://127.0.0.1:3000/streams, http://127.0.0.1:3000/compare?a=FIRST&b=SECOND, http://127.0.0.1:3000/traces/ID.\n")},
		"docs/adr/1.md": {Data: []byte("# One\n")},
		"docs/lessons/README.md": {Data: []byte("# Lessons\n\n| | lesson | about |\n|---|---|---|\n" +
			"| 1 | [First](1-first.md) | what comes first |\n| 2 | [Second](2-second.md) | the rest |\n")},
		"docs/lessons/1-first.md": {Data: []byte("# 1. First\n\n    indented\n\n1. Do:\n\n   ```sh\n   run a\n   stop\n   run ID\n   ```\n\n" +
			"<details>\n<summary>One & all</summary>\n\nSolved\n\n</details>\n\n<details open onclick=\"x()\">\n\n## Check\n\n```sh\nrun check\n```\n")},
		"docs/lessons/2-second.md": {Data: []byte("# 2. Second\n")},
	}
	repository = fstest.MapFS{
		"code/a.go": {Data: []byte("package a\n// <b>\n")}, "code/b.bin": {Data: []byte{0xff, 0xfe}},
		"secret": {Data: []byte("secret")}, "code/c.go": {},
	}
)

func TestDocumentsAreListedByWhatTheyAreFor(t *testing.T) {
	type document = map[string]string
	got := read[struct {
		Lessons []struct {
			Path, Title, About string
			Check              *command
		}
		Documents, Decisions []document
	}](newRig(t), "/api/documents")
	if diff := cmp.Diff([]document{
		{"path": "README.md", "title": "The system"}, {"path": "docs/words.md", "title": "Words"},
		{"path": "docs/lessons/README.md", "title": "Lessons"}, {"path": "CHANGES.md", "title": "Changes"},
	}, got.Documents); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]document{{"path": "docs/adr/1.md", "title": "One"}}, got.Decisions); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
	if len(got.Lessons) != 2 || got.Lessons[0].About != "what comes first" || got.Lessons[1].Check != nil {
		t.Fatalf("lessons: %+v", got.Lessons)
	}
	if diff := cmp.Diff(&command{Block: 2, Line: 0, Text: "run check", Check: true}, got.Lessons[0].Check); diff != "" {
		t.Errorf("the check (-want +got):\n%s", diff)
	}
}

func TestADocumentIsHTML(t *testing.T) {
	r := newRig(t)
	got := read[struct {
		HTML     string
		Headings []heading
	}](r, "/api/documents/docs/words.md")
	picture := func(file, class, size, alt string) string {
		return `<a href="/pictures/docs/` + file + `" class="picture` + class + `"><img src="/pictures/docs/` + file + `" alt="` + alt + `" ` +
			size + ` loading="lazy"></a>`
	}
	want := `<h1 id="words">Words</h1>
<h2 id="to-ack-_again_">To <code>ack</code>, <em>again</em></h2>
<h2 id="to-ack-again">To ack again</h2>
<div class="scroll" tabindex="0"><table class="table">
<thead>
<tr>
<th>a</th>
<th>b</th>
</tr>
</thead>
<tbody>
<tr>
<td>1</td>
<td><!-- raw HTML omitted -->2<!-- raw HTML omitted --></td>
</tr>
</tbody>
</table></div>
<p>` + picture("pic.png", "", `width="3" height="2"`, "one picture") + ` ` +
		picture("page-light.png", " in-light", `width="4" height="4"`, "two") + picture("page-dark.png", " in-dark", `width="4" height="4"`, "two") + `</p>
<p><a href="/learn/README.md#x">up</a> <a href="#to-ack-again">here</a> <a href="/runbooks/Other">alert</a> ` +
		`<a href="https://example.com/a.md">away</a> <a href="">evil</a></p>
<p>See <a href="/streams">http://127.0.0.1:3000/streams</a>, <a href="/compare">http://127.0.0.1:3000/compare?a=FIRST&amp;b=SECOND</a>, ` +
		`<a href="/traces">http://127.0.0.1:3000/traces/ID</a>.</p>
`
	if diff := cmp.Diff(want, got.HTML); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]heading{{"words", 1, "Words"}, {"to-ack-_again_", 2, "To ack, again"}, {"to-ack-again", 2, "To ack again"}}, got.Headings); diff != "" {
		t.Errorf("headings (-want +got):\n%s", diff)
	}
}

func TestALessonHasNeighboursAndWhatUnfolds(t *testing.T) {
	r := newRig(t)
	got := read[struct {
		HTML           string
		Previous, Next *document
	}](r, "/api/documents/docs/lessons/1-first.md")
	if got.Previous != nil || got.Next == nil || *got.Next != (document{"docs/lessons/2-second.md", "Second"}) {
		t.Errorf("previous %v, next %v", got.Previous, got.Next)
	}
	if want := "<details><summary>One & all</summary>\n<p>Solved</p>\n</details>\n<!-- raw HTML omitted -->\n"; !strings.Contains(got.HTML, want) {
		t.Errorf("%s, want %s", got.HTML, want)
	}
}

// Of the repository the page shows what documents point to, and nothing else.
func TestAFileToWhichADocumentPoints(t *testing.T) {
	r := newRig(t)
	readme := read[map[string]any](r, "/api/documents/README.md")
	if want := `<a href="/learn/code/a.go#L2">code</a>, none (code/none.go),`; !strings.Contains(readme["html"].(string), want) {
		t.Errorf("%s, want %s", readme["html"], want)
	}
	want := map[string]any{"path": "code/a.go", "title": "code/a.go", "text": "package a\n// <b>\n"}
	if diff := cmp.Diff(want, read[map[string]any](r, "/api/documents/code/a.go")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.wantProblem(r.ask(http.MethodGet, "/api/documents/code/b.bin", ""), http.StatusUnsupportedMediaType, "no text")
	for _, other := range []string{"secret", "code/c.go", "code", "docs/pic.png", "docs/chart.svg", "code/none.go", "docs/..%2Fsecret", "nothing.md"} {
		r.wantProblem(r.ask(http.MethodGet, "/api/documents/"+other, ""), http.StatusNotFound, "there is no document")
	}
}

func TestPictures(t *testing.T) {
	r := newRig(t)
	got := r.ask(http.MethodGet, "/pictures/docs/pic.png", "")
	if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "image/png" || !bytes.Equal(got.Body.Bytes(), documents["docs/pic.png"].Data) {
		t.Errorf("%d %v", got.Code, got.Header())
	}
	if again := r.ask(http.MethodGet, "/pictures/docs/pic.png", "", "If-None-Match", got.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("it is sent again: %d", again.Code)
	}
	chart := r.ask(http.MethodGet, "/pictures/docs/chart.svg", "")
	if chart.Code != http.StatusOK || chart.Header().Get("Content-Type") != "image/svg+xml" ||
		!strings.HasPrefix(chart.Header().Get("Content-Security-Policy"), "default-src 'none';") {
		t.Errorf("%d %v", chart.Code, chart.Header())
	}
	for _, other := range []string{"README.md", "docs/none.png"} {
		r.wantProblem(r.ask(http.MethodGet, "/pictures/"+other, ""), http.StatusNotFound, "there is no picture")
	}
}
