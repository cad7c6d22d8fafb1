package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/alecthomas/kong"

	"example.com/clew/loadtest/internal/redistest"
)

// hostile text retitles a terminal, clears it, turns text around, and looks like two lines.
const hostile = "\x1b]0;owned\a\r\nloadtest: forged\u202e\u009b2J\x7f evil"

// Whatever text comes from outside, no command lets it steer the terminal. Every command has a case here. The one that runs is
// of an order API with a password, which nothing repeats, and which redirects to another: that gets no order.
func TestWhatComesFromOutsideIsHarmless(t *testing.T) {
	other, placed := orderAPI(t, http.StatusCreated)
	var unknown atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "tools" || password != "secret" {
			unknown.Add(1)
		}
		if r.Method == http.MethodPost {
			http.Redirect(w, r, other+"/orders", http.StatusTemporaryRedirect)
		}
	}))
	defer api.Close()
	redis := redistest.Start(t).Client
	for _, of := range [][2]string{{"orders:{0}", "inventory"}, {"stock:{0}", "order"}} {
		if err := redis.XGroupCreateMkStream(t.Context(), of[0], of[1], "$").Err(); err != nil {
			t.Fatal(err)
		}
	}
	quoted := strconv.QuoteToASCII(hostile) // as YAML has it
	folder := t.TempDir()
	file, measured, part := filepath.Join(folder, "mine.yaml"), filepath.Join(folder, "measured"), filepath.Join(folder, "part")
	soon := time.Now().Add(5 * time.Second).Format(time.RFC3339)
	yaml := `{name: ` + quoted + `, teaches: ` + quoted + `, stages: [{duration: 1s, rate: 20}], thresholds: [lost==0]}`
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	target := []string{"--order-url=" + strings.Replace(api.URL, "//", "//tools:secret@", 1), "--redis-url=redis://" + redis.Options().Addr}

	tested := map[string]bool{}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{slices.Concat([]string{"run", "--scenario", file, "--json", part, "--shard=1/2", "--start", soon}, target), exitNotJudged, "answers were 307"},
		{slices.Concat([]string{"run", "--scenario", file, "--json", "-"}, target), exitNotJudged, "answers were 307"},
		{slices.Concat([]string{"run", "--scenario", file, "--json", measured}, target), exitNotJudged, "answers were 307"},
		{[]string{"merge", part, "--json", "-"}, exitNotJudged, "shard 2/2 is missing; shard 1/2: the target accepted nothing"},
		{[]string{"merge", part, measured}, exitUsage, "measured is not of a shard"},
		{[]string{"merge", part, part}, exitUsage, "are both of shard 1/2"},
		{[]string{"merge", part, "--json", folder}, exitUsage, "it is a folder"},
		{[]string{"run", "--scenario", hostile + ".yaml"}, exitUsage, "evil"},
		{[]string{"run", "--order-url=http://tools:secret@\x7f", "--redis-url=redis://127.0.0.1", "--allow-remote"}, exitUsage, "is no address"},
		{[]string{"compare", measured, measured}, 0, "evil"},
		{[]string{"compare", file, hostile}, exitUsage, ""},
		{[]string{"scenarios"}, 0, "smoke"},
		{[]string{hostile}, exitUsage, "evil"},
	} {
		code, stdout, stderr := loadtest(t, nil, test.args...)
		name := strings.Join(test.args, " ")
		if code != test.code || !strings.Contains(stdout+stderr, test.says) {
			t.Errorf("%q: exit code %d, want %d and %q:\n%s%s", name, code, test.code, test.says, stdout, stderr)
		}
		for line := range strings.Lines(stdout + stderr) {
			if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return !unicode.IsPrint(r) && r != '\u00a0' }) {
				t.Errorf("%q: a line steers the terminal: %q", name, line)
			}
			if strings.HasPrefix(line, "loadtest: forged") {
				t.Errorf("%q: a line is forged: %q", name, line)
			}
		}
		if strings.Contains(stdout+stderr, "secret") {
			t.Errorf("%q: it repeats the password:\n%s%s", name, stdout, stderr)
		}
		if slices.Contains(test.args, "-") && !json.Valid([]byte(stdout)) {
			t.Errorf("%q: standard output is not JSON:\n%s", name, stdout)
		}
		tested[test.args[0]] = true
	}
	if n := placed.Load(); n > 0 {
		t.Errorf("%d orders were placed where the redirect leads", n)
	}
	if n := unknown.Load(); n > 0 {
		t.Errorf("%d requests came without the user and password of the address", n)
	}
	if text, err := os.ReadFile(measured); err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("the report repeats the password, or there is none: error %v", err)
	}
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		if !tested[leaf.Name] {
			t.Errorf("`loadtest %s` has no case above: one with text from outside in all that it prints", leaf.Name)
		}
	}
}
