package process

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/process/httpserver"
)

// replay answers POST /outbox/replay?since=15m: the relay publishes again what was created in that time, and what is
// parked. The answer tells how many messages there are: {"replayed":3}. It needs the token.
func replay(out *outbox.Outbox, token string, logger *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !httpserver.Authorized(w, r, token) {
			return
		}
		since, err := time.ParseDuration(r.URL.Query().Get("since"))
		if err != nil || since <= 0 {
			httpserver.WriteProblem(w, http.StatusUnprocessableEntity,
				"the parameter since tells how far back to begin, expected a duration above 0, such as 15m or 1h30m")
			return
		}
		n, err := out.Replay(r.Context(), time.Now().Add(-since))
		if err != nil {
			httpserver.WriteFailure(r.Context(), w, logger, err)
			return
		}
		logger.InfoContext(r.Context(), "the outbox is replayed", "since", since, "messages", n)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]int64{"replayed": n}) // the only error left is a client that is gone
	}
}
