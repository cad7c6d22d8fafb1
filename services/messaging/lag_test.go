package messaging_test

import (
	"context"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// addMany adds entries with the ids n-0, n+1-0 and so on.
const addMany = `for i = 0, ARGV[2] - 1 do redis.call('XADD', KEYS[1], (ARGV[1] + i) .. '-0', 'n', i) end return 1`

// Whatever anybody does to a stream and its groups: a lag that is said to be known is what a count of all entries finds,
// and any other is a lower bound of it. Both hold of a sampler, which has looked before, and of one that has not.
func TestALagIsExactOrALowerBound(t *testing.T) {
	client := messagingtest.Client(t, messagingtest.Redis(t))
	ctx := context.Background()
	exact, capped := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		if err := client.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		last := 0 // id
		group := func() string { return rapid.SampledFrom([]string{"a", "b"}).Draw(t, "group") }
		id := func() string { return fmt.Sprint(rapid.IntRange(0, last+1).Draw(t, "id")) + "-0" }
		size := func() int { // few, many, and more than are counted
			return rapid.OneOf(rapid.IntRange(1, 5), rapid.IntRange(50, 500), rapid.IntRange(900, 2500)).Draw(t, "size")
		}
		sampler := messaging.NewInspector(client, "notes", 1)
		look := func(in messaging.Inspector) {
			infos, err := in.Inspect(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for i, g := range client.XInfoGroups(ctx, notes).Val() {
				entries, err := client.XRange(ctx, notes, "("+g.LastDeliveredID, "+").Result()
				if err != nil {
					t.Fatal(err)
				}
				counted, got := int64(len(entries)), infos[0].Groups[i]
				if got.LagCapped && got.Lag > counted || !got.LagCapped && got.Lag != counted {
					t.Fatalf("group %s: the lag is %d (capped %t), a count finds %d", g.Name, got.Lag, got.LagCapped, counted)
				}
				if got.LagCapped {
					capped++
				} else if got.Lag > 1_000 {
					exact++
				}
			}
		}
		try := func(args ...any) { _ = client.Do(ctx, args...).Err() } // refused where there is no such stream or group
		add := func() {
			n := size()
			try("EVAL", addMany, 1, notes, last+1, n)
			last += n
		}
		read := func() { try("XREADGROUP", "GROUP", group(), "c", "NOACK", "COUNT", size(), "STREAMS", notes, ">") }
		again := func() { look(sampler) }
		steps := []func(){
			add, add, add, read, read, read, again, again, again,
			func() { look(messaging.NewInspector(client, "notes", 1)) },
			func() { try("XDEL", notes, id(), id()) },
			func() { try("XTRIM", notes, "MAXLEN", size()) },
			func() { try("XTRIM", notes, "MINID", id()) },
			func() { try("XGROUP", "CREATE", notes, group(), id()) },
			func() { try("XGROUP", "SETID", notes, group(), id()) },
			func() { try("XGROUP", "DESTROY", notes, group()) },
			func() { // and Redis's clock is set back
				try("DEL", notes)
				last = rapid.IntRange(0, last).Draw(t, "clock")
				try("XGROUP", "CREATE", notes, group(), "0", "MKSTREAM")
				look(sampler)
			},
		}
		try("XGROUP", "CREATE", notes, "a", "0", "MKSTREAM")
		for range rapid.IntRange(10, 60).Draw(t, "steps") {
			steps[rapid.IntRange(0, len(steps)-1).Draw(t, "step")]()
		}
		look(sampler)
	})
	if exact == 0 || capped == 0 {
		t.Errorf("%d large lags were known, %d were not: expected some of both", exact, capped)
	}
}

// A sampler that has seen the stream grow knows a large lag, where Redis does not and counting would take too long.
func TestALagThatWasSeenToGrowIsKnown(t *testing.T) {
	h := newHand(t)
	h.do("XGROUP", "CREATE", notes, "g", "0", "MKSTREAM")
	sampler := messaging.NewInspector(h.client, "notes", 1)
	look := func(in messaging.Inspector) messaging.GroupInfo {
		infos, err := in.Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return infos[0].Groups[0]
	}
	for range 20 {
		h.many(400)
		look(sampler)
	}
	h.do("XTRIM", notes, "MAXLEN", 7_000) // what the group has not read: Redis will never know its lag again
	h.read("g", 2_345)
	if g := look(sampler); g.Lag != 4_655 || g.LagCapped {
		t.Errorf("the lag is %d (capped %t), expected 4655", g.Lag, g.LagCapped)
	}
	if g := look(messaging.NewInspector(h.client, "notes", 1)); g.Lag != 1_000 || !g.LagCapped {
		t.Errorf("at a first look, the lag is %d (capped %t), expected that it is at least 1000", g.Lag, g.LagCapped)
	}
	h.many(10_000)
	if g := look(sampler); g.Lag != 14_655 || g.LagCapped {
		t.Errorf("the lag is %d (capped %t), expected 14655", g.Lag, g.LagCapped)
	}
}
