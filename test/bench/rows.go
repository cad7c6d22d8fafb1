package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// A Row is one line of the table, and how it is measured.
type Row struct {
	Line
	needs   string // a row that must be measured before, because measure takes its result
	measure measureFunc
}

// Measure measures one round of it.
func (r Row) Measure(ctx context.Context, b *Bench) (Result, error) {
	b.row = r.Name
	return r.measure(ctx, b)
}

// A measureFunc measures one round of a row.
type measureFunc func(context.Context, *Bench) (Result, error)

// rows are the table, in the order in which a round measures them.
func rows() []Row {
	const perSecond, ordersPerSecond = "messages/s", "orders/s"
	return []Row{
		{Line: Line{Name: "floor_consume", Unit: perSecond},
			measure: throughput("floor_consume", streamSampled, TelemetryOff)},
		{Line: Line{Name: "consume_off", Unit: perSecond, Floor: "floor_consume", Target: 0.70},
			measure: throughput("consume", streamSampled, TelemetryOff)},
		{Line: Line{Name: "consume_metrics", Unit: perSecond, Floor: "floor_consume", Target: 0.65},
			measure: throughput("consume", streamSampled, MetricsOnly)},
		{Line: Line{Name: "consume_sampled_10", Unit: perSecond, Floor: "floor_consume", Target: 0.50},
			measure: exporting("consume", streamTenth, 10, productionQueue)},
		{Line: Line{Name: "consume_spans_discarded", Unit: perSecond, Floor: "floor_consume", Target: 0.40},
			measure: discarding("consume", streamSampled)},
		{Line: Line{Name: "consume_sampled_all", Unit: perSecond, Floor: "floor_consume", Target: 0.15},
			measure: exporting("consume", streamSampled, 1, bigQueue)},

		{Line: Line{Name: "floor_publish", Unit: perSecond},
			measure: throughput("floor_publish", streamPublished, TelemetryOff)},
		{Line: Line{Name: "publish_sampled_all", Unit: perSecond, Floor: "floor_publish", Target: 0.15},
			measure: exporting("publish", streamPublished, 1, bigQueue)},

		{Line: Line{Name: "floor_open_loop_p99", Unit: "ms"}, measure: openLoop("floor_open_loop", TelemetryOff)},
		{Line: Line{Name: "open_loop_p99", Unit: "ms", Floor: "floor_open_loop_p99", Target: 2.5, AtMost: true},
			measure: openLoop("open_loop", MetricsAndSpans)},

		{Line: Line{Name: "floor_orders_postgres", Unit: ordersPerSecond}, measure: bareOrders(Postgres)},
		{Line: Line{Name: "orders_postgres_sampled_all", Unit: ordersPerSecond, Floor: "floor_orders_postgres", Target: 0.40},
			measure: orders(Postgres)},
		{Line: Line{Name: "floor_orders_sqlite", Unit: ordersPerSecond}, measure: bareOrders(SQLite)},
		{Line: Line{Name: "orders_sqlite_sampled_all", Unit: ordersPerSecond, Floor: "floor_orders_sqlite", Target: 0.30},
			measure: orders(SQLite)},
		{Line: Line{Name: "orders_sqlite_telemetry_off", Unit: ordersPerSecond},
			measure: orders(SQLite, nothingRecorded...)},
		{Line: Line{Name: "orders_telemetry_cost", Unit: ordersPerSecond, Floor: "orders_sqlite_telemetry_off", Target: 0.80},
			needs: "orders_sqlite_sampled_all", measure: again("orders_sqlite_sampled_all")},

		// The services, Redis, and the viewer, which scrapes all of them every 2 s and evaluates every rule every 5 s.
		{Line: Line{Name: "idle_cpu", Unit: "% of a core", Target: 4, AtMost: true}, measure: idleCPU},

		{Line: Line{Name: "floor_generator_http", Unit: "requests/s"}, measure: generator("bare-http", offering)},
		{Line: Line{Name: "generator_http", Unit: "requests/s", Floor: "floor_generator_http", Target: 20_000, OfValue: true},
			measure: generator("http", offering)},
		{Line: Line{Name: "floor_generator_late_p99", Unit: "ms"}, measure: generator("bare-late", offering)},
		{Line: Line{Name: "generator_late_p99", Unit: "ms", Floor: "floor_generator_late_p99", Target: 1, OfValue: true, AtMost: true},
			measure: generator("late", offering)},
		{Line: Line{Name: "floor_generator_stream", Unit: "events/s"}, measure: generator("bare-stream", offering)},
		{Line: Line{Name: "generator_stream", Unit: "events/s", Floor: "floor_generator_stream", Target: 100_000, OfValue: true},
			measure: generator("stream", offering)},
		{Line: Line{Name: "generator_memory", Unit: "bytes/order", Target: 16, AtMost: true},
			measure: generator("soak", soaking)},
	}
}

// again takes what another row measured in this round.
func again(name string) measureFunc {
	return func(_ context.Context, b *Bench) (Result, error) {
		r, ok := b.Results[name]
		if !ok {
			return r, fmt.Errorf("%s has no result in this round", name)
		}
		return r, nil
	}
}

// Names are the rows' names, sorted.
func Names() []string { return slices.Sorted(maps.Keys(byName())) }

func byName() map[string]Row {
	named := map[string]Row{}
	for _, r := range rows() {
		named[r.Name] = r
	}
	return named
}

// Choose returns the rows that match and those that they need, in the table's order.
func Choose(pattern *regexp.Regexp) []Row {
	named, wanted := byName(), map[string]bool{}
	var want func(name string)
	want = func(name string) {
		if r, ok := named[name]; ok && !wanted[name] {
			wanted[name] = true
			want(r.Floor)
			want(r.needs)
		}
	}
	for name := range named {
		if pattern.MatchString(name) {
			want(name)
		}
	}
	return slices.DeleteFunc(rows(), func(r Row) bool { return !wanted[r.Name] })
}
