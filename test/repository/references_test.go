package repository_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	markdownLink = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	makeTarget   = regexp.MustCompile(`(?m)(?:^ {4}|` + "`" + `)make ([a-z-]+)\b`)
	inlineCode   = regexp.MustCompile("`([^`]+)`")
	pathOfOurs   = regexp.MustCompile(`^[.\w-]+(/[.\w-]+)+/?$`)
)

// What a document points to is there: the files that it links, the paths that it names, and the targets of make.
func TestDocumentsPointToWhatIsThere(t *testing.T) {
	tracked, err := exec.CommandContext(t.Context(), "git", "-C", repository, "ls-files", "-co", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(string(tracked))
	elsewhere := map[string]bool{"grafana/grafana": true, "grafana/loki": true, "grafana/tempo": true} // repositories of others
	folders := map[string]bool{}                                                                       // at the root
	for _, file := range files {
		if top, _, nested := strings.Cut(file, "/"); nested {
			folders[top] = true
		}
	}
	makefile := "\n" + readFile(t, "Makefile")
	for _, document := range files {
		if !strings.HasSuffix(document, ".md") {
			continue
		}
		text := readFile(t, document)
		want := func(path string) {
			if _, err := os.Stat(filepath.Join(repository, path)); err != nil {
				t.Errorf("%s points to %s, which is not there", document, path)
			}
		}
		for _, link := range markdownLink.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(link[1], ":") && !strings.HasPrefix(link[1], "/") {
				want(filepath.Join(filepath.Dir(document), link[1]))
			}
		}
		for _, code := range inlineCode.FindAllStringSubmatch(text, -1) {
			top, _, _ := strings.Cut(code[1], "/")
			if folders[top] && pathOfOurs.MatchString(code[1]) && !elsewhere[code[1]] {
				want(code[1])
			}
		}
		for _, target := range makeTarget.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(makefile, "\n"+target[1]+":") {
				t.Errorf("%s says make %s, which is no target", document, target[1])
			}
		}
	}
}

// readFile returns a file of the repository.
func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
