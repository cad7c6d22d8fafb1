package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/alecthomas/kong"

	"example.com/clew/clew/state"
	"example.com/clew/services/messaging"
)

// hostile text retitles a terminal, clears it, turns text around, and looks like two lines. At its end is what shows that it
// was printed.
const hostile = "\x1b]0;owned\a\r\n18:00:00 forged\u202e\u009b2J\x7f evil"

// harmless fails the test if text steers a terminal, or has a line that hostile text has made.
func harmless(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if i := strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("a line steers the terminal: %q", line)
		}
		if strings.HasPrefix(line, "18:00:00 forged") {
			t.Errorf("a line is forged: %q", line)
		}
	}
}

// Whatever text comes from outside, no command lets it steer the terminal. Every command has a case here.
func TestHostileTextIsHarmless(t *testing.T) {
	const noEffect = "prints nothing from outside"
	inOneLine := strings.NewReplacer("\r", "", "\n", "").Replace(hostile)
	c := newClew(t, "STAND_IN_SAYS="+inOneLine)
	c.dir = filepath.Join(t.TempDir(), hostile)
	c.env = append(c.env, "CLEW_DIR="+c.dir)
	c.want(0, up)
	letter := hostileRedis(t, c.state())
	elsewhere := []string{"CLEW_STATUS=" + hostileStatus(t, c.state())}

	tested := map[string]bool{}
	for _, test := range []struct {
		args   []string
		env    []string
		status int
		shows  string // " evil" where it is empty
	}{
		{args: []string{"status"}, env: elsewhere},
		{args: []string{"status", "--json"}, env: elsewhere},
		{args: []string{"logs"}},
		{args: []string{"logs", "order-1"}},
		{args: []string{"logs", hostile}, status: 1},
		{args: []string{"order"}, env: elsewhere},
		{args: []string{"order", "--json"}, env: elsewhere},
		{args: []string{"order", "--sku", "refused"}, env: elsewhere, status: 1},
		{args: []string{"trace", traceOfHostile, "--statements"}, env: elsewhere},
		{args: []string{"trace", "refused-order"}, env: elsewhere, status: 1},
		{args: []string{"trace", hostile}, env: elsewhere, status: 1},
		{args: []string{"listen", "order.created.v1", "--group", "audit"}},
		{args: []string{"listen", "order." + hostile}, status: 1},
		{args: []string{"streams", "list"}, shows: "owned"},
		{args: []string{"streams", "list", "--json"}},
		{args: []string{"streams", "partitions", "4"}, status: 1},
		{args: []string{"streams", "forget-group", "orders", "nobody"}, status: 1},
		{args: []string{"streams", "forget-group", "orders", hostile}},
		{args: []string{"dlq", "list"}, shows: "forged"},
		{args: []string{"dlq", "list", "--json"}},
		{args: []string{"dlq", "show", letter}},
		{args: []string{"dlq", "show", hostile}, status: 1},
		{args: []string{"dlq", "redrive", letter}, status: 1}, // its group is gone
		{args: []string{"dlq", "discard", letter}},
		{args: []string{"outbox", "replay"}, env: elsewhere, status: 1},
		{args: []string{"fix", "poison"}, shows: noEffect},
		{args: []string{"break", "poison"}, shows: noEffect},
		{args: []string{"process", "pause", hostile}, status: 1},
		{args: []string{"process", "continue", hostile}, status: 1},
		{args: []string{"process", "kill", hostile}, status: 1},
		{args: []string{"process", "remove", hostile}, status: 1},
		{args: []string{"process", "add"}, shows: noEffect},
		{args: []string{"lesson"}, env: elsewhere, status: 1},
		{args: []string{"lesson", "check", "1"}, env: elsewhere, status: 1},
		{args: []string{"service", hostile}, status: 1},
		{args: []string{hostile}, status: 2},
		{args: []string{"up", "--detach"}, shows: noEffect}, // it runs already
		{args: []string{"down"}},
		{args: []string{"up", "--detach"}, env: []string{"STAND_IN=broken"}, status: 1}, // prints the log's end
		{args: []string{"up"}, env: []string{"STAND_IN=broken"}, status: 1},
		{args: []string{"reset"}},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			each := &clew{t: t, dir: c.dir, env: slices.Concat(c.env, test.env)}
			var printed result
			if test.args[0] == "listen" && test.status == 0 {
				printed = each.heard(test.args)
			} else {
				printed = each.want(test.status, test.args)
			}
			harmless(t, printed.stdout)
			harmless(t, printed.stderr)
			shows := test.shows
			if shows == "" {
				shows = " evil"
			}
			if shows != noEffect && !strings.Contains(printed.stdout+printed.stderr, shows) {
				t.Errorf("it shows no %q:\n%s%s", shows, printed.stdout, printed.stderr)
			}
			if slices.Contains(test.args, "--json") && !json.Valid([]byte(printed.stdout)) {
				t.Errorf("not JSON:\n%s", printed.stdout)
			}
			tested[commandOf(t, test.args)] = true
		})
	}

	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		if !tested[leaf.Path()] {
			t.Errorf("`clew %s` has no case above: one with text from outside in all that it prints", leaf.Path())
		}
	}
}

