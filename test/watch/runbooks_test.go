package watch_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A runbook has these parts, in this order.
var runbookParts = []string{"What it means", "First query", "What it usually is", "What to do", "How to tell that it worked"}

var (
	headings   = regexp.MustCompile(`(?m)^## (.*)$`)
	inlineCode = regexp.MustCompile("`([^`]+)`")
	queryLike  = regexp.MustCompile(`^[a-z_]+:[a-z_]+:|[({]`) // in backticks: a recorded series, or more than a name
	commands   = regexp.MustCompile(`^(make|clew) ([a-z-]+)`)
	targets    = regexp.MustCompile(`(?m)^([a-z]+):.*## `)
	commandOf  = regexp.MustCompile("`clew ([a-z]+)")
)

// readRunbooks returns the texts of the runbooks, by the names of their alerts.
func readRunbooks(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(runbookFolder, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		all[strings.TrimSuffix(filepath.Base(file), ".md")] = readFile(t, file)
	}
	delete(all, "README")
	return all
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEachAlertHasItsRunbook(t *testing.T) {
	got := slices.Sorted(maps.Keys(readRunbooks(t)))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(contract)), got); diff != "" {
		t.Errorf("runbooks (-alerts +files):\n%s", diff)
	}
}

func TestRunbooksAnswerTheSameQuestions(t *testing.T) {
	for name, text := range readRunbooks(t) {
		var parts []string
		for _, found := range headings.FindAllStringSubmatch(text, -1) {
			parts = append(parts, found[1])
		}
		if diff := cmp.Diff(runbookParts, parts); diff != "" || !strings.HasPrefix(text, "# "+name+"\n") {
			t.Errorf("%s: want the title %s and these parts (-want +got):\n%s", name, name, diff)
		}
		_, query, _ := strings.Cut(text, "\n## First query\n\n")
		if !strings.HasPrefix(query, "```promql\n") {
			t.Errorf("%s: the first query does not begin with a block of promql", name)
		}
	}
}

func TestRunbooksQueriesCanBeAsked(t *testing.T) {
	known := knownThings(t, dashboards(t))
	blocks := runbookQueries(t)
	for name, text := range readRunbooks(t) {
		for _, query := range slices.Concat(blocks[name], inlineQueries(text)) {
			for _, problem := range known.queryProblems(query) {
				t.Errorf("%s: %s: %s", name, query, problem)
			}
		}
	}
}

// inlineQueries returns what stands in backticks and is more than the name of a series, or the name of a recorded one.
func inlineQueries(text string) (queries []string) {
	for _, code := range inlineCode.FindAllStringSubmatch(promQLBlock.ReplaceAllString(text, ""), -1) {
		if queryLike.MatchString(code[1]) {
			queries = append(queries, code[1])
		}
	}
	return queries
}

func TestRunbooksCommandsExist(t *testing.T) {
	exist := map[string]bool{}
	for _, found := range targets.FindAllStringSubmatch(readFile(t, "../../Makefile"), -1) {
		exist["make "+found[1]] = true
	}
	for _, found := range commandOf.FindAllStringSubmatch(readFile(t, "../../README.md"), -1) {
		exist["clew "+found[1]] = true
	}
	for name, text := range readRunbooks(t) {
		for _, code := range inlineCode.FindAllStringSubmatch(text, -1) {
			if found := commands.FindStringSubmatch(code[1]); found != nil && !exist[found[1]+" "+found[2]] {
				t.Errorf("%s: %s: neither the Makefile nor README.md has %s %s", name, code[0], found[1], found[2])
			}
		}
	}
}
