package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/terminal"
)

var (
	//go:embed page/*.html
	pages embed.FS
	//go:embed page/style.css
	sheet string
	//go:embed page/script.js
	script string
)

// render writes a self-contained page, which can be opened as a file, sent and kept. Its policy allows only the page's own
// script, and inline styles, which place the labels.
func render(w io.Writer, name string, data any) error {
	page, err := template.New(name).Funcs(template.FuncMap{
		"count": result.Count, "seconds": result.Seconds, "of": of, "measured": measured, "crossed": crossed, "began": began,
		"finished": finished, "tone": tone,
		"style":  func() template.CSS { return template.CSS(sheet) },
		"script": func() template.JS { return template.JS(script) },
		"hash": func() string {
			hash := sha256.Sum256([]byte(script))
			return "sha256-" + base64.StdEncoding.EncodeToString(hash[:])
		},
	}).ParseFS(pages, "page/*.html")
	if err != nil {
		return fmt.Errorf("page of the report: %w", err)
	}
	var out bytes.Buffer // so that an error leaves no half page
	if err := page.Execute(&out, data); err != nil {
		return fmt.Errorf("page of the report: %w", err)
	}
	_, err = io.WriteString(w, strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return terminal.Printable(r)
	}, out.String()))
	return err
}

// tone is the colour of a verdict.
func tone(verdict string) string {
	return map[string]string{result.Passed: "good", result.Failed: "bad", result.NotJudged: "warn"}[verdict]
}
