package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/clew/clew/lessontest"
)

const lessonsDir = "../../../docs/lessons"

// shorter are make's arguments of load tests: a third of their time is enough to see what they show.
var shorter = []string{"MODE=standalone", "ARGS=--duration 12s"}

// Each lesson is done as it is written, on one Clew: before it, its check names the first step; after the steps, the
// exercise; and after the exercise it succeeds.
func TestLessons(t *testing.T) {
	t.Parallel()
	c := newRealClew(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for n, lesson := range lessons {
		c.want(1, lessonCheck(n), fmt.Sprintf("lesson %d: not done: %s", n+1, lesson.needs[0].missing), "step ")
	}
	for n, lesson := range lessons {
		t.Run(lesson.title, func(t *testing.T) {
			c.t = t
			if lesson.title == "From a spike to a trace" { // whose load leaves no room for the traces of those before
				done := c.want(1, []string{"lesson", "check"}, fmt.Sprintf("lesson %d: done", n)).stdout
				if list := c.want(0, []string{"lesson"}, lesson.title).stdout; strings.Count(done, ": done: ") != n || strings.Count(list, "not done") != len(lessons)-n {
					t.Errorf("after %d lessons:\n%s\n%s", n, done, list)
				}
			}
			text := lessontest.Read(t, lessonsDir, n+1)
			s := lessontest.NewStudent(t, "../../..", self, c.state().Addresses.Order, append(slices.Clone(c.env), shorter...))
			s.Do(text["Steps"])
			c.want(1, lessonCheck(n), "not done", "the exercise")
			s.Do(text["Exercise"])
			s.Do(text["Check"])
			if said := regexp.MustCompile(fmt.Sprintf(`lesson %d: done: (order )?\S+ %s\n`, n+1, lesson.done)); !said.MatchString(s.Said) {
				t.Errorf("the check does not find the exercise's order:\n%s", s.Said)
			}
			s.Saw(text["What you see"])
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
		{[]string{"break", "poison"}, 5, "step 1"},
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
		{[]string{"order"}, 4, "step 1"},
		{[]string{"order", "--propagation", "off", "--sample", "0"}, 5, "exercise"}, // its traces link to nothing
		{[]string{"order", "--tier", "premium", "--relation", "link"}, 8, "step 1"},
		{[]string{"order", "--tier", "premium", "--propagation", "off"}, 8, "step 1"},
		{[]string{"order", "--tier", "premium"}, 8, "exercise"},                             // step 3 was done already
		{[]string{"order", "--tier", "trial", "--sku", "test-out-of-stock"}, 8, "exercise"}, // it was refused, not given up
		{[]string{"order", "--sku", "test-crash-loop", "--sample", "0"}, 6, "step 1"},
		{[]string{"order", "--sku", "test-crash"}, 6, "step 1"},     // it was taken over, but took no two seconds
		{[]string{"order", "--sku", "test-invalid"}, 9, "exercise"}, // that of test-crash-loop was not sampled
		{[]string{"order", "--sku", "load-001"}, 7, "step 1"},
	} {
		c.want(0, step.args)
		c.want(1, lessonCheck(step.check-1), "not done", step.next)
	}
}

func TestLessonsThatThereAreNot(t *testing.T) {
	c := newClew(t)
	for _, number := range []string{"0", "13", "-1", "two", "1.0"} {
		c.want(2, []string{"lesson", "check", "--", number}, "there is no lesson", fmt.Sprintf("expected 1 to %d", len(lessons)), "`clew lesson`")
	}
	c.want(3, []string{"lesson"}, "Clew is not running here")
	c.want(3, []string{"lesson", "check", "1"}, "Clew is not running here")
}

// A lesson has every part, in one order, and can be done in ten minutes.
func TestLessonsHaveTheirParts(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(lessonsDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for n, lesson := range lessons {
		text := lessontest.Read(t, lessonsDir, n+1)
		for _, part := range []string{"Question", "Prediction", "Steps", "What you see", "Why", "The line that does it", "Exercise", "Check"} {
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
		if !strings.Contains(string(index), "["+lesson.title+"]("+lessontest.File(t, lessonsDir, n+1)+")") {
			t.Errorf("the index does not lead to lesson %d", n+1)
		}
	}
}

func lessonCheck(n int) []string { return []string{"lesson", "check", fmt.Sprint(n + 1)} }
