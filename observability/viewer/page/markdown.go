package page

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	markup "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// A markdown is a text in Markdown that is shown: a document or a runbook.
type markdown struct {
	path     string // in the repository
	source   []byte
	document ast.Node
}

// address is one that stands in the text, with a port or without a domain, too.
var address = regexp.MustCompile(`^https?://[\w.:-]+(?:[/?#][\w/?#&=%+.,~:;@*-]*)?`)

// reader leaves out raw HTML, and links that run scripts.
var reader = goldmark.New(
	goldmark.WithExtensions(extension.Table, extension.NewLinkify(extension.WithLinkifyURLRegexp(address))),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(folds{}, 1))),
)

// newText reads a text, and leads its links and pictures to the page.
func (p *page) newText(path string, source []byte) markdown {
	m := readMarkdown(path, source)
	p.leadLinks(m)
	p.leadPictures(m)
	m.leadToQueries()
	return m
}

func readMarkdown(path string, source []byte) markdown {
	ids := parser.WithContext(parser.NewContext(parser.WithIDs(anchors{})))
	return markdown{path, source, reader.Parser().Parse(text.NewReader(source), ids)}
}

// A wide table moves within itself.
var tables = strings.NewReplacer("<table>", `<div class="scroll" tabindex="0"><table class="table">`, "</table>", "</table></div>")

func (m markdown) html() (string, error) {
	var html bytes.Buffer
	err := reader.Renderer().Render(&html, m.source, m.document)
	return tables.Replace(html.String()), err
}

// nodes returns all nodes of a kind, in their order.
func nodes[T ast.Node](m markdown) (all []T) {
	_ = ast.Walk(m.document, func(node ast.Node, entering bool) (ast.WalkStatus, error) { // the function has no error
		if n, ok := node.(T); ok && entering {
			all = append(all, n)
		}
		return ast.WalkContinue, nil
	})
	return all
}

// plain returns the words of a node, without their marks.
func (m markdown) plain(node ast.Node) string {
	var words strings.Builder
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				words.Write(n.Value(m.source))
				if n.SoftLineBreak() {
					words.WriteByte(' ')
				}
			}
		case *ast.String:
			if entering {
				words.Write(n.Value)
			}
		}
		return ast.WalkContinue, nil
	})
	return words.String()
}

// A heading is a place in a text to which links lead.
type heading struct {
	ID    string `json:"id"`
	Level int    `json:"level"`
	Title string `json:"title"`
}

func (m markdown) headings() []heading {
	all := []heading{}
	for _, h := range nodes[*ast.Heading](m) {
		id, _ := h.AttributeString("id")
		all = append(all, heading{fmt.Sprintf("%s", id), h.Level, m.plain(h)})
	}
	return all
}

// anchors are the ids of a text's headings, and how often each was given, as on GitHub.
type anchors map[string]int

func (a anchors) Generate(title []byte, _ ast.NodeKind) []byte {
	id := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(string(title)))
	a[id]++
	if n := a[id]; n > 1 {
		id = fmt.Sprintf("%s-%d", id, n-1)
	}
	return []byte(id)
}

func (a anchors) Put([]byte) {} // no heading says its id

// leadToQueries adds to each query a link that runs it.
func (m markdown) leadToQueries() {
	for _, block := range nodes[*ast.FencedCodeBlock](m) {
		if string(block.Language(m.source)) != "promql" {
			continue
		}
		link := ast.NewLink()
		link.Destination = []byte("/query?" + url.Values{"query": {strings.TrimSpace(string(block.Lines().Value(m.source)))}}.Encode())
		link.AppendChild(link, ast.NewString([]byte("Run it")))
		paragraph := ast.NewParagraph()
		paragraph.AppendChild(paragraph, link)
		block.Parent().InsertAfter(block.Parent(), block, paragraph)
	}
}

// folds writes the only HTML that texts have: what unfolds at a click. All other is left out.
type folds struct{}

var foldBegins = regexp.MustCompile(`^<details>\s*<summary>([^<>]*)</summary>\s*$`)

func (folds) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	others := map[ast.NodeKind]renderer.NodeRendererFunc{}
	markup.NewRenderer().RegisterFuncs(registry(others))
	r.Register(ast.KindHTMLBlock, func(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
		block := strings.TrimSpace(string(node.(*ast.HTMLBlock).Lines().Value(source)))
		begin := foldBegins.FindStringSubmatch(block)
		switch {
		case begin == nil && block != "</details>":
			return others[ast.KindHTMLBlock](w, source, node, entering)
		case !entering:
		case begin != nil:
			_, _ = fmt.Fprintf(w, "<details><summary>%s</summary>\n", begin[1]) // it has no tags
		default:
			_, _ = w.WriteString("</details>\n")
		}
		return ast.WalkContinue, nil
	})
}

// registry is where a renderer says what it can render.
type registry map[ast.NodeKind]renderer.NodeRendererFunc

func (r registry) Register(kind ast.NodeKind, f renderer.NodeRendererFunc) { r[kind] = f }
