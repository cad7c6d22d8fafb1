// Package lessontest does a lesson of docs/lessons as it is written.
package lessontest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/clew/clew/processtest"
)

// File returns the name of a lesson's file in the folder of the lessons.
func File(t *testing.T, dir string, number int) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("%d-*.md", number)))
	if err != nil || len(files) != 1 {
		t.Fatalf("lesson %d is in the files %q, %v, want one", number, files, err)
	}
	return filepath.Base(files[0])
}

// Read returns a lesson's parts by their headings, and what comes before the first under "".
func Read(t *testing.T, dir string, number int) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, File(t, dir, number)))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for i, part := range strings.Split(string(data), "\n## ") {
		heading, body, _ := strings.Cut(part, "\n")
		if i == 0 {
			heading, body = "", part
		}
		parts[heading] = body
	}
	return parts
}

// blocks are a text's fenced blocks in a language, without the list's indentation.
func blocks(text, language string) []string {
	var all []string
	for _, match := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```$").FindAllStringSubmatch(text, -1) {
		all = append(all, strings.TrimPrefix(strings.ReplaceAll("\n"+match[2], "\n"+match[1], "\n"), "\n"))
	}
	return all
}

// watched are the blocks that a lesson asks to repeat, until they show this. ID is the last order's id.
var watched = map[string]string{
	"clew dlq list\n": `(?m)^orders/0/.*\n +ID`,
	"clew trace ID\n": `(?s)process orders #\d+ ↖↗.*create stock.*process stock.*send orders`, // all is there
}

// A Student does what a lesson says, at a terminal where `clew` is a Clew that runs.
type Student struct {
	t      *testing.T
	env    []string
	dir    string // the repository's
	bin    string // the folder of the program
	orders string // base URL of the order API, where lessons have the usual one
	order  string // the id of the last order that was printed
	letter string // that of its dead letter
	Said   string // all that was printed
}

// NewStudent returns one in the repository's folder, for whom `clew` is this program, which has this environment, and the order
// API is here.
func NewStudent(t *testing.T, dir, program, orders string, env []string) *Student {
	t.Helper()
	bin := t.TempDir()
	if err := os.Symlink(program, filepath.Join(bin, "clew")); err != nil {
		t.Fatal(err)
	}
	return &Student{t: t, env: env, dir: dir, bin: bin, orders: orders}
}

// Do runs the commands of a part, each block in a shell.
func (s *Student) Do(part string) {
	s.t.Helper()
	commands := blocks(part, "sh")
	if len(commands) == 0 {
		s.t.Fatalf("no commands in:\n%s", part)
	}
	for _, block := range commands {
		s.enter(block)
	}
}

// enter runs a block, again and again if the lesson asks to watch it.
func (s *Student) enter(block string) {
	s.t.Helper()
	var said string
	once := func() error {
		typed := strings.NewReplacer(" ID", " "+s.order, " LETTER", " "+s.letter, "http://127.0.0.1:8080", s.orders).Replace(block)
		shell := exec.Command("bash", "-euc", "PATH="+s.bin+":$PATH\n"+typed)
		shell.Env, shell.Dir = s.env, s.dir
		out, err := shell.CombinedOutput()
		if strings.HasPrefix(block, "make load") {
			err = nil // its verdict is about this machine's speed; the lesson's check is about what it left
		}
		if err != nil && strings.HasPrefix(block, "clew lesson check") { // spans and metrics are there a moment later
			return fmt.Errorf("%w: %s", err, out)
		}
		if err != nil {
			s.t.Fatalf("%s%v\n%s", block, err, out)
		}
		said = string(out)
		shows := regexp.MustCompile(strings.ReplaceAll(watched[block], "ID", s.order))
		return processtest.Unless(shows.MatchString(said), "it shows\n%s", said)
	}
	processtest.Eventually(s.t, block+"shows what the lesson says", once)
	if match := regexp.MustCompile(`(?m)^order (\S+) `).FindStringSubmatch(said); match != nil {
		s.order = match[1]
	}
	if match := regexp.MustCompile(`(orders/\d+/\d+-\d+) .*\n +` + s.order + `|clew dlq show (\S+)`).FindStringSubmatch(said); match != nil {
		s.letter = match[1] + match[2]
	}
	s.Said += said
}

// drawn is a span in a trace: its name, with all marks, and its service.
var drawn = regexp.MustCompile(`(?m)^[│├└ ]*([a-zA-Z_0-9]+ [a-z/]+[ #\d✗☠↖↗]*?) +(order|inventory) .*[█▄]`)

// Saw fails the test unless each span that the lesson shows was printed.
func (s *Student) Saw(part string) {
	s.t.Helper()
	printed := map[string]bool{}
	for _, span := range drawn.FindAllStringSubmatch(s.Said, -1) {
		printed[span[1]+" of "+span[2]] = true
	}
	shown := blocks(part, "text")
	for _, block := range shown {
		for _, span := range drawn.FindAllStringSubmatch(block, -1) {
			if name := span[1] + " of " + span[2]; !printed[name] {
				s.t.Errorf("the lesson shows %q, which was not printed", name)
			}
		}
	}
	if len(shown) == 0 {
		s.t.Error("the lesson shows nothing that was printed")
	}
	if s.t.Failed() {
		s.t.Log(s.Said)
	}
}
