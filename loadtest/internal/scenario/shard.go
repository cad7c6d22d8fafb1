package scenario

import (
	"fmt"
	"strconv"
	"strings"
)

// Shard is the part of a scenario's arrivals that one of several generators offers. The zero Shard is all of them.
type Shard struct{ Number, Of int } // Number is from 1 to Of, and Of is at most the number of products

// ParseShard reads a shard, such as 2/4. A count alone, such as 4, is for an Indexed Job of Kubernetes, which gives each of its
// pods an index from 0: the shard is the one after it. An error is one line.
func ParseShard(text, index string) (Shard, error) {
	number, of, both := strings.Cut(text, "/")
	if !both {
		number, of = "", text
	}
	var s Shard
	var err error
	if s.Of, err = strconv.Atoi(of); err != nil || s.Of < 1 || s.Of > products {
		return Shard{}, fmt.Errorf("shard %q: expected one such as 2/4, of at most %d", text, products)
	}
	if both {
		if s.Number, err = strconv.Atoi(number); err != nil || s.Number < 1 || s.Number > s.Of {
			return Shard{}, fmt.Errorf("shard %q: expected one from 1/%d to %d/%d", text, s.Of, s.Of, s.Of)
		}
		return s, nil
	}
	if index == "" {
		return Shard{}, fmt.Errorf("shard %q: expected one from 1/%d to %d/%d; "+
			"the count alone is for an Indexed Job of Kubernetes, which sets JOB_COMPLETION_INDEX", text, s.Of, s.Of, s.Of)
	}
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= s.Of {
		return Shard{}, fmt.Errorf("JOB_COMPLETION_INDEX is %q, expected 0 to %d: --shard is the number of the Job's completions",
			index, s.Of-1)
	}
	s.Number = i + 1
	return s, nil
}

// has reports whether the nth of something, from 0, is the shard's: they are dealt in turn.
func (s Shard) has(n int) bool { return s.Of == 0 || n%s.Of == s.Number-1 }

// Part returns the shard's part of a number that is for all, rounded up.
func (s Shard) Part(n int) int {
	if s.Of == 0 {
		return n
	}
	return (n + s.Of - 1) / s.Of
}
