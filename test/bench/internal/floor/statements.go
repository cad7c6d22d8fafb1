package floor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/clew/clew/traceapi"
	"example.com/clew/observability/viewer/story"
)

// A Kind of database.
type Kind string

// The databases that the services can have.
const (
	SQLite   Kind = "sqlite"
	Postgres Kind = "postgres"
)

// The services' statements, as their spans have them on SQLite. The bare loop runs these; SameStatements fails as soon
// as the services run others.
const (
	insertOrder = "INSERT INTO orders (id, customer_id, status, reason, currency, total_cents, trace_id, created_at, finished_at) " +
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)"
	insertItem    = "INSERT INTO order_items (order_id, position, sku, quantity, unit_price_cents) VALUES ($1, $2, $3, $4, $5)"
	insertMessage = "INSERT INTO outbox (id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id, " +
		"leased_until, failures, published_at, replayed, headers, subject_hash) " +
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
	noteEvent = "INSERT INTO inbox (consumer_group, event_id, processed_at) VALUES ($1, $2, $3) " +
		"ON CONFLICT DO NOTHING RETURNING processed_at"

	lockStock         = "SELECT sku, available, reserved FROM stock WHERE sku IN ($1) ORDER BY sku"
	insertReservation = "INSERT INTO reservations (order_id, state, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
	insertLine        = "INSERT INTO reservation_items (order_id, sku, quantity) VALUES ($1, $2, $3)"
	takeStock         = "UPDATE stock SET available = stock.available - r.quantity, reserved = stock.reserved + r.quantity " +
		"FROM reservation_items AS r WHERE r.order_id = $1 AND r.sku = stock.sku"

	decideOrder = "UPDATE orders SET status = $1, reason = $2, finished_at = CASE finished_at WHEN 0 THEN $3 ELSE finished_at END, " +
		"objective = CASE WHEN objective <> '' THEN objective WHEN created_at < $4 THEN 'bad' ELSE $5 END " +
		"WHERE id = $6 AND status IN ($7) RETURNING created_at, finished_at, trace_id"
)

// The relay's statements have no spans; they are those of package outbox.
const (
	leaseMessages = "UPDATE outbox SET leased_until = ? WHERE id IN (" +
		"SELECT id FROM (SELECT id, size, SUM(size) OVER (ORDER BY replayed, id) AS total " +
		"FROM (WITH locked AS MATERIALIZED (" +
		"SELECT id, replayed, octet_length(data) AS size FROM outbox WHERE published_at = 0 AND leased_until < ? " +
		"AND failures < ? ORDER BY replayed, id LIMIT ?) SELECT * FROM locked) AS due) AS sums WHERE total <= ? OR total = size) RETURNING *"
	settleMessages = "UPDATE outbox SET published_at = ? WHERE id IN (WITH locked AS MATERIALIZED (SELECT id FROM outbox " +
		"WHERE leased_until = ? AND id IN (?) ORDER BY id) SELECT * FROM locked)" // a ? for each message
)

// statementsOfAnOrder are those with spans, in their order, by service.
func statementsOfAnOrder() map[string][]string {
	const commit = "COMMIT"
	return map[string][]string{
		"order": {
			insertOrder, insertItem, insertMessage, commit,
			noteEvent, decideOrder, insertMessage, commit,
		},
		"inventory": {
			noteEvent, lockStock, insertReservation, insertLine, takeStock, insertMessage, commit,
		},
	}
}

// dialect is a statement as a kind of database is given it.
func (k Kind) dialect(statement string) string {
	if k == SQLite {
		return statement
	}
	if statement == lockStock {
		statement += " FOR UPDATE"
	}
	statement = strings.Replace(statement, "LIMIT ?)", "LIMIT ? FOR UPDATE SKIP LOCKED)", 1)           // leaseMessages
	statement = strings.Replace(statement, "ORDER BY id) SELECT", "ORDER BY id FOR UPDATE) SELECT", 1) // settleMessages
	parts := strings.Split(statement, "?")
	for i := range parts[:len(parts)-1] {
		parts[i] += "$" + strconv.Itoa(i+1)
	}
	return strings.Join(parts, "")
}

// SameStatements fails if an order's trace has other statements than the bare loop. It waits for the trace's spans.
func SameStatements(ctx context.Context, viewer string, k Kind, traceID string) error {
	api, deadline := traceapi.New(viewer), time.Now().Add(5*time.Second)
	for {
		var err error
		trace, reading := api.Trace(ctx, traceID)
		for service, want := range statementsOfAnOrder() {
			for i, statement := range want {
				want[i] = k.dialect(statement)
			}
			if got := statementsOf(trace, service); !slices.Equal(got, want) {
				err = errors.Join(err, fmt.Errorf("%s runs other statements for an order than statements.go:\n%s",
					service, different(got, want)))
			}
		}
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return errors.Join(err, reading)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// statementsOf are the statements of a service in the order in which they ran.
func statementsOf(trace story.Trace, service string) []string {
	slices.SortFunc(trace.Spans, func(a, b story.Span) int { return a.Start.Compare(b.Start) })
	var statements []string
	for _, span := range trace.Spans {
		if text := span.Attributes.String("db.query.text"); span.Service == service && text != "" {
			statements = append(statements, strings.Join(strings.Fields(text), " "))
		}
	}
	return statements
}

// different lists what only one of two lists has, or both if they differ in their order.
func different(got, want []string) string {
	var lines []string
	for _, statement := range got {
		if !slices.Contains(want, statement) {
			lines = append(lines, "  it runs    "+statement)
		}
	}
	for _, statement := range want {
		if !slices.Contains(got, statement) {
			lines = append(lines, "  and not    "+statement)
		}
	}
	if lines == nil {
		lines = append(got, want...)
	}
	return strings.Join(lines, "\n")
}
