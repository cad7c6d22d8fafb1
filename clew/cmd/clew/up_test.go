package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
	"example.com/clew/services/messaging/messagingtest"
)

var (
	up     = []string{"up", "--detach"}
	down   = []string{"down"}
	status = []string{"status"}
)

func TestUpAndDown(t *testing.T) {
	c := newClew(t)
	r := c.want(0, up, "Clew is ready", " order ", " down ")
	s, pids := c.state(), c.pids()
	for _, address := range urls(s) {
		if u, err := url.Parse(address); err != nil || !strings.Contains(r.stdout, u.Host) { // Redis's without the password
			t.Errorf("up does not print %s:\n%s", address, r.stdout)
		}
		if !listens(address) {
			t.Errorf("up returned, and nothing listens on %s", address)
		}
	}
	for _, again := range [][]string{up, {"up"}} { // as `docker compose up` does
		if repeated := c.want(0, again, "Clew runs here already"); tail(repeated.stdout) != tail(r.stdout) {
			t.Errorf("%q prints\n%swant the addresses again:\n%s", again, repeated.stdout, r.stdout)
		}
	}
	c.want(1, []string{"up", "--inventory-replicas", "3"}, "the number of inventory's replicas is 1", "clew down")
	if !slices.Equal(c.pids(), pids) {
		t.Errorf("the processes are %v, want %v, as before", c.pids(), pids)
	}
	c.want(0, down, fmt.Sprintf("stopping Clew (pid %d)", pids[0]), "stopped")
	c.nothingIsLeft(s, pids...)
	c.want(3, status, "not running here (no "+c.dir+"/status.json)", "make up")
	c.want(0, down, "nothing to stop")

	c.want(0, up)
	if again := c.state(); again.Redis.URL != s.Redis.URL || again.Token != s.Token {
		t.Errorf("the second start has %s and another token, want Redis to stay on %s", again.Redis.URL, s.Redis.URL)
	}
}

// Another user of the machine may connect to Redis, and see the command lines of processes.
func TestRedisIsForItsOwnerOnly(t *testing.T) {
	c := newClew(t)
	printed := c.want(0, up).stdout
	u, err := url.Parse(c.state().Redis.URL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "XLEN orders:{0}\r\n")
	if answer := bufio.NewScanner(conn); !answer.Scan() || !strings.HasPrefix(answer.Text(), "-NOAUTH") {
		t.Errorf("without a password Redis answered %q", answer.Text())
	}
	for _, command := range [][]string{status, {"logs"}} {
		printed += c.want(0, command).stdout
	}
	for _, pid := range c.pids() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			t.Fatal(err)
		}
		printed += string(line)
	}
	if password == "" || strings.Contains(printed, password) {
		t.Errorf("the password %q is for everybody to see:\n%s", password, printed)
	}
	for _, file := range []string{"password", "redis.conf"} {
		if info, err := os.Stat(filepath.Join(c.dir, "redis", file)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, error %v, want a file for its owner only", file, info, err)
		}
	}
}

// A Redis of somebody else's is used as it is.
func TestUpUsesTheRedisOfTheEnvironment(t *testing.T) {
	there := messagingtest.Redis(t)
	if err := messagingtest.Client(t, there).MSet(t.Context(), "orders:partitions", 4, "stock:partitions", 4).Err(); err != nil {
		t.Fatal(err)
	}
	newClew(t, "REDIS_URL="+there).want(1, up, "CLEW_PARTITIONS is 1, expected 4")
	newClew(t, "REDIS_URL=redis://127.0.0.1:1").want(1, up, "use the Redis of the environment: ", "connection refused")
	c := newClew(t, "REDIS_URL="+there, "CLEW_PARTITIONS=4")
	c.want(0, up, there)
	c.want(0, up, "Clew runs here already")
	if processes := c.state().Processes; len(processes) != 2 {
		t.Errorf("the processes are %+v, want the services only", processes)
	}
}

// tail is what is printed after the headline.
func tail(printed string) string {
	_, addresses, _ := strings.Cut(printed, ".\n\n")
	return addresses
}

