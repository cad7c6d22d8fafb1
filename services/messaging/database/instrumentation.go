package database

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
	"unique"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/internal/dberror"
	"example.com/clew/services/messaging/internal/histogram"
	"example.com/clew/services/messaging/internal/labels"
)

// maxQueryText is the longest text of a statement in a span, in bytes: one that inserts many rows is cut.
const maxQueryText = 1 << 10

// buckets are those of the conventions, in seconds.
var buckets = []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10}

// instrumentation makes the spans and metrics of a database's statements, after OpenTelemetry's conventions for
// database clients. Every statement is measured, but it has a span only if its context has one that records, so that
// polling for work traces nothing.
type instrumentation struct {
	tracer     trace.Tracer
	system     string
	durationOf *labels.Cache[statement, *histogram.Histogram]
}

// A statement has the parts of an SQL statement that become labels. There are few: one for each operation and table.
type statement struct {
	operation string
	table     string // empty if there is none, or it is not understood
}

func newInstrumentation(tp trace.TracerProvider, reg prometheus.Registerer) (*instrumentation, error) {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "db_client_operation_duration_seconds", Help: "Time that a statement took, by operation and table.",
		Buckets: buckets,
	}, []string{"db_operation_name", "db_collection_name"})
	i := &instrumentation{
		tracer: tp.Tracer("example.com/clew/services/messaging/database", trace.WithSchemaURL(semconv.SchemaURL)),
		durationOf: labels.NewCache(func(s statement) *histogram.Histogram {
			return histogram.New(duration.WithLabelValues(s.operation, s.table), buckets)
		}),
	}
	if reg == nil {
		return i, nil
	}
	return i, reg.Register(duration)
}

// measured runs a statement and records its duration.
func measured[R any](ctx context.Context, i *instrumentation, s statement, run func(context.Context) (R, error)) (R, error) {
	start := time.Now()
	defer func() { i.durationOf.Of(s).Observe(time.Since(start).Seconds(), trace.SpanContextFromContext(ctx)) }()
	return dberror.Ask(ctx, run)
}

// traced is measured with a span, if ctx has a recording one.
func traced[R any](ctx context.Context, i *instrumentation, query string, run func(context.Context) (R, error)) (R, error) {
	s := summarize(query)
	if !trace.SpanFromContext(ctx).IsRecording() {
		return measured(ctx, i, s, run)
	}
	summary := strings.TrimSpace(s.operation + " " + s.table)
	ctx, span := i.tracer.Start(ctx, summary, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	attributes := []attribute.KeyValue{
		semconv.DBSystemNameKey.String(i.system), semconv.DBOperationName(s.operation),
		semconv.DBQuerySummary(summary), semconv.DBQueryText(query[:min(len(query), maxQueryText)]), // with placeholders, never with values
	}
	if s.table != "" {
		attributes = append(attributes, semconv.DBCollectionName(s.table))
	}
	span.SetAttributes(attributes...)
	result, err := measured(ctx, i, s, run)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		span.SetStatus(codes.Error, err.Error())
		span.SetAttributes(semconv.ErrorTypeKey.String(messaging.Classify(err)))
	}
	return result, err
}

// summarize finds the operation and the table of a statement: INSERT and outbox of `INSERT INTO "outbox" …`. It keeps no part
// of the query in memory, which may be long.
func summarize(query string) statement {
	s := find(query)
	return statement{unique.Make(s.operation).Value(), unique.Make(s.table).Value()}
}

func find(query string) (s statement) {
	var before string // the word in front of the table's name
	found := false
	for word := range strings.FieldsSeq(query) {
		switch {
		case s.operation == "":
			s.operation = strings.ToUpper(word)
			switch s.operation {
			case "INSERT":
				before = "INTO"
			case "SELECT", "DELETE":
				before = "FROM"
			case "UPDATE":
				found = true
			default:
				return s
			}
		case found:
			s.table, _, _ = strings.Cut(word, "(")
			s.table = strings.Trim(s.table, "`\"")
			return s
		default:
			found = strings.EqualFold(word, before)
		}
	}
	return s
}
