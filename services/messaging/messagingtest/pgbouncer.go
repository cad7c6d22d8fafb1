package messagingtest

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// PgBouncer starts a PgBouncer in transaction mode before the server of a Postgres database's URL, and returns the database's
// URL through it. Lines such as "ignore_startup_parameters = statement_timeout" add to its settings. It has few connections,
// so that its clients take turns on them, and it ends with the test. Without PgBouncer the test is skipped with a message, or
// fails if the variable CI is set.
func PgBouncer(t testing.TB, databaseURL string, settings ...string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil { // Debian's is where only root looks
		program, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	require(t, err)
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	server := parsed.Query().Get("host")
	dir, owner, err := serverDir("pgbouncer")
	if err != nil {
		t.Fatal(err)
	}
	configuration := filepath.Join(dir, "pgbouncer.ini")
	err = os.WriteFile(configuration, fmt.Appendf(nil, `[databases]
* = host=%s user=%s
[pgbouncer]
pool_mode = transaction
default_pool_size = 3
max_client_conn = 500
server_login_retry = 1
auth_type = any
unix_socket_dir = %s
listen_port = 5432
%s
`, server, parsed.User.Username(), dir, strings.Join(settings, "\n")), 0o644) //nolint:gosec // its user is another, and reads it
	if err != nil {
		t.Fatal(err)
	}
	pooledURL := strings.Replace(databaseURL, url.QueryEscape(server), url.QueryEscape(dir), 1)
	stop, err := start(dir, owner, "KILL", func() error { return pingPostgres(pooledURL) }, program, configuration)
	require(t, err)
	t.Cleanup(stop)
	return pooledURL
}
