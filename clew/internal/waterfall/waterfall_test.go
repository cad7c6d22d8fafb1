package waterfall

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/story"
	"example.com/clew/observability/viewer/story/storytest"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func TestPictures(t *testing.T) {
	for name, test := range map[string]struct {
		trace   story.Trace
		options Options
	}{
		"order":            {storytest.ConfirmedOrder(), Options{}},
		"order_color":      {storytest.ConfirmedOrder(), Options{Color: true}},
		"order_narrow":     {storytest.ConfirmedOrder(), Options{Width: 40}},
		"order_statements": {storytest.ConfirmedOrder(), Options{Width: 100, Statements: true}},
		"troubled":         {storytest.TroubledOrder(), Options{}},
		"troubled_narrow":  {storytest.TroubledOrder(), Options{Width: 40}},
		"taken_over":       {storytest.TakenOver(), Options{}},
		"taken_over_color": {storytest.TakenOver(), Options{Color: true}},
		"redriven":         {storytest.Redriven(), Options{}},
		"redriven_narrow":  {storytest.Redriven(), Options{Width: 40}},
		"redriven_late":    {anHourLater(storytest.Redriven()), Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := render(t, test.trace, test.options)
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the picture changed (-want +got); if it should, run the test with -update:\n%s", diff)
			}
		})
	}
}

// anHourLater makes a pause of an hour after the first three seconds.
func anHourLater(trace story.Trace) story.Trace {
	for i, s := range trace.Spans {
		if s.Start.After(storytest.Epoch.Add(3 * time.Second)) {
			trace.Spans[i].Start, trace.Spans[i].End = s.Start.Add(time.Hour), s.End.Add(time.Hour)
		}
	}
	return trace
}

func TestOddTraces(t *testing.T) {
	at := func(ms int) time.Time { return storytest.Epoch.Add(time.Duration(ms) * time.Millisecond) }
	span := func(id, parent string, from, to int) story.Span {
		return story.Span{ID: id, Parent: parent, Name: "span " + id, Service: "s", Start: at(from), End: at(to)}
	}
	for name, test := range map[string]struct {
		spans []story.Span
		want  []string // the tree's lines, without bars
	}{
		"siblings in the order of their start, the tree kept": {
			[]story.Span{span("c", "a", 5, 6), span("d", "b", 4, 9), span("b", "a", 1, 2), span("a", "", 0, 9)},
			[]string{"span a", "├ span b", "│ └ span d", "└ span c"},
		},
		"a parent that is missing":              {[]story.Span{span("a", "x", 0, 1)}, []string{"span a ?"}},
		"its own parent":                        {[]story.Span{span("a", "a", 0, 1)}, []string{"span a ?"}},
		"each other's parents":                  {[]story.Span{span("a", "b", 0, 1), span("b", "a", 0, 2)}, []string{"span b ?", "└ span a"}},
		"a child before its parent":             {[]story.Span{span("a", "", 5, 6), span("b", "a", 1, 2)}, []string{"span a", "└ span b"}},
		"an end before its start":               {[]story.Span{span("a", "", 5, 1)}, []string{"span a"}},
		"everything at one moment":              {[]story.Span{span("a", "", 0, 0), span("b", "a", 0, 0)}, []string{"span a", "└ span b"}},
		"one id twice":                          {[]story.Span{span("a", "", 0, 1), span("a", "", 2, 3)}, []string{"span a", "span a"}},
		"a span without times among others":     {[]story.Span{span("a", "", 0, 1), {ID: "b", Name: "span b", Service: "s"}}, []string{"span a", "span b"}},
		"no spans: no tree, but the trace's id": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := render(t, story.Trace{ID: storytest.ID, Spans: test.spans}, Options{})
			var tree []string
			for line := range strings.Lines(got) {
				if name, _, ok := strings.Cut(line, " s "); ok && strings.Contains(name, "span ") {
					tree = append(tree, strings.TrimRight(name, " "))
				}
			}
			if diff := cmp.Diff(test.want, tree); diff != "" {
				t.Errorf("tree (-want +got):\n%s\n%s", diff, got)
			}
			if !strings.Contains(got, storytest.ID) {
				t.Errorf("no trace id in:\n%s", got)
			}
		})
	}
}

