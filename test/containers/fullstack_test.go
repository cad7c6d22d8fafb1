//go:build containers

package containers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/clew/clew/lessontest"
	"example.com/clew/clew/processtest"
)

// The full stack from its first start to its end. Each part finds it as the one before left it.
func TestFullStack(t *testing.T) {
	for _, part := range []struct {
		name string
		test func(*testing.T, *stack)
	}{
		{"make up", makeUp},
		{"make up again", makeUpAgain},
		{"streams, listeners, replay", streams},
		{"an order of each kind", orders},
		{"dead letters", deadLetters},
		{"lessons", lessons},
		{"load", loads},
		{"replicas", replicas},
		{"trouble under load", trouble},
		{"nothing was refused", nothingRefused},
		{"nothing was restarted that nobody killed", nothingRestarted},
		{"the books balance", booksBalance},
		{"down and up", downAndUp},
		{"down with the data", downWithData},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, full) }) && part.name == "make up" {
			break
		}
	}
	if t.Failed() {
		out, _ := full.command(context.Background(), "docker", "compose", "logs", "--tail", "40").CombinedOutput()
		t.Logf("the containers' last lines:\n%s", out)
	}
}

func makeUp(t *testing.T, s *stack) {
	said := s.want(t, 0, target("up"), "a Docker engine answers", "Secrets are in .env", "Clew is ready", "look here first")
	seen := map[string]bool{}
	for line := range strings.Lines(said) {
		if strings.TrimSpace(line) != "" && seen[line] {
			t.Errorf("it says twice: %s", line)
		}
		seen[line] = true
	}
	for _, c := range s.containers(t) {
		if c.State.Health.Status != "" && !strings.Contains(said, c.Name[1:]+"  Healthy") {
			t.Errorf("it does not say that %s is healthy", c.Name)
		}
	}
}

// Once more it is a repetition: the same containers, the same addresses.
func makeUpAgain(t *testing.T, s *stack) {
	before := s.containers(t)
	said := s.want(t, 0, target("up"), "that is how it was started here", "Clew is ready", s.state(t).Addresses.Order)
	if strings.Contains(said, "Secrets") {
		t.Error("it makes secrets again")
	}
	for i, c := range s.containers(t) {
		if c.ID != before[i].ID || c.State.StartedAt != before[i].State.StartedAt {
			t.Errorf("%s was started again", c.Name)
		}
	}
	s.want(t, 0, target("status"), "(healthy)", s.state(t).Addresses.Viewer)
	if said := s.run(t, 0, target("logs")); !strings.Contains(said, "order") {
		t.Errorf("make logs says:\n%s", said)
	}
}

// Orders of every test SKU. Those that kill their container come one after the other, because each takes the last spans of others
// with it.
func orders(t *testing.T, s *stack) {
	t.Run("that kill nothing", func(t *testing.T) {
		for sku, says := range map[string][]string{
			"lamp":              {"confirmed after", "process stock"},
			"test-slow":         {"confirmed after"},
			"test-flaky":        {"confirmed after", "#3"},
			"test-out-of-stock": {"rejected"},
			"test-invalid":      {"dead-lettered (permanent)", "dead_letter orders"},
			"test-poison":       {"dead-lettered (exhausted)", "dead_letter orders"},
		} {
			t.Run(sku, func(t *testing.T) {
				t.Parallel()
				s.want(t, 0, target("order", "ARGS=--sku "+sku), says...)
			})
		}
	})
	s.want(t, 0, target("order", "ARGS=--sku test-crash"), "confirmed after", "killed")
	s.want(t, 0, target("order", "ARGS=--sku test-crash-loop"), "dead-lettered (exhausted)", "dead_letter orders")
}

func deadLetters(t *testing.T, s *stack) {
	var letters []struct{ ID, Subject, Reason, Error string }
	if err := json.Unmarshal([]byte(s.run(t, 0, clew("dlq", "list", "--json"))), &letters); err != nil {
		t.Fatal(err)
	}
	if len(letters) != 3 {
		t.Fatalf("dead letters %+v, want those of three SKUs", letters)
	}
	poison := slices.IndexFunc(letters, func(l struct{ ID, Subject, Reason, Error string }) bool {
		return strings.Contains(l.Error, "test-poison")
	})
	if poison < 0 {
		t.Fatalf("no dead letter of test-poison: %+v", letters)
	}
	s.want(t, 0, target("dlq"), letters[0].ID)
	s.want(t, 0, clew("dlq", "show", letters[poison].ID), "test-poison")
	s.want(t, 0, clew("fix", "poison"))
	s.want(t, 0, target("dlq", "ARGS=redrive "+letters[poison].ID))
	processtest.Eventually(t, "the redriven order is confirmed", func() error {
		order := s.get(t, s.state(t).Addresses.Order+"/orders/"+letters[poison].Subject)
		return processtest.Unless(strings.Contains(order, `"confirmed"`), "it is %s", order)
	})
	s.want(t, 0, target("dlq", "ARGS=discard --all"))
	s.want(t, 0, target("dlq", "ARGS=list"), "no dead letters")
	s.want(t, 0, clew("break", "poison"))
}

