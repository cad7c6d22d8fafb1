//go:build kubernetes

package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// scaled offers 20 orders a second that take 2 s each, which is the work of 40 workers: three replicas, of 16 each. It begins
// with one.
func scaled(t *testing.T, c *cluster) {
	c.do(t, "apply", "-k", c.path("repository/test/kubernetes/scaled"))
	c.ready(t, "deployment/inventory")
	load := c.load(t, "3m", "test-slow: 100")
	watched := c.watch(load)
	load.begun(t)
	c.replicas(t, three, func() {})
	t.Logf("three replicas after %.0f s", load.seconds())
	load.accounts(t)
	watched.end(t)
	if most := watched.most(); most > 4 {
		t.Errorf("there were %d replicas, want 4 at most", most)
	}
	c.replicas(t, one, func() {})
	t.Logf("back to one replica %.0f s after the load began", load.seconds())
}

// unknown checks that what cannot be known is not taken for nothing to do. First Redis does not know the lag: after an entry
// was deleted it is null until a group has read past it. Then Prometheus has no such series.
func unknown(t *testing.T, c *cluster) {
	load := c.load(t, "10m", "test-slow: 100")
	watched := c.watch(load)
	load.begun(t)
	client, asked, null := c.redis(t), 0, 0
	c.replicas(t, three, func() {
		asked++
		if deleteEntry(t, client) {
			null++
		}
	})
	t.Logf("three replicas after %.0f s, while the lag was null %d times of %d", load.seconds(), null, asked)
	if null == 0 {
		t.Error("the lag was never null: this shows nothing")
	}

	c.do(t, "patch", "scaledobject", "inventory", "--type=json", "--patch",
		`[{"op": "replace", "path": "/spec/triggers/0/metadata/query", "value": "no_such_series"}]`)
	c.do(t, "wait", "scaledobject/inventory", "--for=condition=Fallback", "--timeout=5m")
	if now, err := c.deployed(); err != nil || now.Spec.Replicas < 3 {
		t.Errorf("without the series there are %d replicas, error %v, want those that there were", now.Spec.Replicas, err)
	}
	load.stop()
	load.accounts(t)
	watched.end(t)
}

// deleteEntry adds an entry to the stream of orders, deletes it, and reports whether the lag is null then.
func deleteEntry(t *testing.T, client *redis.Client) bool {
	t.Helper()
	const stream = "orders:{0}"
	ping := map[string]any{"specversion": "1.0", "id": "deleted", "source": "/test", "type": "test.ping.v1", "subject": "deleted"}
	id, err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: stream, Values: ping}).Result()
	if err == nil {
		err = client.XDel(t.Context(), stream, id).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	groups, err := client.Do(t.Context(), "XINFO", "GROUPS", stream).Slice()
	if err != nil {
		t.Fatal(err)
	}
	return groups[0].(map[any]any)["lag"] == nil
}

// deployment is what is asked of inventory's.
type deployment struct {
	Spec   struct{ Replicas int }
	Status struct{ ReadyReplicas int }
}

func (c *cluster) deployed() (d deployment, err error) {
	text, err := c.kubectl("get", "deployment/inventory", "--output=json")
	return d, errors.Join(err, json.Unmarshal([]byte(text), &d))
}

// replicas waits until KEDA wants as many replicas of inventory as are wanted, and they are ready. Each second meanwhile it does
// something.
func (c *cluster) replicas(t *testing.T, wanted func(n int) bool, do func()) {
	t.Helper()
	var now deployment
	var err error
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		if now, err = c.deployed(); err == nil && wanted(now.Spec.Replicas) && now.Status.ReadyReplicas == now.Spec.Replicas {
			return
		}
		do()
	}
	t.Fatalf("after ten minutes inventory is %+v, error %v", now, err)
}

func one(n int) bool   { return n == 1 }
func three(n int) bool { return n >= 3 }

// A watch keeps how many replicas there are, and how long messages wait.
type watch struct {
	mutex   sync.Mutex
	samples []sample
	stop    chan struct{}
	stopped sync.WaitGroup
}

type sample struct {
	at              float64 // seconds since the load began
	replicas, ready int
	waiting         string // seconds, as Prometheus has it
}

func (c *cluster) watch(load *load) *watch {
	w := &watch{stop: make(chan struct{})}
	w.stopped.Go(func() {
		for {
			now, _ := c.deployed() // once more in a moment
			s := sample{load.seconds(), now.Spec.Replicas, now.Status.ReadyReplicas, prometheus(
				`stream_group:messaging_waiting_seconds:max{messaging_destination_name="orders",messaging_consumer_group_name="inventory"}`)}
			w.mutex.Lock()
			w.samples = append(w.samples, s)
			w.mutex.Unlock()
			select {
			case <-w.stop:
				return
			case <-time.After(5 * time.Second):
			}
		}
	})
	return w
}

func (w *watch) most() (n int) {
	for _, s := range w.samples {
		n = max(n, s.replicas)
	}
	return n
}

// end logs what was seen.
func (w *watch) end(t *testing.T) {
	t.Helper()
	close(w.stop)
	w.stopped.Wait()
	var table strings.Builder
	longest, three := 0.0, "never"
	for _, s := range w.samples {
		if s.ready >= 3 && three == "never" {
			three = fmt.Sprintf("%.0f s", s.at)
		}
		fmt.Fprintf(&table, "%4.0f s: %d replicas, %d ready, waiting %s s\n", s.at, s.replicas, s.ready, s.waiting)
		if waiting, err := strconv.ParseFloat(s.waiting, 64); err == nil {
			longest = max(longest, waiting)
		}
	}
	t.Logf("three replicas after: %s; most replicas: %d; longest wait: %.1f s\n%s", three, w.most(), longest, &table)
}

// prometheus returns the value of a query that has one.
func prometheus(query string) string {
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	response, err := http.Get("http://prometheus:9090/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err.Error()
	}
	if len(answer.Data.Result) != 1 {
		return "none"
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1])
}
