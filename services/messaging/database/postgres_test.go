package database_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/messagingtest"
)

func TestProcessesMigrateAnEmptyPostgresAtOnce(t *testing.T) {
	t.Parallel()
	databaseURL := messagingtest.Postgres(t)
	var processes errgroup.Group
	for range 4 {
		processes.Go(func() error {
			db, err := database.Open(context.Background(), databaseURL, own, sdktrace.NewTracerProvider(), nil)
			if err != nil {
				return err
			}
			return errors.Join(gorm.G[lamp](db.Write).Exec(context.Background(), "SELECT * FROM lamps"), db.Close())
		})
	}
	if err := processes.Wait(); err != nil {
		t.Error(err)
	}
}

func TestPostgresIsUnavailableWhen(t *testing.T) {
	t.Parallel()
	for name, meet := range map[string]func(*testing.T, *database.DB) error{
		"a row stays locked": func(t *testing.T, db *database.DB) error {
			lock(t, db, "desk")
			_, err := gorm.G[lamp](db.Write).Where("name = ?", "desk").Update(t.Context(), "watts", 8)
			return err
		},
		"the second of two rows stays locked": func(t *testing.T, db *database.DB) error {
			lock(t, db, "wall")
			return db.Write.Transaction(func(tx *gorm.DB) error {
				_, err := gorm.G[lamp](tx, clause.Locking{Strength: "UPDATE"}).Order("name").Find(t.Context())
				return err
			})
		},
		"a statement takes too long": func(t *testing.T, db *database.DB) error {
			return gorm.G[lamp](db.Write).Exec(t.Context(), "SELECT pg_sleep(60)")
		},
		"all connections are taken": func(_ *testing.T, db *database.DB) error {
			for range 20 {
				defer db.Write.Begin().Rollback()
			}
			return db.Write.Transaction(func(*gorm.DB) error { return nil })
		},
		"it ends a connection": func(t *testing.T, db *database.DB) error {
			return db.Write.Transaction(func(tx *gorm.DB) error {
				terminate(t, db, tx)
				return gorm.G[lamp](tx).Create(t.Context(), &lamp{"mast", 9})
			})
		},
		"it ends a connection before the commit": func(t *testing.T, db *database.DB) error {
			return db.Write.Transaction(func(tx *gorm.DB) error {
				err := gorm.G[lamp](tx).Create(t.Context(), &lamp{"mast", 9})
				terminate(t, db, tx)
				return err
			})
		},
		"it is a replica": func(t *testing.T, db *database.DB) error {
			return db.Write.Transaction(func(tx *gorm.DB) error {
				if err := tx.Exec("SET TRANSACTION READ ONLY").Error; err != nil {
					t.Error(err)
				}
				return gorm.G[lamp](tx).Create(t.Context(), &lamp{"mast", 9})
			})
		},
		"another process has migrated it": func(t *testing.T, db *database.DB) error {
			read := func(tx *gorm.DB) error {
				_, err := gorm.G[lamp](tx).Find(t.Context())
				return err
			}
			return db.Write.Connection(func(tx *gorm.DB) error { // which has prepared the statement
				return errors.Join(read(tx), tx.Exec("ALTER TABLE lamps ADD COLUMN x TEXT").Error, read(tx))
			})
		},
		"two transactions wait for each other": func(t *testing.T, db *database.DB) error {
			both := make(chan struct{})
			var first atomic.Bool
			var group errgroup.Group
			for _, names := range [][]string{{"desk", "wall"}, {"wall", "desk"}} {
				group.Go(func() error {
					return db.Write.Transaction(func(tx *gorm.DB) error {
						_, err := gorm.G[lamp](tx).Where("name = ?", names[0]).Update(t.Context(), "watts", 1)
						if !first.CompareAndSwap(false, true) {
							close(both)
						}
						<-both
						if err == nil {
							_, err = gorm.G[lamp](tx).Where("name = ?", names[1]).Update(t.Context(), "watts", 1)
						}
						return err
					})
				})
			}
			return group.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, _, _ := open(t, messagingtest.Postgres(t))
			for _, name := range []string{"desk", "wall"} {
				if err := gorm.G[lamp](db.Write).Create(t.Context(), &lamp{name, 7}); err != nil {
					t.Fatal(err)
				}
			}
			if err := meet(t, db); messaging.Classify(err) != "unavailable" {
				t.Errorf("error %v", err)
			}
			if err := db.Ping(t.Context()); err != nil {
				t.Errorf("after that: %v", err)
			}
		})
	}
}

