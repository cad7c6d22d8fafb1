// Package child runs this program again, as a process of its own, for each thing that is measured or that measuring needs.
package child

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"example.com/clew/test/bench/internal/report"
)

// Argument is the one that makes this program a child.
const Argument = "child"

// Timeout ends a child that hangs.
const Timeout = 2 * time.Minute

// A Job is what a child is told to do, on its standard input.
type Job struct {
	Role              string // a key of roles
	RedisURL          string
	Stream            string
	Group             string
	Messages          int
	Partitions        int // of the stream; 0 means 1
	OneIn             int // so many published messages belongs to a sampled trace
	Workers, InFlight int // of a consumer; 0 means its defaults
	Telemetry         Telemetry
	Databases         Databases     // of the bare loop of orders
	Backlog           int           // that an operation of package growth meets
	WarmUp            time.Duration // of the bare loop of orders
	Duration          time.Duration // after that
	Profile           string        // file for a CPU profile, or ""
}

// Telemetry is what a measured process does beside its work.
type Telemetry int

// What telemetry a process has.
const (
	TelemetryOff Telemetry = iota
	MetricsOnly
	MetricsAndSpans // set up as in production, from the environment
)

// Databases are the URLs of the services' databases.
type Databases struct{ Order, Inventory string }

// Environment are the variables that tell the services.
func (d Databases) Environment() []string {
	return []string{"ORDER_DATABASE_URL=" + d.Order, "INVENTORY_DATABASE_URL=" + d.Inventory}
}

// Roles are what a child can be. A server has no result: it runs until its input ends.
type Roles map[string]func(context.Context, Job) (report.Result, error)

// Main is the whole of a child process.
func Main(ctx context.Context, roles Roles) int {
	err := func() error {
		var j Job
		input := bufio.NewReader(os.Stdin)
		line, err := input.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &j)
		}
		if err != nil {
			return fmt.Errorf("read the job: %w", err)
		}
		go func() { // no child outlives its parent
			_, _ = io.Copy(io.Discard, input)
			os.Exit(1)
		}()
		ctx, cancel := context.WithTimeout(ctx, Timeout)
		defer cancel()
		r, err := roles[j.Role](ctx, j)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(r)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A Process is this program again, at a job.
type Process struct {
	command *exec.Cmd
	input   io.Closer
	output  *json.Decoder
	errors  strings.Builder
}

// Start starts a child with these variables beside the few that all get.
// The end of ctx kills it.
func Start(ctx context.Context, j Job, environment ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	c := &Process{command: exec.CommandContext(ctx, self, Argument)}
	c.command.Env, c.command.Stderr = append(Inherited(), environment...), &c.errors
	input, err := c.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", j.Role, err)
	}
	c.input, c.output = input, json.NewDecoder(output)
	if err := json.NewEncoder(input).Encode(j); err != nil {
		return nil, c.End(err)
	}
	return c, nil
}

// Result blocks until the child has ended.
func (c *Process) Result() (report.Result, error) {
	var r report.Result
	err := c.output.Decode(&r)
	return r, c.End(err)
}

// End makes the child end, if it has not yet, and tells what it said.
func (c *Process) End(err error) error {
	_ = c.input.Close()
	ended := c.command.Wait()
	if err == nil {
		return nil
	}
	return errors.Join(err, ended, errors.New(strings.TrimSpace(c.errors.String())))
}

// Run runs a child to its end.
func Run(ctx context.Context, j Job, environment ...string) (report.Result, error) {
	c, err := Start(ctx, j, environment...)
	if err != nil {
		return report.Result{}, err
	}
	return c.Result()
}

// A Server is a child that listens at a port, until it is stopped.
type Server struct {
	*Process
	URL string
}

// listening is what a server says first.
type listening struct{ URL string }

// StartServer starts one, and returns when it listens.
func StartServer(ctx context.Context, role string) (*Server, error) {
	c, err := Start(ctx, Job{Role: role})
	if err != nil {
		return nil, err
	}
	var at listening
	if err := c.output.Decode(&at); err != nil {
		return nil, c.End(err)
	}
	return &Server{c, at.URL}, nil
}

// Stop ends it.
func (s *Server) Stop() { _ = s.End(nil) }

// Listen listens at a free port, and tells the parent.
func Listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return listener, json.NewEncoder(os.Stdout).Encode(listening{"http://" + listener.Addr().String()})
}

// Inherited are the variables that every process gets: what else this shell has set must not change a result.
func Inherited() []string {
	var kept []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch {
		case name == "PATH", name == "HOME", name == "TMPDIR", name == "USER", strings.HasPrefix(name, "GO"):
			kept = append(kept, variable)
		}
	}
	return kept
}

// A Meter measures time, allocations and, if asked to, where the time goes.
type Meter struct {
	Started time.Time
	mallocs uint64
	profile *os.File
}

// StartMeter starts one, with a CPU profile in this file unless it is "".
func StartMeter(profile string) (m Meter, err error) {
	if profile != "" {
		if m.profile, err = os.Create(profile); err == nil {
			err = pprof.StartCPUProfile(m.profile)
		}
		if err != nil {
			return m, fmt.Errorf("profile: %w", err)
		}
	}
	runtime.GC()
	m.mallocs = mallocs()
	m.Started = time.Now()
	return m, nil
}

// Stop returns the rate and the allocations of so many messages.
func (m Meter) Stop(messages int) (perSecond, allocs float64) {
	elapsed := time.Since(m.Started)
	allocated := mallocs() - m.mallocs
	if m.profile != nil {
		pprof.StopCPUProfile()
		_ = m.profile.Close()
	}
	return float64(messages) / elapsed.Seconds(), float64(allocated) / float64(messages)
}

func mallocs() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}
