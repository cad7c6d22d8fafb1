package page

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"

	"example.com/clew/observability/telemetry/httpserver"
)

// lessonsFolder has the lessons; the table of its README.md is their list.
const lessonsFolder = "docs/lessons"

// A document is one in a list.
type document struct {
	Path  string `json:"path"`
	Title string `json:"title"`
}

// A lesson is in the list of lessons, which says what it is about.
type lesson struct {
	document
	About string   `json:"about"`
	Check *command `json:"check"` // nil if it has none
}

// documentPaths returns the paths of all documents, README first, and last the others at the root.
func (p *page) documentPaths() []string {
	var all []string
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/*/*.md", "*.md"} {
		found, err := fs.Glob(p.Documents, pattern)
		if err != nil {
			panic(err) // the pattern is wrong
		}
		all = append(all, slices.DeleteFunc(found, func(file string) bool { return slices.Contains(all, file) })...)
	}
	return all
}

// getDocuments lists all, by what they are for.
func (p *page) getDocuments(*http.Request) (any, error) {
	lessons, err := p.lessons()
	if err != nil {
		return nil, err
	}
	documents, decisions := []document{}, []document{}
	for _, file := range p.documentPaths() {
		source, err := fs.ReadFile(p.Documents, file)
		if err != nil {
			return nil, err
		}
		d := document{file, title(file, source)}
		switch folder := path.Dir(file); {
		case folder == "docs/adr":
			decisions = append(decisions, d)
		case folder != lessonsFolder || path.Base(file) == "README.md":
			documents = append(documents, d)
		}
	}
	return map[string]any{"lessons": lessons, "documents": documents, "decisions": decisions}, nil
}

// title is a document's first heading, or else its path.
func title(file string, source []byte) string {
	for line := range strings.Lines(string(source)) {
		if title, found := strings.CutPrefix(line, "# "); found {
			return strings.TrimSpace(title)
		}
	}
	return file
}

// lessons are those of the list, each with its check.
func (p *page) lessons() ([]lesson, error) {
	lessons, err := p.lessonList()
	for i := range lessons {
		l := &lessons[i]
		text, err := fs.ReadFile(p.Documents, l.Path)
		if err != nil {
			return nil, err
		}
		for _, c := range p.commandsOf(readMarkdown(l.Path, text)) {
			if c.Check {
				l.Check = &c
			}
		}
	}
	return lessons, err
}

// lessonList reads the table in the lessons' README: number, link, and what the lesson is about.
func (p *page) lessonList() ([]lesson, error) {
	lessons := []lesson{}
	if !isFile(p.Documents, lessonsFolder+"/README.md") {
		return lessons, nil
	}
	source, err := fs.ReadFile(p.Documents, lessonsFolder+"/README.md")
	if err != nil {
		return nil, err
	}
	index := readMarkdown(lessonsFolder+"/README.md", source)
	for _, row := range nodes[*extast.TableRow](index) {
		for _, link := range nodes[*ast.Link](markdown{document: row}) {
			file := path.Join(lessonsFolder, string(link.Destination))
			lessons = append(lessons, lesson{document: document{file, index.plain(link)}, About: index.plain(row.LastChild())})
		}
	}
	return lessons, nil
}

// getDocument answers a document as HTML, or a file to which one points as text.
func (p *page) getDocument(r *http.Request) (any, error) {
	file := r.PathValue("path")
	from := p.Documents
	if !isFile(from, file) {
		from = p.Repository
	}
	if !isFile(from, file) || !p.isShown(file) {
		return nil, httpserver.Problemf(http.StatusNotFound, "there is no document %.200q", file)
	}
	source, err := fs.ReadFile(from, file)
	if err != nil {
		return nil, httpserver.Problemf(http.StatusInternalServerError, "read document %s: %v", file, err)
	}
	answer := map[string]any{"path": file, "title": title(file, source)}
	if !strings.HasSuffix(file, ".md") {
		if !utf8.Valid(source) {
			return nil, httpserver.Problemf(http.StatusUnsupportedMediaType, "%s is no text, and cannot be shown", file)
		}
		answer["title"], answer["text"] = file, string(source)
		return answer, nil
	}
	m := p.newText(file, source)
	if answer["html"], err = m.html(); err != nil {
		return nil, httpserver.Problemf(http.StatusInternalServerError, "show document %s: %v", file, err)
	}
	answer["headings"], answer["commands"] = m.headings(), p.commandsOf(m)
	lessons, err := p.lessonList()
	if i := slices.IndexFunc(lessons, func(l lesson) bool { return l.Path == file }); i >= 0 {
		if i > 0 {
			answer["previous"] = lessons[i-1].document
		}
		if i+1 < len(lessons) {
			answer["next"] = lessons[i+1].document
		}
	}
	return answer, err
}

// isShown tells whether a file is a document, or one points to it: nothing else of the repository is shown.
func (p *page) isShown(file string) bool {
	return p.linked()[file] || isFile(p.Documents, file) && pictureTypes[path.Ext(file)] == ""
}

// pictureTypes are the content types of pictures, by the end of their names.
var pictureTypes = map[string]string{".png": "image/png", ".svg": "image/svg+xml"}

// getPicture serves a picture of a document. Browsers revalidate it, as they do the page's files.
func (p *page) getPicture(w http.ResponseWriter, r *http.Request) {
	content, err := fs.ReadFile(p.Documents, r.PathValue("path"))
	contentType, known := pictureTypes[path.Ext(r.PathValue("path"))]
	if err != nil || !known {
		httpserver.Problemf(http.StatusNotFound, "there is no picture %.200q", r.PathValue("path")).Write(w)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'") // a chart has its colours in it
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", fmt.Sprintf(`"%.12x"`, sha256.Sum256(content)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
