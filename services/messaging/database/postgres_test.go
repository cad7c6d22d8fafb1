package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/messagingtest"
)

// Postgres keeps what was deleted until it is vacuumed, and longer if a transaction may still see it: a purge that looked
// at that again in each batch would take the longer the further it came. The settings
// are for a plan as large tables get it.
func TestAPurgeLooksAtEachRowOnce(t *testing.T) {
	t.Parallel()
	const rows = 20_000
	databaseURL := messagingtest.Postgres(t)
	db, _, _ := open(t, databaseURL+"&enable_bitmapscan=off&enable_hashjoin=off&enable_mergejoin=off")
	err := db.Write.Exec(`INSERT INTO inbox SELECT 'g', 'e' || n, n FROM generate_series(1, ?) AS n`, rows).Error
	if err != nil {
		t.Fatal(err)
	}
	reader := db.Read.Begin(&sql.TxOptions{Isolation: sql.LevelRepeatableRead})
	if err := reader.Exec("SELECT 1").Error; err != nil {
		t.Fatal(err)
	}
	if err := db.Purge(t.Context(), "inbox", "consumer_group, event_id", "processed_at", time.Now()); err != nil {
		t.Fatal(err)
	}
	// Its connections tell what they have done, at the latest, when they end.
	if err := errors.Join(reader.Rollback().Error, db.Close()); err != nil {
		t.Fatal(err)
	}
	db, _, _ = open(t, databaseURL)
	messagingtest.Eventually(t, "the purge is in the statistics", func() error {
		var seen struct{ Deleted, Entries int64 }
		err := db.Read.Raw(`SELECT n_tup_del AS deleted,
				(SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'inbox_processed') AS entries
			FROM pg_stat_user_tables WHERE relname = 'inbox'`).Scan(&seen).Error
		if err == nil && seen.Deleted < rows {
			err = fmt.Errorf("%d rows deleted", seen.Deleted)
		}
		if err == nil && seen.Entries > 2*rows {
			t.Errorf("it read %d entries of the index, for %d rows", seen.Entries, rows)
		}
		return err
	})
}

// trouble is what a statement meets, by whose trouble it is.
var trouble = map[string]map[string]func(*testing.T, *database.DB) error{
	"unavailable": {
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
	},
	"contended": {
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
		"the caller's deadline ends a statement": func(t *testing.T, db *database.DB) error {
			return gorm.G[lamp](db.Write).Exec(soon(t), "SELECT pg_sleep(60)")
		},
		"the caller's deadline ends a statement after its first row": func(t *testing.T, db *database.DB) error {
			lock(t, db, "wall")
			_, err := gorm.G[lamp](db.Write, clause.Locking{Strength: "UPDATE"}).Order("name").Find(soon(t))
			return err
		},
		"the caller's deadline ends a commit": func(t *testing.T, db *database.DB) error {
			err := db.Write.Exec("CREATE TABLE slow (n INT UNIQUE DEFERRABLE INITIALLY DEFERRED)").Error
			if err == nil {
				err = db.Write.Exec(`CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'`).Error
			}
			if err == nil {
				err = db.Write.Exec("CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sleep()").Error
			}
			if err != nil {
				t.Fatal(err)
			}
			ctx := soon(t)
			return db.Write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				return tx.Exec("INSERT INTO slow VALUES (1)").Error
			})
		},
		"the caller's deadline ends a wait for a connection": func(t *testing.T, db *database.DB) error {
			for range 20 {
				defer db.Write.Begin().Rollback()
			}
			return db.Write.WithContext(soon(t)).Transaction(func(*gorm.DB) error { return nil })
		},
	},
}

func TestWhatAStatementMeetsOnPostgres(t *testing.T) {
	t.Parallel()
	for class, cases := range trouble {
		for name, meet := range cases {
			t.Run(class+" when "+name, func(t *testing.T) {
				t.Parallel()
				db, _, _ := open(t, messagingtest.Postgres(t))
				for _, name := range []string{"desk", "wall"} {
					if err := gorm.G[lamp](db.Write).Create(t.Context(), &lamp{name, 7}); err != nil {
						t.Fatal(err)
					}
				}
				if err := meet(t, db); messaging.Classify(err) != class {
					t.Errorf("%s: %v", messaging.Classify(err), err)
				}
				if err := db.Ping(t.Context()); err != nil {
					t.Errorf("after that: %v", err)
				}
			})
		}
	}
}

// A worker has more to do than to wait for one row: the wait for a lock ends before the statement's time is up.
func TestALockIsWaitedForLessThanAResult(t *testing.T) {
	t.Parallel()
	db, _, _ := open(t, messagingtest.Postgres(t))
	if err := gorm.G[lamp](db.Write).Create(t.Context(), &lamp{"desk", 7}); err != nil {
		t.Fatal(err)
	}
	lock(t, db, "desk")
	err := db.Write.Exec("UPDATE lamps SET watts = 8 WHERE name = 'desk' AND pg_sleep(1) IS NOT NULL").Error
	var postgres *pgconn.PgError
	if !errors.As(err, &postgres) || postgres.Code != "55P03" {
		t.Errorf("error %v, want the timeout of the lock", err)
	}
}

// soon returns a context that ends well before a lock or a statement times out.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
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

// A handler that has used up its time elsewhere is not the database's trouble.
func TestWhoStopsAskingPostgresMeetsNoTrouble(t *testing.T) {
	db, _, _ := open(t, messagingtest.Postgres(t))
	late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := db.Write.WithContext(late).Transaction(func(tx *gorm.DB) error {
		<-late.Done()
		return gorm.G[lamp](tx).Create(late, &lamp{"desk", 7})
	})
	if err == nil || messaging.Classify(err) == "contended" || messaging.Classify(err) == "unavailable" {
		t.Errorf("after the time was up: %v", err)
	}
	if err := gorm.G[lamp](db.Write).Exec(late, "SELECT 1"); messaging.Classify(err) != "timeout" {
		t.Errorf("after the time was up, outside a transaction: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	err = db.Write.WithContext(cancelled).Transaction(func(tx *gorm.DB) error {
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
