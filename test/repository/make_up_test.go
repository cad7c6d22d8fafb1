package repository_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/clew/state"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// deploy/compose.sh, with a program in Docker's place that writes down how it is called and answers as a test says.

const fakeDocker = `#!/bin/sh
printf '%s\n' "$*" >>"$FAKE/calls"
case "$*" in
"info "*) [ "$ENGINE" = hangs ] && exec sleep 60; [ "$ENGINE" = no ] && exit 1; echo "28.3.0 ${MEMORY:-4123456789}" ;;
"compose version"*) [ "$COMPOSE" = none ] && exit 1; echo "${COMPOSE:-2.40.1}" ;;
"volume inspect"*) [ -n "$VOLUME" ] ;;
"compose config --images") printf '%s\n' ${IMAGES:-clew-order:dev redis:8.6-alpine} ;;
"image inspect "*) [ "$3" = redis:8.6-alpine ] ;;
"ps "*) [ -z "$OWN_PORTS" ] || echo 0123456789ab ;;
"inspect "*) printf '%s ' $OWN_PORTS; echo ;;
"compose ps --quiet"*) [ -z "$RUNNING" ] || echo 0123456789ab ;;
"compose ps --all"*) printf '%s\n' "${CONTAINERS:-order running healthy}" ;;
"compose logs"*) echo "what the container said" ;;
*" pull "*) [ -z "$PULL" ] || { echo "$PULL"; exit 1; } ;;
*" build"*) [ -z "$BUILD" ] || { echo "$BUILD"; exit 1; } ;;
*" up "*) [ -z "$UP" ] || { echo "$UP"; exit 1; }; for n in 1 2 3; do echo " Container clew-order-1  Healthy "; done ;;
*/readyz) if [ "$(grep -cF "$*" "$FAKE/calls")" -gt "${DEGRADED:-0}" ]; then echo '{"status":"ok"}'; else echo '{"status":"degraded"}'; fi ;;
esac
`

// A machine is a folder with what the script needs of the repository, and a PATH of its own.
type machine struct {
	t   *testing.T
	dir string
	env []string
}

func newMachine(t *testing.T, env ...string) *machine {
	t.Helper()
	m := &machine{t: t, dir: t.TempDir()}
	for _, file := range []string{"deploy/compose.sh", "docker-compose.yml"} {
		text, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil {
			t.Fatal(err)
		}
		m.write(file, string(text))
	}
	for _, tool := range []string{
		"bash", "sh", "env", "awk", "cat", "chmod", "dirname", "find", "grep", "head", "mkdir", "mv", "od", "rm", "sed", "sleep", "sort", "tail", "tee", "touch", "tr",
	} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.MkdirAll(m.path("tools"), 0o755), os.Symlink(path, m.path("tools/"+tool))); err != nil {
			t.Fatal(err)
		}
	}
	m.write("tools/docker", fakeDocker)
	m.env = []string{"PATH=" + m.path("tools"), "FAKE=" + m.dir}
	for variable := range composePorts {
		m.env = append(m.env, fmt.Sprintf("%s=%d", variable, messagingtest.FreePort(t)))
	}
	m.env = append(m.env, env...)
	return m
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

func (m *machine) write(name, text string) {
	m.t.Helper()
	err := errors.Join(os.MkdirAll(filepath.Dir(m.path(name)), 0o755), os.WriteFile(m.path(name), []byte(text), 0o755))
	if err != nil {
		m.t.Fatal(err)
	}
}

// read returns a file's text, or nothing if there is none.
func (m *machine) read(name string) string {
	text, _ := os.ReadFile(m.path(name))
	return string(text)
}

// run runs the script and returns what it prints, and its exit code.
func (m *machine) run(env []string, args ...string) (stdout, stderr string, status int) {
	m.t.Helper()
	command := exec.Command(m.path("deploy/compose.sh"), args...)
	command.Dir, command.Env = "/", slices.Concat(m.env, env)
	var out, problems strings.Builder
	command.Stdout, command.Stderr = &out, &problems
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	return out.String(), problems.String(), command.ProcessState.ExitCode()
}