func (s *stack) get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v: %s", url, answer.Status, err, text)
	}
	return string(text)
}

func streams(t *testing.T, s *stack) {
	s.want(t, 0, target("streams"), "orders/0", "stock/0", "inventory")

	listen := s.command(t.Context(), "deploy/compose.sh", "clew", "listen", "order.created.v1")
	out, err := os.Create(filepath.Join(t.TempDir(), "heard"))
	if err != nil {
		t.Fatal(err)
	}
	listen.Stdout, listen.Stderr = out, out
	listen.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := listen.Start(); err != nil {
		t.Fatal(err)
	}
	heard := func() string { text, _ := os.ReadFile(out.Name()); return string(text) }
	listener := func() bool { return strings.Contains(s.want(t, 0, clew("streams")), "listen-") }
	processtest.Eventually(t, "it listens", func() error { return processtest.Unless(listener(), "it has no group") })
	order := strings.Fields(s.want(t, 0, target("order"), "confirmed"))[1]
	processtest.Eventually(t, "it hears of the order", func() error {
		return processtest.Unless(strings.Contains(heard(), "order.created.v1 "+order), "it heard\n%s", heard())
	})
	if err := syscall.Kill(-listen.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := listen.Wait(); err != nil || listener() {
		t.Errorf("after ctrl-C: %v, or its group is still there:\n%s", err, heard())
	}

	s.want(t, 0, clew("outbox", "replay", "--since", "5m"), "replayed")
	s.want(t, 0, target("trace", "ARGS="+order), "process stock")
}

// The lessons as they are written, with the short name that docs/lessons gives the command in this mode.
func lessons(t *testing.T, s *stack) {
	program := filepath.Join(t.TempDir(), "clew")
	script := fmt.Sprintf("#!/bin/sh\ncd %s\nexec deploy/compose.sh clew \"$@\"\n", s.dir)
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	do := func(t *testing.T, number int) {
		text := lessontest.Read(t, filepath.Join(repository, "docs/lessons"), number)
		student := lessontest.NewStudent(t, s.dir, program, s.state(t).Addresses.Order, s.env)
		student.Do(text["Steps"])
		s.want(t, 1, clew("lesson", "check", strconv.Itoa(number)), "the exercise")
		student.Do(text["Exercise"])
		student.Do(text["Check"])
		if !strings.Contains(student.Said, fmt.Sprintf("lesson %d: done", number)) {
			t.Errorf("the check says:\n%s", student.Said)
		}
		student.Saw(text["What you see"])
	}
	t.Run("first", func(t *testing.T) { // the third waits for most of its time
		for _, number := range []int{1, 3, 5, 8} {
			t.Run(strconv.Itoa(number), func(t *testing.T) {
				t.Parallel()
				do(t, number)
			})
		}
	})
	t.Run("9", func(t *testing.T) { do(t, 9) }) // it turns the switch of test-poison, as the third does
	t.Run("2", func(t *testing.T) { do(t, 2) }) // it kills inventory
	s.want(t, 0, target("dlq", "ARGS=discard --all"))
}

// Scenarios of the load test, most of them shorter. What is asked is their accounts: how fast this machine is says nothing here.
func loads(t *testing.T, s *stack) {
	for _, load := range []struct{ scenario, duration string }{{"smoke", "10s"}, {"poison", "6s"}, {"drain", "5s"}, {"crash", "12s"}} {
		report := load.scenario + ".html"
		said := s.load(t, "SCENARIO="+load.scenario, "ARGS=--duration "+load.duration+" --html "+report+
			" --threshold 'http_p99<30s' --threshold 'e2e_p99<60s' --threshold 'lag_seconds_max<60s'")
		if !strings.Contains(said, "PASSED") {
			t.Errorf("%s:\n%s", load.scenario, said)
		}
		if page, err := os.ReadFile(filepath.Join(s.dir, report)); err != nil || !strings.Contains(string(page), "</html>") {
			t.Errorf("the report of %s: %v", load.scenario, err)
		}
	}
	s.want(t, 0, target("dlq", "ARGS=discard --all"))
}

// load runs a load test, and returns what it prints. Where other programs kept it from offering its load, it is repeated.
func (s *stack) load(t *testing.T, args ...string) string {
	t.Helper()
	for tries := 1; ; tries++ {
		started := time.Now()
		out, err := s.command(t.Context(), "make", append([]string{"--no-print-directory", "load"}, args...)...).CombinedOutput()
		t.Logf("make load %s: %.1f s, %v", strings.Join(args, " "), time.Since(started).Seconds(), err)
		if tries == 3 || !strings.Contains(string(out), "the generator could not keep up") {
			return string(out)
		}
	}
}

func replicas(t *testing.T, s *stack) {
	s.compose(t, "up", "--detach", "--no-build", "--wait", "--scale", "inventory=3")
	for job, want := range map[string]string{"inventory": "3", "order": "1", "collector": "1", "tempo": "1", "loki": "1", "grafana": "1", "prometheus": "1"} {
		processtest.Eventually(t, fmt.Sprintf("Prometheus scrapes %s of %s", want, job), func() error {
			up := s.prometheus(t, fmt.Sprintf(`sum(up{job=%q})`, job))
			return processtest.Unless(up == want, "it is %s", up)
		})
	}
	said := s.want(t, 0, target("status"))
	if apis := regexp.MustCompile(`inventory API +http://127\.0\.0\.1:\d+ :\d+ :\d+`); !apis.MatchString(said) {
		t.Errorf("make status does not show three addresses:\n%s", said)
	}
	s.want(t, 0, target("order", "ARGS=--count 20"), "confirmed")
}

// prometheus returns the value of a query that has one.
func (s *stack) prometheus(t *testing.T, query string) string {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	port := s.variable("PROMETHEUS_PORT")
	text := s.get(t, "http://127.0.0.1:"+port+"/api/v1/query?query="+url.QueryEscape(query))
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Data.Result) != 1 {
		return ""
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1])
}

