package database_test

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"gorm.io/gorm"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/messagingtest"
)

// What one connection says of the whole server is an outage, and it is not asked again: the next may lead to another server.
func TestAConnectionThatTellsOfAnOutageIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	db, _, _ := open(t, messagingtest.Postgres(t))
	for code, outage := range map[string]bool{
		"25006": true, "25P03": true, "25P04": true, "57P01": true, "57P02": true, "57P03": true, "57P05": true,
		"08000": true, "08006": true, "08P01": true, "53100": true, "26000": true, "42P05": true,
		"23505": false, "25P02": false, "40001": false, "42P01": false, "55P03": false, "57014": false,
	} {
		t.Run(code, func(t *testing.T) {
			before := process(t, db)
			err := db.Write.Exec(fmt.Sprintf("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '%s'; END $$", code)).Error
			if got := messaging.Classify(err); (got == "unavailable") != outage {
				t.Errorf("%q: %v", got, err)
			}
			if after := process(t, db); (after != before) != outage {
				t.Errorf("connection %d after %d", after, before)
			}
		})
	}
}

// process is that of Postgres at the other end of a connection which is idle.
func process(t *testing.T, db *database.DB) (pid int) {
	t.Helper()
	if err := db.Read.Raw("SELECT pg_backend_pid()").Scan(&pid).Error; err != nil {
		t.Fatal(err)
	}
	return pid
}

// A primary that becomes a standby, or whose disk is full, may keep its connections.
func TestPostgresTakesNoMoreWrites(t *testing.T) {
	t.Parallel()
	databaseURL, stop, err := messagingtest.StartPostgres("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	db, _, _ := open(t, databaseURL)
	admin, _, _ := open(t, databaseURL+"&target_session_attrs=any")
	readOnly := func(value string) {
		for _, statement := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"} {
			if err := admin.Read.Exec(statement).Error; err != nil {
				t.Fatal(err)
			}
		}
	}
	create := func() error { return gorm.G[lamp](db.Write).Create(t.Context(), &lamp{"desk", 7}) }

	idle := make([]*gorm.DB, 20)
	for i := range idle {
		idle[i] = db.Write.Begin()
	}
	for _, tx := range idle {
		tx.Rollback()
	}
	readOnly("on")
	messagingtest.Eventually(t, "it is not ready", func() error {
		if err := db.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "read-only transaction") {
			return fmt.Errorf("it says: %w", err)
		}
		return nil
	})
	for range 2 * len(idle) {
		if err := create(); messaging.Classify(err) != "unavailable" {
			t.Errorf("a write meanwhile: %v", err)
		}
	}
	if err := db.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "read only connection") {
		t.Errorf("once it dials again it is not ready because of: %v", err)
	}
	readOnly("off")
	messagingtest.Eventually(t, "it takes writes again", create)
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOfSeveralHostsThePrimaryIsUsed(t *testing.T) {
	t.Parallel()
	primaryURL, stopPrimary, err := messagingtest.StartPostgres("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	defer stopPrimary()
	standbyURL, stopStandby, err := messagingtest.StartPostgresStandby(primaryURL, "fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	defer stopStandby()
	silent := t.TempDir() // which accepts connections and says nothing
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(silent, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()

	host := func(databaseURL string) string {
		parsed, err := url.Parse(databaseURL)
		if err != nil {
			t.Fatal(err)
		}
		return parsed.Query().Get("host")
	}
	hosts := func(hosts ...string) string {
		return "postgres://clew@/postgres?host=" + url.QueryEscape(strings.Join(hosts, ","))
	}
	db, _, _ := open(t, hosts(silent, host(standbyURL), host(primaryURL)))
	if err := db.Transaction(t.Context(), func(tx *gorm.DB) error {
		return gorm.G[lamp](tx).Create(t.Context(), &lamp{"desk", 7})
	}); err != nil {
		t.Error(err)
	}
	reader, _, _ := open(t, hosts(host(primaryURL), host(standbyURL))+"&target_session_attrs=any")
	if err := reader.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = database.Open(t.Context(), standbyURL, own, sdktrace.NewTracerProvider(), nil)
	if err == nil || !strings.Contains(err.Error(), "read only connection") {
		t.Errorf("a standby alone: %v", err)
	}
}
