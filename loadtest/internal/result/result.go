// Package result has the result of a run: --json writes it, and the table, the page and the comparison read it.
//
// Times are seconds unless a name says otherwise, shares are from 0 to 1, and points in time are offsets from the start of the
// run.
package result

import "time"

// Version is the layout of a Result; a file of another one is refused.
const Version = 1

// The verdicts.
const (
	Passed    = "passed"
	Failed    = "failed"     // a threshold does not hold
	NotJudged = "not judged" // for example, the generator could not keep up: see Reason
)

// Result is one run.
type Result struct {
	Version     int         `json:"version"`
	Scenario    string      `json:"scenario"`
	Started     time.Time   `json:"started"`
	Settings    Settings    `json:"settings"`
	Environment Environment `json:"environment"`

	Verdict    string      `json:"verdict"`
	Reason     string      `json:"reason,omitempty"` // one line
	Thresholds []Threshold `json:"thresholds"`

	Totals    Totals               `json:"totals"`
	Latencies map[string]Histogram `json:"latencies"` // of the time after the warm-up, by the names below
	Seconds   []Second             `json:"seconds"`   // one for each second of the run, warm-up and drain included
	Slowest   []Order              `json:"slowest"`   // at most ten, the slowest first

	// Shards are the parts of the schedule that the result is about: one if it is a shard's, those that were merged, or none.
	Shards []Shard `json:"shards,omitempty"`
}

// Shard is one of several generators that offer a schedule together. Its counts are of the whole run, warm-up included.
type Shard struct {
	Number     int     `json:"number"` // from 1
	Of         int     `json:"of"`
	Machine    string  `json:"machine"`
	Late       float64 `json:"late"` // how long after the others it began; arrivals that were due before are not offered
	Sent       int     `json:"sent"`
	NotOffered int     `json:"not_offered"`
	Accepted   int     `json:"accepted"`
	Finished   int     `json:"finished"`
	DueToSent  float64 `json:"due_to_sent"` // p99, after the warm-up
}

// The names of latencies, each counted from when the request was due.
const (
	DueToSent = "due_to_sent" // the generator's own delay
	HTTP      = "http"        // until the order was accepted
	EndToEnd  = "e2e"         // until the order was finished
	StreamAdd = "add"         // of target stream: until Redis had the event
)

// Settings are the scenario's settings, with flags applied.
type Settings struct {
	Target      string             `json:"target"`   // http or stream
	Arrivals    string             `json:"arrivals"` // constant or poisson
	Seed        uint64             `json:"seed"`
	Stages      []Stage            `json:"stages"`
	WarmUp      float64            `json:"warm_up"` // left out of rates and latencies, but not of the accounts
	Mix         map[string]float64 `json:"mix"`     // share of orders by SKU, besides load-001 to load-200
	Every       map[string]float64 `json:"every"`   // seconds after which one order is of a SKU
	MaxInFlight int                `json:"max_in_flight"`
}

// Stage is a time during which the rate moves evenly from one value to another.
type Stage struct {
	Duration float64 `json:"duration"`
	From     float64 `json:"from"` // arrivals a second
	To       float64 `json:"to"`
}

// Environment describes the machine and the target of the run.
type Environment struct {
	Mode  string `json:"mode"` // standalone, compose, or empty if addresses were given
	OS    string `json:"os"`   // linux/amd64
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	Go    string `json:"go"`
	Redis string `json:"redis"` // its version
}

// Threshold is a threshold and its result.
type Threshold struct {
	Text      string   `json:"text"`   // e2e_p99<500ms
	Metric    string   `json:"metric"` // e2e_p99
	Value     *float64 `json:"value"`  // in seconds, as a share, or a count; nil if nothing was measured
	Holds     bool     `json:"holds"`
	CrossedAt *float64 `json:"crossed_at,omitempty"` // when it first did not hold, if it is watched during the run
}

// Totals count the arrivals by their results.
type Totals struct {
	// Of the arrivals that were due after the warm-up.
	Scheduled  int            `json:"scheduled"`   // arrivals of the schedule
	NotOffered int            `json:"not_offered"` // of these, more than may be in flight
	Sent       int            `json:"sent"`
	Errors     map[string]int `json:"errors"` // by status or kind of error

	// The accounts, of all arrivals that were accepted: one that is lost in the warm-up is lost, too.
	Accepted  int `json:"accepted"` // of target stream: added
	WarmUp    int `json:"warm_up"`  // of these, due in the warm-up
	Confirmed int `json:"confirmed"`
	Rejected  int `json:"rejected"`
	Cancelled int `json:"cancelled"`

	DeadLettered map[string]int `json:"dead_lettered"` // by reason
	Unfinished   int            `json:"unfinished"`    // when the drain was over, and still on their way
	Lost         int            `json:"lost"`          // accepted, and none of these
	Duplicated   int            `json:"duplicated"`    // two ends with different ids, or other units reserved than confirmed
	Unexpected   int            `json:"unexpected"`    // dead letters that the mix does not imply, or that it implies and are missing

	Drain        float64  `json:"drain"`              // from the last arrival until nothing waited; negative if it never did
	GeneratorCPU float64  `json:"generator_cpu"`      // cores that this program used
	Examples     []string `json:"examples,omitempty"` // one line each about what is lost, duplicated or unexpected, at most ten
}

// Histogram has the distribution of a latency, in seconds.
type Histogram struct {
	Count   int64   `json:"count"`
	Mean    float64 `json:"mean"`
	P50     float64 `json:"p50"`
	P90     float64 `json:"p90"`
	P99     float64 `json:"p99"`
	P999    float64 `json:"p999"`
	Max     float64 `json:"max"`
	Encoded string  `json:"encoded"` // HdrHistogram V2, compressed, base64: microseconds
}

// Second has the results of one second. Counts are of this second, levels those at its end.
type Second struct {
	Offset     int  `json:"offset"` // from the start, in whole seconds
	WarmUp     bool `json:"warm_up,omitempty"`
	Draining   bool `json:"draining,omitempty"` // after the last arrival
	Scheduled  int  `json:"scheduled"`
	NotOffered int  `json:"not_offered"`
	Sent       int  `json:"sent"`
	OK         int  `json:"ok"`     // answers
	Errors     int  `json:"errors"` // answers, and none
	Finished   int  `json:"finished"`

	HTTP     Band `json:"http"` // of those that were due in this second; of target stream, until added
	EndToEnd Band `json:"e2e"`

	InFlight    int     `json:"in_flight"` // accepted or sent, and not finished
	LagMessages int     `json:"lag_messages"`
	LagSeconds  float64 `json:"lag_seconds"`
	Pending     int     `json:"pending"`
	DeadLetters int     `json:"dead_letters"` // since the start
}

// Band is a second's latencies; zero without any.
type Band struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`

	Encoded string `json:"encoded,omitempty"` // of a shard: as Histogram.Encoded
}

// Order is one of the slowest orders.
type Order struct {
	ID        string  `json:"id"`
	SKU       string  `json:"sku"`
	TraceID   string  `json:"trace_id"`
	TraceURL  string  `json:"trace_url"`
	DueAt     float64 `json:"due_at"` // offset
	DueToSent float64 `json:"due_to_sent"`
	HTTP      float64 `json:"http"`
	EndToEnd  float64 `json:"e2e"`
	End       string  `json:"end"` // confirmed, rejected, cancelled, dead_lettered, unfinished, lost
}
