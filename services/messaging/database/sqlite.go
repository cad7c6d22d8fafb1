package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"runtime"

	"github.com/glebarez/sqlite"
	"github.com/pressly/goose/v3"
	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"example.com/clew/services/messaging/internal/dberror"
)

func (db *DB) openSQLite(ctx context.Context, databaseURL *url.URL, own fs.FS, reg prometheus.Registerer) (err error) {
	db.instrumentation.system = "sqlite"
	settings := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()),
	}}
	reading := url.Values{"_pragma": append(settings["_pragma"], "query_only(1)")}
	settings.Set("_txlock", "immediate")

	path := url.URL{Path: databaseURL.Host + databaseURL.Path} // the host is the first part of a relative path
	unlock, err := lockSQLite(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	open := func(name string, settings url.Values, connections int) (*gorm.DB, error) {
		pool, err := sql.Open(sqlite.DriverName, "file:"+path.EscapedPath()+"?"+settings.Encode())
		if err != nil {
			return nil, err
		}
		return db.add(pool, name, connections, reg, func(conn gorm.ConnPool) gorm.Dialector { return sqlite.Dialector{Conn: conn} })
	}
	if db.Write, err = open("write", settings, 1); err != nil {
		return err
	}
	if db.Read, err = open("read", reading, max(4, runtime.GOMAXPROCS(0))); err != nil {
		return err
	}
	if err := migrate(ctx, goose.DialectSQLite3, db.pools[0], own); err != nil {
		return err
	}
	info, err := os.Stat(path.Path)
	db.file = &sqliteFile{path.Path, info}
	return err
}

// A sqliteFile is the file that is open. Deleted or replaced it still takes rows, which nobody will find again.
type sqliteFile struct {
	path string
	info fs.FileInfo
}

func (f *sqliteFile) inPlace() error {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, f.info) {
		return fmt.Errorf("the database's file %s was deleted or replaced while it is open: what is written now will be lost; "+
			"restart the service", f.path)
	}
	return err
}

// lockSQLite makes processes that start at once create and migrate the file one after the other. The lock is a transaction of
// a second, empty file beside it: so it can last for many transactions of the first, ends with its process, however that
// ends, and works wherever SQLite does.
func lockSQLite(ctx context.Context, path url.URL) (unlock func() error, err error) {
	pool, err := sql.Open(sqlite.DriverName, "file:"+path.EscapedPath()+".lock?_txlock=exclusive&_pragma=busy_timeout(100)")
	if err != nil {
		return nil, err
	}
	for {
		lock, err := pool.BeginTx(ctx, nil)
		switch {
		case err == nil:
			return func() error { return errors.Join(lock.Rollback(), pool.Close()) }, nil
		case !dberror.IsContention(err) || ctx.Err() != nil: // else it is somebody else's turn
			return nil, errors.Join(err, pool.Close())
		}
	}
}
