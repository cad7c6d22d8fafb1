package database

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"runtime"

	"github.com/glebarez/sqlite"
	"github.com/pressly/goose/v3"
	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"
)

func (db *DB) openSQLite(ctx context.Context, databaseURL *url.URL, own fs.FS, reg prometheus.Registerer) error {
	db.instrumentation.system = "sqlite"
	settings := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()),
	}}
	reading := url.Values{"_pragma": append(settings["_pragma"], "query_only(1)")}
	settings.Set("_txlock", "immediate")

	path := url.URL{Path: databaseURL.Host + databaseURL.Path} // the host is the first part of a relative path
	open := func(name string, settings url.Values, connections int) (*gorm.DB, error) {
		pool, err := sql.Open(sqlite.DriverName, "file:"+path.EscapedPath()+"?"+settings.Encode())
		if err != nil {
			return nil, err
		}
		return db.add(pool, name, connections, reg, func(conn gorm.ConnPool) gorm.Dialector { return sqlite.Dialector{Conn: conn} })
	}
	var err error
	if db.Write, err = open("write", settings, 1); err != nil {
		return err
	}
	if db.Read, err = open("read", reading, max(4, runtime.GOMAXPROCS(0))); err != nil {
		return err
	}
	return migrate(ctx, goose.DialectSQLite3, db.pools[0], own)
}
