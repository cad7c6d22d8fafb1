package scenario

import "math"

// Search looks for the highest rate at which all thresholds hold, by one run after the other.
type Search struct {
	Factor float64 `yaml:"factor"` // raises the rate until it fails
	Within float64 `yaml:"within"` // percentage by which the result may be too low
}

// Next returns the rate to try next. held is the highest that held and failed the lowest that failed, 0 if there is none yet. It
// returns false if held is the result, or if not even one arrival a second holds.
//
// The rate is multiplied until one fails (or divided, until one holds), and then the gap is halved, in proportion.
func (s Search) Next(held, failed float64) (rate float64, more bool) {
	switch {
	case failed == 0:
		rate = held * s.Factor
		return rate, rate <= highestRate
	case held == 0:
		rate = failed / s.Factor
		return rate, rate >= 1
	case failed <= held*(1+s.Within/100):
		return 0, false
	}
	return math.Sqrt(held * failed), true
}
