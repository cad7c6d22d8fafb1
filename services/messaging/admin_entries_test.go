package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

func TestAnEntryIsShownAsItStands(t *testing.T) {
	h := newHand(t)
	h.do("XADD", notes, "7-1", "specversion", "1.0", "b", "<b>\x00\xff", "a", "", "b", "again")
	admin := messaging.New(h.client, messaging.Config{Partitions: 1}).Admin()
	got, there, err := admin.Entry(t.Context(), "notes", 0, "7-1")
	want := messaging.Entry{ID: "7-1", Key: notes, Fields: [][2]string{{"specversion", "1.0"}, {"b", "<b>\x00\xff"}, {"a", ""}, {"b", "again"}}}
	if diff := cmp.Diff(want, got); diff != "" || !there || err != nil {
		t.Errorf("there %v, error %v, (-want +got):\n%s", there, err, diff)
	}
	for _, missing := range []string{"7-0", "8-0"} {
		if _, there, err := admin.Entry(t.Context(), "notes", 0, missing); there || err != nil {
			t.Errorf("entry %s: there %v, error %v", missing, there, err)
		}
	}
	if _, there, err := admin.Entry(t.Context(), "nothing", 0, "7-1"); there || err != nil {
		t.Errorf("without a stream: there %v, error %v", there, err)
	}
}

func TestPendingSaysWhoHoldsWhat(t *testing.T) {
	h := newHand(t)
	admin := messaging.New(h.client, messaging.Config{Partitions: 2}).Admin()
	if got, err := admin.Pending(t.Context(), "notes", 10); err != nil || got == nil || len(got) != 0 {
		t.Errorf("without a stream: %v, %v, want an empty list", got, err)
	}
	const other = "notes:{1}"
	for _, entry := range [][2]string{{notes, "1-0"}, {notes, "2-0"}, {notes, "3-0"}, {other, "4-0"}} {
		h.do("XADD", entry[0], entry[1], "type", "note.v1", "subject", "s"+entry[1])
	}
	h.do("XGROUP", "CREATE", notes, "g", "0")
	h.do("XGROUP", "CREATE", notes, "late", "$")
	h.do("XGROUP", "CREATE", other, "g", "0")
	h.do("XREADGROUP", "GROUP", "g", "c", "STREAMS", notes, other, ">", ">")
	h.do("XCLAIM", notes, "g", "retry", 0, "2-0")
	h.do("XDEL", notes, "3-0")
	got, err := admin.Pending(t.Context(), "notes", 10)
	want := []messaging.PendingInfo{
		{ID: "1-0", Group: "g", Consumer: "c", Deliveries: 1, Subject: "s1-0", Type: "note.v1"},
		{ID: "2-0", Group: "g", Consumer: "retry", Retry: true, Deliveries: 2, Subject: "s2-0", Type: "note.v1"},
		{ID: "3-0", Group: "g", Consumer: "c", Deliveries: 1},
		{ID: "4-0", Group: "g", Consumer: "c", Deliveries: 1, Subject: "s4-0", Type: "note.v1", Partition: 1},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(messaging.PendingInfo{}, "Idle", "Due")); diff != "" || err != nil {
		t.Errorf("error %v, (-want +got):\n%s", err, diff)
	}
	if got, err := admin.Pending(t.Context(), "notes", 2); err != nil || len(got) != 2 || got[0].ID != "1-0" {
		t.Errorf("two of them: %+v, %v", got, err)
	}
}

// The backoff is long against what a busy machine takes for the look.
func TestADeadLettersFieldsAreNotItsData(t *testing.T) {
	r := newRig(t, 1)
	r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error { return messaging.Permanent(errors.New("no")) }})
	r.publish("note.v1", "s")
	d := r.awaitDeadLetters(1)[0]
	before := fmt.Sprint(d.Fields)
	clear(d.Message.Data)
	if after := fmt.Sprint(d.Fields); after != before {
		t.Errorf("with the data, the fields changed from %s to %s", before, after)
	}
}

func TestPendingSaysWhenAFailedMessageIsDue(t *testing.T) {
	r := newRig(t, 1)
	r.publish("note.v1", "s")
	r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error { return errors.New("not yet") }},
		withBackoff(8*time.Second, messaging.DefaultBackoffMost))
	admin := messaging.New(r.client, messaging.Config{}).Admin()
	messagingtest.Eventually(t, "the message waits for its next attempt", func() error {
		pending, err := admin.Pending(t.Context(), "notes", 1)
		switch {
		case err != nil:
			return err
		case len(pending) == 0 || !pending[0].Retry:
			return errors.New("not yet")
		case pending[0].Due <= 0 || pending[0].Due > 1.2*8:
			t.Errorf("%+v, want it due within 8 s, give or take 20 %%", pending[0])
		}
		return nil
	})
}

func TestTheNewestDeadLetters(t *testing.T) {
	h := newHand(t)
	admin := messaging.New(h.client, messaging.Config{Partitions: 2}).Admin()
	add := func(key, id, at string) {
		h.do("XADD", key, id, "subject", id, "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "odd", "1",
			"dlqreason", "permanent", "dlqtime", at, "dlqgroup", "g")
	}
	add(notes+":dlq", "1-0", "2026-01-01T00:00:01Z")
	add(notes+":dlq", "3-0", "2026-01-01T00:00:03Z")
	add("notes:{1}:dlq", "2-0", "2026-01-01T00:00:02Z")
	newest, total, err := admin.NewestDeadLetters(t.Context(), "notes", 2)
	if err != nil || total != 3 || len(newest) != 2 || newest[0].ID != "3-0" || newest[1].ID != "2-0" || newest[1].Partition != 1 {
		t.Fatalf("%+v of %d, %v, want those of 3 s and 2 s, of 3", newest, total, err)
	}
	of := func(id string) func(messaging.DeadLetter) bool {
		return func(d messaging.DeadLetter) bool { return d.Message.Subject == id }
	}
	for _, test := range []struct {
		sought       string
		limit, among int
		found        bool
		looked       int64
	}{
		{"1-0", 1, 10, true, 3}, // a page is one
		{"1-0", 5, 1, false, 2},
		{"3-0", 1, 10, true, 2},
		{"none", 2, 10, false, 3},
	} {
		found, looked, total, err := admin.FindDeadLetters(t.Context(), "notes", of(test.sought), test.limit, test.among)
		if err != nil || total != 3 || looked != test.looked || (len(found) == 1 && found[0].ID == test.sought) != test.found {
			t.Errorf("%+v: %+v, looked at %d of %d, %v", test, found, looked, total, err)
		}
	}
	want := [][2]string{{"subject", "2-0"}, {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, {"odd", "1"}}
	if diff := cmp.Diff(want, newest[1].Fields); diff != "" || newest[1].TraceID() != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("trace %q, fields (-want +got):\n%s", newest[1].TraceID(), diff)
	}
	one, there, err := admin.DeadLetter(t.Context(), "notes", 1, "2-0")
	if diff := cmp.Diff(newest[1], one, cmp.AllowUnexported(messaging.DeadLetter{})); diff != "" || !there || err != nil {
		t.Errorf("one alone: there %v, error %v, (-list +alone):\n%s", there, err, diff)
	}
	if _, there, err := admin.DeadLetter(t.Context(), "notes", 0, "2-0"); there || err != nil {
		t.Errorf("in another partition: there %v, error %v", there, err)
	}
	if id := (messaging.DeadLetter{}).TraceID(); id != "" {
		t.Errorf("without a context the trace is %q", id)
	}
}
