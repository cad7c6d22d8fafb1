package follow

import (
	"fmt"
	"slices"

	"example.com/clew/loadtest/internal/result"
)

const examplesOfEach = 3

// judge counts orders by their end.
type judge struct {
	totals                       result.Totals // only what Account fills in
	lost, duplicated, unexpected []string      // examples
	poisonFixed, interrupted     bool
}

// ended counts an accepted order that has ended.
func (j *judge) ended(id string, r *record) {
	switch r.status {
	case Confirmed:
		j.totals.Confirmed++
	case Rejected:
		j.totals.Rejected++
	case Cancelled:
		j.totals.Cancelled++
	case DeadLettered:
		j.totals.DeadLettered[r.reason]++
	}
	if fault := j.duplicate(r); fault != "" {
		j.totals.Duplicated++
		example(&j.duplicated, "duplicated: order %s (%s): %s", id, r.sku, fault)
	}
	if fault := j.surprise(r); fault != "" {
		j.totals.Unexpected++
		example(&j.unexpected, "unexpected: order %s (%s) %s", id, r.sku, fault)
	}
}

// duplicate describes what happened twice to an order; "" if nothing did.
func (j *judge) duplicate(r *record) string {
	switch {
	case r.twice, r.refused && r.cancellation != 0:
		return "events with different ids finish it"
	case r.status == Confirmed && r.reservation == 0 && j.interrupted:
		return "" // the reservation may be among what was missed
	case r.status == Confirmed && r.reserved != r.units:
		return fmt.Sprintf("%d units confirmed, %d reserved", r.units, r.reserved)
	case r.status == Rejected && r.reserved != 0:
		return fmt.Sprintf("rejected, but %d units reserved", r.reserved)
	}
	return ""
}

// surprise describes how an order's end differs from the one that its SKU implies; "" if it does not. A cancellation is no
// difference: anybody may cancel an order before its implied end.
func (j *judge) surprise(r *record) string {
	status, reason := implied(r.sku)
	fixed := r.sku == "test-poison" && j.poisonFixed
	was := "was " + r.status
	if r.reason != "" {
		was = fmt.Sprintf("was dead-lettered (%s)", r.reason)
	}
	switch {
	case r.reason != "" && r.reason != reason:
		return fmt.Sprintf("%s, which its SKU does not imply", was)
	case r.reason == "" && reason != "" && r.status != Cancelled && !fixed:
		return fmt.Sprintf("%s, expected a dead letter (%s)", was, reason)
	case status == Rejected && r.status == Confirmed:
		return fmt.Sprintf("%s, expected a rejection", was)
	}
	return ""
}

// implied returns how orders of a test SKU end in test mode, see the table in README. For any other SKU only a dead letter is
// not expected.
func implied(sku string) (status, reason string) {
	switch sku {
	case "test-invalid":
		return DeadLettered, "permanent"
	case "test-poison", "test-crash-loop":
		return DeadLettered, "exhausted"
	case "test-out-of-stock":
		return Rejected, ""
	}
	return "", ""
}

// missing counts an accepted order that has no end.
func (j *judge) missing(r *record, status string) {
	if status == Unfinished {
		j.totals.Unfinished++
		return
	}
	j.totals.Lost++
	last := "was never published"
	switch {
	case r.reservation != 0:
		last = "had its stock reserved, and was not confirmed"
	case r.published:
		last = "was published, and nothing came of it"
	}
	example(&j.lost, "lost: order %s (%s, trace %s) %s", r.order.ID, r.sku, r.order.TraceID, last)
}

func example(examples *[]string, format string, args ...any) {
	if len(*examples) < examplesOfEach {
		*examples = append(*examples, fmt.Sprintf(format, args...))
	}
}

func (j *judge) fill(totals *result.Totals) {
	t := j.totals
	totals.Confirmed, totals.Rejected, totals.Cancelled = t.Confirmed, t.Rejected, t.Cancelled
	totals.DeadLettered, totals.Unfinished = t.DeadLettered, t.Unfinished
	totals.Lost, totals.Duplicated, totals.Unexpected = t.Lost, t.Duplicated, t.Unexpected
	totals.Examples = slices.Concat(j.lost, j.duplicated, j.unexpected)
}