// want runs the script, and fails the test unless it exits so and prints that.
func (m *machine) want(status int, env, args []string, parts ...string) string {
	m.t.Helper()
	stdout, stderr, got := m.run(env, args...)
	if got != status {
		m.t.Fatalf("%q exits with %d, want %d\n%s%s", args, got, status, stdout, stderr)
	}
	for _, part := range parts {
		if !strings.Contains(stdout+stderr, part) {
			m.t.Errorf("%q does not say %q:\n%s%s", args, part, stdout, stderr)
		}
	}
	return stdout + stderr
}

// calls are how Docker was called.
func (m *machine) calls() []string { return strings.Split(strings.TrimSpace(m.read("calls")), "\n") }

func (m *machine) called(part string) bool {
	return slices.ContainsFunc(m.calls(), func(call string) bool { return strings.Contains(call, part) })
}

var makeUp, makeDown = []string{"up"}, []string{"down"}

func TestTheModeIsThatOfWhatThereIs(t *testing.T) {
	const standaloneRuns = "#!/bin/sh\nexit 0\n"
	for name, test := range map[string]struct {
		env        []string
		without    bool   // Docker
		recorded   string // in status.json
		clew       string // the program bin/clew
		want, says string
	}{
		"no Docker":                 {without: true, want: "standalone", says: "no Docker engine answers"},
		"no engine":                 {env: []string{"ENGINE=no"}, want: "standalone", says: "no Docker engine answers"},
		"an engine":                 {want: "compose", says: "a Docker engine answers"},
		"an engine that hangs":      {env: []string{"ENGINE=hangs"}, want: "standalone", says: "no Docker engine answers"},
		"MODE=standalone":           {env: []string{"MODE=standalone"}, want: "standalone", says: "MODE=standalone"},
		"MODE=compose":              {env: []string{"MODE=compose", "ENGINE=no"}, want: "compose", says: "MODE=compose"},
		"standalone runs":           {recorded: "standalone", clew: standaloneRuns, want: "standalone", says: "runs here already"},
		"standalone was killed":     {recorded: "standalone", clew: "#!/bin/sh\nexit 3\n", want: "compose", says: "a Docker engine answers"},
		"containers were begun":     {env: []string{"ENGINE=no"}, recorded: "compose", want: "compose", says: "started here"},
		"MODE=docker":               {env: []string{"MODE=docker"}, says: `MODE is "docker", expected compose or standalone`},
		"containers are in the way": {env: []string{"MODE=standalone"}, recorded: "compose", says: "make down"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, test.env...)
			if test.without {
				if err := os.Remove(m.path("tools/docker")); err != nil {
					t.Fatal(err)
				}
			}
			if test.recorded != "" {
				m.write(".clew/status.json", fmt.Sprintf("{\n  \"mode\": %q\n}\n", test.recorded))
			}
			if test.clew != "" {
				m.write("bin/clew", test.clew)
			}
			stdout, stderr, status := m.run(nil, "mode", "up")
			if strings.TrimSpace(stdout) != test.want || (status == 0) != (test.want != "") {
				t.Errorf("it prints %q and exits with %d, want %q", stdout, status, test.want)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.says) {
				t.Errorf("it says %q, want one line with %q", stderr, test.says)
			}
			if _, silent, _ := m.run(nil, "mode"); test.want != "" && silent != "" {
				t.Errorf("asked by another target it says %q, want nothing", silent)
			}
		})
	}
}

// What is wrong is said in one line, with what to do, before anything is written or started.
func TestNothingStartsOnAMachineThatIsNotFit(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() }) // after the parallel tests
	taken := ln.Addr().(*net.TCPAddr).Port
	for name, test := range map[string]struct {
		env  []string
		says []string
	}{
		"no engine":         {[]string{"ENGINE=no"}, []string{"No Docker engine answers: start Docker", "MODE=standalone"}},
		"no Compose":        {[]string{"COMPOSE=none"}, []string{"Docker has no Compose v2: install", "MODE=standalone"}},
		"an old Compose":    {[]string{"COMPOSE=v2.10.2"}, []string{"v2.10.2, expected 2.23 or newer"}},
		"an older Compose":  {[]string{"COMPOSE=1.29.2"}, []string{"1.29.2, expected 2.23 or newer"}},
		"too little memory": {[]string{"MEMORY=2147483648"}, []string{"2048 MiB of memory, expected 3 GiB: give it more"}},
		"a taken port":      {[]string{fmt.Sprintf("GRAFANA_PORT=%d", taken)}, []string{fmt.Sprintf("Port %d is taken", taken), "GRAFANA_PORT"}},
		"a taken range":     {[]string{fmt.Sprintf("INVENTORY_PORT=%d-%d", taken, taken)}, []string{"is taken", "INVENTORY_PORT"}},
		"no port":           {[]string{"ORDER_PORT=http"}, []string{`ORDER_PORT is "http", expected a port such as 8080`}},
		"a lost password":   {[]string{"VOLUME=yes"}, []string{"POSTGRES_ORDER_PASSWORD", "restore it", "make down VOLUMES=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, test.env...)
			said := m.want(1, nil, makeUp, test.says...)
			if strings.Count(said, "\n") != 1 {
				t.Errorf("it says\n%swant one line", said)
			}
			if m.called(" pull ") || m.called(" build") || m.called(" up ") || m.read(".env") != "" || m.read(".clew/status.json") != "" {
				t.Errorf("something was begun: %q", m.calls())
			}
		})
	}
}