func TestServicesStopBeforeRedis(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	c.want(0, down)
	log, err := os.ReadFile(filepath.Join(c.dir, "logs", "clew.log"))
	if err != nil {
		t.Fatal(err)
	}
	services, redis := strings.Index(string(log), "stopping inventory-1"), strings.Index(string(log), "stopping redis")
	if services < 0 || redis < services {
		t.Errorf("want the services stopped before Redis:\n%s", log)
	}
	c.want(0, []string{"logs", "order"}, "asked to stop with terminated")
}

func TestWhatAServiceIsTold(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	s := c.state()
	for _, service := range []struct{ name, address string }{{"order", s.Addresses.Order}, {"inventory", s.Addresses.Inventory}} {
		p := c.process(service.name+"-1", func(state.Process) bool { return true })
		told := environment(t, p.Admin)
		for _, want := range []string{
			strings.ToUpper(service.name) + "_ADDR=" + strings.TrimPrefix(service.address, "http://"),
			"ADMIN_ADDR=" + strings.TrimPrefix(p.Admin, "http://"),
			"REDIS_URL=" + s.Redis.URL,
			"DATABASE_URL=sqlite://" + c.dir + "/" + service.name + ".db",
			"CLEW_TOKEN=" + s.Token,
			"CLEW_INSTANCE=" + p.Name,
			"CLEW_TEST_MODE=on",
			"CLEW_CLAIM_AFTER=3s",
			"CLEW_HEARTBEAT=1s",
			"OTEL_EXPORTER_OTLP_ENDPOINT=" + s.Addresses.OTLPHTTP,
		} {
			if !slices.Contains(told, want) {
				t.Errorf("%s is not told %s", service.name, want)
			}
		}
	}
}

func TestTheUsersVariablesWin(t *testing.T) {
	mine := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "CLEW_TEST_MODE=off", "CLEW_CLAIM_AFTER=9s", "CLEW_HEARTBEAT=2s"}
	c := newClew(t, mine...)
	c.want(0, up)
	told := environment(t, c.process("order-1", func(state.Process) bool { return true }).Admin)
	for _, want := range mine {
		if !slices.Contains(told, want) {
			t.Errorf("the service is not told %s", want)
		}
	}
}

func TestInventoryReplicas(t *testing.T) {
	c := newClew(t)
	c.want(0, []string{"up", "--detach", "--inventory-replicas", "3"}, "inventory-3 admin")
	told := map[string]bool{}
	for _, name := range []string{"inventory-1", "inventory-2", "inventory-3"} {
		p := c.process(name, func(p state.Process) bool { return p.State == state.Running })
		environment := environment(t, p.Admin)
		for _, want := range []string{"CLEW_INSTANCE=" + name, "DATABASE_URL=sqlite://" + c.dir + "/inventory.db"} {
			if !slices.Contains(environment, want) {
				t.Errorf("%s is not told %s", name, want)
			}
		}
		for _, variable := range environment {
			if strings.HasPrefix(variable, "INVENTORY_ADDR=") || strings.HasPrefix(variable, "ADMIN_ADDR=") {
				told[variable] = true
			}
		}
	}
	// The variable of the user's, with port 0, comes first in the environment and does not count.
	delete(told, "INVENTORY_ADDR=127.0.0.1:0")
	if len(told) != 6 || !told["INVENTORY_ADDR="+strings.TrimPrefix(c.state().Addresses.Inventory, "http://")] {
		t.Errorf("three replicas listen on %v, want two addresses each, and the first where it is said to be", told)
	}
	s, pids := c.state(), c.pids()
	c.want(0, down)
	c.nothingIsLeft(s, pids...)
	for _, n := range []string{"0", "17", "many"} {
		c.want(2, []string{"up", "--inventory-replicas", n}, "--inventory-replicas")
	}
}

