package messagingtest_test

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"example.com/clew/services/messaging/messagingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAServerLeavesNothingBehind(t *testing.T) {
	for name, start := range map[string]func() (string, func(), error){
		"redis":    messagingtest.StartRedis,
		"postgres": func() (string, func(), error) { return messagingtest.StartPostgres() },
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "servers") //nolint:usetesting // Postgres's user may not enter those of the test
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			t.Setenv("TMPDIR", dir)
			_, stop, err := start()
			if err != nil {
				t.Fatal(err)
			}
			stop()
			stop() // as a deferred one, once more
			left, err := os.ReadDir(dir)
			if err != nil || len(left) > 0 {
				t.Errorf("left %v, error %v", left, err)
			}
		})
	}
}

func TestPostgresDatabasesAreEmptyAndApart(t *testing.T) {
	for range 2 {
		db, err := sql.Open("pgx", messagingtest.Postgres(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE lamps (name TEXT)"); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestEachDatabase(t *testing.T) {
	var got []string
	messagingtest.EachDatabase(t, func(t *testing.T, url string) {
		scheme, _, _ := strings.Cut(url, ":")
		got = append(got, t.Name()+" "+scheme)
	})
	want := "TestEachDatabase/sqlite sqlite, TestEachDatabase/postgres postgres"
	if strings.Join(got, ", ") != want {
		t.Errorf("ran %q, want %q", got, want)
	}
}
