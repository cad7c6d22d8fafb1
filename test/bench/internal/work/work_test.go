package work

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	var durations []time.Duration
	for i := range 1001 {
		durations = append(durations, time.Duration(1000-i)*time.Millisecond)
	}
	if p50, p99 := percentile(durations, 50), percentile(durations, 99); p50 != 500 || p99 != 990 {
		t.Errorf("p50 %v, p99 %v", p50, p99)
	}
}
