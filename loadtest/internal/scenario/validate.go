package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
)

// highestRate is far above the rates of one machine; it keeps a typo from filling its memory.
const highestRate = 1_000_000

var sku = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// validate returns the first mistake, as one line, in the words that the file and the flags share.
func (s Scenario) validate() error {
	for _, check := range []func() error{
		s.validateKinds, s.validateStages, s.validateMix, s.validateLimits, s.validateThresholds, s.validateSearch,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s Scenario) validateKinds() error {
	if s.Target != HTTP && s.Target != Stream {
		return fmt.Errorf("target %q: expected %s or %s", s.Target, HTTP, Stream)
	}
	if s.Arrivals != Constant && s.Arrivals != Poisson {
		return fmt.Errorf("arrivals %q: expected %s or %s", s.Arrivals, Constant, Poisson)
	}
	return nil
}

func (s Scenario) validateStages() error {
	if len(s.Stages) == 0 {
		return errors.New("stages: expected at least one, such as {duration: 30s, rate: 100}")
	}
	for _, stage := range s.Stages {
		if err := cmp.Or(checkDuration(stage.Duration), checkRate(stage.From), checkRate(stage.To)); err != nil {
			return err
		}
	}
	plan := s.Plan()
	if plan.Peak() == 0 {
		return errors.New("rate 0: expected more than 0 arrivals a second")
	}
	for range plan.Arrivals() {
		return nil
	}
	return fmt.Errorf("rate %v: nothing is due within %v; raise the rate or the duration", plan.Peak(), plan.Duration())
}

func checkDuration(d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("duration %v: expected more than 0", d)
	}
	return nil
}

func checkRate(rate float64) error {
	if !(rate >= 0 && rate <= highestRate) { // NaN is neither
		return fmt.Errorf("rate %v: expected arrivals a second, at most a million", rate)
	}
	return nil
}

func (s Scenario) validateMix() error {
	if s.Target == Stream && len(s.Mix)+len(s.Every) > 0 {
		return fmt.Errorf("target %s places no orders, so it can't have a mix: use target %s, or a scenario without one", Stream, HTTP)
	}
	sum := 0.0
	for _, name := range slices.Sorted(maps.Keys(s.Mix)) {
		percent := s.Mix[name]
		if !sku.MatchString(name) {
			return fmt.Errorf("mix: %q is no SKU: expected 1 to 64 of A-Z, a-z, 0-9, dot, underscore and hyphen", name)
		}
		if !(percent >= 0 && percent <= 100) {
			return fmt.Errorf("mix: %s=%v: expected a percentage from 0 to 100", name, percent)
		}
		sum += percent
	}
	if sum > 100+1e-9 { // thrice 33.3… may be a little over
		return fmt.Errorf("mix: all percentages together are %.4g, over 100", sum)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Every)) {
		if !sku.MatchString(name) {
			return fmt.Errorf("every: %q is no SKU: expected 1 to 64 of A-Z, a-z, 0-9, dot, underscore and hyphen", name)
		}
		if s.Every[name] < time.Millisecond {
			return fmt.Errorf("every: %s: %v: expected at least 1ms", name, s.Every[name])
		}
	}
	return nil
}

func (s Scenario) validateLimits() error {
	if s.MaxInFlight < 1 {
		return fmt.Errorf("max in flight %d: expected at least 1", s.MaxInFlight)
	}
	if s.Drain < 0 {
		return fmt.Errorf("drain %v: expected 0s or more", s.Drain)
	}
	return nil
}

func (s Scenario) validateThresholds() error {
	for _, t := range s.Thresholds {
		if !t.Measured(s.Target) {
			return fmt.Errorf("threshold %q: target %s does not measure %s", t, s.Target, t.Metric)
		}
	}
	return nil
}

func (s Scenario) validateSearch() error {
	switch {
	case s.Search == nil:
		return nil
	case len(s.Stages) != 1 || s.Stages[0].From != s.Stages[0].To:
		return errors.New("search: expected one stage with a rate, which is the first to be tried")
	case len(s.Thresholds) == 0:
		return errors.New("search: expected thresholds, which say whether a rate holds")
	case !(s.Search.Factor >= 1.1 && s.Search.Factor <= 10):
		return fmt.Errorf("search: factor %v: expected 1.1 to 10", s.Search.Factor)
	case !(s.Search.Within >= 1 && s.Search.Within <= 50):
		return fmt.Errorf("search: within %v: expected a percentage from 1 to 50", s.Search.Within)
	}
	return nil
}