func TestReset(t *testing.T) {
	c := newClew(t)
	c.want(0, []string{"reset"}, "nothing to delete")
	c.want(0, up)
	token := c.state().Token
	c.want(1, []string{"reset"}, fmt.Sprintf("while Clew is running here (pid %d)", c.owner()), "clew down")
	redis(t, c.state(), "SET kept yes", 1)
	c.want(0, down)
	foreign := filepath.Join(c.dir, "redis", "mine")
	for _, file := range []string{foreign, filepath.Join(c.dir, "order.db")} { // a stand-in makes none
		if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.want(0, []string{"reset"}, "deleted "+filepath.Join(c.dir, "order.db"), "appendonlydir", "metrics", "order-1.log", "token")
	var left []string
	err := filepath.WalkDir(c.dir, func(path string, _ fs.DirEntry, err error) error {
		left = append(left, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{c.dir, filepath.Join(c.dir, "lock"), filepath.Dir(foreign), foreign}; !slices.Equal(left, want) {
		t.Errorf("reset leaves %q, want %q", left, want)
	}
	c.want(0, []string{"reset"}, "nothing to delete")
	c.want(0, up)
	if got := redis(t, c.state(), "GET kept", 1)[0]; got != "$-1" || c.state().Token == token {
		t.Errorf("after a reset, Redis has %q, and the token is the same: %t", got, c.state().Token == token)
	}
}

func TestResetDeletesNothingElsewhere(t *testing.T) {
	c := newClew(t)
	c.want(0, []string{"reset"}, "nothing to delete")
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.dir, "token")
	if err := os.WriteFile(file, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.want(1, []string{"reset"}, c.dir, "not a folder that Clew made")
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestRedisKeepsWhatItIsGiven(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	for setting, want := range map[string]string{
		"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "bind": "127.0.0.1", "save": "",
	} {
		if got := redis(t, c.state(), "CONFIG GET "+setting, 5)[4]; got != want {
			t.Errorf("Redis has %s = %q, want %q", setting, got, want)
		}
	}
	redis(t, c.state(), "SET kept yes", 1)
	c.want(0, down)
	c.want(0, up)
	if got := redis(t, c.state(), "GET kept", 2)[1]; got != "yes" {
		t.Errorf("after down and up, Redis has %q, want what was written", got)
	}
}

func TestTheViewerRefusesOtherHosts(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	for host, want := range map[string]int{"": http.StatusOK, "evil.example": http.StatusMisdirectedRequest} {
		request, err := http.NewRequest(http.MethodGet, c.state().Addresses.Viewer+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host, request.Close = host, true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("the viewer answers the host %q with %d, want %d", host, response.StatusCode, want)
		}
	}
}

func TestAKilledProcessIsStartedAgain(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	address := c.state().Redis.URL
	for _, p := range c.state().Processes {
		if err := syscall.Kill(*p.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		c.process(p.Name, func(p state.Process) bool { return p.State == state.Running && p.Restarts == 1 })
	}
	if got := c.state().Redis.URL; got != address {
		t.Errorf("Redis moved to %s", got)
	}
	c.want(0, []string{"logs", "clew"}, "inventory-1 exited (signal: killed), restarting in 0.1s")
}

func TestAKilledSupervisorTakesEverythingAlong(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	s, pids := c.state(), c.pids()
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// At once, while the children may still be dying.
	c.want(0, up)
	processtest.Gone(t, pids...)
	if c.state().Redis.URL != s.Redis.URL {
		t.Error("Redis moved, want it to wait for its port")
	}

	s, pids = c.state(), c.pids()
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	processtest.Gone(t, pids...)
	c.want(3, status, "is of one that was killed")
	c.want(0, down, "nothing to stop")
	c.nothingIsLeft(s, pids...)
}

// What runs without its folder, no command could stop.
func TestADeletedFolderStopsEverything(t *testing.T) {
	c := newClew(t)
	for _, replaced := range []bool{false, true} {
		cmd, lines := c.foreground("up")
		waitFor(t, lines, "Clew is ready")
		s, pids := c.state(), c.pids()
		if err := os.Rename(c.dir, filepath.Join(t.TempDir(), "gone")); err != nil {
			t.Fatal(err)
		}
		if replaced {
			if err := os.MkdirAll(c.dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(c.dir, "lock"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		waitFor(t, lines, "the folder "+c.dir+" was deleted or replaced")
		waitFor(t, lines, "stopping redis")
		if err := cmd.Wait(); err == nil {
			t.Error("up ends with success, want it said that something was wrong")
		}
		c.nothingIsLeft(s, pids...)
		if _, err := os.Stat(filepath.Join(c.dir, "status.json")); err == nil {
			t.Error("status.json is there, in a folder that is not this one's")
		}
	}
	c.want(0, up)
	c.want(0, status, "running")
}

func TestTakenPorts(t *testing.T) {
	var taken [2]string
	for i := range taken {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		taken[i] = ln.Addr().String()
	}
	c := newClew(t, "INVENTORY_ADMIN_ADDR="+taken[0], "OTLP_GRPC_ADDR="+taken[1])
	for _, command := range [][]string{up, {"up"}} {
		c.want(1, command, taken[0], "INVENTORY_ADMIN_ADDR", taken[1], "OTLP_GRPC_ADDR")
		c.nothingIsLeft(state.State{})
	}
}

func TestUpFailsWithTheReason(t *testing.T) {
	c := newClew(t, "STAND_IN=broken")
	for _, command := range [][]string{up, {"up"}} {
		c.want(1, command, "order-1 ended 3 times before it was ready", "exit status 1", "the database is not one")
		c.nothingIsLeft(state.State{})
		c.want(3, status)
	}
}

func TestWithoutRedisServer(t *testing.T) {
	c := newClew(t, "PATH="+t.TempDir())
	c.want(1, up, "redis-server is missing", "install")
	c.nothingIsLeft(state.State{})
}

func TestAnOldRedisServer(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64'\n"
	if err := os.WriteFile(filepath.Join(dir, "redis-server"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	c := newClew(t, "PATH="+dir)
	c.want(1, up, "too old", "7.0", "6.0.16")
}

// In a terminal, ctrl-C goes to every process of the foreground's group.
func TestCtrlC(t *testing.T) {
	c := newClew(t)
	cmd, lines := c.foreground("up")
	waitFor(t, lines, "Clew is ready")
	s, pids := c.state(), c.pids()
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	waitFor(t, lines, "stopping redis")
	if err := cmd.Wait(); err != nil {
		t.Errorf("up ends with %v, want success", err)
	}
	c.nothingIsLeft(s, pids...)
	c.want(0, []string{"logs", "order-1"}, "asked to stop with terminated")
}

func TestCtrlCBeforeEverythingIsReady(t *testing.T) {
	c := newClew(t, "STAND_IN=unready")
	cmd, lines := c.foreground(up...)
	waitFor(t, lines, "starting Clew")
	processtest.Eventually(t, "the services are started", func() error {
		s, err := state.Load(c.dir)
		return processtest.Unless(err == nil && len(s.Processes) == 3, "%+v, error %v", s.Processes, err)
	})
	s, supervisor := c.state(), c.owner()
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("up --detach succeeded, want a failure")
	}
	c.nothingIsLeft(s, supervisor)
}

// foreground starts a command as a shell in a terminal does.
func (c *clew) foreground(args ...string) (*exec.Cmd, *bufio.Scanner) {
	c.t.Helper()
	cmd := c.command(args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func waitFor(t *testing.T, lines *bufio.Scanner, part string) {
	t.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), part) {
			return
		}
	}
	t.Fatalf("the output ended without %q", part)
}

// urls is everything that listens.
func urls(s state.State) []string {
	all := []string{s.Addresses.Viewer, s.Addresses.OTLPGRPC, s.Addresses.OTLPHTTP, s.Redis.URL}
	for _, p := range s.Processes {
		all = append(all, p.Admin)
	}
	return slices.DeleteFunc(all, func(url string) bool { return url == "" })
}

func listens(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func environment(t *testing.T, admin string) []string {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, admin+"/environment", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var told []string
	if err := json.NewDecoder(response.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	return told
}

// redis sends one command and returns the lines of the answer.
func redis(t *testing.T, s state.State, command string, lines int) []string {
	t.Helper()
	u, err := url.Parse(s.Redis.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	password, _ := u.User.Password()
	fmt.Fprintf(conn, "AUTH %s\r\n%s\r\n", password, command)
	answer := bufio.NewScanner(conn)
	if !answer.Scan() || answer.Text() != "+OK" {
		t.Fatalf("Redis answered %q to its password", answer.Text())
	}
	var all []string
	for len(all) < lines && answer.Scan() {
		all = append(all, answer.Text())
	}
	if len(all) < lines {
		t.Fatalf("%s: Redis answered %q", command, all)
	}
	return all
}
