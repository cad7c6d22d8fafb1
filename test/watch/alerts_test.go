package watch_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	_ "github.com/glebarez/go-sqlite"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
	"example.com/clew/observability/viewer/metrics"
	"example.com/clew/services/messaging"
)

// An alarm is something that goes wrong, and is mended.
type alarm struct {
	name   string
	alerts []string // which tell of it
	cause  func()
	cure   func()
}

// Each alert is caused in a Clew of real processes; it fires, its runbook's first query has an answer, and once the cause
// is gone, it is cleared. Their windows, and thresholds that are times, are shortened.
func TestEachAlertFiresAndIsCleared(t *testing.T) {
	collector := newCollector(t)
	clew := startClew(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	watching := watch(t, clew)
	runbooks := runbookQueries(t)
	started := time.Now()

	fired := map[string]string{}
	for _, a := range alarms(t, clew, collector) {
		t.Run(a.name, func(t *testing.T) {
			cure := sync.OnceFunc(a.cure)
			t.Cleanup(cure) // if this one fails, the next shall not wait for a process that is stopped
			a.cause()
			for _, alert := range a.alerts {
				processtest.Eventually(t, alert+" fires", func() error { return watching.firing(alert, true) })
				watching.saysAll(t, alert)
				if !hasData(t, watching.url, runbooks[alert][0], kindInstant, started) {
					t.Errorf("while %s fires, its runbook's first query returns nothing: %s", alert, runbooks[alert][0])
				}
			}
			cure()
			for _, alert := range a.alerts {
				processtest.Eventually(t, alert+" is cleared", func() error { return watching.firing(alert, false) })
				fired[alert] = contract[alert]
			}
		})
	}
	if diff := gocmp.Diff(contract, fired); diff != "" {
		t.Errorf("alerts that fired and were cleared (-want +got):\n%s", diff)
	}
}

func alarms(t *testing.T, clew *running, collector *collector) []alarm {
	client, err := messaging.Connect(clew.Redis)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	signal := func(process string, signal syscall.Signal) {
		now, err := state.Load(clew.Dir) // it may have been started again
		if err == nil {
			i := slices.IndexFunc(now.Processes, func(p state.Process) bool { return p.Name == process })
			err = syscall.Kill(*now.Processes[i].PID, signal)
		}
		if err != nil {
			t.Fatalf("signal %s: %v", process, err)
		}
	}
	var parked string
	stop := func() {}
	return []alarm{{
		"orders that nobody can process", []string{"ObjectiveBurnsFast", "ObjectiveBurnsSlowly", "DeadLetterRate", "DeadLetters"},
		func() {
			clew.place(t, "test-invalid", 1000)
			stop = clew.keepPlacing(t, "test-invalid") // a rate ends with its window, which may be shorter than a busy machine needs
		},
		func() { stop(); clew.Run("dlq", "discard", "--all") },
	}, {
		"a service that hangs", []string{"StreamLag", "OldestPending", "TargetDown"},
		func() {
			clew.place(t, "test-slow", 1) // is pending when the process stops
			processtest.Eventually(t, "the message is delivered", func() error {
				pending, err := client.XPending(t.Context(), messaging.StreamKey("orders", 0), "inventory").Result()
				if err == nil && pending.Count == 0 {
					err = errors.New("nothing is pending")
				}
				return err
			})
			signal("inventory-1", syscall.SIGSTOP)
			clew.place(t, "lamp", 5)
		},
		func() { signal("inventory-1", syscall.SIGCONT) },
	}, {
		"a group that nobody reads for any more", []string{"NoConsumer", "GroupAbandoned"},
		func() {
			clew.listenOnce(t, "ghost")
			clew.place(t, "lamp", 5)
		},
		func() { clew.Run("streams", "forget-group", "orders", "ghost") },
	}, {
		"Redis hangs", []string{"OutboxStuck", "SamplerFailing"},
		func() {
			signal("redis", syscall.SIGSTOP)
			clew.place(t, "lamp", 5)
		},
		func() { signal("redis", syscall.SIGCONT) },
	}, {
		"an event that no stream takes", []string{"OutboxParked"},
		func() { parked = clew.parkEvent(t) },
		func() { clew.deleteEvent(t, parked) },
	}, {
		"a message is deleted while it is pending", []string{"MessagesLost"},
		func() {
			id := clew.place(t, "test-poison", 1)[0]
			key := messaging.StreamKey("orders", 0)
			processtest.Eventually(t, "the message is deleted while it is pending", func() error {
				entries, err := client.XRevRangeN(t.Context(), key, "+", "-", 10).Result()
				i := slices.IndexFunc(entries, func(e redis.XMessage) bool { return e.Values["subject"] == id })
				if i < 0 {
					return cmp.Or(err, errors.New("it is not in the stream"))
				}
				entry := entries[i].ID // one that the group has not read is not lost, but never seen
				pending, err := client.XPendingExt(t.Context(), &redis.XPendingExtArgs{
					Stream: key, Group: "inventory", Start: entry, End: entry, Count: 1,
				}).Result()
				if len(pending) == 0 {
					return cmp.Or(err, errors.New("it is not pending"))
				}
				return client.XDel(t.Context(), key, entry).Err()
			})
		},
		func() {},
	}, {
		"a collector that refuses", []string{"TelemetryDropped"},
		func() { collector.refuses.Store(true); clew.place(t, "lamp", 5) },
		func() { collector.refuses.Store(false) },
	}}
}

// place places orders of one unit each, and waits for none. It returns their ids.
func (r *running) place(t *testing.T, sku string, count int) []string {
	t.Helper()
	orders := orderapi.New(r.Addresses.Order)
	ids := make([]string, count)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for i := range ids {
		group.Go(func() error {
			order, err := orders.Place(ctx, oneOf(sku))
			ids[i] = order.ID
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// keepPlacing places one order after the other until stop is called.
func (r *running) keepPlacing(t *testing.T, sku string) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			_, err = orderapi.New(r.Addresses.Order).Place(ctx, oneOf(sku))
		}
		ended <- err
	}()
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func oneOf(sku string) orderapi.Request {
	return orderapi.Request{CustomerID: "alerts", Items: []orderapi.Item{{SKU: sku, Quantity: 1, UnitPriceCents: 1}}}
}

// listenOnce makes a consumer group of orders, and leaves it when it has read something.
func (r *running) listenOnce(t *testing.T, group string) {
	t.Helper()
	listening := r.Command("listen", "order.created.v1", "--group", group)
	out, err := listening.StdoutPipe()
	if err == nil {
		err = listening.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	r.place(t, "lamp", 1)
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := listening.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = listening.Wait()
}

// parkEvent writes an event that is too large for a stream into order's outbox, and returns its id.
func (r *running) parkEvent(t *testing.T) string {
	const id = "01a1fce2-242c-7b2d-a7f7-000000000000"
	r.exec(t, `INSERT INTO outbox (id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id)
		VALUES (?, 'orders', '/order', 'order.created.v1', 'none', ?, ?, '', '', '', '')`,
		id, time.Now().UnixMicro(), `"`+strings.Repeat("x", 300<<10)+`"`)
	return id
}

func (r *running) deleteEvent(t *testing.T, id string) {
	r.exec(t, "DELETE FROM outbox WHERE id = ?", id)
}

func (r *running) exec(t *testing.T, statement string, arguments ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(r.Dir, "order.db")+"?_pragma=busy_timeout(5000)")
	if err == nil {
		_, err = db.Exec(statement, arguments...)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A collector takes what the services export, or refuses it.
type collector struct {
	*httptest.Server
	refuses atomic.Bool
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if c.refuses.Load() {
			http.Error(w, "no", http.StatusBadRequest)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// watched is an engine with shortened rules.
type watched struct{ url string }

var (
	inSeconds   = regexp.MustCompile(`(for: |interval: |offset )\w+`)
	inBrackets  = regexp.MustCompile(`\[\w+(:?)\]`)
	ofOneSecond = regexp.MustCompile(`(lag_seconds:max|pending_seconds:max|message_seconds:max) > \d+`)
)

// watch scrapes the services until the end of the test.
func watch(t *testing.T, clew *running) watched {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{"recording.yml", "alerts.yml"} {
		text, err := os.ReadFile(filepath.Join(ruleFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		short := inSeconds.ReplaceAllString(string(text), "${1}1s")
		short = inBrackets.ReplaceAllString(short, "[10s$1]")
		short = ofOneSecond.ReplaceAllString(short, "$1 > 1")
		files[name] = &fstest.MapFile{Data: []byte(short)}
	}
	engine, err := metrics.Open(metrics.Config{
		Dir: t.TempDir(), Rules: files, Logger: slog.New(slog.DiscardHandler),
		ScrapeInterval: time.Second, EvaluationInterval: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	var targets []metrics.Target
	for _, p := range clew.Processes {
		if p.Admin != "" {
			job, _, _ := strings.Cut(p.Name, "-")
			targets = append(targets, metrics.Target{Job: job, Addr: strings.TrimPrefix(p.Admin, "http://")})
		}
	}
	engine.SetTargets(targets...)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	server := httptest.NewServer(engine.Handler())
	t.Cleanup(func() {
		server.Close()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return watched{server.URL}
}

// saysAll fails the test if the texts of an alert lack something that the alert has no label for.
func (w watched) saysAll(t *testing.T, name string) {
	t.Helper()
	response, err := http.Get(w.url + "/api/v1/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Data struct {
			Alerts []struct{ Labels, Annotations map[string]string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	for _, alert := range answer.Data.Alerts {
		for what, text := range alert.Annotations {
			if alert.Labels["alertname"] == name && hole.MatchString(text) {
				t.Errorf("the %s of %s, %q, has a hole; its labels are %v", what, name, text, alert.Labels)
			}
		}
	}
}

// firing returns an error unless the alert fires, or does not.
func (w watched) firing(alert string, want bool) error {
	response, err := http.Get(w.url + "/api/v1/query?" + url.Values{"query": {`ALERTS{alertstate="firing"}`}}.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Data struct {
			Result []struct{ Metric map[string]string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	firing := map[string]bool{}
	for _, series := range answer.Data.Result {
		firing[series.Metric["alertname"]] = true
	}
	if firing[alert] != want {
		return errors.New("these fire: " + strings.Join(slices.Sorted(maps.Keys(firing)), ", "))
	}
	return nil
}
