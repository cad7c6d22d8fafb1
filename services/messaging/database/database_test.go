package database_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"
	"gorm.io/gorm"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/messagingtest"
)

func TestMain(m *testing.M) {
	if databaseURL := os.Getenv("OPEN_DATABASE"); databaseURL != "" {
		os.Exit(openOnce(databaseURL))
	}
	goleak.VerifyTestMain(m)
}

// openOnce is what a process does that a test starts: it says that it is there, and opens the database once its input
// ends.
func openOnce(databaseURL string) (exitCode int) {
	fmt.Print("!")
	_, _ = io.Copy(io.Discard, os.Stdin)
	db, err := database.Open(context.Background(), databaseURL, own, sdktrace.NewTracerProvider(), nil)
	if err == nil {
		err = errors.Join(gorm.G[lamp](db.Write).Exec(context.Background(), "SELECT * FROM lamps"), db.Close())
	}
	if err != nil {
		fmt.Print(err)
		return 1
	}
	return 0
}

var own = fstest.MapFS{"0001_lamps.sql": {Data: []byte(
	"-- +goose Up\nCREATE TABLE lamps (name TEXT PRIMARY KEY, watts BIGINT NOT NULL);\n-- +goose Down\nDROP TABLE lamps;\n")}}

type lamp struct {
	Name  string `gorm:"primaryKey"`
	Watts int64
}

// file is the URL of a SQLite file.
func file(path string) string { return (&url.URL{Scheme: "sqlite", Path: path}).String() }

func open(t *testing.T, databaseURL string) (*database.DB, *tracetest.SpanRecorder, *sdktrace.TracerProvider) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	db, err := database.Open(t.Context(), databaseURL, own, tp, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, spans, tp
}

func TestOpenCreatesTablesAndFindsThemAgain(t *testing.T) { messagingtest.EachDatabase(t, testTables) }

func TestAnyFileNameWillDo(t *testing.T) {
	testTables(t, file(filepath.Join(t.TempDir(), "a b%20?.db")))
}

