// Package streamsapi is what the viewer's page shows of Redis: streams, pending messages, entries and dead letters, which it
// also redrives and discards.
package streamsapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/viewer/page"
	"example.com/clew/services/messaging"
)

// API answers the page's questions; it is its page.Streams.
type API struct {
	admin      *messaging.Admin
	partitions int
	heartbeat  time.Duration
	tracer     trace.Tracer
}

// New returns the streams of a Redis, each with so many partitions, whose consumers show with a heartbeat that they live.
// Redrives are traced by tp. The client is not closed here.
func New(client redis.UniversalClient, partitions int, heartbeat time.Duration, tp trace.TracerProvider) *API {
	return &API{
		admin:      messaging.New(client, messaging.Config{Partitions: partitions, TracerProvider: tp}).Admin(),
		partitions: partitions,
		heartbeat:  heartbeat,
		tracer:     tp.Tracer("example.com/clew/clew/internal/streamsapi"),
	}
}

// Questions are for page.Config.
func (a *API) Questions() map[string]page.Question {
	return map[string]page.Question{
		"GET /api/streams": a.getStreams,
		"GET /api/streams/{stream}/{partition}/entries/{id}": asked(a.getEntry),
		"GET /api/streams/{stream}/pending":                  asked(a.getPending),
		"GET /api/dead-letters":                              asked(a.getDeadLetters),
	}
}

// Acts are for page.Config.
func (a *API) Acts() map[string]page.Question {
	return map[string]page.Question{
		"POST /api/dead-letters/{stream}/{partition}/{id}/redrive": asked(a.redrive),
		"POST /api/dead-letters/{stream}/{partition}/{id}/discard": asked(a.discard),
	}
}

// asked turns Redis's errors into problems for the page's reader.
func asked(question page.Question) page.Question {
	return func(r *http.Request) (any, error) {
		value, err := question(r)
		return value, problemOf(err)
	}
}

func problemOf(err error) error {
	var refused redis.Error
	switch {
	case err == nil, errors.As(err, new(*httpserver.Problem)):
		return err
	case errors.As(err, &refused):
		return httpserver.Problemf(http.StatusBadGateway, "Redis refused: %.500s", err)
	default:
		return httpserver.Problemf(http.StatusServiceUnavailable, "Redis does not answer; this shows again what it holds as soon as it does")
	}
}
