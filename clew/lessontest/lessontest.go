// Package lessontest does a lesson of docs/lessons as it is written.
package lessontest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"example.com/clew/clew/processtest"
	"example.com/clew/services/messaging/messagingtest"
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

// A block is a fenced one, without the list's indentation.
type block struct {
	text   string
	before string // what the lesson says between the block before and this one, in one line
}

// blocks are a text's blocks in a language.
func blocks(text, language string) []block {
	var all []block
	end := 0
	for _, at := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```$").FindAllStringSubmatchIndex(text, -1) {
		indent, lines := text[at[2]:at[3]], text[at[4]:at[5]]
		all = append(all, block{
			text:   strings.TrimPrefix(strings.ReplaceAll("\n"+lines, "\n"+indent, "\n"), "\n"),
			before: strings.Join(strings.Fields(text[end:at[0]]), " "),
		})
		end = at[1]
	}
	return all
}

// watched are the blocks that a lesson asks to repeat, until they show one of these. ID is the last order's id.
var watched = map[string]string{
	"clew streams\n": `(?m)^orders.* inventory +\d+ +(1[7-9]|[2-9]\d) ` + // more than 16 are pending
		`|^orders.* (notify|python) +1 +0 +0 `, // a listener has joined, and read everything
	"clew dlq list\n": `(?m)^orders/0/.*\n +ID`,
	"clew trace ID\n": `(?s)process orders #\d+ ↖↗.*create stock.*process stock.*send orders` + // all is there
		`|#\d+ ↖↗\d+ +notify`,
}

// A Student does what a lesson says, at a terminal where `clew` is a Clew that runs.
type Student struct {
	t      *testing.T
	env    []string
	bin    string // the folder of the program
	dir    string // the repository's, where a student stands
	beside string // a folder that takes the place of the one in which the repository is
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
	return &Student{t: t, env: env, dir: dir, bin: bin, beside: t.TempDir(), orders: orders}
}

// Do runs the commands of a part, each block in a shell. One for a second terminal runs until the lesson says ctrl-C, uses that
// terminal again, or the part ends.
func (s *Student) Do(part string) {
	s.t.Helper()
	s.DoThen(part, func() {})
}

// DoThen does something more before the part ends.
func (s *Student) DoThen(part string, then func()) {
	s.t.Helper()
	commands := blocks(part, "sh")
	if len(commands) == 0 {
		s.t.Fatalf("no commands in:\n%s", part)
	}
	interrupt := func() {}
	defer func() { interrupt() }()
	for _, block := range commands {
		second := strings.Contains(block.before, "second terminal")
		if second || strings.Contains(block.before, "ctrl-C") {
			interrupt()
		}
		if second {
			interrupt = s.begin(block.text)
		} else {
			s.enter(block.text)
		}
	}
	then()
}

// shell runs a block with this Student's ids, addresses and folders.
func (s *Student) shell(block string) *exec.Cmd {
	typed := strings.NewReplacer(
		" ID", " "+s.order, " LETTER", " "+s.letter, "http://127.0.0.1:8080", s.orders, " ../", " "+s.beside+"/",
	).Replace(block)
	shell := exec.Command("bash", "-euc", "PATH="+s.bin+":$PATH\n"+typed)
	shell.Env, shell.Dir = s.env, s.dir
	return shell
}

// begin starts a block, and waits until its program says that it listens. What it returns does as ctrl-C would: the program
// should end well.
func (s *Student) begin(block string) (interrupt func()) {
	s.t.Helper()
	var said messagingtest.Log
	shell := s.shell(block)
	shell.Stdout, shell.Stderr = &said, &said
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := shell.Start(); err != nil {
		s.t.Fatal(err)
	}
	interrupt = sync.OnceFunc(func() {
		err := errors.Join(syscall.Kill(-shell.Process.Pid, syscall.SIGINT), shell.Wait())
		s.Said += said.String()
		if err != nil {
			s.t.Errorf("%s%v\n%s", block, err, &said)
		}
	})
	s.t.Cleanup(interrupt)
	processtest.Eventually(s.t, block+"listens", func() error {
		return processtest.Unless(strings.Contains(said.String(), "listening to "), "it says\n%s", &said)
	})
	return interrupt
}

// enter runs a block, again and again if the lesson asks to watch it.
func (s *Student) enter(block string) {
	s.t.Helper()
	var said string
	once := func() error {
		out, err := s.shell(block).CombinedOutput()
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
var drawn = regexp.MustCompile(`(?m)^[│├└ ]*([a-zA-Z_0-9]+ [a-z/]+…?[ #\d✗☠↖↗]*?) +(order|inventory|notify|python) .*[█▄]`)

// Saw fails the test unless each span that the lesson shows was printed.
func (s *Student) Saw(part string) {
	s.t.Helper()
	printed := map[string]bool{}
	for _, span := range drawn.FindAllStringSubmatch(s.Said, -1) {
		printed[span[1]+" of "+span[2]] = true
	}
	shown := blocks(part, "text")
	for _, block := range shown {
		for _, span := range drawn.FindAllStringSubmatch(block.text, -1) {
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
