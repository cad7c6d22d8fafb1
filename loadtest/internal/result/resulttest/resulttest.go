// Package resulttest makes up results of runs, for the tests of their readers.
package resulttest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"example.com/clew/loadtest/internal/result"
)

// Run describes a run at a constant rate, with a warm-up of a tenth and a drain of three seconds.
type Run struct {
	Seed    uint64
	Seconds int           // default 30
	Rate    int           // orders a second, default 100
	Median  time.Duration // of a request; default 4 ms. An order takes five times as long
	Invalid float64       // share of orders that are dead-lettered
	Refused float64       // share of requests that are refused with 503
	Stall   [2]int        // from and to: the seconds in which consumers stand still
}

// Result makes up the result of the run. The same Run gives the same Result.
func (run Run) Result() result.Result {
	run.Seconds = cmp.Or(run.Seconds, 30)
	run.Rate = cmp.Or(run.Rate, 100)
	run.Median = cmp.Or(run.Median, 4*time.Millisecond)
	g := generator{
		Run:    run,
		warmUp: run.Seconds / 10,
		random: rand.New(rand.NewPCG(run.Seed, 1)),
		late:   result.NewRecorder(), http: result.NewRecorder(), endToEnd: result.NewRecorder(),
	}
	mix := map[string]float64{}
	if run.Invalid > 0 {
		mix["test-invalid"] = run.Invalid
	}
	g.result = result.Result{
		Version:  result.Version,
		Scenario: "steady",
		Started:  time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC),
		Settings: result.Settings{
			Target: "http", Arrivals: "poisson", Seed: run.Seed, WarmUp: float64(g.warmUp), Mix: mix, MaxInFlight: 10_000,
			Stages: []result.Stage{{Duration: float64(run.Seconds), From: float64(run.Rate), To: float64(run.Rate)}},
		},
		Environment: result.Environment{
			Mode: "standalone", OS: "linux/amd64", CPU: "Example CPU @ 2.40GHz", Cores: 2, Go: "go1.26.0", Redis: "7.0.15",
		},
		Totals: result.Totals{
			Errors: map[string]int{}, DeadLettered: map[string]int{}, Drain: 0.42, GeneratorCPU: 0.21,
		},
	}
	for second := range run.Seconds + 3 {
		g.second(second)
	}
	return g.finish()
}

type generator struct {
	Run
	warmUp               int
	random               *rand.Rand
	late, http, endToEnd *result.Recorder
	result               result.Result
}

// second adds the orders that are due in one second.
func (g *generator) second(offset int) {
	second := result.Second{Offset: offset, WarmUp: offset < g.warmUp, Draining: offset >= g.Seconds}
	var http, endToEnd []float64
	if !second.Draining {
		second.Scheduled = int(math.Round(float64(g.Rate) + g.random.NormFloat64()*math.Sqrt(float64(g.Rate))))
	}
	for range second.Scheduled {
		order := g.order(float64(offset) + g.random.Float64())
		http = append(http, order.HTTP)
		second.Sent++
		if order.End == "" {
			second.Errors++
		} else {
			second.OK++
		}
		if order.EndToEnd > 0 {
			endToEnd = append(endToEnd, order.EndToEnd)
			second.Finished++
		}
		if order.End == "dead_lettered" {
			second.DeadLetters++
		}
		if order.End != "" {
			g.account(order, second.WarmUp)
		}
		if !second.WarmUp {
			g.count(order)
		}
	}
	second.HTTP, second.EndToEnd = band(http), band(endToEnd)
	second.InFlight = int(float64(g.Rate) * (g.stalled(float64(offset)+0.99) + 5*g.Median.Seconds()))
	second.LagSeconds = g.stalled(float64(offset) + 0.99)
	second.LagMessages = int(second.LagSeconds * float64(g.Rate))
	second.Pending = second.InFlight - second.LagMessages
	if n := len(g.result.Seconds); n > 0 {
		second.DeadLetters += g.result.Seconds[n-1].DeadLetters
	}
	g.result.Seconds = append(g.result.Seconds, second)
}

