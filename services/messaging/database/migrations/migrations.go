// Package migrations holds the tables of the outbox and the inbox as goose migrations, in SQL that SQLite and Postgres
// read alike.
package migrations

import "embed"

// FS has the migrations at its root.
//
//go:embed *.sql
var FS embed.FS
