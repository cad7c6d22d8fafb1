package messaging_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// clock makes the servers that the test starts from now on have a clock of their own, and returns what sets it, in
// seconds from the true time.
func clock(t *testing.T) (set func(seconds int64)) {
	dir := t.TempDir()
	library, offset := filepath.Join(dir, "clock.so"), filepath.Join(dir, "offset")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, "testdata/clock.c").CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "" {
			t.Skip("SKIPPED: a compiler of C is missing")
		}
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := os.Create(offset)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	set = func(seconds int64) {
		if _, err := file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(seconds)), 0); err != nil {
			t.Fatal(err)
		}
	}
	set(0)
	t.Setenv("CLOCK", offset)
	t.Setenv("LD_PRELOAD", library)
	return set
}

// Redis says of what was delivered in the future that it is idle for no time at all.
func TestRedisClockIsSetBack(t *testing.T) {
	set := clock(t)
	for name, test := range map[string]struct {
		wait func(r *rig) // for a message that is not to be had now
	}{
		"while a message waits for its next attempt": {func(r *rig) {
			failed := make(chan struct{})
			stop := r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error {
				close(failed)
				return errors.New("no luck")
			}}, withBackoff(5*time.Second, 5*time.Second))
			r.publish("note.v1", "s")
			<-failed
			r.awaitPending("g", "retry")
			stop()
		}},
		"while a dead consumer holds it": {func(r *rig) {
			r.publish("note.v1", "s")
			r.die("g", "dead", 1)
		}},
	} {
		for _, when := range []string{"before the consumer starts", "while it runs"} {
			t.Run(name+", "+when, func(t *testing.T) {
				set(0)
				r := newRig(t, 1)
				test.wait(r)
				if when == "before the consumer starts" {
					set(-3600)
				}
				handled := make(chan struct{}, 2)
				r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error {
					handled <- struct{}{}
					return nil
				}, "ready.v1": func(context.Context, messaging.Message) error {
					handled <- struct{}{}
					return nil
				}}, withClaimAfter(time.Second, 50*time.Millisecond), withBackoff(time.Second, time.Second),
					withName("g-2"))
				r.publish("ready.v1", "ready") // new messages go on
				<-handled
				if when == "while it runs" {
					r.awaitLook()
					set(-3600)
				}
				messagingtest.Eventually(t, "the message is processed", func() error {
					select {
					case <-handled:
						return nil
					default:
						return errors.New("it waits")
					}
				})
				r.awaitBacklog("g", 0)
			})
		}
	}
}

// awaitPending waits until something is pending with a consumer.
func (r *rig) awaitPending(group, consumer string) {
	r.t.Helper()
	messagingtest.Eventually(r.t, "something is pending with "+consumer, func() error {
		if r.client.XPending(context.Background(), notes, group).Val().Consumers[consumer] == 0 {
			return errors.New("nothing is")
		}
		return nil
	})
}

// awaitLook waits until a consumer has looked through the pending list.
func (r *rig) awaitLook() {
	r.t.Helper()
	calls := func() (n int) {
		stats := r.client.InfoMap(context.Background(), "commandstats").Item("Commandstats", "cmdstat_evalsha")
		_, _ = fmt.Sscanf(stats, "calls=%d", &n)
		return n
	}
	before := calls()
	messagingtest.Eventually(r.t, "a consumer has looked through the pending list", func() error {
		if calls() <= before+1 {
			return errors.New("it has not")
		}
		return nil
	})
}
