package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/internal/rows"
)

// A row is a message in the table outbox; database/migrations explains the columns.
type row struct {
	ID          string
	Stream      string
	Source      string
	Type        string
	Subject     string
	Time        int64
	Data        string
	Traceparent string
	Tracestate  string
	Baggage     string
	CauseID     string
	LeasedUntil int64
	Failures    int
	PublishedAt int64
	Replayed    int
	Headers     string
	SubjectHash uint32
}

const columns = `id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id,
	leased_until, failures, published_at, replayed, headers, subject_hash`

var insertRow = "INSERT INTO outbox (" + columns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`

// fields are in the order of columns.
func (r *row) fields() []any {
	return []any{
		&r.ID, &r.Stream, &r.Source, &r.Type, &r.Subject, &r.Time, &r.Data, &r.Traceparent, &r.Tracestate, &r.Baggage, &r.CauseID,
		&r.LeasedUntil, &r.Failures, &r.PublishedAt, &r.Replayed, &r.Headers, &r.SubjectHash,
	}
}

func rowOf(m messaging.Message, cause string) row {
	r := row{
		ID: m.ID, Stream: m.Stream, Source: m.Source, Type: m.Type, Subject: m.Subject,
		Time: m.Time.UnixMicro(), Data: string(m.Data), CauseID: cause, SubjectHash: messaging.SubjectHash(m.Subject),
	}
	others, columns := maps.Clone(m.Headers), r.headerColumns()
	for name, column := range columns {
		*column = m.Headers.Get(name)
		delete(others, name)
	}
	if len(others) > 0 {
		headers, _ := json.Marshal(others) // strings: it never fails
		r.Headers = string(headers)
	}
	return r
}

// headerColumns returns the columns for headers that have one.
func (r *row) headerColumns() map[string]*string {
	return map[string]*string{"traceparent": &r.Traceparent, "tracestate": &r.Tracestate, "baggage": &r.Baggage}
}

func (r row) message() messaging.Message {
	headers := messaging.Headers{}
	if r.Headers != "" {
		_ = json.Unmarshal([]byte(r.Headers), &headers) // it is rowOf's
	}
	for name, column := range r.headerColumns() {
		if *column != "" {
			headers.Set(name, *column)
		}
	}
	if r.Replayed > 0 {
		headers.Set("replayed", "1")
	}
	return messaging.Message{
		Stream: r.Stream, ID: r.ID, Source: r.Source, Type: r.Type, Subject: r.Subject,
		Time: time.UnixMicro(r.Time).UTC(), Data: []byte(r.Data), Headers: headers,
	}
}

// waiting reports whether there are unpublished rows, also such that a relay has leased.
func (t *Table) waiting(ctx context.Context) (waiting bool, err error) {
	err = t.query(ctx, func(func(...any) error) error {
		waiting = true
		return nil
	}, "SELECT id FROM outbox WHERE published_at = 0 AND failures < $1 LIMIT 1", maxFailures)
	if err != nil {
		return false, fmt.Errorf("look for outbox rows: %w", err)
	}
	return waiting, nil
}

// lease reserves the oldest unpublished rows that no relay has and that fulfil the conditions, up to limit rows and batchBytes.
// After leaseTime, by the database's clock, another relay may take them. Replayed messages come last, because they may be
// many. The transaction is over when lease returns.
func (t *Table) lease(ctx context.Context, limit int, conditions ...condition) (leased []row, err error) {
	var args arguments
	now := t.now(&args)
	due := fmt.Sprintf(`
		SELECT id, replayed, octet_length(data) AS size FROM outbox
		WHERE published_at = 0 AND leased_until < %s AND failures < %d`, now, maxFailures)
	for _, condition := range conditions {
		due += " AND " + condition(&args)
	}
	due += fmt.Sprintf(" ORDER BY replayed, id LIMIT %d", limit)
	err = t.query(ctx, func(scan func(...any) error) error {
		var r row
		err := scan(r.fields()...)
		leased = append(leased, r)
		return err
	}, fmt.Sprintf(`
		UPDATE outbox SET leased_until = %s + %d WHERE id IN (
			SELECT id FROM (SELECT id, size, SUM(size) OVER (ORDER BY replayed, id) AS total FROM (%s) AS due) AS sums
			WHERE total <= %d OR total = size) RETURNING %s`,
		now, leaseTime.Microseconds(), rows.SkipLocked(t.system, due), batchBytes, columns), args...)
	if err != nil {
		return nil, fmt.Errorf("lease outbox rows: %w", err)
	}
	slices.SortFunc(leased, func(a, b row) int { return strings.Compare(a.ID, b.ID) }) // RETURNING has no order
	return leased, nil
}

// settle records the result of a leased batch: added rows are published, rows that failed through their own fault count a
// failure, and all others are free again at once. A row whose lease has changed stays as it is: it was replayed meanwhile, or
// another relay has it.
func (t *Table) settle(ctx context.Context, leased []row, errs []error) error {
	var published, failed, freed []string
	for i, r := range leased {
		switch {
		case errs[i] == nil:
			published = append(published, r.ID)
		case messaging.IsPermanent(errs[i]):
			failed = append(failed, r.ID)
		default:
			freed = append(freed, r.ID)
		}
	}
	for _, change := range []struct { // in transactions of their own: one of all three would lock in three orders
		ids  []string
		set  string
		args arguments
	}{
		{published, "published_at = $1", arguments{time.Now().UnixMicro()}},
		{failed, "failures = failures + 1, leased_until = 0", nil},
		{freed, "leased_until = 0", nil},
	} {
		if len(change.ids) == 0 {
			continue
		}
		args := change.args
		err := t.query(ctx, ignore, fmt.Sprintf("UPDATE outbox SET %s WHERE id IN (%s)", change.set, rows.Locked(t.system, fmt.Sprintf(
			"SELECT id FROM outbox WHERE leased_until = %s AND id IN (%s) ORDER BY id",
			args.add(leased[0].LeasedUntil), args.list(change.ids)))), args...)
		if err != nil {
			return fmt.Errorf("settle outbox rows: %w", err)
		}
	}
	return nil
}

// Purge deletes the rows of messages that were published longer ago than published, and inbox entries older than
// messaging.InboxRetention. published must be shorter than that: an event may be published again as long as its row exists.
func (t *Table) Purge(ctx context.Context, published time.Duration) error {
	now := time.Now()
	return errors.Join( // both, even if one fails
		rows.Purge(ctx, t.query, t.system, "outbox", "id", "published_at", now.Add(-published)),
		rows.Purge(ctx, t.query, t.system, "inbox", "consumer_group, event_id", "processed_at", now.Add(-messaging.InboxRetention)),
	)
}
