package testmode_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"example.com/clew/services/contracts"
	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/inventory/internal/testmode"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

var errKilled = errors.New("killed")

// handle delivers one order of the SKUs to a misbehaving handler, and returns the error and whether the order got
// through to the real one.
func handle(ctx context.Context, t *testing.T, switches redis.Cmdable, deliveries int64, skus ...string) (through bool, err error) {
	t.Helper()
	e := contracts.OrderCreated{OrderID: "o", CustomerID: "ada", Currency: "EUR"}
	for _, sku := range skus {
		e.Items = append(e.Items, contracts.Item{SKU: sku, Quantity: 1})
	}
	next := func(context.Context, contracts.OrderCreated, messaging.Message) error { through = true; return nil }
	m := messaging.Message{Deliveries: deliveries}
	err = testmode.Misbehave(next, switches, func() error { return errKilled })(ctx, e, m)
	return through, err
}

func TestWhatEachSKUDoes(t *testing.T) {
	const (
		success   = "success"
		failure   = "failure"
		permanent = "permanent"
		killed    = "killed"
	)
	client := messagingtest.Client(t, messagingtest.Redis(t))
	for _, test := range []struct {
		sku  string
		want []string // on the deliveries 1, 2, 3 …
	}{
		{"lamp", []string{success}},
		{"test-drive", []string{success}},
		{contracts.TestOutOfStock, []string{success}}, // the real handler refuses it
		{contracts.TestFlaky, []string{failure, failure, success, success}},
		{contracts.TestPoison, []string{failure, failure, failure, failure, failure}},
		{contracts.TestInvalid, []string{permanent, permanent}},
		{contracts.TestCrash, []string{killed, success, success}},
		{contracts.TestCrashLoop, []string{killed, killed, killed, killed, killed}},
	} {
		t.Run(test.sku, func(t *testing.T) {
			var got []string
			for i := range test.want {
				through, err := handle(t.Context(), t, client, int64(i+1), "lamp", test.sku, test.sku)
				result := failure
				switch {
				case err == nil:
					result = success
				case messaging.IsPermanent(err):
					result = permanent
				case errors.Is(err, errKilled):
					result = killed
				}
				if through != (result == success) {
					t.Errorf("delivery %d: %s, but got through: %v", i+1, result, through)
				}
				got = append(got, result)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("deliveries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFailureExplainsItself(t *testing.T) {
	client := messagingtest.Client(t, messagingtest.Redis(t))
	for sku, want := range map[string]string{
		contracts.TestFlaky:   "test-flaky fails on its first two deliveries; this is delivery 2",
		contracts.TestPoison:  "test-poison fails on every delivery; `clew fix poison` ends that",
		contracts.TestInvalid: "test-invalid fails for good; no retry can mend it",
	} {
		if _, err := handle(t.Context(), t, client, 2, sku); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %q", sku, err, want)
		}
	}
}

func TestThePoisonSwitch(t *testing.T) {
	client := messagingtest.Client(t, messagingtest.Redis(t))
	for _, test := range []struct {
		value string
		fixed bool
	}{{contracts.PoisonFixed, true}, {"broken", false}, {contracts.PoisonFixed, true}, {"", false}} {
		if err := client.HSet(t.Context(), contracts.TestSwitches, contracts.SwitchPoison, test.value).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := handle(t.Context(), t, client, 1, contracts.TestPoison); (err == nil) != test.fixed {
			t.Errorf("%q: error %v, want fixed: %v", test.value, err, test.fixed)
		}
	}
}

// That Redis is away says nothing about the order, which must not be dead-lettered for it.
func TestASwitchThatCannotBeReadIsUnavailable(t *testing.T) {
	client := messagingtest.Client(t, "unix:///nonexistent/redis.sock")
	through, err := handle(t.Context(), t, client, 1, contracts.TestPoison)
	if through || messaging.Classify(err) != "unavailable" {
		t.Errorf("error %v, want an unavailable one", err)
	}
	if _, err := handle(t.Context(), t, client, 1, "lamp"); err != nil {
		t.Errorf("an order without test-poison: %v", err)
	}
}

func TestSlowTakesTwoSecondsOrUntilItsContextEnds(t *testing.T) {
	for name, test := range map[string]struct {
		timeout, took time.Duration
		through       bool
	}{
		"enough time": {10 * time.Second, 2 * time.Second, true},
		"too little":  {time.Second, time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
				defer cancel()
				start := time.Now() // the bubble's clock
				through, err := handle(ctx, t, nil, 1, contracts.TestSlow, contracts.TestSlow)
				if took := time.Since(start); took != test.took || through != test.through {
					t.Errorf("took %s, got through: %v, error %v", took, through, err)
				}
				if !test.through && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v, want the context's", err)
				}
			})
		})
	}
}

func TestEveryTestSKUIsSeeded(t *testing.T) {
	got := map[string]stock.Item{}
	for _, item := range testmode.Seed() {
		got[item.SKU] = item
	}
	want := map[string]stock.Item{contracts.TestOutOfStock: {SKU: contracts.TestOutOfStock}}
	for _, sku := range []string{"test-slow", "test-flaky", "test-poison", "test-invalid", "test-crash", "test-crash-loop"} {
		want[sku] = stock.Item{SKU: sku, Available: 1_000_000_000}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("seed (-want +got):\n%s", diff)
	}
}
