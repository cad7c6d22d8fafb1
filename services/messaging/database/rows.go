package database

import (
	"strconv"
	"strings"

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

// Places returns the placeholders of rows of so many columns, for INSERT … VALUES: ($1, $2), ($3, $4).
func Places(rows, columns int) string {
	var places []string
	for row := range rows {
		places = append(places, "("+PlacesFrom(row*columns+1, columns)+")")
	}
	return strings.Join(places, ", ")
}

// PlacesFrom returns so many placeholders, beginning with that of a number: $3, $4, $5.
func PlacesFrom(first, count int) string {
	places := make([]string, count)
	for i := range places {
		places[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(places, ", ")
}
