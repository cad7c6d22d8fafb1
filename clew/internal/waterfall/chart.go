package waterfall

import (
	"math"
	"strings"
	"time"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/observability/viewer/story"
)

// An axis maps time to the columns of a chart.
type axis struct {
	start time.Time
	scale story.Scale
}

// column returns the boundary between cells nearest to t, from 0 to width.
// Rounding both ends of a bar alike lets bars that follow each other in time
// meet without a gap or an overlap.
func (a axis) column(t time.Time, width int) int {
	if a.scale.Drawn() == 0 {
		return 0
	}
	return int(math.Round(float64(a.scale.Place(t.Sub(a.start))) / float64(a.scale.Drawn()) * float64(width)))
}

// columns are the widths of a chart's columns, in cells.
type columns struct{ label, service, bar, took int }

// layout gives names and services what they need, within bounds, and the bars
// the rest.
func layout(width int, rows []row) columns {
	var c columns
	for _, r := range rows {
		mark := 0
		if r.marks != "" {
			mark = 1 + terminal.Cells(r.marks)
		}
		c.label = max(c.label, terminal.Cells(r.guides)+terminal.Cells(r.name)+mark)
		c.service = max(c.service, terminal.Cells(r.service))
		c.took = max(c.took, terminal.Cells(r.took))
	}
	c.label = min(c.label, width*2/5)
	c.service = min(c.service, width/6)
	c.bar = width - c.label - c.service - c.took - len(" "+" "+"  ")
	return c
}

func (p *printer) chart(rows []row, axis axis) {
	c := layout(p.width, rows)
	p.out.WriteByte('\n')
	p.line(faint, strings.Repeat(" ", c.label+c.service+2)+ruler(axis, c.bar))
	for _, r := range rows {
		p.label(r, c.label)
		p.out.WriteByte(' ')
		p.paint(p.colors[r.service], terminal.Pad(terminal.Clip(r.service, c.service), c.service))
		p.out.WriteByte(' ')
		for _, s := range bar(r, axis, c.bar) {
			switch s.glyph {
			case barWork, barStatement:
				p.paint(p.colors[r.service], s.text)
			case barKilled:
				p.paint(red, s.text)
			default:
				p.paint(faint, s.text)
			}
		}
		p.line(plain, strings.Repeat(" ", 2+c.took-terminal.Cells(r.took))+r.took)
		for _, detail := range r.details {
			guides := terminal.ClipLeft(r.below, p.width/2)
			p.paint(faint, guides)
			color := red
			if detail.mark == markNote {
				color = faint
			}
			p.line(color, terminal.Clip(detail.mark+" "+detail.text, p.width-terminal.Cells(guides)))
		}
	}
}

// label fits guides, name and marks into width. Names give way first: the shape
// of the tree and the marks would mean something else when cut.
func (p *printer) label(r row, width int) {
	guides := terminal.ClipLeft(r.guides, width/2)
	marks := ""
	if r.marks != "" {
		marks = terminal.Clip(" "+r.marks, width-terminal.Cells(guides))
	}
	room := width - terminal.Cells(guides) - terminal.Cells(marks)
	name := terminal.Clip(r.name, room)
	p.paint(faint, guides)
	p.paint(plain, name)
	if strings.ContainsAny(marks, markFailed+markKilled) {
		p.paint(red, marks)
	} else {
		p.paint(faint, marks)
	}
	p.out.WriteString(strings.Repeat(" ", room-terminal.Cells(name)))
}

// ruler labels the axis at round times, as many as fit, and a folded gap with its length.
func ruler(a axis, width int) string {
	const apart = 8 // cells
	least := max(1, float64(a.scale.Drawn())*apart/float64(width))
	step := math.Pow10(int(math.Log10(least)))
	for _, factor := range []float64{2, 2.5, 2} { // 1, 2, 5, 10
		if step < least {
			step *= factor
		}
	}
	line := "0"
	write := func(column int, label string) {
		if gap := column - terminal.Cells(line); gap > 0 && column+terminal.Cells(label) <= width {
			line += strings.Repeat(" ", gap) + label
		}
	}
	column := func(since time.Duration) int { return a.column(a.start.Add(since), width) }
	for _, stretch := range a.scale {
		from, to := column(stretch.From), column(stretch.To)
		if stretch.Folded() {
			label := barFold + " " + terminal.Duration(stretch.To-stretch.From) + " " + barFold
			write(max(from+1, (from+to-terminal.Cells(label))/2), label)
			continue
		}
		for at := math.Floor(float64(stretch.From)/step+1) * step; at < float64(stretch.To); at += step {
			write(column(time.Duration(at)), time.Duration(at).String())
		}
	}
	return line
}

// A stretch is a part of a bar made of one glyph, or a label inside it.
type stretch struct {
	glyph rune
	text  string
}

// bar draws a row: the waits, hatched, up to where work began, then the work.
// Their lengths stand inside the hatching, before it or after the work,
// wherever there is room first.
func bar(r row, a axis, width int) []stretch {
	line := []rune(strings.Repeat(" ", width))
	fill := func(from, to int, glyph rune) {
		for i := from; i < to; i++ {
			line[i] = glyph
		}
	}
	begin, end := width, 0
	for _, i := range r.busy {
		from := min(a.column(i.Start, width), width-1)
		to := max(a.column(i.End, width), from+1) // however short, it is seen
		fill(from, to, r.glyph)
		begin, end = min(begin, from), max(end, to)
	}
	if len(r.waits) > 0 {
		since := r.busy[0].Start
		var waits []string
		for _, w := range r.waits {
			since = since.Add(-w.Length)
			waits = append(waits, w.Place+" "+formatWait(w.Length))
		}
		from := max(0, min(a.column(since, width), begin-1))
		fill(from, begin, barWait)
		label := []rune(strings.Join(waits, ", "))
		n := len(label)
		switch {
		case n+4 <= begin-from:
			middle := from + (begin-from-n)/2
			copy(line[middle-1:], []rune(" "+string(label)+" "))
		case n+1 <= from:
			copy(line[from-n-1:], label)
		case end+1+n <= width:
			copy(line[end+1:], label)
		}
	}
	return stretches(line)
}

// stretches splits a line where bars begin and end.
func stretches(line []rune) []stretch {
	kind := func(r rune) rune {
		if r == barWork || r == barStatement || r == barKilled {
			return r
		}
		return barWait // the label of a wait is painted like the wait
	}
	var out []stretch
	for _, r := range line {
		if last := len(out) - 1; last >= 0 && out[last].glyph == kind(r) {
			out[last].text += string(r)
		} else {
			out = append(out, stretch{kind(r), string(r)})
		}
	}
	return out
}