// commandOf is the command that arguments are of, or "" if none is.
func commandOf(t *testing.T, args []string) string {
	t.Helper()
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return ""
	}
	return parsed.Selected().Path()
}

// heard is what a listener prints until it is stopped, after the hostile entry if it asked for its type.
func (c *clew) heard(args []string) result {
	c.t.Helper()
	cmd := c.command(args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	first := bufio.NewReader(stderr)
	said, err := first.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	var printed strings.Builder
	if slices.Contains(args, "order.created.v1") {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			printed.WriteString(lines.Text() + "\n")
			if strings.HasPrefix(lines.Text(), "  data ") {
				break
			}
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.Copy(&printed, stdout); err != nil {
		c.t.Fatal(err)
	}
	rest, err := io.ReadAll(first)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		c.t.Errorf("the listener ended with: %v", err)
	}
	return result{stdout: printed.String(), stderr: said + string(rest)}
}

const traceOfHostile = "4bf92f3577b34da6a3ce929d0e0e4736"

// hostileRedis writes hostile entries, groups and dead letters, and returns the id of the dead letter.
func hostileRedis(t *testing.T, s state.State) string {
	t.Helper()
	client, err := messaging.Connect(s.Redis)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, command := range [][]any{
		// Control characters here would make it a dead letter before a listener gets it.
		{"XADD", "orders:{0}", "*", "specversion", "1.0", "id", "\u202e1", "source", "\u202e", "type", "order.created.v1",
			"subject", "\u202e", "time", "2026-11-21T18:00:00Z", "traceparent", hostile, hostile, hostile, "data", hostile},
		{"XGROUP", "CREATE", "orders:{0}", hostile, "0"},
		{"XREADGROUP", "GROUP", hostile, hostile, "STREAMS", "orders:{0}", ">"},
		{"XADD", "orders:{0}:dlq", "1-0", "dlqreason", hostile, "dlqerror", hostile, "dlqgroup", hostile, "dlqconsumer", hostile,
			"dlqstream", "orders", "id", hostile, "source", hostile, "type", hostile, "subject", hostile, hostile, hostile,
			"traceparent", "00-" + hostile + "-1-1", "data", hostile},
	} {
		if err := client.Do(t.Context(), command...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	return "orders/0/1-0"
}

// hostileStatus is the state of a Clew whose APIs answer with hostile text: to orders of the SKU refused, or with refused in
// their id, with an error.
func hostileStatus(t *testing.T, s state.State) string {
	t.Helper()
	write := func(w http.ResponseWriter, status int, value any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(value)
	}
	order := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(r.URL.Path+string(body), "refused") {
			write(w, http.StatusUnprocessableEntity, map[string]any{
				"detail": hostile, "errors": []any{map[string]string{"location": hostile, "message": hostile}},
			})
			return
		}
		write(w, http.StatusOK, map[string]string{
			"id": "evil" + hostile, "status": "rejected" + hostile, "reason": hostile, "trace_id": traceOfHostile,
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/orders", order)
	mux.HandleFunc("/orders/{id}", order)
	mux.HandleFunc("/api/search", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string]any{"traces": []any{map[string]string{"traceID": traceOfHostile, "startTimeUnixNano": "1"}}})
	})
	mux.HandleFunc("/api/v2/traces/{id}", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, hostileTrace()) })
	mux.HandleFunc("/outbox/replay", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, hostile, http.StatusTeapot) })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string]string{"status": hostile})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	s.Addresses.Order, s.Addresses.Traces, s.Addresses.Viewer = server.URL, server.URL, hostile
	s.Processes = nil
	for _, name := range serviceNames {
		s.Processes = append(s.Processes, state.Process{Name: name + "-" + hostile, State: state.Running, Admin: server.URL})
	}
	s.Processes = append(s.Processes, state.Process{Name: hostile, State: hostile, Admin: hostile})
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hostileTrace is the answer of a back end with one order's trace, whose texts are hostile.
func hostileTrace() any {
	attribute := func(key, value string) any {
		return map[string]any{"key": key, "value": map[string]string{"stringValue": value}}
	}
	span := func(id, name string) any {
		return map[string]any{
			"traceId": traceOfHostile, "spanId": id, "name": name, "startTimeUnixNano": "1795240000000000000",
			"endTimeUnixNano": "1795240001000000000", "status": map[string]any{"code": 2, "message": hostile},
			"attributes": []any{
				attribute("messaging.message.conversation_id", "refused-order"), attribute("db.query.text", hostile), attribute(hostile, hostile),
			},
			"links": []any{map[string]any{"traceId": strings.Repeat("1", 32), "spanId": strings.Repeat("2", 16)}},
		}
	}
	return map[string]any{"trace": map[string]any{"resourceSpans": []any{map[string]any{
		"resource":   map[string]any{"attributes": []any{attribute("service.name", hostile)}},
		"scopeSpans": []any{map[string]any{"spans": []any{span("00f067aa0ba902b7", hostile), span("00f067aa0ba902b8", "process stock"+hostile)}}},
	}}}}
}
