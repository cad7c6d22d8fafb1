package follow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	sampleEvery   = 250 * time.Millisecond
	sampleTimeout = 2 * time.Second

	// At most this many undelivered entries are counted, a page at a time, because Redis does nothing else during a page.
	// Beyond, Redis's own lag is good enough, which is unknown or wrong after some deletions.
	countedMost = 1000
	countedPage = 100
)

// Levels has the numbers of waiting messages and orders.
type Levels struct {
	At  time.Time // start of the sample; zero before the first
	Err error     // of the last read of Redis; after an error the values of the last sample stay

	LagMessages int     // not yet delivered, in all partitions, of the group that has most
	LagSeconds  float64 // age of the oldest of these, by Redis's clock
	Pending     int     // delivered and not acknowledged, in all partitions, of the group that has most
	Added       int64   // entries added to orders since New, others' too, if Redis lost no data

	// These are not sampled.
	DeadLetters map[string]int // by reason since New, others' too
	Outstanding int            // accepted orders without an end
}

// Levels returns the newest sample, at most 250 ms old while Redis can be read.
func (f *Follower) Levels() Levels {
	outstanding, _ := f.ledger.outstanding()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.newest
	s.Outstanding, s.DeadLetters = outstanding, maps.Clone(f.deadLetters)
	s.Err = f.sampleErr
	for _, p := range f.parts {
		s.Err = cmp.Or(s.Err, p.err)
	}
	return s
}

// sample samples until ctx ends.
func (f *Follower) sample(ctx context.Context) error {
	every := time.NewTicker(sampleEvery)
	defer every.Stop()
	for {
		_, _ = f.takeSample(ctx) // Levels has the error
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

func (f *Follower) takeSample(ctx context.Context) (Levels, error) {
	s, err := f.measure(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return f.newest, ctx.Err()
	}
	f.sampleErr = err
	if err != nil || s.LagMessages > 0 || s.Pending > 0 {
		f.busy = time.Now()
	}
	if err != nil {
		f.ledger.interrupt()
	} else {
		s.Added -= f.before
		f.newest = s
	}
	return f.newest, err
}

// measure asks Redis for everything that Levels samples, and whether test-poison is fixed.
func (f *Follower) measure(ctx context.Context) (Levels, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	s := Levels{At: time.Now()}
	poison, err := f.config.Redis.HGet(ctx, "clew:test", "poison").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return Levels{}, fmt.Errorf("ask Redis: %w", err)
	}
	if poison == "fixed" {
		f.ledger.poisonFixed()
	}
	for _, path := range paths() {
		var lag, pending int
		for number := range f.config.Partitions {
			g, err := f.measureGroup(ctx, path.key(number), path.group)
			if err != nil {
				return Levels{}, err
			}
			lag, pending = lag+g.lag, pending+g.pending
			s.LagSeconds = max(s.LagSeconds, g.seconds)
			if path.stream == "orders" {
				s.Added += g.added
			}
		}
		s.LagMessages, s.Pending = max(s.LagMessages, lag), max(s.Pending, pending)
	}
	return s, nil
}

type groupLevels struct {
	lag, pending int
	seconds      float64
	added        int64
}

func (f *Follower) measureGroup(ctx context.Context, key, name string) (groupLevels, error) {
	pipeline := f.config.Redis.Pipeline()
	// A command without a key, such as TIME, may go to another node of a cluster, with another clock.
	now := pipeline.Eval(ctx, "local t = redis.call('TIME'); return t[1] * 1000000 + t[2]", []string{key})
	stream, groups := pipeline.XInfoStream(ctx, key), pipeline.XInfoGroups(ctx, key)
	if _, err := pipeline.Exec(ctx); err != nil {
		return groupLevels{}, notThere(key, err)
	}
	for _, g := range groups.Val() {
		if g.Name != name {
			continue
		}
		levels := groupLevels{pending: int(g.Pending), added: stream.Val().EntriesAdded}
		if g.LastDeliveredID == stream.Val().LastGeneratedID {
			return levels, nil
		}
		counted, oldest, err := f.countAfter(ctx, key, g.LastDeliveredID)
		if err != nil {
			return groupLevels{}, fmt.Errorf("measure the lag of %s: %w", key, err)
		}
		levels.lag = counted
		if counted >= countedMost {
			levels.lag = max(counted, int(min(g.Lag, stream.Val().Length)))
		}
		if counted > 0 {
			levels.seconds = max(0, time.UnixMicro(now.Val().(int64)).Sub(added(oldest)).Seconds())
		}
		return levels, nil
	}
	return groupLevels{}, fmt.Errorf("%s has no consumer group %s, which Clew's services make: are they running?", key, name)
}

// countAfter counts the entries after an id, up to countedMost, and returns the id of the first.
func (f *Follower) countAfter(ctx context.Context, key, after string) (counted int, oldest string, err error) {
	for counted < countedMost {
		page, err := countPage.Run(ctx, f.config.Redis, []string{key}, after, countedPage).Slice()
		if err != nil {
			return 0, "", err
		}
		n, first, last := page[0].(int64), page[1].(string), page[2].(string)
		if oldest == "" {
			oldest = first
		}
		counted, after = counted+int(n), last
		if n < countedPage {
			break
		}
	}
	return counted, oldest, nil
}

// countPage counts in Redis, because XRANGE would send the entries. It returns their number and the ids of the first and the
// last.
var countPage = redis.NewScript(`
local found = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
if not found[1] then return {0, '', ''} end
return {#found, found[1][1], found[#found][1]}
`)

// added returns the time at which Redis added an entry: its id starts with the milliseconds.
func added(id string) time.Time {
	text, _, _ := strings.Cut(id, "-")
	ms, _ := strconv.ParseInt(text, 10, 64) // Redis made it
	return time.UnixMilli(ms)
}

func isNoStream(err error) bool { return err != nil && strings.Contains(err.Error(), "no such key") }

// notThere explains an error about a missing stream.
func notThere(key string, err error) error {
	if isNoStream(err) {
		return fmt.Errorf("stream %s, which Clew's services make, is not in Redis: are they running, with so many partitions?",
			key)
	}
	return fmt.Errorf("ask about %s: %w", key, err)
}
