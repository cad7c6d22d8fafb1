package row

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"example.com/clew/clew/orderapi"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/floor"
)

// emptyDatabases makes a pair of databases without tables.
func (b *Bench) emptyDatabases(ctx context.Context, k floor.Kind, name string) (child.Databases, error) {
	if k == floor.SQLite {
		return b.sqliteDatabases(name), nil
	}
	return b.postgresDatabases(ctx, name, "template1")
}

// freshDatabases makes a pair of databases as the services find them at their second start: with tables and stock.
func (b *Bench) freshDatabases(ctx context.Context, k floor.Kind, name string) (child.Databases, error) {
	if err := b.prepare(ctx, k); err != nil {
		return child.Databases{}, fmt.Errorf("prepare databases: %w", err)
	}
	if k == floor.Postgres {
		return b.postgresDatabases(ctx, name, "prepared")
	}
	fresh, prepared := b.sqliteDatabases(name), b.sqliteDatabases("prepared")
	return fresh, errors.Join(copyFile(fresh.Order, prepared.Order), copyFile(fresh.Inventory, prepared.Inventory))
}

func (b *Bench) sqliteDatabases(name string) child.Databases {
	path := func(service string) string {
		return (&url.URL{Scheme: "sqlite", Path: filepath.Join(b.dir, name+"_"+service+".db")}).String()
	}
	return child.Databases{Order: path("order"), Inventory: path("inventory")}
}

func copyFile(toURL, fromURL string) error {
	data, err := os.ReadFile(strings.TrimPrefix(fromURL, "sqlite://"))
	if err != nil {
		return err
	}
	return os.WriteFile(strings.TrimPrefix(toURL, "sqlite://"), data, 0o600)
}

// postgresDatabases makes databases on a Postgres of bench's own, with its default settings: it waits for the disk.
func (b *Bench) postgresDatabases(ctx context.Context, name, template string) (child.Databases, error) {
	if b.postgresURL == "" {
		server, stop, err := messagingtest.StartPostgres()
		if err != nil {
			return child.Databases{}, err
		}
		b.closers = append(b.closers, stop)
		b.postgresURL = server
	}
	db, err := sql.Open("pgx", b.postgresURL)
	if err != nil {
		return child.Databases{}, err
	}
	defer db.Close()
	var urls [2]string
	for i, service := range [...]string{"order", "inventory"} {
		from := template
		if template != "template1" {
			from += "_" + service
		}
		if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name+"_"+service+" TEMPLATE "+from); err != nil {
			return child.Databases{}, fmt.Errorf("make a database for %s: %w", service, err)
		}
		urls[i] = strings.Replace(b.postgresURL, "/postgres?", "/"+name+"_"+service+"?", 1)
	}
	return child.Databases{Order: urls[0], Inventory: urls[1]}, nil
}

// prepare makes the databases that fresh ones are copies of: the services bring them up to date and seed them, and one
// order shows in its trace whether the bare loop still runs the services' statements.
func (b *Bench) prepare(ctx context.Context, k floor.Kind) (err error) {
	if err, done := b.prepared[k]; done {
		return err
	}
	defer func() { b.prepared[k] = err }()
	empty, err := b.emptyDatabases(ctx, k, "prepared")
	if err != nil {
		return err
	}
	s, err := b.startStack(ctx, empty.Environment()...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	api := orderapi.New(s.Addresses.Order)
	accepted, err := api.Place(ctx, orderapi.Request{
		CustomerID: "bench", Items: []orderapi.Item{{SKU: "load-001", Quantity: 1, UnitPriceCents: 1999}},
	})
	if err == nil {
		_, err = api.Await(ctx, accepted.ID)
	}
	if err == nil {
		err = floor.SameStatements(ctx, s.Addresses.Traces, k, accepted.TraceID)
	}
	return err
}
