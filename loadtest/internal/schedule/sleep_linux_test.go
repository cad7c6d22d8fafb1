package schedule_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/clew/loadtest/internal/schedule"
)

// BenchmarkSleepUntil shows by how much arrivals are late, and how many cores it takes to wait for them.
func BenchmarkSleepUntil(b *testing.B) {
	for _, rate := range []float64{2_000, 20_000} {
		b.Run(fmt.Sprintf("%.0f_a_second", rate), func(b *testing.B) {
			plan := schedule.Plan{Stages: []schedule.Stage{{Duration: 1 << 62, From: rate, To: rate}}}
			late := make([]time.Duration, 0, b.N)
			used, start := cpu(b), time.Now()
			for at := range plan.Arrivals() {
				due := start.Add(at)
				if err := schedule.SleepUntil(b.Context(), due); err != nil {
					b.Fatal(err)
				}
				if late = append(late, time.Since(due)); len(late) == b.N {
					break
				}
			}
			b.ReportMetric((cpu(b)-used).Seconds()/time.Since(start).Seconds(), "cores")
			slices.Sort(late)
			b.ReportMetric(float64(late[b.N/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(late[b.N*99/100].Microseconds()), "p99-µs")
		})
	}
}

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
