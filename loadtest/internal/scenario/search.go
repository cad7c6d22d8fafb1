package scenario

import "math"

// Search looks for the highest rate at which all thresholds hold, by one run after the other.
type Search struct {
	Factor float64 `yaml:"factor"` // by which the rate is raised until it fails
	Within float64 `yaml:"within"` // the percentage by which the answer may be too low
}

// Next is the rate to try next, given the highest that held and the lowest that failed, each 0 if there is none yet. It
// returns false when the highest that held is the answer, or when not even one arrival a second holds.
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
