package database_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/messagingtest"
)

// Behind PgBouncer a connection belongs to a client for one transaction only.
func TestThroughPgBouncer(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]string{
		"which refuses parameters": "",
		"which ignores parameters": "ignore_startup_parameters = statement_timeout, lock_timeout, " +
			"idle_in_transaction_session_timeout, default_transaction_isolation",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directURL := messagingtest.Postgres(t)
			pooledURL := messagingtest.PgBouncer(t, directURL, settings)
			dbs := make([]*database.DB, 6) // twice as many as PgBouncer's connections
			var clients errgroup.Group
			for i := range dbs {
				clients.Go(func() (err error) { // and they migrate
					dbs[i], err = database.Open(t.Context(), pooledURL, own, sdktrace.NewTracerProvider(), nil)
					return err
				})
			}
			if err := clients.Wait(); err != nil {
				t.Fatal(err)
			}
			for _, db := range dbs {
				defer func() { _ = db.Close() }()
				for n := range 20 {
					clients.Go(func() error {
						return errors.Join(db.Ping(t.Context()), db.Write.Transaction(func(tx *gorm.DB) error {
							_, err := gorm.G[lamp](tx).Where("watts = ?", n).Find(t.Context())
							return err
						}))
					})
				}
			}
			if err := clients.Wait(); err != nil {
				t.Error(err)
			}

			// What is kept by a session must not be left to others.
			direct, _, _ := open(t, directURL)
			var locks int
			err := direct.Read.Raw(`SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
				WHERE locktype = 'advisory' AND datname = current_database()`).Scan(&locks).Error
			if err != nil || locks > 0 {
				t.Errorf("%d locks are left, error %v", locks, err)
			}
			if err := gorm.G[lamp](direct.Write).Create(t.Context(), &lamp{"desk", 7}); err != nil {
				t.Fatal(err)
			}
			lock(t, direct, "desk")
			err = dbs[0].Write.Transaction(func(tx *gorm.DB) error { return tx.Exec("UPDATE lamps SET watts = 8").Error })
			var postgres *pgconn.PgError
			if !errors.As(err, &postgres) || postgres.Code != "55P03" {
				t.Errorf("error %v, want the timeout of the lock", err)
			}
			var timeout string
			if err := dbs[0].Read.Raw("SHOW lock_timeout").Scan(&timeout).Error; err != nil || timeout != "0" {
				t.Errorf("outside of transactions a lock's timeout is %s, error %v", timeout, err)
			}
		})
	}
}

// It is that of a cluster made without a locale, too.
func TestAnEncodingThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	db, _, _ := open(t, messagingtest.Postgres(t)+"&client_encoding=SQL_ASCII")
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
