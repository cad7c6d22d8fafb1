// Package migrations holds the inventory service's tables as goose migrations, in SQL that SQLite and Postgres read
// alike.
package migrations

import "embed"

// FS has the migrations at its root.
//
//go:embed *.sql
var FS embed.FS
