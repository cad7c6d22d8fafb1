package database

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// SkipLocked returns SQL for the rows of a query that nobody has locked, for the IN or FROM of a statement that changes several
// rows. Postgres locks them before it changes them. (SQLite needs no lock: it has one writer.)
//
// It is MATERIALIZED because Postgres may run a subquery again if rows are locked, and would then take more rows than the
// query's limit.
func SkipLocked(rows *gorm.DB) clause.Expr {
	return gorm.Expr("WITH locked AS MATERIALIZED (?) SELECT * FROM locked", rows.Clauses(
		clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked})) // not on SQLite
}
