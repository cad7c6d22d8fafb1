// Package report shows a result: as a table in a terminal, and as a self-contained page.
package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/terminal"
)

const (
	width  = 80 // of a table
	indent = 13 // of what follows a label
)

// Table writes the result of a run, its verdict first, for a terminal of 80 columns.
func Table(w io.Writer, r result.Result, colour bool) error {
	t := table{colour: colour}
	t.verdict(r)
	t.thresholds(r.Thresholds)
	t.totals(r)
	t.latencies(r)
	t.waited(r)
	t.shards(r)
	t.slowest(r.Slowest)
	_, err := w.Write(t.out.Bytes())
	return err
}

type table struct {
	out    bytes.Buffer
	colour bool
}

// A style is an ANSI SGR code. The words say the same without it.
type style string

const (
	bold   style = "1"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

func (t *table) paint(s style, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

func (t *table) line(format string, values ...any) {
	t.out.WriteString(strings.TrimRight(fmt.Sprintf(format, values...), " ") + "\n")
}

// entry writes a labelled text, in several lines if it is long.
func (t *table) entry(label, text string) {
	for _, line := range wrap(terminal.Clean(text), width-indent) {
		t.line("%-*s%s", indent, label, line)
		label = ""
	}
}

func (t *table) verdict(r result.Result) {
	verdict := strings.ToUpper(terminal.Clean(r.Verdict)) + "  "
	margin := utf8.RuneCountInString(verdict)
	verdict = t.paint(map[string]style{result.Passed: green, result.Failed: red, result.NotJudged: yellow}[r.Verdict], verdict)
	for _, line := range wrap(terminal.Clean(r.Title()+": "+r.Settings.Load()), width-margin) {
		t.line("%s%s", verdict, t.paint(bold, line))
		verdict = strings.Repeat(" ", margin)
	}
	for _, line := range wrap(terminal.Clean(r.Reason), width) {
		t.line("%s", line)
	}
}

func (t *table) thresholds(thresholds []result.Threshold) {
	t.line("")
	for _, threshold := range thresholds {
		mark := t.paint(green, "ok    ")
		if !threshold.Holds {
			mark = t.paint(red, "FAILED")
		}
		t.line("%s  %-32s %14s  %s", mark, terminal.Clean(threshold.Text), measured(threshold), crossed(threshold))
	}
}

func (t *table) totals(r result.Result) {
	totals := r.Totals
	t.line("")
	t.entry("scheduled", fmt.Sprintf("%s, sent %s (%s), not offered %s", result.Count(totals.Scheduled),
		result.Count(totals.Sent), of(totals.Sent, totals.Scheduled), result.Count(totals.NotOffered)))
	if failed := sum(totals.Errors); failed > 0 {
		t.entry("errors", fmt.Sprintf("%s (%s): %s", result.Count(failed), of(failed, totals.Sent), byCount(totals.Errors)))
	}
	var parts []string
	for _, e := range endings(r) {
		parts = append(parts, result.Count(e.Count)+"\u00a0"+e.Name)
	}
	t.entry("accepted", result.Count(totals.Accepted)+" = "+strings.Join(parts, " + "))
	faults := fmt.Sprintf("%s duplicated, %s unexpected", result.Count(totals.Duplicated), result.Count(totals.Unexpected))
	if totals.WarmUp > 0 {
		faults += fmt.Sprintf("; %s were due in the warm-up", result.Count(totals.WarmUp))
	}
	t.entry("", faults)
	if dead := sum(totals.DeadLettered); dead > 0 {
		t.entry("dead letters", fmt.Sprintf("%s of those accepted: %s", of(dead, totals.Accepted), byCount(totals.DeadLettered)))
	}
	for _, example := range totals.Examples {
		t.entry("", "- "+example)
	}
}

func (t *table) latencies(r result.Result) {
	t.line("")
	t.line("%-*s%11s%11s%11s%11s%11s", indent, "latency", "p50", "p90", "p99", "p99.9", "max")
	for _, latency := range latencies {
		if h, ok := r.Latencies[latency.name]; ok && h.Count > 0 {
			t.line("%-*s%11s%11s%11s%11s%11s", indent, latency.label, result.Seconds(h.P50), result.Seconds(h.P90),
				result.Seconds(h.P99), result.Seconds(h.P999), result.Seconds(h.Max))
		}
	}
}

func (t *table) waited(r result.Result) {
	t.line("")
	t.entry("lag", peak(r.Seconds)+"; "+drained(r.Totals))
	t.entry("generator", generator(r))
}

// shards are those that were merged.
func (t *table) shards(r result.Result) {
	if len(r.Shards) < 2 {
		return
	}
	t.line("")
	t.line("%-*s%10s%13s%11s%11s%13s", indent-4, "shard", "sent", "not offered", "accepted", "finished", "due to sent")
	for _, s := range r.Shards {
		t.line("%-*s%10s%13s%11s%11s%13s  %s", indent-4, s.Name(), result.Count(s.Sent), result.Count(s.NotOffered),
			result.Count(s.Accepted), finished(r, s), result.Seconds(s.DueToSent), began(s))
	}
}

// slowest names the three slowest orders. Their traces, and the links to them, stand on lines of their own, to be copied.
func (t *table) slowest(orders []result.Order) {
	if len(orders) > 0 {
		t.line("")
	}
	label := "slowest"
	for _, order := range orders[:min(3, len(orders))] {
		t.entry(label, fmt.Sprintf("%s, %s, %s, due at %s",
			result.Seconds(order.EndToEnd), order.SKU, order.End, result.Seconds(order.DueAt)))
		if order.TraceID != "" {
			t.line("  trace %s", terminal.Clean(order.TraceID))
		}
		if order.TraceURL != "" {
			t.line("  %s", terminal.Clean(order.TraceURL)) // beside a label it would not fit
		}
		label = ""
	}
}

// wrap breaks text between words into lines of at most so many columns; a longer word has a line of its own.
func wrap(text string, columns int) []string {
	var lines []string
	for word := range strings.SplitSeq(text, " ") {
		last := len(lines) - 1
		if last >= 0 && utf8.RuneCountInString(lines[last])+1+utf8.RuneCountInString(word) <= columns {
			lines[last] += " " + word
		} else if word != "" {
			lines = append(lines, word)
		}
	}
	return lines
}
