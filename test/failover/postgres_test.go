package failover

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/processtest"
	"example.com/clew/services/messaging/messagingtest"
)

// answered finds the statuses of the answers to those who placed an order.
var answered = regexp.MustCompile(
	`http_server_request_duration_seconds_count\{http_request_method="POST",http_response_status_code="(\d+)"`)

// Twice the primary dies under load and its standby is promoted. The order service knows the database by one name, inventory
// by the addresses of both hosts.
func TestPostgresFailsOver(t *testing.T) {
	t.Parallel()
	a := startPrimary(t)
	a.ask("CREATE DATABASE orders")
	a.ask("CREATE DATABASE inventory")
	b := a.startStandby()
	a.waitForStandby()
	name, host1, host2 := startPostgresProxy(t, a), startPostgresProxy(t, a), startPostgresProxy(t, b)
	clew := binaries.Start(t, "ORDER_DATABASE_URL=postgres://clew@"+name.addr+"/orders",
		"INVENTORY_DATABASE_URL=postgres://clew@"+host1.addr+","+host2.addr+"/inventory")
	result := filepath.Join(t.TempDir(), "run.json")
	load := clew.Loadtest("run", "--scenario=smoke", "--rate=20", "--duration=10m", "--json="+result)
	var output strings.Builder
	load.Stdout, load.Stderr = &output, &output
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = load.Process.Kill() }()
	api := orderapi.New(clew.Addresses.Order)
	goOn := func(event string) {
		since := time.Now()
		var order orderapi.Order
		processtest.Eventually(t, "an order is accepted", func() (err error) {
			order, err = api.Place(t.Context(), orderapi.Request{
				CustomerID: "failover", Items: []orderapi.Item{{SKU: "lamp", Quantity: 1, UnitPriceCents: 1999}},
			})
			if err != nil && !strings.Contains(err.Error(), "503") {
				t.Errorf("after %s: %v", event, err)
			}
			return err
		})
		accepted := time.Since(since)
		processtest.Eventually(t, "it is confirmed", func() error {
			now, err := api.Get(t.Context(), order.ID)
			return cmp.Or(err, processtest.Unless(now.Status == "confirmed", "it is %s", now.Status))
		})
		t.Logf("after %s orders are accepted within %s, confirmed within %s", event,
			accepted.Round(time.Millisecond), time.Since(since).Round(time.Millisecond))
	}
	goOn("the start")

	a.stop()
	b.ask("SELECT pg_promote()")
	name.to(b)
	goOn("the promotion")
	c := b.startStandby() // the host of the old primary comes back
	host1.to(c)
	b.waitForStandby()
	goOn("the old primary is back")

	// Now the name is late: meanwhile it leads to the old primary, which has come back.
	b.stop()
	c.ask("SELECT pg_promote()")
	d := c.startStandby()
	host2.to(d)
	name.to(d)
	processtest.Eventually(t, "the order service is not ready, because it meets a standby", func() error {
		text := get(t, clew.Process("order-1").Admin+"/readyz")
		return processtest.Unless(strings.Contains(text, "read only connection"), "it says %s", text)
	})
	name.to(c)
	goOn("the name leads to the new primary")

	var statuses []string
	for _, match := range answered.FindAllStringSubmatch(get(t, clew.Process("order-1").Admin+"/metrics"), -1) {
		statuses = append(statuses, match[1])
	}
	if t.Logf("orders were answered %s", statuses); !slices.Contains(statuses, "201") || slices.Contains(statuses, "500") {
		t.Errorf("orders were answered %s, want some 201 and none 500", statuses)
	}
	if err := load.Process.Signal(syscall.SIGINT); err != nil { // it waits until all orders are finished
		t.Fatal(err)
	}
	_ = load.Wait() // its verdict is about speed, too
	var r struct {
		Totals struct{ Accepted, Confirmed, Unfinished, Lost, Duplicated, Unexpected int }
	}
	text, err := os.ReadFile(result)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	got := r.Totals
	t.Logf("%+v", got)
	if err != nil || got.Accepted == 0 || got.Confirmed != got.Accepted || got.Unfinished+got.Lost+got.Duplicated+got.Unexpected > 0 {
		t.Errorf("%+v, want all that were accepted confirmed once; error %v\n%s", got, err, output.String())
	}
	for _, process := range []string{"order-1", "inventory-1"} {
		if n := clew.Process(process).Restarts; n > 0 {
			t.Errorf("%s was started again %d times", process, n)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A postgres is a Postgres server.
type postgres struct {
	t    *testing.T
	url  string
	stop func() // at once, as when its machine is lost; it deletes the data
}

func startPrimary(t *testing.T) *postgres {
	t.Helper()
	return started(t)(messagingtest.StartPostgres("fsync=off"))
}

func (s *postgres) startStandby() *postgres {
	s.t.Helper()
	return started(s.t)(messagingtest.StartPostgresStandby(s.url, "fsync=off"))
}

func started(t *testing.T) func(databaseURL string, stop func(), err error) *postgres {
	t.Helper()
	return func(databaseURL string, stop func(), err error) *postgres {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		return &postgres{t, databaseURL, stop}
	}
}

// waitForStandby makes the server confirm a commit only once a standby has it, too, so that nothing is lost with the server.
func (s *postgres) waitForStandby() {
	s.t.Helper()
	s.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
	s.ask("SELECT pg_reload_conf()")
	processtest.Eventually(s.t, "commits wait for the standby", func() error {
		state := s.ask("SELECT min(sync_state) FROM pg_stat_replication")
		return processtest.Unless(state == "sync", "its state is %q", state)
	})
}

// ask runs a statement and returns the first value of its result.
func (s *postgres) ask(statement string) string {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(s.t.Context()) }()
	rows, err := conn.Query(s.t.Context(), statement)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	first := ""
	if rows.Next() {
		values, err := rows.Values()
		if err != nil {
			s.t.Fatal(err)
		}
		first = fmt.Sprint(values[0])
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
	return first
}