func TestWaitIsDrawnBeforeItsSpan(t *testing.T) {
	for name, test := range map[string]struct {
		waited time.Duration
		want   string
	}{
		"long: named inside the hatching": {8 * time.Millisecond, "   ░░░░░░░░ outbox 8.00ms ░░░░░░░░░█████"},
		"short: named before it":          {2 * time.Millisecond, "             outbox 2.00ms ░░░░░░░░█████"},
		"shorter than a cell: still seen": {10 * time.Microsecond, "                      outbox 10µs ░█████"},
		"longer than the trace: cut":      {time.Minute, "░░░░░░░░░░ outbox 1m00s ░░░░░░░░░░░█████"},
	} {
		t.Run(name, func(t *testing.T) {
			late := story.Interval{Start: storytest.Epoch.Add(8750 * time.Microsecond), End: storytest.Epoch.Add(10 * time.Millisecond)}
			got := ""
			for _, s := range bar(row{busy: []story.Interval{late}, glyph: barWork, waits: []story.Wait{{Place: "outbox", Length: test.waited}}},
				axis{storytest.Epoch, story.Scale{{To: 10 * time.Millisecond, Drawn: 10 * time.Millisecond}}}, 40) {
				got += s.text
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

var ansi = regexp.MustCompile("\x1b\\[[0-9]+m")

// Whatever the trace and the width: no line is too wide, no control character
// gets through, colour changes nothing else, and every span has its line.
func TestAnyTraceFits(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 2))
		trace := randomTrace(random)
		options := Options{Width: 30 + random.IntN(150), Statements: true}
		widest := max(40, options.Width)

		got := render(t, trace, options)
		rows := 0
		for line := range strings.Lines(got) {
			line = strings.TrimSuffix(line, "\n")
			if n := knownCells(line); n > widest {
				t.Fatalf("seed %d: %d cells of %d: %q", seed, n, widest, line)
			}
			if strings.ContainsFunc(line, unicode.IsControl) {
				t.Fatalf("seed %d: control character in %q", seed, line)
			}
			if strings.ContainsAny(line, "█▄") && !strings.HasPrefix(line, "▄") {
				rows++
			}
		}
		if rows != len(trace.Spans) {
			t.Fatalf("seed %d: %d bars for %d spans:\n%s", seed, rows, len(trace.Spans), got)
		}
		options.Color = true
		if diff := cmp.Diff(got, ansi.ReplaceAllString(render(t, trace, options), "")); diff != "" {
			t.Fatalf("seed %d: colour changes the text (-plain +color):\n%s", seed, diff)
		}
	}
}

func TestLabelKeepsItsWidth(t *testing.T) {
	for _, r := range []row{
		{name: "short"},
		{guides: "├ ", name: "a name that is cut", marks: "↖"},
		{guides: strings.Repeat("│ ", 50), name: "step", marks: "✗↖↗1"},
		{guides: strings.Repeat("│ ", 50), name: "no room left", marks: "✗↖↗1234567890"},
	} {
		p := printer{}
		p.label(r, 16)
		if got := p.out.String(); knownCells(got) != 16 {
			t.Errorf("label %q is %d cells, want 16", got, knownCells(got))
		}
	}
}

func TestTwoThousandSpans(t *testing.T) {
	s := storytest.New()
	parent := ""
	for i := range 2000 {
		parent = s.Add(parent, "deep", story.KindInternal, "step", i, 4000-i,
			storytest.Failed(""), storytest.LinkTo(storytest.ID, parent), storytest.LinkTo(fmt.Sprint("trace", i), ""))
	}
	got := render(t, s.Trace, Options{Width: 40})
	if n := strings.Count(got, " deep "); n != 2000 {
		t.Errorf("%d lines for 2000 spans", n)
	}
	for line := range strings.Lines(got) {
		if n := knownCells(line) - len("\n"); n > 40 {
			t.Fatalf("%d cells of 40: %q", n, line)
		}
	}
}

func TestFoldingHidesNothing(t *testing.T) {
	s := storytest.New()
	root := s.Add("", "order", story.KindServer, "root", 0, 100)
	statement := func(service, name string, at int, edits ...func(*story.Span)) string {
		return s.Add(root, service, story.KindClient, name, at, at+1,
			append(edits, storytest.With("db.system.name", "sqlite"))...)
	}
	statement("order", "a1", 1)
	statement("order", "a2", 2)
	statement("inventory", "another service", 3)
	statement("order", "b", 4)
	statement("order", "failed", 5, storytest.Failed("disk full"))
	statement("order", "c", 6)
	statement("order", "linked", 7, storytest.LinkTo(storytest.OtherID, ""))
	statement("order", "d", 8)
	statement("order", "with an event", 9, storytest.Exception("x", "y"))
	statement("order", "e", 10)
	s.Add(statement("order", "with a child", 11), "order", story.KindClient, "child", 11, 12)
	statement("order", "f", 13)
	s.Add(root, "order", story.KindClient, "no statement", 14, 15)
	statement("order", "g1", 16)
	statement("order", "g2", 17)
	statement("order", "g3", 18)
	s.Statements("0000000000000bad", "order", 200, 300, "orphan 1", "orphan 2")

	b := newBuilder(s.Trace, false)
	b.add(b.Roots, "", true)
	var names []string
	for _, r := range b.rows {
		names = append(names, r.name)
	}
	want := []string{"root", "2 statements", "another service", "b", "failed", "c", "linked", "d", "with an event",
		"e", "with a child", "child", "f", "no statement", "3 statements", "orphan 1", "orphan 2"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestWidthHasALeast(t *testing.T) {
	if diff := cmp.Diff(render(t, storytest.ConfirmedOrder(), Options{Width: 40}), render(t, storytest.ConfirmedOrder(), Options{Width: 1})); diff != "" {
		t.Errorf("width 1 differs from 40:\n%s", diff)
	}
}

func TestManyLinksAreCounted(t *testing.T) {
	s := storytest.New()
	var links []func(*story.Span)
	for i := range 7 {
		links = append(links, storytest.LinkTo(fmt.Sprint("t", i), ""))
	}
	s.Add("", "order", story.KindConsumer, "process batch", 0, 1, links...)
	if got, want := render(t, s.Trace, Options{}), "↗1 links to trace t0, trace t1, trace t2, trace t3, 3 more\n"; !strings.Contains(got, want) {
		t.Errorf("no %q in:\n%s", want, got)
	}
}

func TestWriterFails(t *testing.T) {
	if err := Render(brokenPipe{}, storytest.ConfirmedOrder(), Options{}); !errors.Is(err, errBroken) {
		t.Errorf("Render = %v, want the writer's error", err)
	}
}

var errBroken = errors.New("broken pipe")

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

func render(t *testing.T, trace story.Trace, options Options) string {
	t.Helper()
	var out bytes.Buffer
	if err := Render(&out, trace, options); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// knownCells measures by the few wide and combining runes randomText uses, not
// by the code under test.
func knownCells(s string) int {
	n := len([]rune(s))
	return n + strings.Count(s, "界") + strings.Count(s, "🧵") - strings.Count(s, "\u0301")
}

func randomText(random *rand.Rand) string {
	alphabet := []string{"a", "Z", " ", "é", "e\u0301", "界", "🧵", "\x1b[31m", "\x1b]0;x\a", "\n", "\t", "\r", "\u202e", "\u200b", "\xff", "\x9b", "▸"}
	var text strings.Builder
	for range random.IntN(60) {
		text.WriteString(alphabet[random.IntN(len(alphabet))])
	}
	return text.String()
}

func randomTrace(random *rand.Rand) story.Trace {
	trace := story.Trace{ID: randomText(random)}
	id := func() string { return fmt.Sprint(random.IntN(40)) }
	scale := int64(1) << (10 + random.IntN(45))
	for range 1 + random.IntN(40) {
		start := storytest.Epoch.Add(time.Duration(random.Int64N(scale)))
		s := story.Span{
			ID: id(), Parent: id(), Service: randomText(random), Name: randomText(random),
			Kind: story.Kind(random.IntN(6)), Start: start,
			End:   start.Add(time.Duration(random.Int64N(scale) - scale/8)),
			Error: random.IntN(3) == 0, StatusMessage: randomText(random),
			Attributes: story.Attributes{"error.type": randomText(random)},
		}
		if random.IntN(2) == 0 {
			s.Attributes["db.system.name"] = "sqlite"
		}
		if random.IntN(2) == 0 {
			storytest.Received(id(), random.NormFloat64()*float64(scale)/1e6)(&s)
		}
		for range random.IntN(7) {
			s.Links = append(s.Links, story.Link{TraceID: randomText(random), SpanID: id()})
		}
		storytest.Exception(randomText(random), randomText(random))(&s)
		if random.IntN(3) == 0 {
			s.Name = "process " + s.Name
			storytest.TookOver(randomText(random), random.Int64(), random.IntN(1e6))(&s)
		}
		trace.Spans = append(trace.Spans, s)
	}
	return trace
}
