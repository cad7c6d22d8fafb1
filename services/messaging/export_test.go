package messaging

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// What the tests of the scripts need, which are no business of a user.
var (
	ClaimScript          = claim
	KeepaliveScript      = keepalive
	ReleaseScript        = release
	DeadLetterScript     = deadLetter
	RedriveScript        = redrive
	RemoveConsumerScript = removeConsumer
	TrimScript           = trim
)

// Sample makes one sample of each stream.
func (s *Sampler) Sample(ctx context.Context) error {
	for _, stream := range s.streams {
		if err := s.sample(ctx, stream); err != nil {
			return err
		}
	}
	return nil
}

// SetClock replaces the process's clock.
func (s *Sampler) SetClock(now func() time.Time) {
	for _, stream := range s.streams {
		stream.now = now
	}
}

// An Inspector is what a Sampler has for each stream.
type Inspector struct{ *inspector }

// NewInspector returns one that has not looked yet.
func NewInspector(client redis.UniversalClient, stream string, partitions int) Inspector {
	return Inspector{newInspector(client, stream, partitions)}
}

// Inspect looks at each partition.
func (in Inspector) Inspect(ctx context.Context) ([]StreamInfo, error) { return in.inspect(ctx) }

// CountFor is how long a consumer counts after its last sign of life.
func (in Inspector) CountFor(d time.Duration) { in.aliveFor = d }
