package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/clew/standalone/internal/processtest"
)

const lessonsDir = "../../../docs/lessons"

// Each lesson is done as it is written, on one Clew: before it, its check names the first step; after the steps, the
// exercise; and after the exercise it succeeds.
func TestLessons(t *testing.T) {
	t.Parallel()
	c := newRealClew(t)
	for n, lesson := range lessons {
		c.want(1, lessonCheck(n), fmt.Sprintf("lesson %d: not done: %s", n+1, lesson.needs[0].missing), "step 1")
	}
	for n, lesson := range lessons {
		t.Run(lesson.title, func(t *testing.T) {
			c.t = t
			text := readLesson(t, n)
			s := newStudent(c)
			s.do(text["Steps"])
			c.want(1, lessonCheck(n), "not done", "the exercise")
			s.do(text["Exercise"])
			s.do(text["Check"])
			if !strings.Contains(s.said, fmt.Sprintf("lesson %d: done: order %s %s\n", n+1, s.order, lesson.done)) {
				t.Errorf("the check does not find the exercise's order %s:\n%s", s.order, s.said)
			}
			s.saw(text["What you see"])
		})
	}
}

// Half of a lesson is not the lesson: each need is missed by name.
func TestLessonChecksNameTheStep(t *testing.T) {
	t.Parallel()
	c := newRealClew(t)
	for _, step := range []struct {
		args  []string
		check int // a lesson
		next  string
	}{
		{[]string{"order", "--relation", "link"}, 1, "step 1"}, // it comes back, but in three traces
		{[]string{"order", "--sku", "test-out-of-stock"}, 1, "step 1"},
		{[]string{"order"}, 1, "step 4"},
		{[]string{"order", "--sku", "test-slow"}, 1, "exercise"},
		{[]string{"order", "--sku", "test-crash"}, 1, "exercise"}, // it waited, but for its own sake
		{[]string{"order", "--sku", "test-flaky", "--relation", "link"}, 2, "step 1"},
		{[]string{"order", "--sku", "test-flaky"}, 2, "step 2"},
		{[]string{"order", "--sku", "test-flaky", "--propagation", "off"}, 2, "exercise"}, // step 4 was done already
		{[]string{"order", "--sku", "test-crash", "--relation", "link"}, 2, "exercise"},
		{[]string{"order", "--sku", "test-invalid"}, 3, "step 1"}, // given up, but at once
		{[]string{"order", "--sku", "test-poison"}, 3, "steps 3 and 4"},
		{[]string{"fix", "poison"}, 3, "steps 3 and 4"},
		{[]string{"order", "--sku", "test-poison"}, 3, "steps 3 and 4"}, // it is confirmed, but was never given up
	} {
		c.want(0, step.args)
		c.want(1, lessonCheck(step.check-1), "not done", step.next)
	}
}

func TestLessonsThatThereAreNot(t *testing.T) {
	c := newClew(t)
	for _, number := range []string{"0", "4", "-1", "two", "1.0"} {
		c.want(2, []string{"lesson", "check", "--", number}, "there is no lesson",
			"1 (Follow one order), 2 (When propagation breaks), 3 (Retry, dead letter, redrive)", "docs/lessons")
	}
	c.want(2, []string{"lesson", "check"}, "expected 1 (")
	c.want(3, []string{"lesson", "check", "1"}, "Clew is not running here")
}

// A lesson has every part, in one order, and can be done in ten minutes.
func TestLessonsHaveTheirParts(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(lessonsDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for n, lesson := range lessons {
		text := readLesson(t, n)
		for _, part := range []string{"Question", "Prediction", "Steps", "What you see", "Why", "Exercise", "Check"} {
			if strings.TrimSpace(text[part]) == "" {
				t.Errorf("lesson %d has no part %q", n+1, part)
			}
		}
		if title := fmt.Sprintf("# %d. %s\n", n+1, lesson.title); !strings.HasPrefix(text[""], title) {
			t.Errorf("lesson %d begins with %.60q, want %q", n+1, text[""], title)
		}
		if steps := len(regexp.MustCompile(`(?m)^\d\. `).FindAllString(text["Steps"], -1)); steps == 0 || steps > 5 {
			t.Errorf("lesson %d has %d steps, want at most five", n+1, steps)
		}
		if picture := fmt.Sprintf("](../screenshots/lesson-%d.png)", n+1); !strings.Contains(text["What you see"], picture) {
			t.Errorf("lesson %d shows no %s", n+1, picture)
		}
		if !strings.Contains(string(index), "["+lesson.title+"]("+filepath.Base(lessonFile(t, n))+")") {
			t.Errorf("the index does not lead to lesson %d", n+1)
		}
	}
}

func lessonCheck(n int) []string { return []string{"lesson", "check", fmt.Sprint(n + 1)} }

func lessonFile(t *testing.T, n int) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(lessonsDir, fmt.Sprintf("%d-*.md", n+1)))
	if err != nil || len(files) != 1 {
		t.Fatalf("lesson %d is in the files %q, %v, want one", n+1, files, err)
	}
	return files[0]
}

