package waterfall

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/observability/viewer/story"
)

const (
	markFailed = "✗"
	markKilled = "☠"
	markNote   = "·"
	markOrphan = "?"
	markParent = "↖"
	markLink   = "↗" // with the number of its note
)

// notes collects which marks a picture uses, to explain those and no others.
type notes struct {
	waits                        map[string]time.Duration // by place
	statements, folded           bool
	gap                          bool // of the axis, folded
	failed, orphans, parentLinks bool
	killed                       bool
	links                        []string
}

func (n *notes) addWait(w story.Wait) {
	if n.waits == nil {
		n.waits = map[string]time.Duration{}
	}
	n.waits[w.Place] += w.Length
}

func formatWait(length time.Duration) string {
	if length == 0 {
		return "<1ms"
	}
	return terminal.Duration(length)
}

// linkMark returns the mark for links to these targets: one for all of a span,
// and the same one for every span that links to the same.
func (n *notes) linkMark(targets []string) string {
	if len(targets) == 0 {
		return ""
	}
	const most = 4
	if more := len(targets) - most; more > 0 {
		targets = append(targets[:most:most], fmt.Sprintf("%d more", more))
	}
	note := strings.Join(targets, ", ")
	i := slices.Index(n.links, note)
	if i < 0 {
		i = len(n.links)
		n.links = append(n.links, note)
	}
	return fmt.Sprint(markLink, i+1)
}

// lines returns the legend.
func (n *notes) lines() []string {
	var lines []string
	add := func(used bool, mark, text string) {
		if used {
			lines = append(lines, mark+" "+text)
		}
	}
	var waits []string
	for _, place := range slices.Sorted(maps.Keys(n.waits)) {
		waits = append(waits, formatWait(n.waits[place])+" in the "+place)
	}
	statements := "database statements"
	if n.folded {
		statements += ", folded and added up (--statements shows each)"
	}
	add(len(waits) > 0, string(barWait), "waiting: "+strings.Join(waits, ", "))
	add(n.gap, barFold, "a pause longer than all else together: it is drawn as long as that")
	add(n.statements, string(barStatement), statements)
	add(n.failed, markFailed, "failed")
	add(n.killed, markKilled, "its process was killed: another span tells of it")
	add(n.orphans, markOrphan, "its parent is not here: not exported, or not yet")
	add(n.parentLinks, markParent, "also links to its parent, where its message was created")
	for i, link := range n.links {
		add(true, fmt.Sprint(markLink, i+1), "links to "+link)
	}
	return lines
}
