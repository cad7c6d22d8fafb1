package database

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// SkipLocked is, for the IN or FROM of a statement that changes several rows, the rows that a query finds and that are not
// locked. Postgres locks them before it changes them. (SQLite needs no lock: it has one writer.)
//
// It is MATERIALIZED because a subquery may be run again where rows are locked, and would then take more rows than the
// query's limit.
func SkipLocked(rows *gorm.DB) clause.Expr {
	return gorm.Expr("WITH locked AS MATERIALIZED (?) SELECT * FROM locked", rows.Clauses(
		clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked})) // not on SQLite
}
