// Package rows has statements on many rows that others may change at the same time, in SQL that both Postgres and SQLite
// understand. (SQLite needs no row locks: it has one writer.)
package rows

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Query runs a statement with the placeholders $1, $2 and so on. It calls row for each row of the result; scan reads the
// row.
type Query func(ctx context.Context, row func(scan func(columns ...any) error) error, query string, args ...any) error

// Values are the results of a statement that returns one column.
func Values[V any](ctx context.Context, run Query, query string, args ...any) (values []V, err error) {
	err = run(ctx, func(scan func(...any) error) error {
		var value V
		err := scan(&value)
		values = append(values, value)
		return err
	}, query, args...)
	return values, err
}

// Locked returns SQL for the rows that a query finds, for the IN or FROM of a statement that changes several rows. Postgres
// locks them in the query's order before it changes them. Without that, two statements may lock the same rows in different
// orders, and deadlock. So all such queries of a table need the same order.
func Locked(system, query string) string { return locked(system, query, "FOR UPDATE") }

// SkipLocked is Locked without the rows that others have locked. It waits for nobody, so the query may have any order.
func SkipLocked(system, query string) string { return locked(system, query, "FOR UPDATE SKIP LOCKED") }

// locked is MATERIALIZED because Postgres may run a subquery again if rows are locked, and would then take more rows than the
// query's limit.
func locked(system, query, how string) string {
	if system == "sqlite" {
		how = ""
	}
	return "WITH locked AS MATERIALIZED (" + query + " " + how + ") SELECT * FROM locked"
}

const purgeBatch = 1000 // rows

// Purge deletes the rows of a table whose time is earlier than before, in batches: if one fails, the earlier ones stay
// deleted. Rows that others have locked stay. key is the table's primary key, column the time in microseconds, 0 for none. The
// column must have an index, which may leave out 0.
//
// Each batch begins where the one before ended. Else it would pass all deleted rows again: Postgres keeps them until it is
// vacuumed.
func Purge(ctx context.Context, run Query, system, table, key, column string, before time.Time) error {
	due := fmt.Sprintf("SELECT %s FROM %s WHERE %[3]s > 0 AND %[3]s >= $1 AND %[3]s < $2 ORDER BY %[3]s LIMIT %[4]d",
		key, table, column, purgeBatch)
	query := fmt.Sprintf("DELETE FROM %s WHERE (%s) IN (%s) RETURNING %s", table, key, SkipLocked(system, due), column)
	for from := int64(0); ; {
		deleted, err := Values[int64](ctx, run, query, from, before.UnixMicro())
		if err != nil {
			return fmt.Errorf("purge %s: %w", table, err)
		}
		if len(deleted) < purgeBatch {
			return nil
		}
		from = slices.Max(deleted)
	}
}
