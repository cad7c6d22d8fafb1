package story

import (
	"slices"
	"time"
)

// criticalPath marks what the end of the trace waited for: going back from the end, always what ended last.
func criticalPath(roots []*Node) {
	ends := lastEnds(roots)
	type visit struct {
		node     *Node
		children []*Node
		until    time.Time
	}
	var stack []visit
	descend := func(children []*Node, until time.Time, self func(from, to time.Time)) {
		byEnd := slices.SortedStableFunc(slices.Values(children), func(a, b *Node) int { return ends[b].Compare(ends[a]) })
		for _, child := range byEnd {
			if !child.Start.Before(until) {
				continue
			}
			end := earlier(ends[child], until)
			self(end, until)
			stack = append(stack, visit{child, child.Children, end})
			until = child.Start
		}
		self(time.Time{}, until)
	}

	var last time.Time
	for _, root := range roots {
		last = later(last, ends[root])
	}
	descend(roots, last.Add(1), func(time.Time, time.Time) {}) // what starts at the end is on the path as well
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		v.node.Critical = true
		busy := v.node.Busy()
		descend(v.children, v.until, func(from, to time.Time) {
			if from, to = later(from, busy.Start), earlier(to, busy.End); from.Before(to) {
				v.node.Path = append(v.node.Path, Interval{from, to})
			}
		})
	}
}

// lastEnds returns when each node and all beneath it had ended: a message is processed after its creation ended.
func lastEnds(roots []*Node) map[*Node]time.Time {
	var nodes []*Node
	Walk(roots, func(n *Node) { nodes = append(nodes, n) })
	ends := make(map[*Node]time.Time, len(nodes))
	for _, n := range slices.Backward(nodes) {
		ends[n] = n.Busy().End
		for _, child := range n.Children {
			ends[n] = later(ends[n], ends[child])
		}
	}
	return ends
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