func TestFilesThatContainersCannotReadAreNamed(t *testing.T) {
	m := newMachine(t)
	m.write("deploy/redis/start.sh", "#!/bin/sh\n")
	if err := os.Chmod(m.path("deploy/redis/start.sh"), 0o700); err != nil {
		t.Fatal(err)
	}
	m.want(1, nil, makeUp, "deploy/redis/start.sh is not readable", "chmod -R o+rX")
}

func TestTakenPortsAreAllNamed(t *testing.T) {
	m := newMachine(t, "ORDER_PORT=0x50", "REDIS_PORT=redis")
	m.want(1, nil, makeUp, "ORDER_PORT", "REDIS_PORT")
}

// A service whose Redis is away is healthy, and of little use to whoever has just started it.
func TestMakeUpWaitsUntilTheServicesReachRedis(t *testing.T) {
	m := newMachine(t, "DEGRADED=1")
	m.want(0, nil, makeUp, "Clew is ready")
	for _, service := range []string{"http://order:9080/readyz", "http://inventory:9081/readyz"} {
		asked := 0
		for _, call := range m.calls() {
			if strings.HasSuffix(call, service) {
				asked++
			}
		}
		if asked != 2 {
			t.Errorf("%s was asked %d times, want twice: it was degraded at first", service, asked)
		}
	}
}

func TestWhatFailsIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		env  []string
		says []string
	}{
		"it does not compile":        {[]string{"BUILD=app.go:1:1: syntax error"}, []string{"Docker Compose failed", "compose.log", "syntax error"}},
		"a port was taken meanwhile": {[]string{"UP=Bind for 127.0.0.1:8080 failed: port is already allocated"}, []string{"A port is taken", "8080"}},
		"it takes too long": {
			[]string{"UP=timeout waiting for containers", "CONTAINERS=order running starting"}, []string{"order is not ready (starting)"},
		},
		"a container is unhealthy": {
			[]string{"UP=container clew-order-1 is unhealthy", "CONTAINERS=redis running healthy\norder running unhealthy\nloki restarting"},
			[]string{"order is not ready (unhealthy)", "loki is not ready (restarting)", "  what the container said", "make logs"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, test.env...)
			m.want(1, nil, makeUp, test.says...)
			if m.read(".clew/status.json") != "" {
				t.Error("it is said to run")
			}
		})
	}
}

// What could not be fetched is named. Nobody who does not insist on containers is left without a Clew.
func TestWithoutImagesItGoesOnWithoutDocker(t *testing.T) {
	const noHost = `Error response from daemon: Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host`
	for name, test := range map[string]struct {
		env  []string
		says string
	}{
		"one image":   {[]string{"PULL=" + noHost, "IMAGES=clew-order:dev redis:8.6-alpine postgres:18.4"}, "Could not fetch postgres:18.4"},
		"more images": {[]string{"PULL=" + noHost, "IMAGES=clew-order:dev redis:8.6-alpine postgres:18.4 a/b:1 c/d:2"}, "Could not fetch a/b:1 and 2 more"},
		"what a build begins with": {
			[]string{`BUILD=failed to solve: failed to do request: Head "https://registry-1.docker.io/v2/library/golang/manifests/1.26-bookworm": i/o timeout`},
			"Could not fetch golang:1.26-bookworm",
		},
		"a base image elsewhere": {
			[]string{`BUILD=failed to solve: failed to do request: Head "https://registry.example/v2/base/static/manifests/12": connection refused`},
			"Could not fetch registry.example/base/static:12",
		},
		"what is compiled": {
			[]string{"BUILD=go: example.com/m@v1.0.0: dial tcp: lookup proxy.example: no such host"}, "Could not fetch what our images are built from",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, test.env...)
			m.write("tools/make", `#!/bin/sh
echo "make $*, MODE was ${MODE:-unset}"`)
			said := m.want(0, nil, makeUp, test.says+": going on without Docker. MODE=compose insists on it.\n", "make --no-print-directory up MODE=standalone, MODE was unset")
			if strings.Count(said, "Could not") != 1 || m.read(".clew/status.json") != "" {
				t.Errorf("it says:\n%s", said)
			}
			m.want(1, []string{"MODE=compose"}, makeUp, test.says+": check the engine's network and proxy")
			m.write(".clew/status.json", "{\n  \"mode\": \"compose\"\n}\n")
			m.want(1, nil, makeUp, test.says+": check the engine's network and proxy")
		})
	}
}

