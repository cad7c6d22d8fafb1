package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
)

// A row is one line of the table.
type row struct {
	name, unit string
	floor      string  // the row that it is divided by
	target     float64 // of the ratio or, without a floor, of the value; 0: none
	ofValue    bool    // the target is of the value, although there is a floor
	atMost     bool    // the target is the most that is good, not the least
	needs      string  // a row that must be measured before, because measure takes its result
	measure    measureFunc
}

// A measureFunc measures one round of a row.
type measureFunc func(context.Context, *bench) (result, error)

// A result is what one round of a row came to.
type result struct {
	Value    float64            // in the row's unit
	Allocs   float64            // a message, of the measured process; unknown for rows of several processes
	Queued   int64              // spans that the measured process has made and kept
	Exported int64              // of these, what was sent
	Dropped  int64              // spans that did not
	Extras   map[string]float64 // for the notes
}

// unknown stands for what a row does not tell.
const unknown = -1

// rows are the table, in the order in which a round measures them.
func rows() []row {
	const perSecond, ordersPerSecond = "messages/s", "orders/s"
	return []row{
		{name: "floor_consume", unit: perSecond, measure: throughput("floor_consume", streamSampled, telemetryOff)},
		{name: "consume_off", unit: perSecond, floor: "floor_consume", target: 0.70,
			measure: throughput("consume", streamSampled, telemetryOff)},
		{name: "consume_metrics", unit: perSecond, floor: "floor_consume", target: 0.65,
			measure: throughput("consume", streamSampled, metricsOnly)},
		{name: "consume_sampled_10", unit: perSecond, floor: "floor_consume", target: 0.50,
			measure: exporting("consume", streamTenth, 10, productionQueue)},
		{name: "consume_spans_discarded", unit: perSecond, floor: "floor_consume", target: 0.40,
			measure: discarding("consume", streamSampled)},
		{name: "consume_sampled_all", unit: perSecond, floor: "floor_consume", target: 0.15,
			measure: exporting("consume", streamSampled, 1, bigQueue)},

		{name: "floor_publish", unit: perSecond, measure: throughput("floor_publish", streamPublished, telemetryOff)},
		{name: "publish_sampled_all", unit: perSecond, floor: "floor_publish", target: 0.15,
			measure: exporting("publish", streamPublished, 1, bigQueue)},

		{name: "floor_open_loop_p99", unit: "ms", measure: openLoop("floor_open_loop", telemetryOff)},
		{name: "open_loop_p99", unit: "ms", floor: "floor_open_loop_p99", target: 2.5, atMost: true,
			measure: openLoop("open_loop", metricsAndSpans)},

		{name: "floor_orders_postgres", unit: ordersPerSecond, measure: bareOrders(postgres)},
		{name: "orders_postgres_sampled_all", unit: ordersPerSecond, floor: "floor_orders_postgres", target: 0.40,
			measure: orders(postgres)},
		{name: "floor_orders_sqlite", unit: ordersPerSecond, measure: bareOrders(sqlite)},
		{name: "orders_sqlite_sampled_all", unit: ordersPerSecond, floor: "floor_orders_sqlite", target: 0.30,
			measure: orders(sqlite)},
		{name: "orders_sqlite_telemetry_off", unit: ordersPerSecond, measure: orders(sqlite, nothingRecorded...)},
		{name: "orders_telemetry_cost", unit: ordersPerSecond, floor: "orders_sqlite_telemetry_off", target: 0.80,
			needs: "orders_sqlite_sampled_all", measure: again("orders_sqlite_sampled_all")},

		// The services, Redis, and the viewer, which scrapes all of them every 2 s and evaluates every rule every 5 s.
		{name: "idle_cpu", unit: "% of a core", target: 4, atMost: true, measure: idleCPU},

		{name: "floor_generator_http", unit: "requests/s", measure: generator("bare-http", offering)},
		{name: "generator_http", unit: "requests/s", floor: "floor_generator_http", target: 20_000, ofValue: true,
			measure: generator("http", offering)},
		{name: "floor_generator_late_p99", unit: "ms", measure: generator("bare-late", offering)},
		{name: "generator_late_p99", unit: "ms", floor: "floor_generator_late_p99", target: 1, ofValue: true, atMost: true,
			measure: generator("late", offering)},
		{name: "floor_generator_stream", unit: "events/s", measure: generator("bare-stream", offering)},
		{name: "generator_stream", unit: "events/s", floor: "floor_generator_stream", target: 100_000, ofValue: true,
			measure: generator("stream", offering)},
		{name: "generator_memory", unit: "bytes/order", target: 16, atMost: true, measure: generator("soak", soaking)},
	}
}

// again takes what another row measured in this round.
func again(name string) measureFunc {
	return func(_ context.Context, b *bench) (result, error) {
		r, ok := b.results[name]
		if !ok {
			return r, fmt.Errorf("%s has no result in this round", name)
		}
		return r, nil
	}
}

func byName() map[string]row {
	named := map[string]row{}
	for _, r := range rows() {
		named[r.name] = r
	}
	return named
}

// choose returns the rows that match and those that they need, in the table's order.
func choose(pattern *regexp.Regexp) []row {
	named, wanted := byName(), map[string]bool{}
	var want func(name string)
	want = func(name string) {
		if r, ok := named[name]; ok && !wanted[name] {
			wanted[name] = true
			want(r.floor)
			want(r.needs)
		}
	}
	for name := range named {
		if pattern.MatchString(name) {
			want(name)
		}
	}
	return slices.DeleteFunc(rows(), func(r row) bool { return !wanted[r.name] })
}