func (s *stack) variable(name string) string {
	i := slices.IndexFunc(s.env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	return strings.TrimPrefix(s.env[i], name+"=")
}

// Every container is killed, Postgres and Redis are restarted, the network is cut and everything is published again, while
// orders are placed and three replicas of inventory share the work. No order is lost or done twice.
func trouble(t *testing.T, s *stack) {
	scenario := `
stages: [{duration: 60s, rate: 40}]
drain: 2m
thresholds: [lost==0, duplicates==0, unfinished==0, unexpected==0, dlq_rate==0%]
`
	if err := os.WriteFile(filepath.Join(s.dir, "trouble.yaml"), []byte(scenario), 0o644); err != nil {
		t.Fatal(err)
	}
	placed := make(chan string, 1)
	go func() {
		out, _ := s.command(t.Context(), "make", "--no-print-directory", "load", "SCENARIO=./trouble.yaml").CombinedOutput()
		placed <- string(out)
	}()
	accepted := func() int { n, _ := strconv.Atoi(s.sql(t, "order", "SELECT count(*) FROM orders")); return n }
	before := accepted()
	processtest.Eventually(t, "orders are placed", func() error { return processtest.Unless(accepted() > before, "none is") })
	s.kill(t, "order", "inventory")
	nothingRefused(t, s)
	s.kill(t, "redis")
	s.kill(t, "postgres")
	s.kill(t, "collector", "tempo", "prometheus", "loki", "grafana")
	nothingRefused(t, s)
	s.want(t, 0, clew("outbox", "replay", "--since", "20s"), "replayed")
	for _, service := range []string{"postgres", "redis"} {
		s.compose(t, "restart", service)
		s.healthy(t)
	}
	s.cut(t, "clewtest-redis-1", func() bool {
		return s.sql(t, "order", "SELECT count(*) FROM outbox WHERE published_at = 0") != "0"
	})
	s.cut(t, "clewtest-inventory-2", func() bool { return s.prometheus(t, `sum(up{job="inventory"})`) == "2" })
	s.want(t, 0, clew("outbox", "replay", "--since", "20s"), "replayed")
	// Whether the generator could keep up is not asked.
	said := <-placed
	for _, account := range []string{"lost==0", "duplicates==0", "unfinished==0", "unexpected==0", "dlq_rate==0%"} {
		if !regexp.MustCompile(`ok +` + account).MatchString(said) {
			t.Errorf("the load test does not say that %s is ok:\n%s", account, said)
		}
	}
	if deadlocks := regexp.MustCompile(`.*(deadlock|40P01).*`).FindAllString(s.compose(t, "logs"), -1); deadlocks != nil {
		t.Errorf("deadlocks: %q", deadlocks)
	}
}

// cut takes a container off the network until others have noticed.
func (s *stack) cut(t *testing.T, name string, noticed func() bool) {
	t.Helper()
	const network = "clewtest_default"
	s.docker(t, "network", "disconnect", network, name)
	processtest.Eventually(t, name+" is missed", func() error { return processtest.Unless(noticed(), "nobody says so") })
	s.docker(t, "network", "connect", "--alias", strings.Split(name, "-")[1], network, name)
	s.healthy(t)
}

// Whatever a program has sent to Redis, its user was allowed to send. Redis forgets what it refused when it ends, so each part
// that ends it looks before.
func nothingRefused(t *testing.T, s *stack) {
	refused, err := s.redis(t).Do(t.Context(), "ACL", "LOG").Slice()
	if err != nil || len(refused) > 0 {
		t.Errorf("refused: %v, error %v", refused, err)
	}
}

// Orders whose handlers kill their container account for the restarts of inventory, the test for all others.
func nothingRestarted(t *testing.T, s *stack) {
	crashes, err := strconv.Atoi(s.sql(t, "order",
		"SELECT coalesce(sum(CASE sku WHEN 'test-crash' THEN 1 WHEN 'test-crash-loop' THEN 5 ELSE 0 END), 0) FROM order_items"))
	if err != nil {
		t.Fatal(err)
	}
	restarts := map[string]int{}
	for _, c := range s.containers(t) {
		restarts[c.service()] += c.RestartCount
	}
	for service, n := range restarts {
		allowed := s.killed[service]
		if service == "inventory" {
			allowed += crashes
		}
		if n > allowed {
			t.Errorf("%s was restarted %d times, want %d at most", service, n, allowed)
		}
	}
}

// Every order has an end, what is reserved is what confirmed orders have, and in the end nothing waits: what a killed consumer
// had done and not acknowledged is pending until another takes it over.
func booksBalance(t *testing.T, s *stack) {
	const ofTests = "('test-invalid', 'test-crash-loop')" // whose dead letters were discarded
	units := "SELECT coalesce(sum(quantity), 0) FROM order_items JOIN orders ON id = order_id WHERE status = 'confirmed'"
	if confirmed, reserved := s.sql(t, "order", units), s.sql(t, "inventory", "SELECT sum(reserved) FROM stock"); confirmed != reserved {
		t.Errorf("%s units are confirmed, %s reserved", confirmed, reserved)
	}
	pending := "SELECT count(*) FROM orders JOIN order_items ON id = order_id WHERE status = 'pending' AND sku NOT IN " + ofTests
	if n := s.sql(t, "order", pending); n != "0" {
		t.Errorf("%s orders are pending", n)
	}
	for _, database := range []string{"order", "inventory"} {
		if n := s.sql(t, database, "SELECT count(*) FROM outbox WHERE published_at = 0"); n != "0" {
			t.Errorf("%s messages wait in the outbox of %s", n, database)
		}
	}
	for _, stream := range []string{"orders:{0}", "stock:{0}"} {
		processtest.Eventually(t, "nothing of "+stream+" is pending", func() error {
			groups, err := s.redis(t).XInfoGroups(t.Context(), stream).Result()
			return processtest.Unless(err == nil && len(groups) == 1 && groups[0].Pending == 0, "%+v, error %v", groups, err)
		})
	}
}

func downAndUp(t *testing.T, s *stack) {
	order := strings.Fields(s.want(t, 0, target("order"), "confirmed"))[1]
	s.want(t, 0, target("down"))
	if left := s.containers(t); len(left) > 0 {
		t.Errorf("%d containers are left", len(left))
	}
	s.want(t, 3, []string{"deploy/compose.sh", "status"}, "Clew is not running here")
	s.want(t, 0, target("up"), "Clew is ready")
	if text := s.get(t, s.state(t).Addresses.Order+"/orders/"+order); !strings.Contains(text, `"confirmed"`) {
		t.Errorf("the order of before is %s", text)
	}
	booksBalance(t, s)
	nothingRefused(t, s)
}

func downWithData(t *testing.T, s *stack) {
	s.want(t, 0, target("down", "VOLUMES=1"))
	if volumes := s.docker(t, "volume", "ls", "--quiet", "--filter", "label=com.docker.compose.project=clewtest"); volumes != "" {
		t.Errorf("volumes are left: %s", volumes)
	}
}
