package service

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/outbox"
)

var noTables = fstest.MapFS{"0001_none.sql": {Data: []byte("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 1;\n")}}

// openOutbox returns an outbox of three messages, each about its number: 1 is a day old and parked, 2 is an hour old, 3 a
// minute.
func openOutbox(t *testing.T) (*database.DB, *outbox.Table) {
	t.Helper()
	tp := noop.NewTracerProvider()
	db, err := database.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "lamps.db"), noTables, tp, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	now := time.Now()
	for _, row := range []struct {
		subject            string
		created, published time.Time
		failures           int
	}{
		{"1", now.Add(-24 * time.Hour), time.UnixMicro(0), 5},
		{"2", now.Add(-time.Hour), now.Add(-time.Hour), 0},
		{"3", now.Add(-time.Minute), now.Add(-time.Minute), 0},
	} {
		err := db.Write.Exec(`INSERT INTO outbox
			(id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id, failures, published_at)
			VALUES (?, 'lamps', '/lamps', 'lamp.lit.v1', ?, ?, '{}', '', '', '', '', ?, ?)`,
			idAt(row.created), row.subject, row.created.UnixMicro(), row.failures, row.published.UnixMicro()).Error
		if err != nil {
			t.Fatal(err)
		}
	}
	return db, outbox.New(db, db.System(), messaging.New(nil, messaging.Config{Source: "/lamps", TracerProvider: tp})).Table
}

// idAt is a UUIDv7 of a time.
func idAt(t time.Time) string {
	return fmt.Sprintf("%08x-%04x-7000-8000-000000000000", t.UnixMilli()>>16, t.UnixMilli()&0xffff)
}

// due are the messages that are to be published, for the first time or again.
func due(t *testing.T, db *database.DB) string {
	t.Helper()
	var subjects []string
	err := db.Read.Raw("SELECT subject FROM outbox WHERE published_at = 0 AND failures = 0 ORDER BY subject LIMIT 10").Scan(&subjects).Error
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(subjects, ",")
}

func postReplay(handler http.Handler, query, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://localhost:9080/outbox/replay?"+query, nil)
	r.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestReplayPublishesAgainWhatIsYoungOrParked(t *testing.T) {
	for query, want := range map[string]string{
		"since=30s": "1", "since=15m": "1,3", "since=2h": "1,2,3", "since=2h&until=30m": "1,2", "since=9000h&force=1": "1,2,3",
	} {
		t.Run(query, func(t *testing.T) {
			db, out := openOutbox(t)
			w := postReplay(replay(out, "secret", slog.New(slog.DiscardHandler)), query, "Bearer secret")
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("%d %v: %s", w.Code, w.Header(), w.Body)
			}
			n := strings.Count(want, ",") + 1
			if got := due(t, db); got != want || w.Body.String() != fmt.Sprintf("{\"replayed\":%d}\n", n) {
				t.Errorf("due are %s, want %s; the answer is %s", got, want, w.Body)
			}
		})
	}
}

// A replay that takes longer than one request goes on with the next, and ends.
func TestALongReplayGoesOnWithWhatIsLeft(t *testing.T) {
	db, out := openOutbox(t)
	const n = 25_000
	err := db.Write.Exec(`WITH RECURSIVE numbers (n) AS (SELECT 100001 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
		INSERT INTO outbox
			(id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id, published_at)
		SELECT SUBSTR(?, 1, 30) || n, 'lamps', '/lamps', 'lamp.lit.v1', 'x', n, '{}', '', '', '', '', 7 FROM numbers`,
		100000+n, idAt(time.Now().Add(-time.Minute))).Error
	if err != nil {
		t.Fatal(err)
	}
	query, total, requests := "since=1h", 0, 0
	for query != "" {
		w := postReplay(replay(out, "secret", slog.New(slog.DiscardHandler)), query, "Bearer secret")
		var answer replayAnswer
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		total, requests, query = total+answer.Replayed, requests+1, ""
		if answer.Rest != nil {
			query = url.Values{"after": {answer.Rest.After}, "before": {answer.Rest.Before}}.Encode()
		}
	}
	var left int
	if err := db.Read.Raw("SELECT COUNT(*) FROM outbox WHERE subject = 'x' AND published_at > 0").Scan(&left).Error; err != nil {
		t.Fatal(err)
	}
	if total != n+2 || left > 0 || requests != 3 { // those that openOutbox has made: one is young enough, one is parked
		t.Errorf("%d requests replayed %d of %d, left %d", requests, total, n+2, left)
	}
}

func TestAReplayIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		token, query, authorization string
		status                      int
		want                        string
	}{
		"without a token":           {"secret", "since=15m", "", http.StatusUnauthorized, "CLEW_TOKEN"},
		"with a wrong token":        {"secret", "since=15m", "Bearer wrong", http.StatusUnauthorized, "CLEW_TOKEN"},
		"where no token is":         {"", "since=15m", "Bearer ", http.StatusForbidden, "CLEW_TOKEN"},
		"without since":             {"secret", "", "Bearer secret", http.StatusUnprocessableEntity, "duration above 0"},
		"with a number for since":   {"secret", "since=15", "Bearer secret", http.StatusUnprocessableEntity, "duration above 0"},
		"with nothing to go back":   {"secret", "since=0s", "Bearer secret", http.StatusUnprocessableEntity, "duration above 0"},
		"with a since to come":      {"secret", "since=-15m", "Bearer secret", http.StatusUnprocessableEntity, "duration above 0"},
		"with a day, Go knows not":  {"secret", "since=1d", "Bearer secret", http.StatusUnprocessableEntity, "duration above 0"},
		"with an until to come":     {"secret", "since=1h&until=-1m", "Bearer secret", http.StatusUnprocessableEntity, "below since"},
		"with an until as since":    {"secret", "since=1h&until=1h", "Bearer secret", http.StatusUnprocessableEntity, "below since"},
		"with a number for until":   {"secret", "since=1h&until=5", "Bearer secret", http.StatusUnprocessableEntity, "below since"},
		"of what may be forgotten":  {"secret", "since=193h", "Bearer secret", http.StatusUnprocessableEntity, "force=1"},
		"with half of what is left": {"secret", "after=1", "Bearer secret", http.StatusUnprocessableEntity, "after and before"},
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
