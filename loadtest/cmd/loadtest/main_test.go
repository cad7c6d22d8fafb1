package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"example.com/clew/loadtest/internal/redistest"
	"example.com/clew/loadtest/internal/result"
)

// asLoadtest makes this test binary the program.
const asLoadtest = "LOADTEST_TEST_AS_LOADTEST"

func TestMain(m *testing.M) {
	if os.Getenv(asLoadtest) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// loadtest runs the program, where nothing runs unless the test says so.
func loadtest(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self, args...)
	command.Env = append(os.Environ(), asLoadtest+"=1", "CLEW_STATUS=", "CLEW_DIR="+t.TempDir(), "LOADTEST_ADDR=127.0.0.1:0")
	command.Env = append(command.Env, env...)
	var out, said strings.Builder
	command.Stdout, command.Stderr = &out, &said
	if err, exit := command.Run(), (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), said.String()
}

// orderAPI counts the requests to an order API that answers each with the same status.
func orderAPI(t *testing.T, status int) (url string, placed *atomic.Int64) {
	placed = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			placed.Add(1)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server.URL, placed
}

func TestWrongUsageIsSaidInOneLine(t *testing.T) {
	api, placed := orderAPI(t, http.StatusOK)
	here := redistest.Start(t).Client
	if err := here.XGroupCreateMkStream(t.Context(), "orders:{0}", "inventory", "$").Err(); err != nil {
		t.Fatal(err)
	}
	run := []string{"run", "--order-url=" + api, "--redis-url=redis://" + here.Options().Addr}
	folder := t.TempDir()
	for _, test := range []struct {
		args string // separated by spaces
		env  string
		want string
	}{
		{"--scenario=stedy", "", "there are smoke, steady"},
		{"--scenario=./mine.yaml", "", "open ./mine.yaml: no such file"},
		{"--ramp", "", "unknown flag --ramp"},
		{"--rate=many", "", "expected a float"},
		{"--rate=0", "", "expected more than 0 arrivals a second"},
		{"--duration=-5s", "", "expected more than 0"},
		{"--duration=5", "", "duration"},
		{"--mix=test-invalid=60 --mix=test-flaky=41", "", "over 100"},
		{"--mix=test-invalid", "", "<key>=<value>"},
		{"--threshold=e2e_p95<1s", "", "did you mean e2e_p90?"},
		{"--threshold=e2e_p99<500", "", "needs us, ms or s"},
		{"--order-url=http://93.184.215.14", "", "--allow-remote"},
		{"--redis-url=redis://93.184.215.14", "", "--allow-remote"},
		{"--redis-url=127.0.0.1:6379", "", "expected a URL"},
		{"--redis-url=http://127.0.0.1:6379", "", "expected a URL such as redis://"},
		{"--json=" + folder, "", "name a file in it"},
		{"--html=" + filepath.Join(folder, "no", "page.html"), "", "create it"},
		{"--json=" + folder + "/run --html=" + folder + "/run", "", "name two files"},
		{"--shard=5/4", "", "expected one from 1/4 to 4/4"},
		{"--shard=4", "", "which sets JOB_COMPLETION_INDEX"},
		{"--shard=4", "JOB_COMPLETION_INDEX=4", "expected 0 to 3"},
		{"--shard=1/4 --scenario=max", "", "has no shards"},
		{"--start=2020-01-01T00:00:00Z", "", "expected --shard, too"},
		{"--shard=1/4 --start=2020-01-01T00:00:00Z", "", "expected a time to come"},
		{"--shard=1/4 --start=20:00", "", `parsing time "20:00" as "2006-01-02T15:04:05Z07:00"`},
		{"", "LOADTEST_ADDR=9090", "expected host:port"},
		{"", "LOADTEST_ADDR=192.0.2.1:9090", "an address of this machine"},
	} {
		code, stdout, stderr := loadtest(t, []string{test.env}, append(run, strings.Fields(test.args)...)...)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s %s: exit code %d, want %d and a line with %q:\n%s%s", test.args, test.env, code, exitUsage, test.want, stdout, stderr)
		}
	}
	if n := placed.Load(); n > 0 {
		t.Errorf("%d orders were placed", n)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, error %v", entries, err)
	}
}

// What a pod prints is its shard's result, and nothing else: standard output and standard error are one log.
func TestAShardPrintsItsResultAlone(t *testing.T) {
	api, _ := orderAPI(t, http.StatusOK)
	here := redistest.Start(t).Client
	for _, of := range [][2]string{{"orders:{0}", "inventory"}, {"stock:{0}", "order"}} {
		if err := here.XGroupCreateMkStream(t.Context(), of[0], of[1], "$").Err(); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, stderr := loadtest(t, []string{"JOB_COMPLETION_INDEX=1"}, "run", "--order-url="+api, "--redis-url=redis://"+here.Options().Addr,
		"--scenario=smoke", "--duration=1s", "--shard=2", "--start="+time.Now().Add(2*time.Second).Format(time.RFC3339), "--json=-")
	var r result.Result
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != exitNotJudged || stderr != "" {
		t.Fatalf("exit code %d, error %v:\n%s%s", code, err, stdout, stderr)
	}
	if len(r.Shards) != 1 || r.Shards[0].Name() != "2/2" || r.Shards[0].Sent+r.Shards[0].NotOffered != 10 {
		t.Errorf("%+v, want shard 2/2 with half of 20 arrivals", r.Shards)
	}
}

// A target that is half there is not put under load.
func TestATargetThatIsNotReadyIsSaidInOneLine(t *testing.T) {
	ready, placed := orderAPI(t, http.StatusOK)
	unready, _ := orderAPI(t, http.StatusServiceUnavailable)
	const nothing = "127.0.0.1:1"
	empty, nobody := redistest.Start(t).Client, redistest.Start(t).Client
	if err := nobody.XAdd(t.Context(), &redis.XAddArgs{Stream: "orders:{0}", Values: []string{"id", "1"}}).Err(); err != nil {
		t.Fatal(err)
	}
	another := redistest.Start(t).Client // somebody listens to the orders, but it is not inventory
	for _, key := range []string{"orders:{0}", "stock:{0}"} {
		if err := another.XGroupCreateMkStream(t.Context(), key, "listener", "$").Err(); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct{ order, redis, want string }{
		"nothing":                {"http://" + nothing, nothing, "the order API does not answer"},
		"Redis alone":            {"http://" + nothing, another.Options().Addr, "the order API does not answer"},
		"not ready":              {unready, another.Options().Addr, "answered 503 Service Unavailable, expected 200"},
		"the order API alone":    {ready, nothing, "ask Redis"},
		"another Redis":          {ready, empty.Options().Addr, "expected the stream of orders"},
		"nobody reads":           {ready, nobody.Options().Addr, "is the inventory service running?"},
		"inventory was not here": {ready, another.Options().Addr, "has no consumer group inventory"},
	} {
		code, _, stderr := loadtest(t, nil, "run", "--scenario=smoke", "--order-url="+test.order, "--redis-url=redis://"+test.redis)
		if code != exitNotJudged || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit code %d, want %d and a line with %q:\n%s", name, code, exitNotJudged, test.want, stderr)
		}
	}
	code, _, stderr := loadtest(t, nil, "run")
	if code != exitNotJudged || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "make up") {
		t.Errorf("nothing was started: exit code %d:\n%s", code, stderr)
	}
	if n := placed.Load(); n > 0 {
		t.Errorf("%d orders were placed", n)
	}
}
