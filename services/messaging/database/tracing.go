package database

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"

	"example.com/clew/services/messaging"
)

// maxQueryText cuts a statement that inserts very many rows, in bytes.
const maxQueryText = 1 << 10

// A pool is a connection pool for GORM whose statements are spans, after OpenTelemetry's conventions for databases. A
// statement has a span only if its context has one that records, so that polling for work traces nothing.
type pool struct {
	*sql.DB
	statements
}

// A transaction is a pool's; its end is a statement too.
type transaction struct {
	*sql.Tx
	conn *sql.Conn
	statements
	last context.Context // of the last statement: a commit has none of its own, and belongs to what it commits
}

var (
	_ gorm.ConnPoolBeginner = pool{}
	_ gorm.TxCommitter      = &transaction{}
)

func tracePool(db *sql.DB, system string, tp trace.TracerProvider) pool {
	tracer := tp.Tracer("example.com/clew/services/messaging/database", trace.WithSchemaURL(semconv.SchemaURL))
	return pool{db, statements{tracer, system}}
}

// GetDBConn lets GORM find the pool underneath.
func (p pool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

func (p pool) BeginTx(ctx context.Context, options *sql.TxOptions) (gorm.ConnPool, error) {
	conn, err := connection(ctx, p.DB)
	if err != nil {
		return nil, unavailable(err)
	}
	tx, err := conn.BeginTx(ctx, options)
	if err != nil {
		return nil, unavailable(errors.Join(err, conn.Close()))
	}
	return &transaction{tx, conn, p.statements, ctx}, nil
}

func (p pool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return traced(ctx, p.statements, query, func(ctx context.Context) (sql.Result, error) {
		return p.DB.ExecContext(ctx, query, args...)
	})
}

func (p pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return traced(ctx, p.statements, query, func(ctx context.Context) (*sql.Rows, error) {
		return p.DB.QueryContext(ctx, query, args...)
	})
}

func (p pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	row, _ := traced(ctx, p.statements, query, func(ctx context.Context) (*sql.Row, error) {
		row := p.DB.QueryRowContext(ctx, query, args...)
		return row, row.Err()
	})
	return row
}

func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	t.last = ctx
	return traced(ctx, t.statements, query, func(ctx context.Context) (sql.Result, error) {
		return t.Tx.ExecContext(ctx, query, args...)
	})
}

func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.last = ctx
	return traced(ctx, t.statements, query, func(ctx context.Context) (*sql.Rows, error) {
		return t.Tx.QueryContext(ctx, query, args...)
	})
}

func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	t.last = ctx
	row, _ := traced(ctx, t.statements, query, func(ctx context.Context) (*sql.Row, error) {
		row := t.Tx.QueryRowContext(ctx, query, args...)
		return row, row.Err()
	})
	return row
}

func (t *transaction) Commit() error {
	_, err := traced(t.last, t.statements, "COMMIT", func(context.Context) (any, error) { return nil, t.Tx.Commit() })
	return errors.Join(err, t.conn.Close())
}

func (t *transaction) Rollback() error { return errors.Join(t.Tx.Rollback(), t.conn.Close()) }

// statements makes the spans of a pool and its transactions.
type statements struct {
	tracer trace.Tracer
	system string
}

func traced[R any](ctx context.Context, s statements, query string, run func(context.Context) (R, error)) (R, error) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		result, err := run(ctx)
		return result, unavailable(err)
	}
	operation, table := summarize(query)
	summary := strings.TrimSpace(operation + " " + table)
	ctx, span := s.tracer.Start(ctx, summary, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	span.SetAttributes(
		semconv.DBSystemNameKey.String(s.system), semconv.DBOperationName(operation),
		semconv.DBQuerySummary(summary), semconv.DBQueryText(query[:min(len(query), maxQueryText)])) // with placeholders, never with values
	if table != "" {
		span.SetAttributes(semconv.DBCollectionName(table))
	}
	result, err := run(ctx)
	err = unavailable(err)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		span.SetStatus(codes.Error, err.Error())
		span.SetAttributes(semconv.ErrorTypeKey.String(messaging.Classify(err)))
	}
	return result, err
}

// summarize finds the operation of a statement and the table that it is about: of `INSERT INTO "outbox" …` INSERT and
// outbox. For a statement that it does not understand the table is empty.
func summarize(query string) (operation, table string) {
	words := strings.Fields(query)
	if len(words) == 0 {
		return "", ""
	}
	operation = strings.ToUpper(words[0])
	var before string // the word in front of the table's name
	switch operation {
	case "INSERT":
		before = "INTO"
	case "SELECT", "DELETE":
		before = "FROM"
	case "UPDATE":
		before = "UPDATE"
	default:
		return operation, ""
	}
	for i, word := range words[:len(words)-1] {
		if strings.EqualFold(word, before) {
			table, _, _ = strings.Cut(words[i+1], "(")
			return operation, strings.Trim(table, "`\"")
		}
	}
	return operation, ""
}
