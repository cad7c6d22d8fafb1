package main

import (
	"context"
	"runtime"
	"time"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/schedule"
)

// gentleRate is in requests a second. The server answers them easily: any delay is the generator's.
const gentleRate = 2000

func offerGently(ctx context.Context, in input) (figures, error) {
	r, f, err := overHTTP(in, gentleRate, gentleRate).run(ctx, in.duration)
	f.late(r.Latencies[result.DueToSent])
	return f, err
}

// bareLate sleeps until each request would be due, and sends none: any delay is the machine's.
func bareLate(ctx context.Context, in input) (f figures, err error) {
	runtime.LockOSThread() // it sleeps in the kernel
	defer runtime.UnlockOSThread()
	late := result.NewRecorder()
	before, start, n := use(), time.Now(), 0
	for due := range steady(gentleRate, in.duration).Arrivals() {
		at := start.Add(due)
		if err := schedule.SleepUntil(ctx, at); err != nil {
			return f, err
		}
		late.Record(time.Since(at))
		n++
	}
	before.each(float64(n), &f)
	f.late(late.Histogram())
	return f, nil
}

func (f *figures) late(h result.Histogram) {
	f.Value, f.Extras["ms p50"], f.Extras["ms at most"] = h.P99*1e3, h.P50*1e3, h.Max*1e3
}
