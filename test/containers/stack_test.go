//go:build containers

package containers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
)

const repository = "../.."

// A stack is the full stack of a copy of the repository, with ports and names of its own.
type stack struct {
	dir    string
	env    []string
	killed map[string]int // containers that a test killed, by service
}

func newStack(env []string, dir string) (*stack, error) {
	files := exec.Command("sh", "-c", `git ls-files -co --exclude-standard -z | xargs -0 -I{} sh -c 'test ! -e "{}" || echo "{}"' | tar -c -T - | tar -x -C "$1"`, "sh", dir)
	files.Dir = repository
	if out, err := files.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy the repository: %w\n%s", err, out)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the containers' users read it
		return nil, err
	}
	s := &stack{dir: dir, killed: map[string]int{}, env: append(env,
		"MODE=", "COMPOSE_PROJECT_NAME=clewtest", "COMPOSE_FILE=docker-compose.yml:test/containers/override.yml")}
	port := freePorts(11)
	for _, variable := range []string{
		"ORDER_PORT", "REDIS_PORT", "OTLP_GRPC_PORT", "OTLP_HTTP_PORT", "TEMPO_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT",
	} {
		s.env = append(s.env, fmt.Sprintf("%s=%d", variable, port))
		port++
	}
	s.env = append(s.env, fmt.Sprintf("INVENTORY_PORT=%d-%d", port, port+3))
	return s, nil
}

// freePorts returns the first of some ports in a row on which nothing listens. They are outside of those that the kernel gives
// away, so that nobody takes them meanwhile.
func freePorts(n int) int {
	for first := 20000; ; first += n {
		free := 0
		for ; free < n; free++ {
			listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+free))
			if err != nil {
				break
			}
			_ = listener.Close()
		}
		if free == n {
			return first
		}
	}
}

func (s *stack) remove() {
	_ = s.command(context.Background(), "docker", "compose", "--profile", "tools", "down", "--volumes", "--timeout", "2").Run()
}

// command is one in the stack's folder.
func (s *stack) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env = s.dir, s.env
	return command
}

// warning is what nothing of ours may say.
var warning = regexp.MustCompile(`(?i)\bwarn(ing)?\b|level=(warn|error)`)

// run runs a command, which must exit so, and returns all that it prints.
func (s *stack) run(t *testing.T, exit int, command []string) string {
	t.Helper()
	started := time.Now()
	run := s.command(t.Context(), command[0], command[1:]...)
	out, err := run.CombinedOutput()
	if ended := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	t.Logf("%s: %.1f s", strings.Join(command, " "), time.Since(started).Seconds())
	if got := run.ProcessState.ExitCode(); got != exit {
		t.Fatalf("%q exits with %d, want %d\n%s", command, got, exit, out)
	}
	return strings.ReplaceAll(string(out), "\u00a0", " ") // which groups digits
}

// want runs a command. It fails the test unless the command exits so and prints each part, and if a line is a warning about
// ourselves, or has an address and is longer than 80 columns.
func (s *stack) want(t *testing.T, exit int, command []string, parts ...string) string {
	t.Helper()
	said := s.run(t, exit, command)
	for _, part := range parts {
		if !strings.Contains(said, part) {
			t.Errorf("%q does not say %q:\n%s", command, part, said)
		}
	}
	for line := range strings.Lines(said) {
		line = strings.TrimRight(line, "\n")
		if columns := utf8.RuneCountInString(line); warning.MatchString(line) || strings.Contains(line, "http://") && columns > 80 {
			t.Errorf("%q says in %d columns: %s", command, columns, line)
		}
	}
	return said
}

func target(args ...string) []string {
	return append([]string{"make", "--no-print-directory"}, args...)
}

func clew(args ...string) []string { return append([]string{"deploy/compose.sh", "clew"}, args...) }

// compose runs a command of Compose, and returns what it prints on stdout.
func (s *stack) compose(t *testing.T, args ...string) string {
	t.Helper()
	return s.docker(t, append([]string{"compose"}, args...)...)
}

func (s *stack) docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.command(t.Context(), "docker", args...).Output()
	if err != nil {
		said := ""
		if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
			said = string(ended.Stderr)
		}
		t.Fatalf("docker %s: %v\n%s%s", strings.Join(args, " "), err, out, said)
	}
	return strings.TrimSpace(string(out))
}

// A container as docker inspect shows it.
type container struct {
	ID           string
	Name         string
	RestartCount int
	State        struct {
		Pid       int
		Running   bool
		StartedAt string
		Health    struct{ Status string }
	}
	Config struct{ Labels map[string]string }
}

func (c container) service() string { return c.Config.Labels["com.docker.compose.service"] }

// containers are all of the stack's, or those of some services.
func (s *stack) containers(t *testing.T, services ...string) (all []container) {
	t.Helper()
	ids := strings.Fields(s.compose(t, append([]string{"ps", "--all", "--quiet"}, services...)...))
	if len(ids) == 0 {
		return nil
	}
	if err := json.Unmarshal([]byte(s.docker(t, append([]string{"inspect"}, ids...)...)), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// healthy waits until every container runs and, if it has a check, is healthy.
func (s *stack) healthy(t *testing.T) {
	t.Helper()
	processtest.Eventually(t, "every container is healthy", func() error {
		for _, c := range s.containers(t) {
			if !c.State.Running || c.State.Health.Status != "" && c.State.Health.Status != "healthy" {
				return fmt.Errorf("%s is %+v", c.Name, c.State)
			}
		}
		return nil
	})
}

// kill ends the containers of services from outside, as nothing inside could, and waits until the engine has started them again.
func (s *stack) kill(t *testing.T, services ...string) {
	t.Helper()
	for _, c := range s.containers(t, services...) {
		s.killed[c.service()]++
		if err := syscall.Kill(c.State.Pid, syscall.SIGKILL); err != nil {
			t.Fatalf("kill %s: %v", c.Name, err)
		}
		processtest.Eventually(t, c.Name+" is started again", func() error {
			i := slices.IndexFunc(s.containers(t, c.service()), func(now container) bool { return now.ID == c.ID && now.RestartCount > c.RestartCount })
			return processtest.Unless(i >= 0, "it has not been")
		})
	}
	s.healthy(t)
}

// state is what status.json says.
func (s *stack) state(t *testing.T) state.State {
	t.Helper()
	running, err := state.Load(filepath.Join(s.dir, ".clew"))
	if err != nil {
		t.Fatal(err)
	}
	return running
}

func (s *stack) redis(t *testing.T) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(s.state(t).Redis.URL)
	if err != nil {
		t.Fatal(err)
	}
	options.DisableIdentity = true
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// sql asks a service's database for one value.
func (s *stack) sql(t *testing.T, database, query string) string {
	t.Helper()
	return s.compose(t, "exec", "-T", "postgres", "psql", "--no-psqlrc", "-h", "/run/postgresql", "-U", "postgres",
		"-d", database, "-At", "-c", query)
}
