package service

import (
	"context"
	"log/slog"
	"time"
)

// logPause keeps an outage from filling the log.
const logPause = time.Minute

// Every adds a loop that calls do at the start and again after each pause. An error is logged, at most once a minute, and do
// is tried again after the pause.
func (s *Service) Every(name string, pause time.Duration, do func(context.Context) error) {
	s.add(name, func(ctx context.Context) error { return every(ctx, s.tel.Logger, name, pause, do) })
}

// every returns nil when ctx ends.
func every(ctx context.Context, logger *slog.Logger, name string, pause time.Duration, do func(context.Context) error) error {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for logged := (time.Time{}); ; {
		if err := do(ctx); err != nil && ctx.Err() == nil && time.Since(logged) >= logPause {
			logger.WarnContext(ctx, name+" failed", "error", err, "again_in", pause)
			logged = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