func testTables(t *testing.T, databaseURL string) {
	db, _, _ := open(t, databaseURL)
	if err := gorm.G[lamp](db.Write).Create(t.Context(), &lamp{"desk", 7}); err != nil {
		t.Fatal(err)
	}
	again, _, _ := open(t, databaseURL)
	lamps, err := gorm.G[lamp](again.Read).Find(t.Context())
	if err != nil || len(lamps) != 1 {
		t.Errorf("found %v, error %v", lamps, err)
	}
	for _, table := range []string{"outbox", "inbox"} {
		if err := again.Read.Exec("SELECT * FROM " + table).Error; err != nil {
			t.Error(err)
		}
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestProcessesMigrateAnEmptyDatabaseAtOnce(t *testing.T) {
	messagingtest.EachDatabase(t, testProcessesMigrateAnEmptyDatabaseAtOnce)
}

func testProcessesMigrateAnEmptyDatabaseAtOnce(t *testing.T, databaseURL string) {
	for round := range 5 {
		if strings.HasPrefix(databaseURL, "sqlite") {
			databaseURL = file(filepath.Join(t.TempDir(), "x.db"))
		} else if round > 0 {
			databaseURL = messagingtest.Postgres(t)
		}
		gate, open, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var processes []*exec.Cmd
		var outputs []io.Reader
		for range 4 {
			process := exec.Command(os.Args[0])
			process.Env, process.Stdin = append(os.Environ(), "OPEN_DATABASE="+databaseURL), gate
			output, err := process.StdoutPipe()
			if err == nil {
				err = process.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			processes, outputs = append(processes, process), append(outputs, output)
		}
		for _, output := range outputs {
			if _, err := io.ReadFull(output, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(gate.Close(), open.Close()); err != nil {
			t.Fatal(err)
		}
		for i, process := range processes {
			said, _ := io.ReadAll(outputs[i])
			if err := process.Wait(); err != nil {
				t.Errorf("round %d: %v: %s", round, err, said)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"":                                  "expected sqlite://",
		"sqlite:///%zz":                     "cannot be read",
		"sqlite://":                         "expected sqlite://",
		"postgres://":                       "postgres://user:password@host/name",
		"postgres://u:secret@/x?host=/none": "u:xxxxx@/x?host=/none",
		"mysql://u:secret@db/x":             "mysql://u:xxxxx@db/x",
		"sqlite:///does/not/exist/order.db": "/does/not/exist/order.db",
	} {
		db, err := database.Open(t.Context(), url, own, sdktrace.NewTracerProvider(), nil)
		if err == nil {
			_ = db.Close()
			t.Errorf("%q was opened", url)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: error %q, expected one with %q", url, err, want)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	db, _, _ := open(t, file(filepath.Join(t.TempDir(), "x.db")))
	if err := gorm.G[lamp](db.Read).Create(t.Context(), &lamp{"desk", 7}); err == nil {
		t.Error("the pool of readers wrote a row")
	}
}

func TestWritersTakeTurns(t *testing.T) {
	db, _, _ := open(t, file(filepath.Join(t.TempDir(), "x.db")))
	if err := gorm.G[lamp](db.Write).Create(t.Context(), &lamp{"desk", 0}); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for range 20 {
		writers.Go(func() {
			err := db.Write.Transaction(func(tx *gorm.DB) error { // reads, then writes what it read
				l, err := gorm.G[lamp](tx).Where("name = ?", "desk").First(t.Context())
				if err == nil {
					_, err = gorm.G[lamp](tx).Where("name = ?", "desk").Update(t.Context(), "watts", l.Watts+1)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if l, err := gorm.G[lamp](db.Read).First(t.Context()); err != nil || l.Watts != 20 {
		t.Errorf("after 20 increments: %v, error %v", l, err)
	}
}

func TestStatementsAreSpansOfWhoAsked(t *testing.T) { messagingtest.EachDatabase(t, testSpans) }

func testSpans(t *testing.T, databaseURL string) {
	db, spans, tp := open(t, databaseURL)
	if n := len(spans.Ended()); n != 0 {
		t.Fatalf("opening made %d spans", n)
	}
	ctx, parent := tp.Tracer("test").Start(context.Background(), "request")
	inner, create := tp.Tracer("test").Start(ctx, "create")
	err := db.Write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := gorm.G[lamp](tx).Create(inner, &lamp{"desk", 7}); err != nil {
			return err
		}
		if _, err := gorm.G[lamp](tx).Where("name = ?", "desk").Update(inner, "watts", 8); err != nil {
			return err
		}
		_, err := gorm.G[lamp](tx).Where("name = ?", "none").Delete(inner)
		return err
	})
	create.End()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gorm.G[lamp](db.Read).Find(ctx); err != nil {
		t.Fatal(err)
	}
	parent.End()
	if _, err := gorm.G[lamp](db.Read).Find(context.Background()); err != nil { // nobody asked: no span
		t.Fatal(err)
	}

	type statement struct{ name, parent, system, table, text string }
	names := map[string]string{}
	for _, span := range spans.Ended() {
		names[span.SpanContext().SpanID().String()] = span.Name()
	}
	var got []statement
	for _, span := range spans.Ended() {
		s := statement{name: span.Name(), parent: names[span.Parent().SpanID().String()]}
		for _, a := range span.Attributes() {
			switch a.Key {
			case "db.system.name":
				s.system = a.Value.AsString()
			case "db.collection.name":
				s.table = a.Value.AsString()
			case "db.query.text":
				s.text = a.Value.AsString()
			}
		}
		if s.text != "" {
			got = append(got, s)
		}
	}
	system, one, two, quote := "sqlite", "?", "?", "`"
	if strings.HasPrefix(databaseURL, "postgres") {
		system, one, two, quote = "postgresql", "$1", "$2", `"`
	}
	text := strings.NewReplacer("?1", one, "?2", two, "`", quote).Replace
	want := []statement{
		{"INSERT lamps", "create", system, "lamps", text("INSERT INTO `lamps` (`name`,`watts`) VALUES (?1,?2)")},
		{"UPDATE lamps", "create", system, "lamps", text("UPDATE `lamps` SET `watts`=?1 WHERE name = ?2")},
		{"DELETE lamps", "create", system, "lamps", text("DELETE FROM `lamps` WHERE name = ?1")},
		{"COMMIT", "create", system, "", "COMMIT"},
		{"SELECT lamps", "request", system, "lamps", text("SELECT * FROM `lamps`")},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(statement{})); diff != "" {
		t.Error(diff)
	}
}

func TestAPurgeOfManyRows(t *testing.T) { messagingtest.EachDatabase(t, testAPurgeOfManyRows) }

func testAPurgeOfManyRows(t *testing.T, databaseURL string) {
	db, _, _ := open(t, databaseURL)
	err := db.Write.Exec(`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500)
		INSERT INTO lamps (name, watts) SELECT 'lamp-' || n, n FROM numbers`).Error
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"lamp-2500"}
	if strings.HasPrefix(databaseURL, "postgres") { // SQLite locks no rows
		lock(t, db, "lamp-1500")
		want = append(want, "lamp-1500")
	}
	if err := db.Purge(t.Context(), "lamps", "name", "watts", time.UnixMicro(2500)); err != nil {
		t.Fatal(err)
	}
	var names []string
	if err := db.Read.Raw("SELECT name FROM lamps ORDER BY watts DESC").Scan(&names).Error; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("lamps left (-want +got):\n%s", diff)
	}
}

func TestAFailedStatementIsAFailedSpan(t *testing.T) { messagingtest.EachDatabase(t, testFailedSpan) }

func testFailedSpan(t *testing.T, databaseURL string) {
	db, spans, tp := open(t, databaseURL)
	ctx, parent := tp.Tracer("test").Start(context.Background(), "request")
	defer parent.End()
	first := gorm.G[lamp](db.Write).Create(ctx, &lamp{"desk", 7})
	second := gorm.G[lamp](db.Write).Create(ctx, &lamp{"desk", 7})
	if first != nil || !errors.Is(second, gorm.ErrDuplicatedKey) {
		t.Fatalf("errors %v and %v", first, second)
	}
	ended := spans.Ended()
	if got := ended[len(ended)-1].Status().Code; got != codes.Error {
		t.Errorf("status %v", got)
	}
}

func TestALockedSQLiteIsContended(t *testing.T) {
	t.Parallel()
	databaseURL := file(filepath.Join(t.TempDir(), "x.db"))
	db, _, _ := open(t, databaseURL)
	other, _, _ := open(t, databaseURL) // as another process would
	lock := other.Write.Begin()
	if lock.Error != nil {
		t.Fatal(lock.Error)
	}
	err := db.Write.Transaction(func(*gorm.DB) error { return nil })
	if messaging.Classify(err) != "contended" {
		t.Errorf("a transaction while another process has the lock: %v", err)
	}
	if err := gorm.G[lamp](db.Write).Create(t.Context(), &lamp{"desk", 7}); messaging.Classify(err) != "contended" {
		t.Errorf("a statement while another process has the lock: %v", err)
	}
	if err := gorm.G[lamp](db.Write).Create(soon(t), &lamp{"desk", 7}); messaging.Classify(err) != "contended" {
		t.Errorf("a statement that the caller's deadline ends: %v", err)
	}
	if err := lock.Rollback().Error; err != nil {
		t.Fatal(err)
	}
	if err := gorm.G[lamp](db.Write).Create(t.Context(), &lamp{"desk", 7}); err != nil {
		t.Errorf("after that: %v", err)
	}

	hanging := db.Write.Begin()
	err = db.Write.Transaction(func(*gorm.DB) error { return nil })
	if messaging.Classify(err) != "unavailable" {
		t.Errorf("a transaction while this process has one: %v", err)
	}
	if err := hanging.Rollback().Error; err != nil {
		t.Fatal(err)
	}
}

// A program that is older than the database does not know what its columns mean.
func TestASchemaThatIsNewerIsRefused(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, databaseURL string) {
		open(t, databaseURL)
		newer := fstest.MapFS{"0001_lamps.sql": own["0001_lamps.sql"], "0007_later.sql": {Data: []byte("-- +goose Up\nSELECT 1;\n")}}
		db, err := database.Open(t.Context(), databaseURL, newer, sdktrace.NewTracerProvider(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = database.Open(t.Context(), databaseURL, own, sdktrace.NewTracerProvider(), nil)
		if err == nil || !strings.Contains(err.Error(), "has version 7") || !strings.Contains(err.Error(), "no version above 1") {
			t.Errorf("%v, want it refused, with both versions", err)
		}
	})
}

// Rows that a process writes into a deleted file, nobody will find again.
func TestAFileThatIsNotInItsPlaceDoesNotAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a 100%.db")
	db, _, _ := open(t, file(path))
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	for _, replaced := range []bool{false, true} {
		if replaced {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), path+" was deleted or replaced") {
			t.Errorf("replaced %t: %v, want it said", replaced, err)
		}
	}
	if err := os.Rename(path+".old", path); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
