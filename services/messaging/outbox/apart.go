package outbox

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/clew/services/messaging"
)

// A partition of a stream is one key in Redis. It may accept nothing while all others do: the key has another type, or its
// node is down. Such a partition is set apart: a loop of its own tries it until it accepts messages again, and the relay goes
// on with the other partitions' rows.
type partition struct {
	stream string
	number int
}

const logPause = time.Minute // between two log lines about a partition that is set apart

// failed returns the partitions that refused a row for a reason other than the row, with that reason. It logs rows that failed
// through their own fault.
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

// runApart tries a partition that failed with cause, one message at a time and with pauses, until it accepts one or ctx ends.
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

// setApart sets a partition apart, and reports whether it was not before.
func (r *Relay) setApart(p partition) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.apart[p]
	r.apart[p] = true
	return !before
}

// A condition returns SQL that selects rows, and adds its arguments.
type condition func(*arguments) string

// rest returns conditions for the rows of all partitions that are not set apart.
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