// stalled returns how long an order that is due at a time waits for the consumers to go on. They catch up within two
// seconds.
func (g *generator) stalled(at float64) float64 {
	from, to := float64(g.Stall[0]), float64(g.Stall[1])
	switch {
	case at < from || from == to:
		return 0
	case at < to:
		return at - from
	}
	return max(0, (to-from)*(1-(at-to)/2))
}

func (g *generator) order(due float64) result.Order {
	order := result.Order{
		ID:        fmt.Sprintf("01a1fce2-0000-7000-8000-%012x", g.random.Uint64N(1<<48)),
		SKU:       fmt.Sprintf("load-%03d", 1+g.random.IntN(200)),
		TraceID:   fmt.Sprintf("%016x%016x", g.random.Uint64(), g.random.Uint64()),
		DueAt:     due,
		DueToSent: g.long(60 * time.Microsecond),
	}
	order.HTTP = order.DueToSent + g.long(g.Median)
	if g.random.Float64() < g.Refused {
		return order
	}
	order.TraceURL = "http://127.0.0.1:3000/d/trace?var-id=" + order.TraceID
	if g.random.Float64() < g.Invalid {
		order.SKU, order.End = "test-invalid", "dead_lettered"
		return order
	}
	order.End = "confirmed"
	order.EndToEnd = order.HTTP + g.long(4*g.Median)
	if order.EndToEnd += g.stalled(due); order.EndToEnd > 1 {
		order.EndToEnd -= g.random.Float64() / 2
	}
	return order
}

// long returns a time in seconds, as computers take them: most near the median, and some far longer.
func (g *generator) long(median time.Duration) float64 {
	return math.Round(median.Seconds()*math.Exp(0.35*g.random.NormFloat64())*1e6) / 1e6
}

// account adds an accepted order to the accounts.
func (g *generator) account(order result.Order, warmUp bool) {
	totals := &g.result.Totals
	totals.Accepted++
	if warmUp {
		totals.WarmUp++
	}
	switch order.End {
	case "confirmed":
		totals.Confirmed++
	case "dead_lettered":
		totals.DeadLettered["permanent"]++
	}
}

// count adds an order to the totals after the warm-up.
func (g *generator) count(order result.Order) {
	totals := &g.result.Totals
	totals.Scheduled++
	totals.Sent++
	g.late.Record(duration(order.DueToSent))
	g.http.Record(duration(order.HTTP))
	switch order.End {
	case "":
		totals.Errors["503"]++
	case "confirmed":
		g.endToEnd.Record(duration(order.EndToEnd))
		g.result.Slowest = append(g.result.Slowest, order)
	}
}

func (g *generator) finish() result.Result {
	r := g.result
	slices.SortFunc(r.Slowest, func(a, b result.Order) int { return cmp.Compare(b.EndToEnd, a.EndToEnd) })
	r.Slowest = slices.Clone(r.Slowest[:min(10, len(r.Slowest))])
	r.Latencies = map[string]result.Histogram{
		result.DueToSent: g.late.Histogram(), result.HTTP: g.http.Histogram(), result.EndToEnd: g.endToEnd.Histogram(),
	}
	p99, errors, lost := r.Latencies[result.EndToEnd].P99, float64(r.Totals.Errors["503"])/float64(r.Totals.Sent), 0.0
	r.Thresholds = []result.Threshold{
		{Text: "e2e_p99<500ms", Metric: "e2e_p99", Value: &p99, Holds: p99 < 0.5},
		{Text: "http_error_rate<0.1%", Metric: "http_error_rate", Value: &errors, Holds: errors < 0.001},
		{Text: "lost==0", Metric: "lost", Value: &lost, Holds: true},
	}
	r.Verdict = result.Passed
	for i, threshold := range r.Thresholds {
		if !threshold.Holds {
			crossed := float64(max(g.warmUp, g.Stall[0])) + 1
			r.Verdict, r.Thresholds[i].CrossedAt = result.Failed, &crossed
		}
	}
	return r
}

func band(values []float64) result.Band {
	if len(values) == 0 {
		return result.Band{}
	}
	slices.Sort(values)
	at := func(share float64) float64 { return values[int(math.Ceil(share*float64(len(values))))-1] }
	return result.Band{Count: len(values), P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: at(1)}
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
