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

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
)

// A row is a message in the table outbox; database/migrations says what the columns mean.
type row struct {
	ID          string `gorm:"primaryKey"`
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

// TableName tells GORM the table.
func (row) TableName() string { return "outbox" }

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

// headerColumns are the columns of headers that have their own.
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

// lease takes the oldest unpublished rows that are nobody's and fulfil the conditions, up to limit and to a batch's bytes,
// until the lease ends: after that they are taken for abandoned. It is the database's clock that tells. The transaction
// is over when lease returns.
func (o *Outbox) lease(ctx context.Context, limit int, conditions ...any) ([]row, error) {
	var rows []row
	db, now := o.db.Write.WithContext(ctx), o.db.Now()
	due := db.Table("outbox").Select("id, octet_length(data) AS size").
		Where("published_at = 0 AND leased_until < ? AND failures < ?", now, maxFailures).
		Order("id").Limit(limit)
	for _, condition := range conditions {
		due = due.Where(condition)
	}
	err := db.Raw(`
		UPDATE outbox SET leased_until = ? + ? WHERE id IN (
			SELECT id FROM (SELECT id, size, SUM(size) OVER (ORDER BY id) AS total FROM (?) AS due) AS sums
			WHERE total <= ? OR total = size) RETURNING *`,
		now, leaseTime.Microseconds(), database.SkipLocked(due), batchBytes).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("lease outbox rows: %w", err)
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.ID, b.ID) }) // RETURNING has no order
	return rows, nil
}

// settle records what publishing a leased batch came to: rows that were added are published, rows that can't be count a
// failure, and all others are free again at once. A row whose lease has changed stays as it is: it is published again,
// because somebody asked for that meanwhile, or it is another relay's.
func (o *Outbox) settle(ctx context.Context, rows []row, errs []error) error {
	var published, failed, freed []string
	for i, r := range rows {
		switch {
		case errs[i] == nil:
			published = append(published, r.ID)
		case messaging.IsPermanent(errs[i]):
			failed = append(failed, r.ID)
		default:
			freed = append(freed, r.ID)
		}
	}
	db := o.db.Write.WithContext(ctx)
	for _, change := range []struct { // in transactions of their own: one of all three would lock in three orders
		ids []string
		set clause.Expr
	}{
		{published, gorm.Expr("published_at = ?", time.Now().UnixMicro())},
		{failed, gorm.Expr("failures = failures + 1, leased_until = 0")},
		{freed, gorm.Expr("leased_until = 0")},
	} {
		if len(change.ids) == 0 {
			continue
		}
		err := db.Exec("UPDATE outbox SET ? WHERE id IN (?)", change.set,
			inOrder(db, "id IN ? AND leased_until = ?", fill(change.ids), rows[0].LeasedUntil)).Error
		if err != nil {
			return fmt.Errorf("settle outbox rows: %w", err)
		}
	}
	return nil
}

// inOrder finds the rows to change and locks them in the order of their ids, as every statement does that waits for more
// than one.
func inOrder(db *gorm.DB, where string, args ...any) clause.Expr {
	return database.Locked(db.Table("outbox").Select("id").Where(where, args...).Order("id"))
}

// fill repeats the last id until the list's length is a power of two: each length makes a statement of its own, which
// Postgres prepares and keeps, on every connection.
func fill(ids []string) []string {
	for n := len(ids); n&(n-1) != 0; n++ {
		ids = append(ids, ids[len(ids)-1])
	}
	return ids
}

// Purge deletes the rows of messages that were published longer ago than published, and forgets the events that were
// processed longer ago than messaging.InboxRetention. That must be the longer: an event may be published again as long
// as its row is there.
func (o *Outbox) Purge(ctx context.Context, published time.Duration) error {
	now := time.Now()
	return errors.Join( // whatever becomes of the one
		o.db.Purge(ctx, "outbox", "id", "published_at", now.Add(-published)),
		o.db.Purge(ctx, "inbox", "consumer_group, event_id", "processed_at", now.Add(-messaging.InboxRetention)),
	)
}
