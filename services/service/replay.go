package service

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/service/apiserver"
)

// replayBatches bounds the work of one request, because a stop waits for it.
const replayBatches = 10

// replayAnswer has the number of messages that a request has replayed, and the rest of the replay.
type replayAnswer struct {
	Replayed int            `json:"replayed"`
	Rest     *outbox.Replay `json:"rest,omitempty"`
}

// replay answers POST /outbox/replay?since=15m: the relay publishes again all parked messages and those of the last 15
// minutes, with until=5m only those older than 5 minutes. Events that inboxes may have forgotten need force=1. The request
// needs the token.
//
// The answer is {"replayed":3}. One request replays a limited number; if there are more, the answer has a rest, such as
// {"replayed":20000,"rest":{"after":"…","before":"…"}}, and POST /outbox/replay?after=…&before=… continues.
func replay(out *outbox.Table, token string, logger *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !apiserver.Authorized(w, r, token) {
			return
		}
		query := r.URL.Query()
		rest, err := readReplay(query)
		if err != nil {
			httpserver.Problemf(http.StatusUnprocessableEntity, "%v", err).Write(w)
			return
		}
		var answer replayAnswer
		if !query.Has("after") {
			answer.Replayed, err = out.ReplayParked(r.Context(), query.Get("force") == "1")
		}
		answer.Rest = &rest
		for i := 0; i < replayBatches && err == nil && answer.Rest != nil; i++ {
			var n int
			n, answer.Rest, err = out.Replay(r.Context(), *answer.Rest)
			answer.Replayed += n
		}
		if err != nil {
			apiserver.WriteFailure(r.Context(), w, logger, err)
			return
		}
		logger.InfoContext(r.Context(), "the outbox is replayed", "query", r.URL.RawQuery, "messages", answer.Replayed)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // the only error left is a client that is gone
	}
}

// readReplay reads the parameters of a request. Its error says what was expected.
func readReplay(query url.Values) (outbox.Replay, error) {
	if query.Has("after") || query.Has("before") {
		rest := outbox.Replay{After: query.Get("after"), Before: query.Get("before")}
		if rest.After == "" || rest.Before == "" {
			return rest, errors.New("the parameters after and before continue a replay, expected both, from the rest in its answer")
		}
		return rest, nil
	}
	since, err := time.ParseDuration(query.Get("since"))
	if err != nil || since <= 0 {
		return outbox.Replay{}, errors.New(
			"the parameter since tells how far back to begin, expected a duration above 0, such as 15m or 1h30m")
	}
	until := time.Duration(0)
	if query.Has("until") {
		until, err = time.ParseDuration(query.Get("until"))
	}
	if err != nil || until < 0 || until >= since {
		return outbox.Replay{}, errors.New(
			"the parameter until tells how far back to stop, expected a duration from 0 to below since, such as 5m")
	}
	rest, err := outbox.NewReplay(since, until, query.Get("force") == "1")
	if errors.Is(err, messaging.ErrTooOld) {
		err = errors.New(err.Error() + "; force=1 replays it all the same")
	}
	return rest, err
}
