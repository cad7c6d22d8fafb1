// Package scenario has the scenarios of load tests: the load, and the thresholds that must hold.
//
// A scenario is a YAML file, one of those built in or one of the user's ([Load]); flags change it ([Scenario.With]); and
// it turns into the arrivals of a run ([Scenario.Plan], [Scenario.SKUs]), or of several while it searches ([Search]).
package scenario

import (
	"maps"
	"slices"
	"time"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/schedule"
	"example.com/clew/loadtest/internal/threshold"
)

// The targets.
const (
	HTTP   = "http"   // POST /orders: the whole path of an order
	Stream = "stream" // test.ping.v1 straight to Redis: the speed of the consumers
)

// The kinds of arrivals.
const (
	Constant = "constant" // at even distances, also in a ramp
	Poisson  = "poisson"  // as if by chance
)

// Scenario is valid as [Load] and [Scenario.With] return it.
type Scenario struct {
	Name        string
	Teaches     string // one line
	Target      string
	Arrivals    string
	Seed        uint64
	Stages      []schedule.Stage
	Mix         map[string]float64       // percentage of orders by SKU; the others are of load-001 to load-200
	Every       map[string]time.Duration // by SKU: one order of it after each such time
	MaxInFlight int                      // orders or events that are sent and not finished
	Drain       time.Duration            // time for accepted orders to finish, after the last arrival
	Thresholds  []threshold.Threshold
	Search      *Search // nil for a scenario of one run
}

// Plan returns the times at which arrivals are due.
func (s Scenario) Plan() schedule.Plan {
	return schedule.Plan{Stages: s.Stages, Poisson: s.Arrivals == Poisson, Seed: s.Seed}
}

// WarmUp returns the length of the warm-up: a tenth of the duration, at most 10 s.
func (s Scenario) WarmUp() time.Duration {
	return min(s.Plan().Duration()/10, 10*time.Second)
}

// Settings returns the scenario's settings for a result.
func (s Scenario) Settings() result.Settings {
	settings := result.Settings{
		Target: s.Target, Arrivals: s.Arrivals, Seed: s.Seed, WarmUp: s.WarmUp().Seconds(), MaxInFlight: s.MaxInFlight,
		Mix: map[string]float64{}, Every: map[string]float64{},
	}
	for _, stage := range s.Stages {
		settings.Stages = append(settings.Stages,
			result.Stage{Duration: stage.Duration.Seconds(), From: stage.From, To: stage.To})
	}
	for sku, percent := range s.Mix {
		settings.Mix[sku] = percent / 100
	}
	for sku, interval := range s.Every {
		settings.Every[sku] = interval.Seconds()
	}
	return settings
}

// Override has the values of flags. Nil and empty ones leave the scenario unchanged. The tags are kong's.
type Override struct {
	Target      string             `help:"http (whole orders) or stream (bare events, straight to Redis)."`
	Arrivals    string             `help:"constant or poisson."`
	Seed        *uint64            `help:"Seed of the arrivals; the same seed gives the same ones."`
	Rate        *float64           `help:"Highest rate, in arrivals a second; the other rates change in proportion."`
	Duration    *time.Duration     `help:"Duration of all stages together; each changes in proportion."`
	Mix         map[string]float64 `help:"Percentage of orders, instead of the scenario's mix; repeatable." placeholder:"SKU=PERCENT"`
	MaxInFlight *int               `help:"Most orders that are sent and not finished; more are not sent."`
	Drain       *time.Duration     `help:"Time for orders to finish after the last arrival."`
	Thresholds  []string           `name:"threshold" help:"Replace the scenario's on this metric; repeatable." placeholder:"'e2e_p99<500ms'"`
}

// With returns the scenario with o applied. If o changes the target, thresholds on metrics that the new target does not measure
// are left out. An error is one line.
func (s Scenario) With(o Override) (Scenario, error) {
	if o.Target != "" && o.Target != s.Target {
		s.Target = o.Target
		s.Thresholds = slices.DeleteFunc(slices.Clone(s.Thresholds),
			func(t threshold.Threshold) bool { return !t.Measured(o.Target) })
	}
	if o.Arrivals != "" {
		s.Arrivals = o.Arrivals
	}
	set(&s.Seed, o.Seed)
	set(&s.MaxInFlight, o.MaxInFlight)
	set(&s.Drain, o.Drain)
	s.Stages = slices.Clone(s.Stages)
	if o.Rate != nil {
		if err := checkRate(*o.Rate); err != nil {
			return Scenario{}, err
		}
		s.scaleRate(*o.Rate)
	}
	if o.Duration != nil {
		if err := checkDuration(*o.Duration); err != nil {
			return Scenario{}, err
		}
		s.scaleDuration(*o.Duration)
	}
	if len(o.Mix) > 0 {
		s.Mix = maps.Clone(o.Mix)
	}
	if err := s.replaceThresholds(o.Thresholds); err != nil {
		return Scenario{}, err
	}
	if err := s.validate(); err != nil {
		return Scenario{}, err
	}
	return s, nil
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

func (s *Scenario) scaleRate(rate float64) {
	peak := s.Plan().Peak()
	for i := range s.Stages {
		stage := &s.Stages[i]
		stage.From, stage.To = stage.From/peak*rate, stage.To/peak*rate
	}
}

func (s *Scenario) scaleDuration(duration time.Duration) {
	factor := duration.Seconds() / s.Plan().Duration().Seconds()
	for i := range s.Stages {
		s.Stages[i].Duration = time.Duration(float64(s.Stages[i].Duration) * factor)
	}
}

// replaceThresholds replaces thresholds; the user's come last.
func (s *Scenario) replaceThresholds(texts []string) error {
	replaced, added := map[string]bool{}, []threshold.Threshold(nil)
	for _, text := range texts {
		t, err := threshold.Parse(text)
		if err != nil {
			return err
		}
		replaced[t.Metric] = true
		added = append(added, t)
	}
	kept := slices.DeleteFunc(slices.Clone(s.Thresholds), func(t threshold.Threshold) bool { return replaced[t.Metric] })
	s.Thresholds = append(kept, added...)
	return nil
}
