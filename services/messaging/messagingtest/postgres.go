package messagingtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// StartPostgres starts a Postgres server and returns the URL of its maintenance database, a Unix socket without a password.
// Settings such as "fsync=off" replace Postgres's defaults. stop ends the server and deletes its data; so does the end of this
// process, however it ends. Keep stop: if it is garbage-collected, the server ends. As root, the server runs as the user
// postgres or nobody. The error is an exec.ErrNotFound if Postgres is not installed.
func StartPostgres(settings ...string) (databaseURL string, stop func(), err error) {
	return startPostgres(settings, "initdb", "--auth", "trust", "--username", "clew", "--encoding", "UTF8", "--no-locale")
}

// StartPostgresStandby is StartPostgres for a server that copies another, given by its URL, and what that writes from then on.
// It can be read, and written once it is promoted.
func StartPostgresStandby(primaryURL string, settings ...string) (databaseURL string, stop func(), err error) {
	return startPostgres(settings, "pg_basebackup", "--checkpoint", "fast", "--write-recovery-conf", "--dbname", primaryURL)
}

// startPostgres starts a server on the data that one of Postgres's programs makes.
func startPostgres(settings []string, name string, args ...string) (databaseURL string, stop func(), err error) {
	create, err := findPostgres(name)
	if err != nil {
		return "", nil, fmt.Errorf("postgres is missing: %w", err)
	}
	run, err := findPostgres("postgres")
	if err != nil {
		return "", nil, fmt.Errorf("postgres is missing: %w", err)
	}
	dir, owner, err := serverDir("postgres")
	if err != nil {
		return "", nil, err
	}
	data := filepath.Join(dir, "data")
	creation := exec.Command(create, append(args, "--pgdata", data, "--no-sync")...)
	creation.Dir = dir
	creation.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if output, err := creation.CombinedOutput(); err != nil {
		return "", nil, errors.Join(fmt.Errorf("%s: %w\n%s", name, err, output), os.RemoveAll(dir))
	}

	command := []string{run, "-D", data, "-k", dir, "-h", ""}
	for _, setting := range settings {
		command = append(command, "-c", setting)
	}
	databaseURL = "postgres://clew@/postgres?host=" + url.QueryEscape(dir)
	// QUIT: at once, without waiting for clients or writing to a disk what is removed anyway.
	stop, err = start(dir, owner, "QUIT", func() error { return pingPostgres(databaseURL) }, command...)
	return databaseURL, stop, err
}

func pingPostgres(databaseURL string) error {
	db, err := sql.Open("pgx", databaseURL)
	if err != nil {
		return err
	}
	return errors.Join(db.PingContext(context.Background()), db.Close())
}

// sharedPostgres is the one server of a test process, because starting one takes a second. It ends with the process.
var sharedPostgres = sync.OnceValue(func() (server struct {
	url  string
	stop func() // kept, because the server would end with it
	err  error
},
) {
	server.url, server.stop, server.err = StartPostgres("fsync=off", "full_page_writes=off", "max_connections=300")
	return server
})

var databases atomic.Int64

// Postgres returns the URL of an empty Postgres database for this test. All databases of a test process are on one server,
// which syncs nothing to disk. Without Postgres the test is skipped with a message, or fails if the variable CI is set.
func Postgres(t testing.TB) string {
	t.Helper()
	server := sharedPostgres()
	require(t, server.err)
	db, err := sql.Open("pgx", server.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	name := fmt.Sprintf("test%d", databases.Add(1))
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(server.url, "/postgres?", "/"+name+"?", 1)
}

// EachDatabase runs a test with each kind of database, as subtests sqlite and postgres. databaseURL is an empty database.
func EachDatabase(t *testing.T, run func(t *testing.T, databaseURL string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { run(t, "sqlite://"+filepath.Join(t.TempDir(), "x.db")) })
	t.Run("postgres", func(t *testing.T) { run(t, Postgres(t)) })
}

// findPostgres finds a program of Postgres: in the PATH, or the newest in Debian's and Homebrew's folders.
func findPostgres(name string) (string, error) {
	program, err := exec.LookPath(name)
	if err == nil {
		return program, nil
	}
	var found []string
	for _, folder := range []string{"/usr/lib/postgresql/*", "/opt/homebrew/opt/postgresql@*", "/usr/local/opt/postgresql@*"} {
		matches, _ := filepath.Glob(filepath.Join(folder, "bin", name))
		found = append(found, matches...)
	}
	if len(found) == 0 {
		return "", err
	}
	return slices.Max(found), nil
}

// serverDir makes a folder for a server that does not run as root. If this process does, owner is the user for the server, whom
// the folder belongs to. The folder's path is short, as a socket's must be, unlike those of t.TempDir, which contain the test's
// name.
func serverDir(name string) (dir string, owner *syscall.Credential, err error) {
	if dir, err = os.MkdirTemp("", name); err != nil || os.Getuid() != 0 {
		return dir, nil, err
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return "", nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return "", nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return "", nil, err
	}
	return dir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}