// lock locks a row until the test ends.
func lock(t *testing.T, db *database.DB, name string) {
	t.Helper()
	tx := db.Write.Begin()
	t.Cleanup(func() { tx.Rollback() })
	if err := tx.Exec("UPDATE lamps SET watts = 0 WHERE name = ?", name).Error; err != nil {
		t.Fatal(err)
	}
}

// terminate ends the connection of a transaction.
func terminate(t *testing.T, db *database.DB, tx *gorm.DB) {
	t.Helper()
	var pid int
	if err := tx.Raw("SELECT pg_backend_pid()").Scan(&pid).Error; err != nil {
		t.Fatal(err)
	}
	if err := db.Read.Exec("SELECT pg_terminate_backend(?, 10000)", pid).Error; err != nil {
		t.Fatal(err)
	}
}

func TestWhoStopsAskingPostgresMeetsNoOutage(t *testing.T) {
	db, _, _ := open(t, messagingtest.Postgres(t))
	late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := gorm.G[lamp](db.Write).Exec(late, "SELECT pg_sleep(60)"); messaging.Classify(err) != "timeout" {
		t.Errorf("after a deadline of the caller's: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	err := db.Write.WithContext(cancelled).Transaction(func(tx *gorm.DB) error {
		cancel()
		return gorm.G[lamp](tx).Create(cancelled, &lamp{"desk", 7})
	})
	if messaging.Classify(err) != "canceled" {
		t.Errorf("after a cancellation: %v", err)
	}
}

func TestPostgresIsUnavailableOnceItIsStopped(t *testing.T) {
	t.Parallel()
	databaseURL, stop, err := messagingtest.StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	db, _, _ := open(t, databaseURL)
	err = db.Write.Transaction(func(tx *gorm.DB) error {
		if err := gorm.G[lamp](tx).Create(t.Context(), &lamp{"desk", 7}); err != nil {
			t.Error(err)
		}
		stop()
		return gorm.G[lamp](tx).Create(t.Context(), &lamp{"wall", 7})
	})
	if messaging.Classify(err) != "unavailable" {
		t.Errorf("a transaction meanwhile: %v", err)
	}
	for range 2 {
		if err := db.Write.Transaction(func(*gorm.DB) error { return nil }); messaging.Classify(err) != "unavailable" {
			t.Errorf("a transaction afterwards: %v", err)
		}
		if _, err := gorm.G[lamp](db.Read).Find(t.Context()); messaging.Classify(err) != "unavailable" {
			t.Errorf("a statement afterwards: %v", err)
		}
	}
}

// A machine that loses power, or is cut off, says nothing any more.
func TestPostgresIsUnavailableOnceItVanishes(t *testing.T) {
	t.Parallel()
	databaseURL := messagingtest.Postgres(t)
	dir := t.TempDir()
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	const socket = ".s.PGSQL.5432"
	var vanished atomic.Bool
	relay(t, filepath.Join(dir, socket), filepath.Join(parsed.Query().Get("host"), socket), &vanished)

	db, _, _ := open(t, strings.Replace(databaseURL, url.QueryEscape(parsed.Query().Get("host")), url.QueryEscape(dir), 1))
	if err := gorm.G[lamp](db.Write).Create(t.Context(), &lamp{"desk", 7}); err != nil {
		t.Fatal(err)
	}
	vanished.Store(true)
	if err := gorm.G[lamp](db.Write).Create(t.Context(), &lamp{"wall", 7}); messaging.Classify(err) != "unavailable" {
		t.Errorf("a statement: %v", err)
	}
	if err := db.Write.Transaction(func(*gorm.DB) error { return nil }); messaging.Classify(err) != "unavailable" {
		t.Errorf("a new connection: %v", err)
	}
}

// relay is a network between two sockets, which loses everything once it has vanished.
func relay(t *testing.T, from, to string, vanished *atomic.Bool) {
	t.Helper()
	listener, err := net.Listen("unix", from)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	forward := func(into, out net.Conn) {
		defer func() { _ = into.Close() }()
		buffer := make([]byte, 4096)
		for {
			n, err := out.Read(buffer)
			if err != nil {
				return
			}
			if !vanished.Load() {
				_, _ = into.Write(buffer[:n])
			}
		}
	}
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", to)
			if err != nil {
				t.Error(err)
				return
			}
			running.Go(func() { forward(server, client) })
			running.Go(func() { forward(client, server) })
		}
	})
}
