package repository_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var (
	markdownLink = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	makeTarget   = regexp.MustCompile(`(?m)(?:^ {4}|^|` + "`" + `)make ([a-z-]+)\b`)
	inlineCode   = regexp.MustCompile("`([^`]+)`")
	pathOfOurs   = regexp.MustCompile(`^[.\w-]+(/[.\w-]+)+/?$`)
	heading      = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	command      = regexp.MustCompile("(?m)(?:^ {4}|^|`)(?:bin/|deploy/compose.sh )?(clew|loadtest) ([a-z][^`#|;&>\n]*)")
)

// A document points to what is there: the files and headings that it links, the paths that it names, the targets of make, the
// commands and their flags.
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
	commands := map[string]string{} // and where they stand
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
			if strings.Contains(link[1], ":") || strings.HasPrefix(link[1], "/") {
				continue
			}
			to := filepath.Join(filepath.Dir(document), link[1])
			want(to)
			if link[2] != "" && !anchors(readFile(t, to))[link[2]] && !hasLine(readFile(t, to), link[2]) {
				t.Errorf("%s points to %s%s, and there is no such heading or line", document, to, link[2])
			}
		}
		for _, said := range command.FindAllStringSubmatch(text, -1) {
			commands[said[1]+" "+strings.TrimSpace(said[2])] = document
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
	known(t, commands)
}

// anchors are those that a reader of the document on GitHub can point to.
func anchors(document string) map[string]bool {
	all := map[string]bool{}
	for _, title := range heading.FindAllStringSubmatch(document, -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, title[1])
		all["#"+slug] = true
	}
	return all
}

// hasLine tells whether a file has the lines that an anchor such as #L7 or #L7-L9 points to, and something stands there.
func hasLine(file, anchor string) bool {
	var from, to int
	if n, _ := fmt.Sscanf(anchor, "#L%d-L%d", &from, &to); n < 2 {
		to = from
	}
	return strings.TrimSpace(linesOf(file, from, to)) != ""
}

// linesOf returns lines of a file, the first of which is 1, without their common indentation; nothing if it has fewer.
func linesOf(file string, from, to int) string {
	lines := strings.Split(file, "\n")
	if from < 1 || to < from || to > len(lines) {
		return ""
	}
	indent := regexp.MustCompile(`^\t*`).FindString(lines[from-1])
	var all strings.Builder
	for _, line := range lines[from-1 : to] {
		all.WriteString(strings.TrimPrefix(line, indent) + "\n")
	}
	return all.String()
}

// A paragraph with a link to lines of a file, and the code after it, which quotes them.
var quotation = regexp.MustCompile("\\]\\(([^)#\\s]+)#L(\\d+)(?:-L(\\d+))?\\)[^\n]*(?:\n[^\n]+)*\n\n```go\n((?s:.*?))```")

// Lessons show the lines that do it, as they are: where the code has moved, the test says where to.
func TestDocumentsQuoteTheCode(t *testing.T) {
	documents, err := filepath.Glob(filepath.Join(repository, "docs/lessons/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	quoted := 0
	for _, document := range documents {
		document, err := filepath.Rel(repository, document)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range quotation.FindAllStringSubmatch(readFile(t, document), -1) {
			quoted++
			path, code := filepath.Join(filepath.Dir(document), found[1]), found[4]
			file := readFile(t, path)
			from, _ := strconv.Atoi(found[2])
			to, _ := strconv.Atoi(cmp.Or(found[3], found[2]))
			if linesOf(file, from, to) == code {
				continue
			}
			where := "it is nowhere in it"
			for at := range strings.Count(file, "\n") {
				if last := at + strings.Count(code, "\n"); linesOf(file, at+1, last) == code {
					where = fmt.Sprintf("it is #L%d-L%d", at+1, last)
				}
			}
			t.Errorf("%s quotes %s#L%d-L%d, and %s:\n%s", document, path, from, to, where, code)
		}
	}
	if quoted < 9 {
		t.Errorf("only %d quotations were found", quoted)
	}
}

// known runs commands with --help added: so nothing happens, but one that there is not, or a flag, is refused.
func known(t *testing.T, commands map[string]string) {
	t.Helper()
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./clew/cmd/clew", "./loadtest/cmd/loadtest")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(commands) < 20 {
		t.Errorf("only %d commands were found in documents", len(commands))
	}
	for said, document := range commands {
		args := strings.Fields(strings.NewReplacer("[", "", "]", "", "…", "", `"`, "", " N", " 1").Replace(said))
		run := exec.CommandContext(t.Context(), filepath.Join(bin, args[0]), append(args[1:], "--help")...)
		if out, err := run.CombinedOutput(); err != nil {
			t.Errorf("%s says %s: %s", document, said, out)
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
