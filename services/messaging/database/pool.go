package database

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"

	"example.com/clew/services/messaging/internal/dberror"
)

// A tracedPool is a connection pool for GORM that records statements as spans and metrics, and marks errors with their cause.
type tracedPool struct {
	*sql.DB

	*instrumentation
	begin string // see DB
}

// A transaction of a pool records its end as a statement, too.
type transaction struct {
	*sql.Tx

	*instrumentation
	conn *sql.Conn
	last context.Context // of the last statement: a commit has no context of its own
}

var (
	_ gorm.ConnPoolBeginner = tracedPool{}
	_ gorm.TxCommitter      = &transaction{}
)

// GetDBConn lets GORM find the pool underneath.
func (p tracedPool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

func (p tracedPool) BeginTx(ctx context.Context, options *sql.TxOptions) (gorm.ConnPool, error) {
	conn, err := dberror.Ask(ctx, p.connection)
	if err != nil {
		return nil, err
	}
	tx, err := measured(ctx, p.instrumentation, statement{operation: "BEGIN"}, func(ctx context.Context) (*sql.Tx, error) {
		tx, err := conn.BeginTx(ctx, options)
		if err != nil || p.begin == "" {
			return tx, err
		}
		if _, err := tx.ExecContext(ctx, p.begin); err != nil {
			return nil, errors.Join(err, tx.Rollback())
		}
		return tx, nil
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &transaction{tx, p.instrumentation, conn, ctx}, nil
}

func (p tracedPool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return traced(ctx, p.instrumentation, query, func(ctx context.Context) (sql.Result, error) {
		return p.DB.ExecContext(ctx, query, args...)
	})
}

func (p tracedPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return traced(ctx, p.instrumentation, query, func(ctx context.Context) (*sql.Rows, error) {
		return p.DB.QueryContext(ctx, query, args...)
	})
}

func (p tracedPool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	row, _ := traced(ctx, p.instrumentation, query, func(ctx context.Context) (*sql.Row, error) {
		row := p.DB.QueryRowContext(ctx, query, args...)
		return row, row.Err()
	})
	return row
}

func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	t.last = ctx
	return traced(ctx, t.instrumentation, query, func(ctx context.Context) (sql.Result, error) {
		return t.Tx.ExecContext(ctx, query, args...)
	})
}

func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.last = ctx
	return traced(ctx, t.instrumentation, query, func(ctx context.Context) (*sql.Rows, error) {
		return t.Tx.QueryContext(ctx, query, args...)
	})
}

func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	t.last = ctx
	row, _ := traced(ctx, t.instrumentation, query, func(ctx context.Context) (*sql.Row, error) {
		row := t.Tx.QueryRowContext(ctx, query, args...)
		return row, row.Err()
	})
	return row
}

func (t *transaction) Commit() error {
	_, err := traced(t.last, t.instrumentation, "COMMIT", func(context.Context) (any, error) { return nil, t.Tx.Commit() })
	return errors.Join(err, t.conn.Close())
}

func (t *transaction) Rollback() error { return errors.Join(t.Tx.Rollback(), t.conn.Close()) }

// connection waits for a connection, for at most patience: with one writer, a transaction that hangs would hang all others.
func (p tracedPool) connection(ctx context.Context) (*sql.Conn, error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := p.Conn(waiting)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		return nil, dberror.ErrNoConnection
	}
	return conn, err
}
