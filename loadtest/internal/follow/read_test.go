package follow

import (
	"fmt"
	"testing"
	"time"
)

func TestWhenAnEntryWasAdded(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond) // of the wall clock, as Redis does
	p := partition{read: now.Add(-10 * time.Millisecond)}
	for name, test := range map[string]struct{ id, want time.Duration }{
		"since the last read":          {-4 * time.Millisecond, -3500 * time.Microsecond},
		"Redis's clock is behind":      {-time.Hour, -10 * time.Millisecond},
		"Redis's clock is ahead":       {time.Hour, 0},
		"in the millisecond that runs": {0, 0},
	} {
		id := fmt.Sprintf("%d-3", now.Add(test.id).UnixMilli())
		if got := p.when(id, now).Sub(now); got != test.want {
			t.Errorf("%s: %s after the read, want %s", name, got, test.want)
		}
	}
}
