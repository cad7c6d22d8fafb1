package page

import (
	"bytes"
	"image"
	_ "image/png" // the pictures' format
	"io/fs"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// ownAddress is the page's in documents, whatever it is in fact.
const ownAddress = "127.0.0.1:3000"

// leadLinks leads each link to the page that shows its file. Of a file that cannot be shown, the path stands there.
func (p *page) leadLinks(m markdown) {
	for _, auto := range nodes[*ast.AutoLink](m) {
		link := ast.NewLink()
		link.Destination = auto.URL(m.source)
		link.AppendChild(link, ast.NewString(auto.Label(m.source)))
		auto.Parent().ReplaceChild(auto.Parent(), auto, link)
	}
	for _, link := range nodes[*ast.Link](m) {
		to, err := url.Parse(string(link.Destination))
		switch {
		case err != nil || to.Scheme != "" && to.Host != ownAddress || to.Path == "": // elsewhere, or in this text
		case to.Scheme != "":
			link.Destination = []byte(inside(to))
		case !path.IsAbs(to.Path):
			p.leadToFile(m, link, to)
		}
	}
}

// inside returns where an address of the page's leads in the page: without an id that is still to be filled in, to where one
// chooses.
func inside(to *url.URL) string {
	if strings.HasSuffix(to.Path, "/ID") || strings.Contains(to.RawQuery, "=FIRST") {
		to.Path, to.RawQuery = strings.TrimSuffix(to.Path, "/ID"), ""
	}
	return "/" + strings.TrimPrefix((&url.URL{Path: to.Path, RawQuery: to.RawQuery, Fragment: to.Fragment}).String(), "/")
}

func (p *page) leadToFile(m markdown, link *ast.Link, to *url.URL) {
	file := path.Join(path.Dir(m.path), to.Path)
	name, isMarkdown := strings.CutSuffix(path.Base(file), ".md")
	switch {
	case isMarkdown && path.Dir(file) == runbooksFolder && isFile(p.Runbooks, name+".md"):
		link.Destination = []byte((&url.URL{Path: "/runbooks/" + name, Fragment: to.Fragment}).String())
	case isFile(p.Documents, file) || isFile(p.Repository, file):
		link.Destination = []byte((&url.URL{Path: "/learn/" + file, Fragment: to.Fragment}).String())
	default:
		parent := link.Parent()
		for child := link.FirstChild(); child != nil; child = link.FirstChild() {
			parent.InsertBefore(parent, link, child)
		}
		parent.ReplaceChild(parent, link, ast.NewString([]byte(" ("+file+")")))
	}
}

func isFile(files fs.FS, name string) bool {
	if files == nil {
		return false
	}
	info, err := fs.Stat(files, name)
	return err == nil && info.Mode().IsRegular()
}

// leadPictures shows each picture, at its size, and in the reader's theme where there is one for each. A click shows it alone.
func (p *page) leadPictures(m markdown) {
	for _, picture := range nodes[*ast.Image](m) {
		file := path.Join(path.Dir(m.path), string(picture.Destination))
		dark := strings.Replace(file, "-light.png", "-dark.png", 1)
		if dark == file || !isFile(p.Documents, dark) {
			p.replacePicture(m, picture, shown{file, ""})
		} else {
			p.replacePicture(m, picture, shown{file, "in-light"}, shown{dark, "in-dark"})
		}
	}
}

// shown is a file to show, in all themes or in one.
type shown struct{ file, class string }

func (p *page) replacePicture(m markdown, picture *ast.Image, files ...shown) {
	parent := picture.Parent()
	for _, show := range files {
		link := ast.NewLink()
		link.Destination = []byte("/pictures/" + show.file)
		one := ast.NewImage(ast.NewLink())
		one.Destination = link.Destination
		one.AppendChild(one, ast.NewString([]byte(m.plain(picture))))
		if content, err := fs.ReadFile(p.Documents, show.file); err == nil {
			if size, _, err := image.DecodeConfig(bytes.NewReader(content)); err == nil {
				one.SetAttributeString("width", []byte(strconv.Itoa(size.Width)))
				one.SetAttributeString("height", []byte(strconv.Itoa(size.Height)))
			}
		}
		one.SetAttributeString("loading", []byte("lazy"))
		link.SetAttributeString("class", []byte(strings.TrimSpace("picture "+show.class)))
		link.AppendChild(link, one)
		parent.InsertBefore(parent, picture, link)
	}
	parent.RemoveChild(parent, picture)
}

// pointsTo returns the files of the repository to which documents point.
func (p *page) pointsTo() map[string]bool {
	all := map[string]bool{}
	for _, document := range p.documentPaths() {
		source, err := fs.ReadFile(p.Documents, document)
		if err != nil {
			continue // it is one of this program's files
		}
		for _, link := range nodes[*ast.Link](readMarkdown(document, source)) {
			if to, err := url.Parse(string(link.Destination)); err == nil && to.Scheme == "" && !path.IsAbs(to.Path) {
				all[path.Join(path.Dir(document), to.Path)] = true
			}
		}
	}
	return all
}
