package database

import (
	"context"
	"fmt"

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

// Purge deletes from a table the rows for which a condition holds, in batches. What others have locked stays. key is the
// table's primary key.
func (db *DB) Purge(ctx context.Context, table, key, condition string, args ...any) error {
	write := db.Write.WithContext(ctx)
	due := write.Table(table).Select(key).Where(condition, args...).Limit(purgeBatch)
	for {
		result := write.Exec("DELETE FROM "+table+" WHERE ("+key+") IN (?)", SkipLocked(due))
		if result.Error != nil {
			return fmt.Errorf("purge %s: %w", table, result.Error)
		}
		if result.RowsAffected < purgeBatch {
			return nil
		}
	}
}