// readLesson returns a lesson's parts by their headings, and what comes before the first under "".
func readLesson(t *testing.T, n int) map[string]string {
	t.Helper()
	data, err := os.ReadFile(lessonFile(t, n))
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

// watched are the blocks that a lesson asks to repeat, until they show this.
var watched = map[string]*regexp.Regexp{
	"clew streams\n":  regexp.MustCompile(`(?m)^orders.* inventory +\d+ +(1[7-9]|[2-9]\d) `), // more than 16 are pending
	"clew dlq list\n": regexp.MustCompile(`(?m)^orders/0/`),
	"clew trace ID\n": regexp.MustCompile(`(?s)process orders #\d+ ↖↗.*create stock.*process stock.*send orders`), // all is there
}

// student does what a lesson says, at a terminal where `clew` is this Clew.
type student struct {
	*clew
	path  string // of the shell
	order string // the id of the last order that was printed
	said  string // all that was printed
}

func newStudent(c *clew) *student {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	bin := c.t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "clew")); err != nil {
		c.t.Fatal(err)
	}
	return &student{clew: c, path: bin + string(filepath.ListSeparator) + os.Getenv("PATH")}
}

// do runs the commands of a part, each block in a shell. A block that runs in the background does so until the end of
// the part.
func (s *student) do(part string) {
	s.t.Helper()
	commands := blocks(part, "sh")
	if len(commands) == 0 {
		s.t.Fatalf("no commands in:\n%s", part)
	}
	var background sync.WaitGroup
	defer background.Wait()
	for _, block := range commands {
		if strings.HasSuffix(block, "&\n") {
			background.Go(func() { _ = s.shell(block + "wait").Run() }) // the block after it tells what came of it
			continue
		}
		s.enter(block)
	}
}

func (s *student) shell(block string) *exec.Cmd {
	shell := exec.Command("bash", "-euc", block)
	shell.Env = append(slices.Clone(s.env), "PATH="+s.path)
	return shell
}

// enter runs a block, again and again if the lesson asks to watch it.
func (s *student) enter(block string) {
	s.t.Helper()
	var said string
	once := func() bool {
		out, err := s.shell(strings.ReplaceAll(block, " ID", " "+s.order)).CombinedOutput()
		if err != nil {
			s.t.Fatalf("%s%v\n%s", block, err, out)
		}
		said = string(out)
		return watched[block] == nil || watched[block].MatchString(said)
	}
	processtest.Eventually(s.t, block+"shows what the lesson says", once)
	if match := regexp.MustCompile(`(?m)^order (\S+) `).FindStringSubmatch(said); match != nil {
		s.order = match[1]
	}
	s.said += said
}

// drawn is a span in a trace: its name, with all marks, and its service.
var drawn = regexp.MustCompile(`(?m)^[│├└ ]*([a-zA-Z_0-9]+ [a-z/]+[ #\d✗☠↖↗]*?) +(order|inventory) .*[█▄]`)

// saw fails the test unless each span that the lesson shows was printed.
func (s *student) saw(part string) {
	s.t.Helper()
	printed := map[string]bool{}
	for _, span := range drawn.FindAllStringSubmatch(s.said, -1) {
		printed[span[1]+" of "+span[2]] = true
	}
	shown := 0
	for _, block := range blocks(part, "text") {
		for _, span := range drawn.FindAllStringSubmatch(block, -1) {
			shown++
			if name := span[1] + " of " + span[2]; !printed[name] {
				s.t.Errorf("the lesson shows %q, which was not printed", name)
			}
		}
	}
	if shown < 5 {
		s.t.Errorf("the lesson shows %d spans", shown)
	}
	if s.t.Failed() {
		s.t.Log(s.said)
	}
}
