package story

// Fold groups siblings: statements that follow each other in one service are one group, unless there is more to say about
// one than that it ran.
func Fold(siblings []*Node) [][]*Node {
	var groups [][]*Node
	for _, n := range siblings {
		if last := len(groups) - 1; last >= 0 {
			previous := groups[last][0]
			if previous.isPlainStatement() && n.isPlainStatement() && previous.Service == n.Service {
				groups[last] = append(groups[last], n)
				continue
			}
		}
		groups = append(groups, []*Node{n})
	}
	return groups
}

func (n *Node) isPlainStatement() bool {
	return n.IsStatement() && len(n.Children) == 0 && !n.Orphan && !n.Error && len(n.Events) == 0 &&
		len(n.Links) == 0 && len(n.LinkedFrom) == 0
}