func TestMakeUpAndDown(t *testing.T) {
	m := newMachine(t, "OWN_PORTS=23456 23457 23458")
	said := m.want(0, nil, makeUp, "Clew is ready", "look here first", "http://127.0.0.1:23456 :23457 :23458", "make order")
	for line := range strings.Lines(said) {
		if len(line) > 80 {
			t.Errorf("longer than 80 columns: %s", line)
		}
	}
	if strings.Count(said, "  Container clew-order-1  Healthy\n") != 1 {
		t.Errorf("want each container named once:\n%s", said)
	}
	for _, variable := range m.env {
		if name, port, _ := strings.Cut(variable, "="); strings.HasSuffix(name, "_PORT") && name != "INVENTORY_PORT" && !strings.Contains(said, ":"+port) {
			t.Errorf("%s is not printed:\n%s", variable, said)
		}
	}
	want := []string{"pull --ignore-buildable --policy missing", "--profile tools build", "up --detach --wait"}
	for _, call := range m.calls() {
		if len(want) > 0 && strings.Contains(call, want[0]) {
			want = want[1:]
		}
	}
	if len(want) > 0 {
		t.Errorf("%q is missing among %q", want, m.calls())
	}
	for _, ready := range []string{"http://tempo:3200/ready", "http://loki:3100/ready", "http://collector:13133/"} {
		if !m.called(ready) {
			t.Errorf("nobody asked %s", ready)
		}
	}

	// Secrets, each another, which only the owner may read.
	env := m.read(".env")
	secrets := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^(\w+)=([0-9a-f]{48})$`).FindAllStringSubmatch(env, -1) {
		if _, known := composeSecrets[match[1]]; !known || secrets[match[2]] {
			t.Errorf("%s is no secret, or one of two", match[1])
		}
		secrets[match[2]] = true
	}
	if info, err := os.Stat(m.path(".env")); err != nil || info.Mode().Perm() != 0o600 || len(secrets) != len(composeSecrets) {
		t.Errorf(".env has %d secrets of %d, mode %v, %v", len(secrets), len(composeSecrets), info.Mode(), err)
	}
	for secret := range secrets {
		if strings.Contains(said, secret) || m.called(secret) {
			t.Error("a secret is printed, or in a command line")
		}
	}

	// What runs, for clew and for the next command.
	running, err := state.Load(m.path(".clew"))
	if err != nil {
		t.Fatal(err)
	}
	secret := func(name string) string {
		return regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindStringSubmatch(env)[1]
	}
	port := func(name string) string {
		i := slices.IndexFunc(m.env, func(v string) bool { return strings.HasPrefix(v, name+"_PORT=") })
		return strings.TrimPrefix(m.env[i], name+"_PORT=")
	}
	wanted := state.State{
		Mode: state.Compose, Partitions: 1, Token: secret("CLEW_TOKEN"),
		Redis: messaging.Redis{URL: "redis://tools:" + secret("REDIS_TOOLS_PASSWORD") + "@127.0.0.1:" + port("REDIS") + "/0"},
		Addresses: state.Addresses{
			Order: "http://127.0.0.1:" + port("ORDER"), Inventory: "http://127.0.0.1:23456",
			Viewer: "http://127.0.0.1:" + port("GRAFANA"), Traces: "http://127.0.0.1:" + port("TEMPO"),
			Metrics:  "http://127.0.0.1:" + port("PROMETHEUS"),
			OTLPGRPC: "http://127.0.0.1:" + port("OTLP_GRPC"), OTLPHTTP: "http://127.0.0.1:" + port("OTLP_HTTP"),
		},
		Processes: []state.Process{},
	}
	if diff := cmp.Diff(wanted, running); diff != "" {
		t.Errorf("status.json (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(m.path(".clew/status.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("status.json has the mode %v, %v", info.Mode(), err)
	}

	// Once more: nothing changes, and our own ports are not in the way.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	own := fmt.Sprint(ln.Addr().(*net.TCPAddr).Port)
	m.want(0, []string{"ORDER_PORT=" + own, "OWN_PORTS=" + own, "VOLUME=yes"}, makeUp, "Clew is ready")
	if m.read(".env") != env {
		t.Error("the secrets have changed")
	}

	m.want(0, nil, makeDown)
	if m.called("--volumes") || m.read(".clew/status.json") != "" {
		t.Errorf("the data is deleted, or Clew is said to run: %q", m.calls())
	}
	m.want(0, []string{"VOLUMES=1"}, makeDown)
	if !m.called("compose --profile tools down --remove-orphans --volumes") {
		t.Errorf("the data is not deleted: %q", m.calls())
	}
}

// What the user has put into .env stays, and counts.
func TestMakeUpKeepsWhatIsInEnv(t *testing.T) {
	order, grafana := messagingtest.FreePort(t), messagingtest.FreePort(t)
	m := newMachine(t, "ORDER_PORT=", "CLEW_PARTITIONS=4", fmt.Sprintf("GRAFANA_PORT=%d", grafana))
	mine := fmt.Sprintf("# mine\nORDER_PORT=%d\nGRAFANA_PORT=1\nCLEW_TOKEN=chosen", order) // no newline at the end
	m.write(".env", mine)
	m.want(0, nil, makeUp, fmt.Sprintf("http://127.0.0.1:%d", order), fmt.Sprintf("http://127.0.0.1:%d", grafana))
	if env := m.read(".env"); !strings.HasPrefix(env, mine+"\n") || strings.Count(env, "CLEW_TOKEN=") != 1 || strings.Count(env, "\n") != 3+len(composeSecrets) {
		t.Errorf(".env is\n%s", env)
	}
	running, err := state.Load(m.path(".clew"))
	if err != nil || running.Token != "chosen" || running.Partitions != 4 {
		t.Errorf("status.json has the token %q and %d partitions: %v", running.Token, running.Partitions, err)
	}
	if info, err := os.Stat(m.path(".env")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf(".env has the mode %v, %v", info.Mode(), err)
	}
}

func TestCommandsRunInContainers(t *testing.T) {
	m := newMachine(t)
	for _, args := range [][]string{{"clew", "order"}, {"status"}, {"logs"}} {
		m.want(3, nil, args, "Clew is not running here: start it with `make up`")
	}
	running := []string{"RUNNING=yes"}
	m.want(0, running, []string{"clew", "order", "--sku", "test-flaky"})
	if !m.called("run --rm --no-deps -T --name clew-tool-") || !m.called(" clew order --sku test-flaky") {
		t.Errorf("it was called so: %q", m.calls())
	}
	m.want(0, running, []string{"loadtest", "run", "--html", "report.html"})
	if !m.called(" --use-aliases --user ") || !m.called(" loadtest run --html report.html") {
		t.Errorf("it was called so: %q", m.calls())
	}
	m.want(0, running, []string{"logs", "inventory-2"})
	if !m.called("logs --tail 100 inventory") {
		t.Errorf("it was called so: %q", m.calls())
	}
	m.want(0, running, []string{"status"}, "order running healthy", "look here first")
	m.want(0, nil, []string{"images"})
	if !m.called("--profile tools build") {
		t.Errorf("it was called so: %q", m.calls())
	}
	m.want(1, nil, []string{"start"}, `"start" is none of mode, up, down`)
	if m.read(".env") != "" {
		t.Error("secrets were made by what needs none")
	}
}

// Both ways of running want the same ports.
func TestContainersDoNotStartBesideStandalone(t *testing.T) {
	m := newMachine(t, "MODE=compose")
	m.write(".clew/status.json", "{\n  \"mode\": \"standalone\"\n}\n")
	m.write("bin/clew", "#!/bin/sh\nexit 0\n")
	m.want(1, nil, makeUp, "make down MODE=standalone")
}
