package database

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

const purgeBatch = 1000 // rows

// Locked is, for the IN or FROM of a statement that changes several rows, the rows that a query finds. Postgres locks them
// in the order of the query, before it changes them. A statement without that locks rows as it comes across them, and two
// that come across the same rows in different orders wait for each other: they deadlock. So all such queries of a table
// have the same order. (SQLite needs no lock: it has one writer.)
func Locked(rows *gorm.DB) clause.Expr { return locked(rows, "") }

// SkipLocked is Locked without the rows that are locked already. It waits for nobody, so the query may have any order.
func SkipLocked(rows *gorm.DB) clause.Expr { return locked(rows, clause.LockingOptionsSkipLocked) }

// locked is MATERIALIZED because a subquery may be run again where rows are locked, and would then take more rows than
// the query's limit.
func locked(rows *gorm.DB, options string) clause.Expr {
	return gorm.Expr("WITH locked AS MATERIALIZED (?) SELECT * FROM locked",
		rows.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate, Options: options})) // not on SQLite
}

// Now is SQL for the time by the database's clock, in microseconds since 1970: what processes tell each other must not
// depend on how far their own clocks are apart. It does not pass while a statement runs. (Processes that share a SQLite
// file are on one machine.)
func (db *DB) Now() clause.Expr {
	if db.Write.Name() == "postgres" {
		return gorm.Expr("(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000)::BIGINT")
	}
	return gorm.Expr("?", time.Now().UnixMicro())
}

// Purge deletes from a table the rows whose time is before another, in batches: what was deleted stays deleted if a later
// batch fails. What others have locked stays. key is the table's primary key, column the time in microseconds; 0 is none.
// The column has an index, which may leave out 0.
//
// Each batch begins where the one before ended. It would else pass, each time, all that is deleted already: Postgres
// leaves that in place until it is vacuumed.
func (db *DB) Purge(ctx context.Context, table, key, column string, before time.Time) error {
	write := db.Write.WithContext(ctx)
	for from := int64(0); ; {
		due := write.Table(table).Select(key).
			Where(column+" > 0 AND "+column+" >= ? AND "+column+" < ?", from, before.UnixMicro()).
			Order(column).Limit(purgeBatch)
		var deleted []int64
		err := write.Raw("DELETE FROM "+table+" WHERE ("+key+") IN (?) RETURNING "+column, SkipLocked(due)).Scan(&deleted).Error
		if err != nil {
			return fmt.Errorf("purge %s: %w", table, err)
		}
		if len(deleted) < purgeBatch {
			return nil
		}
		from = slices.Max(deleted)
	}
}
