package order_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/clew/services/order/internal/order"
)

var statuses = []order.Status{order.Pending, order.Confirmed, order.Rejected, order.Cancelled}

func TestTransitions(t *testing.T) {
	got := map[order.Status][]order.Status{}
	for _, to := range statuses {
		for _, from := range to.From() {
			got[from] = append(got[from], to)
		}
	}
	want := map[order.Status][]order.Status{
		order.Pending:   {order.Confirmed, order.Rejected, order.Cancelled},
		order.Confirmed: {order.Cancelled},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("transitions (-want +got):\n%s", diff)
	}
}

// However often and in whichever order changes arrive, an order changes at most twice and never leaves a final status.
func TestAnOrderSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		status, changes := order.Pending, 0
		for _, to := range rapid.SliceOf(rapid.SampledFrom(statuses)).Draw(t, "changes") {
			if !slices.Contains(to.From(), status) {
				continue
			}
			if status == order.Rejected || status == order.Cancelled {
				t.Fatalf("left the final status %s for %s", status, to)
			}
			status = to
			changes++
		}
		if changes > 2 {
			t.Fatalf("changed %d times", changes)
		}
	})
}
