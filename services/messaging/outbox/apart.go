package outbox

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/clew/services/messaging"
)

// A partition of a stream is one key in Redis, which may take nothing while all others do: it is of another type, or the
// node is down that has it. Such a partition is set apart. A loop of its own tries it until it takes messages again, and
// the relay goes on with the rest, whose rows it finds behind however many of those.
type partition struct {
	stream string
	number int
}

const logPause = time.Minute // between two lines about a partition that is apart

// failed returns the partitions that did not take a row, each with a reason that is not the row's own. Rows that fail
// through a fault of their own are logged.
func (r *Relay) failed(b batch) map[partition]error {
	failed := map[partition]error{}
	for i, err := range b.errs {
		row := b.rows[i]
		if messaging.IsPermanent(err) {
			r.logger.Error("a message cannot be published", "message", row.ID, "failures", row.Failures+1,
				"parked_after", maxFailures, "error", err)
		} else if err != nil {
			failed[partition{row.Stream, messaging.PartitionOf(row.Subject, r.outbox.streams.Partitions)}] = err
		}
	}
	return failed
}

// runApart tries a partition, which failed for a reason, with one message at a time and pauses, until it takes one or ctx
// ends.
func (r *Relay) runApart(ctx context.Context, p partition, cause error) {
	logger := r.logger.With("stream", p.stream, "partition", p.number)
	work, logged := context.WithoutCancel(ctx), time.Time{}
	for pause := pauseFirst; ; pause = min(2*pause, pauseMost) {
		if time.Since(logged) >= logPause {
			logger.Warn("publishing the outbox stopped, trying again", "error", cause)
			logged = time.Now()
		}
		if !sleep(ctx, pause) {
			return
		}
		b, err := r.publish(work, 1, r.rowsOf(p))
		if slices.Contains(b.errs, nil) {
			break
		}
		cause = cmp.Or(r.failed(b)[p], err, cause)
	}
	logger.Info("publishing the outbox goes on")
	r.mu.Lock()
	delete(r.apart, p)
	r.mu.Unlock()
	r.outbox.wake()
}

// setApart reports whether the partition was not apart before.
func (r *Relay) setApart(p partition) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.apart[p]
	r.apart[p] = true
	return !before
}

// A condition is SQL for some rows, with arguments.
type condition func(*arguments) string

// rest are the conditions for rows of all partitions but those that are apart.
func (r *Relay) rest() (conditions []condition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.apart {
		conditions = append(conditions, func(args *arguments) string { return "NOT (" + r.rowsOf(p)(args) + ")" })
	}
	return conditions
}

// rowsOf is the condition for the rows of a partition.
func (r *Relay) rowsOf(p partition) condition {
	return func(args *arguments) string {
		return fmt.Sprintf("stream = %s AND subject_hash %% %d = %d", args.add(p.stream), r.outbox.streams.Partitions, p.number)
	}
}
