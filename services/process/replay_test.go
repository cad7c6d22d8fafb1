package process

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/process/httpserver"
)

var noTables = fstest.MapFS{"0001_none.sql": {Data: []byte("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 1;\n")}}

// openOutbox returns an outbox of three messages: an hour old, a minute old, and a day old but parked.
func openOutbox(t *testing.T) (*database.DB, *outbox.Outbox) {
	t.Helper()
	tp := noop.NewTracerProvider()
	db, err := database.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "lamps.db"), noTables, tp, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	now := time.Now()
	for _, row := range []struct {
		id                 string
		created, published time.Time
		failures           int
	}{
		{"1", now.Add(-24 * time.Hour), time.UnixMicro(0), 5},
		{"2", now.Add(-time.Hour), now.Add(-time.Hour), 0},
		{"3", now.Add(-time.Minute), now.Add(-time.Minute), 0},
	} {
		err := db.Write.Exec(`INSERT INTO outbox
			(id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id, failures, published_at)
			VALUES (?, 'lamps', '/lamps', 'lamp.lit.v1', 'l', ?, '{}', '', '', '', '', ?, ?)`,
			row.id, row.created.UnixMicro(), row.failures, row.published.UnixMicro()).Error
		if err != nil {
			t.Fatal(err)
		}
	}
	return db, outbox.New(db, messaging.New(nil, messaging.Config{Source: "/lamps", TracerProvider: tp}))
}

func postReplay(handler http.Handler, query, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://localhost:9080/outbox/replay?"+query, nil)
	r.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestReplayPublishesAgainWhatIsYoungOrParked(t *testing.T) {
	for since, want := range map[string]string{"30s": "1", "15m": "1,3", "2h": "1,2,3"} {
		t.Run(since, func(t *testing.T) {
			db, out := openOutbox(t)
			w := postReplay(replay(out, "secret", slog.New(slog.DiscardHandler)), "since="+since, "Bearer secret")
			var answer struct{ Replayed int }
			err := json.Unmarshal(w.Body.Bytes(), &answer)
			if err != nil || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("%d %v: %s", w.Code, w.Header(), w.Body)
			}
			var due []string
			if err := db.Read.Raw("SELECT id FROM outbox WHERE published_at = 0 AND failures = 0 ORDER BY id").Scan(&due).Error; err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(due, ","); got != want || answer.Replayed != len(due) {
				t.Errorf("due are %s, want %s; the answer is %s", got, want, w.Body)
			}
		})
	}
}

func TestAReplayIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		token, query, authorization string
		status                      int
		want                        string
	}{
		"without a token":          {"secret", "since=15m", "", http.StatusUnauthorized, "CLEW_TOKEN"},
		"with a wrong token":       {"secret", "since=15m", "Bearer wrong", http.StatusUnauthorized, "CLEW_TOKEN"},
		"where no token is":        {"", "since=15m", "Bearer ", http.StatusForbidden, "CLEW_TOKEN"},
		"without since":            {"secret", "", "Bearer secret", http.StatusUnprocessableEntity, "duration above 0"},
		"with a number for since":  {"secret", "since=15", "Bearer secret", http.StatusUnprocessableEntity, "duration above 0"},
		"with nothing to go back":  {"secret", "since=0s", "Bearer secret", http.StatusUnprocessableEntity, "duration above 0"},
		"with a since to come":     {"secret", "since=-15m", "Bearer secret", http.StatusUnprocessableEntity, "duration above 0"},
		"with a day, Go knows not": {"secret", "since=1d", "Bearer secret", http.StatusUnprocessableEntity, "duration above 0"},
	} {
		t.Run(name, func(t *testing.T) {
			w := postReplay(replay(nil, test.token, slog.New(slog.DiscardHandler)), test.query, test.authorization)
			var p httpserver.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if w.Code != test.status || p.Status != test.status || !strings.Contains(p.Detail, test.want) {
				t.Errorf("%d %s, want %d that names %q", w.Code, w.Body, test.status, test.want)
			}
		})
	}
}

func TestAReplayThatFailsDoesNotShowItsCause(t *testing.T) {
	db, out := openOutbox(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	w := postReplay(replay(out, "secret", slog.New(slog.NewTextHandler(&log, nil))), "since=15m", "Bearer secret")
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "closed") || !strings.Contains(log.String(), "closed") {
		t.Errorf("%d %s; log %s", w.Code, w.Body, &log)
	}
}
