// Package live shows a run while it goes on: as a picture on a terminal, redrawn again and again, or as a line now and then.
package live

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/terminal"
)

const (
	redrawEvery = time.Second
	lineEvery   = 5 * time.Second
	width       = 80
	history     = 56 // seconds that a sparkline shows
)

// Snapshot is a run at a moment.
type Snapshot struct {
	Scenario   string
	Target     string
	Elapsed    time.Duration
	Offering   time.Duration // time for which load is offered, from the start
	Seconds    []result.Second
	Thresholds []result.Threshold // as they stand now
}

// Show shows the run until ctx ends. It asks for snapshots from its own goroutine, and blocks.
func Show(ctx context.Context, w io.Writer, terminal bool, snapshot func() Snapshot) {
	every := lineEvery
	if terminal {
		every = redrawEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	drawn := 0
	for {
		select {
		case <-ctx.Done():
			if drawn > 0 {
				erase(w, drawn)
			}
			return
		case <-tick.C:
		}
		s := snapshot()
		if !terminal {
			fmt.Fprintln(w, Line(s))
			continue
		}
		frame := Frame(s)
		if drawn > 0 {
			erase(w, drawn)
		}
		drawn = strings.Count(frame, "\n")
		_, _ = io.WriteString(w, frame)
	}
}

// erase moves the cursor to the beginning of a frame of this many lines.
func erase(w io.Writer, lines int) { fmt.Fprintf(w, "\x1b[%dA\x1b[J", lines) }

// Line is a moment in a line of at most 80 columns.
func Line(s Snapshot) string {
	now := last(s)
	return fmt.Sprintf("%-7s offered %5d/s ok %5d/s  p99 http %-6s e2e %-6s  lag %-6s dlq %d",
		phase(s), now.Scheduled, now.OK, duration(now.HTTP.P99), duration(now.EndToEnd.P99),
		duration(now.LagSeconds), now.DeadLetters)
}

// Frame is a moment as a picture of 80 columns, with colours. Each line ends with a newline.
func Frame(s Snapshot) string {
	var b strings.Builder
	now := last(s)
	left := max(0, s.Offering-s.Elapsed).Round(time.Second)
	title := terminal.Clean(fmt.Sprintf("%s → %s", s.Scenario, s.Target))
	fmt.Fprintf(&b, "%s%*s\n", bold(title), width-len([]rune(title)), fmt.Sprintf("%s, %s left", phase(s), left))
	fmt.Fprintf(&b, "%s%s\n", strings.Repeat("━", progress(s)), dim(strings.Repeat("━", width-progress(s))))

	rows := []struct {
		name, value string
		of          func(result.Second) float64
	}{
		{"offered", fmt.Sprintf("%d/s", now.Scheduled), func(x result.Second) float64 { return float64(x.Scheduled) }},
		{"achieved", fmt.Sprintf("%d/s", now.OK), func(x result.Second) float64 { return float64(x.OK) }},
		{"finished", fmt.Sprintf("%d/s", now.Finished), func(x result.Second) float64 { return float64(x.Finished) }},
		{"in flight", fmt.Sprint(now.InFlight), func(x result.Second) float64 { return float64(x.InFlight) }},
		{"http p99", duration(now.HTTP.P99), func(x result.Second) float64 { return x.HTTP.P99 }},
		{"e2e p50", duration(now.EndToEnd.P50), func(x result.Second) float64 { return x.EndToEnd.P50 }},
		{"e2e p99", duration(now.EndToEnd.P99), func(x result.Second) float64 { return x.EndToEnd.P99 }},
		{"lag", duration(now.LagSeconds), func(x result.Second) float64 { return x.LagSeconds }},
		{"dead letters", fmt.Sprint(now.DeadLetters), func(x result.Second) float64 { return float64(x.DeadLetters) }},
	}
	for _, row := range rows {
		fmt.Fprintf(&b, "%-13s%9s  %s\n", row.name, row.value, spark(s.Seconds, row.of))
	}
	b.WriteString(thresholds(s.Thresholds))
	return b.String()
}

// last is the newest second that is over; the one that goes on has not counted all yet.
func last(s Snapshot) result.Second {
	over := int(s.Elapsed/time.Second) - 1
	if over < 0 || len(s.Seconds) == 0 {
		return result.Second{}
	}
	return s.Seconds[min(over, len(s.Seconds)-1)]
}

func phase(s Snapshot) string {
	switch now := last(s); {
	case s.Elapsed >= s.Offering:
		return "drain"
	case now.WarmUp || s.Elapsed < time.Second:
		return "warm-up"
	default:
		return "load"
	}
}

func progress(s Snapshot) int {
	if s.Offering <= 0 {
		return 0
	}
	return int(min(1, s.Elapsed.Seconds()/s.Offering.Seconds()) * width)
}

var blocks = []rune("▁▂▃▄▅▆▇█")

// spark draws the newest seconds that are over, the highest of them as a full block.
func spark(seconds []result.Second, of func(result.Second) float64) string {
	if len(seconds) > 0 {
		seconds = seconds[:len(seconds)-1]
	}
	seconds = seconds[max(0, len(seconds)-history):]
	highest := 0.0
	for _, s := range seconds {
		highest = max(highest, of(s))
	}
	line := make([]rune, len(seconds))
	for i, s := range seconds {
		line[i] = blocks[0]
		if highest > 0 {
			line[i] = blocks[int(of(s)/highest*float64(len(blocks)-1)+0.5)]
		}
	}
	return string(line)
}

// thresholds are in lines of at most 80 columns; those that do not hold are red.
func thresholds(all []result.Threshold) string {
	var b strings.Builder
	column := 0
	for _, t := range all {
		t.Text = terminal.Clean(t.Text)
		mark, length := "✓ "+t.Text, len([]rune(t.Text))+2
		switch {
		case t.Value == nil: // not measured yet
			mark = dim("· " + t.Text)
		case !t.Holds:
			mark = red("✗ " + t.Text)
		}
		if column > 0 && column+2+length > width {
			b.WriteString("\n")
			column = 0
		}
		if column > 0 {
			b.WriteString("  ")
			column += 2
		}
		b.WriteString(mark)
		column += length
	}
	if column > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// duration is a time in seconds with three digits: 4.21ms.
func duration(seconds float64) string {
	switch {
	case seconds == 0:
		return "0"
	case seconds < 0.001:
		return fmt.Sprintf("%.0fµs", seconds*1e6)
	case seconds < 1:
		return fmt.Sprintf("%.3gms", seconds*1e3)
	default:
		return fmt.Sprintf("%.3gs", seconds)
	}
}

func bold(s string) string { return "\x1b[1m" + s + "\x1b[0m" }
func dim(s string) string  { return "\x1b[2m" + s + "\x1b[0m" }
func red(s string) string  { return "\x1b[31m" + s + "\x1b[0m" }
