package row

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"example.com/clew/clew/state"
	"example.com/clew/test/bench/internal/report"
)

// idleSettling is how long a stack that has just started is left alone.
const idleSettling = 2 * time.Second

// idleCPU measures what all processes of a stack need while nothing happens.
func idleCPU(ctx context.Context, b *Bench) (r report.Result, err error) {
	s, err := b.startStack(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	supervisor, err := state.Owner(s.dir)
	if err != nil {
		return r, err
	}
	if err := pause(ctx, idleSettling); err != nil {
		return r, err
	}
	before, err := cpuTime(supervisor)
	if err != nil {
		return r, err
	}
	started := time.Now()
	if err := pause(ctx, b.sizes.Idle); err != nil {
		return r, err
	}
	after, err := cpuTime(supervisor)
	if err != nil {
		return r, err
	}
	elapsed := time.Since(started)
	return report.Result{
		Value: 100 * (after - before).Seconds() / elapsed.Seconds(), Allocs: report.Unknown, Exported: report.Unknown, Dropped: report.Unknown,
	}, s.unharmed()
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// cpuTime is what a process and those that it has started have used.
func cpuTime(root int) (time.Duration, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return 0, errors.New("there is no /proc: processes' CPU time can be read on Linux only")
	}
	used, children := map[int]time.Duration{}, map[int][]int{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid …, where the name may hold anything; utime and stime are the 14th and 15th.
		name := strings.LastIndex(string(text), ")")
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		fields := strings.Fields(string(text[name+1:]))
		parent, _ := strconv.Atoi(fields[1])
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		used[pid] = time.Duration(user+system) * time.Second / ticksPerSecond
		children[parent] = append(children[parent], pid)
	}
	var sum func(pid int) time.Duration
	sum = func(pid int) time.Duration {
		total := used[pid]
		for _, child := range children[pid] {
			total += sum(child)
		}
		return total
	}
	if _, ok := used[root]; !ok {
		return 0, fmt.Errorf("process %d is gone", root)
	}
	return sum(root), nil
}

// ticksPerSecond is the unit of times in /proc: USER_HZ, 100 on every Linux that Go runs on.
const ticksPerSecond = 100
