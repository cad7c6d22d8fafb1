//go:build kubernetes

package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/clew/processtest"
)

// The demo from its first start on. Each part finds it as the one before left it.
func TestKubernetes(t *testing.T) {
	for _, part := range []struct {
		name string
		test func(*testing.T, *cluster)
	}{
		{"up from nothing", up},
		{"a bad manifest is refused", refused},
		{"an order of each kind", orders},
		{"replicas migrate at the same time", migrations},
		{"replaced under load", replaced},
		{"load tests as Jobs", jobs},
		{"the books balance", booksBalance},
		{"scaled by waiting", scaled},
		{"not scaled by what nobody knows", unknown},
		{"the books balance after that", booksBalance},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, here) }) && part.name == "up from nothing" {
			break
		}
	}
	if t.Failed() {
		for _, args := range [][]string{
			{"get", "pods", "--output=wide"}, {"get", "events", "--sort-by=.lastTimestamp"},
			{"logs", "--selector=app.kubernetes.io/part-of=clew", "--tail=20", "--prefix", "--ignore-errors"},
		} {
			out, err := here.kubectl(args...)
			t.Logf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// do runs kubectl, which must succeed.
func (c *cluster) do(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.kubectl(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ready waits until what was applied or changed is there, and as it should be.
func (c *cluster) ready(t *testing.T, workloads ...string) {
	t.Helper()
	for _, workload := range workloads {
		c.do(t, "rollout", "status", workload, "--timeout=5m")
	}
}

var workloads = []string{
	"statefulset/redis", "statefulset/postgres", "deployment/order", "deployment/inventory", "deployment/collector",
	"deployment/tempo", "deployment/loki", "deployment/prometheus", "deployment/grafana",
}

func up(t *testing.T, c *cluster) {
	copied := exec.Command("sh", "-c", "git ls-files -co --exclude-standard -z deploy grafana observability test/kubernetes | "+
		`xargs -0 cp --parents -t "$1" && "$1/deploy/kubernetes.sh"`, "sh", c.path("repository"))
	copied.Dir = repository
	if err := os.MkdirAll(c.path("repository"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("copy the repository and make secrets: %v\n%s", err, out)
	}
	started := time.Now()
	c.do(t, "apply", "-k", c.path("repository/test/kubernetes/overlay"))
	c.ready(t, workloads...)
	t.Logf("all is ready after %.1f s", time.Since(started).Seconds())
	status := c.do(t, "get", "secret", "tools", "--output=go-template={{.data.CLEW_STATUS | base64decode}}")
	c.env = append(c.env, "CLEW_STATUS="+status)
	if err := json.Unmarshal([]byte(status), &c.state); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, c *cluster) {
	for _, bad := range []struct{ manifest, says string }{
		{"kind: Service\nspec: {ports: [{prot: 80}]}", `unknown field "spec.ports[0].prot"`},
		{"kind: Pod\nspec: {containers: [{name: a, image: a}]}", `violates PodSecurity "restricted`},
	} {
		if err := c.write("bad.yaml", "apiVersion: v1\nmetadata: {name: bad}\n%s\n", bad.manifest); err != nil {
			t.Fatal(err)
		}
		if _, err := c.kubectl("apply", "-f", c.path("bad.yaml")); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%s is refused with %v, want %s", bad.manifest, err, bad.says)
		}
	}
}

func orders(t *testing.T, c *cluster) {
	for sku, says := range map[string]string{
		"lamp": "confirmed after", "test-flaky": "#3", "test-out-of-stock": "rejected", "test-crash": "killed",
		"test-invalid": "dead-lettered (permanent)",
	} {
		if said, err := c.run("clew", "order", "--sku", sku); err != nil || !strings.Contains(said, says) {
			t.Errorf("an order of %s: %v, want %s:\n%s", sku, err, says, said)
		}
	}
	if said, err := c.run("clew", "dlq", "discard", "--all"); err != nil {
		t.Errorf("discard the dead letter: %v\n%s", err, said)
	}
}

// migrations lets every replica find empty databases.
func migrations(t *testing.T, c *cluster) {
	for _, service := range []string{"order", "inventory"} {
		deployment := "deployment/" + service
		c.do(t, "scale", deployment, "--replicas=0")
		c.do(t, "wait", "--for=delete", "pod", "--selector=app.kubernetes.io/name="+service, "--timeout=2m")
		c.sql(t, service, "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION "+strconv.Quote(service))
		c.do(t, "scale", deployment, "--replicas=3")
	}
	c.ready(t, "deployment/order", "deployment/inventory")
	restarts := c.do(t, "get", "pods", "--selector=app.kubernetes.io/name in (order,inventory)",
		"--output=jsonpath={.items[*].status.containerStatuses[0].restartCount}")
	if restarts != "0 0 0 0 0 0" {
		t.Errorf("restarts of the replicas: %s, want none", restarts)
	}
}

// replaced replaces every replica in each way that Kubernetes knows, while orders are placed. No order is lost or done twice.
func replaced(t *testing.T, c *cluster) {
	load := c.load(t, "90s", "")
	load.begun(t)
	c.do(t, "rollout", "restart", "deployment/order", "deployment/inventory")
	c.ready(t, "deployment/order", "deployment/inventory")
	t.Logf("at %.0f s: restarted", load.seconds())
	for _, service := range []string{"order", "inventory"} {
		pod := strings.Fields(c.do(t, "get", "pods", "--selector=app.kubernetes.io/name="+service, "--output=name"))[0]
		c.do(t, "delete", pod, "--force", "--grace-period=0")
		c.ready(t, "deployment/"+service)
	}
	t.Logf("at %.0f s: two pods deleted by force", load.seconds())
	onNode2 := func() string {
		return c.do(t, "get", "pods", "--field-selector=spec.nodeName=node-2", "--output=name")
	}
	for _, service := range []string{"order", "inventory"} {
		if !strings.Contains(onNode2(), "/"+service) {
			t.Errorf("no replica of %s is on node-2, which has only\n%s", service, onNode2())
		}
	}
	c.do(t, "drain", "node-2", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=3m")
	if left := onNode2(); left != "" {
		t.Errorf("after the drain, node-2 has\n%s", left)
	}
	c.ready(t, workloads...)
	c.do(t, "uncordon", "node-2")
	t.Logf("at %.0f s: node-2 drained", load.seconds())
	load.accounts(t)
}

// A load is a load test that runs.
type load struct {
	cluster *cluster
	started time.Time
	json    string
	ended   chan string // what it has said
	stop    func()
}

// load offers 20 orders a second, of a mix of SKUs or of those that take no time.
func (c *cluster) load(t *testing.T, duration, mix string) *load {
	t.Helper()
	scenario := fmt.Sprintf(`
stages: [{duration: %s, rate: 20}]
mix: {%s}
drain: 5m
thresholds: [lost==0, duplicates==0, unfinished==0, unexpected==0, dlq_rate==0%%]
`, duration, mix)
	if err := c.write("load.yaml", "%s", scenario); err != nil {
		t.Fatal(err)
	}
	l := &load{cluster: c, started: time.Now(), json: c.path("load.json"), ended: make(chan string, 1)}
	command := exec.CommandContext(t.Context(), c.path("bin/loadtest"), "run", "--scenario="+c.path("load.yaml"), "--json="+l.json,
		"--allow-remote")
	command.Env = c.env
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	l.stop = func() { _ = command.Process.Signal(os.Interrupt) }
	go func() {
		out, _ := command.CombinedOutput()
		l.ended <- string(out)
	}()
	return l
}

func (l *load) seconds() float64 { return time.Since(l.started).Seconds() }

// begun waits until orders are accepted.
func (l *load) begun(t *testing.T) {
	t.Helper()
	accepted := func() string { return l.cluster.sql(t, "order", "SELECT count(*) FROM orders") }
	before := accepted()
	processtest.Eventually(t, "orders are placed", func() error {
		select {
		case said := <-l.ended:
			t.Fatal(said)
		default:
		}
		return processtest.Unless(accepted() != before, "none is")
	})
}

// accounts waits for the end of the load, and fails the test if an order was lost or done twice. How fast it all was is said
// only.
func (l *load) accounts(t *testing.T) {
	t.Helper()
	said := <-l.ended
	for _, account := range []string{"lost==0", "duplicates==0", "unfinished==0", "unexpected==0", "dlq_rate==0%"} {
		if !regexp.MustCompile(`ok +` + account).MatchString(said) {
			t.Errorf("the load test does not say that %s is ok:\n%s", account, said)
		}
	}
	var result struct {
		Totals struct {
			Accepted, Confirmed int
			Errors              map[string]int
		}
		Latencies map[string]struct{ P50, P99, Max float64 }
	}
	text, err := os.ReadFile(l.json)
	if err := errors.Join(err, json.Unmarshal(text, &result)); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d orders accepted, %d confirmed, errors %v", result.Totals.Accepted, result.Totals.Confirmed, result.Totals.Errors)
	for name, latency := range result.Latencies {
		t.Logf("%s: p50 %.3f s, p99 %.3f s, at most %.3f s", name, latency.P50, latency.P99, latency.Max)
	}
}

// booksBalance: every order has an end, what is reserved is what confirmed orders have, and in the end nothing waits.
func booksBalance(t *testing.T, c *cluster) {
	units := "SELECT coalesce(sum(quantity), 0) FROM order_items JOIN orders ON id = order_id WHERE status = 'confirmed'"
	if confirmed, reserved := c.sql(t, "order", units), c.sql(t, "inventory", "SELECT sum(reserved) FROM stock"); confirmed != reserved {
		t.Errorf("%s units are confirmed, %s reserved", confirmed, reserved)
	}
	if n := c.sql(t, "order", "SELECT count(*) FROM orders WHERE status = 'pending'"); n != "0" {
		t.Errorf("%s orders are pending", n)
	}
	for _, database := range []string{"order", "inventory"} {
		if n := c.sql(t, database, "SELECT count(*) FROM outbox WHERE published_at = 0"); n != "0" {
			t.Errorf("%s messages wait in the outbox of %s", n, database)
		}
	}
	for _, stream := range []string{"orders:{0}", "stock:{0}"} {
		processtest.Eventually(t, "nothing of "+stream+" is pending", func() error {
			groups, err := c.redis(t).XInfoGroups(t.Context(), stream).Result()
			return processtest.Unless(err == nil && len(groups) == 1 && groups[0].Pending == 0, "%+v, error %v", groups, err)
		})
	}
}

// sql asks a service's database for one value.
func (c *cluster) sql(t *testing.T, database, query string) string {
	t.Helper()
	return c.do(t, "exec", "postgres-0", "--", "psql", "--no-psqlrc", "-h", "/run/postgresql", "-U", "postgres", "-d", database,
		"-At", "-c", query)
}

func (c *cluster) redis(t *testing.T) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(c.state.Redis.URL)
	if err != nil {
		t.Fatal(err)
	}
	options.DisableIdentity = true
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}
