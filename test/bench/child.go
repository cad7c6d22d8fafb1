package main

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
)

// childTimeout ends a child that hangs.
const childTimeout = 2 * time.Minute

// A job is what a child is told to do, on its standard input.
type job struct {
	Role      string // a key of roles
	RedisURL  string
	Stream    string
	Group     string
	Messages  int
	Telemetry telemetryMode
	Databases databases     // of the bare loop of orders
	WarmUp    time.Duration // of it
	Duration  time.Duration // after that
	Profile   string        // file for a CPU profile, or ""
}

// roles are what a child can be. A server has no result: it runs until its input ends.
func roles() map[string]func(context.Context, job) (result, error) {
	return map[string]func(context.Context, job) (result, error){
		"floor_consume":   runFloorConsume,
		"consume":         runConsume,
		"floor_publish":   runFloorPublish,
		"publish":         runPublish,
		"generate":        runGenerator,
		"floor_open_loop": runFloorOpenLoop,
		"open_loop":       runOpenLoop,
		"floor_orders":    runBareLoop,
		"sink":            runSink,
		"noop":            runNoop,
	}
}

// childMain is the whole of a child process.
func childMain(ctx context.Context) int {
	err := func() error {
		var j job
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
		ctx, cancel := context.WithTimeout(ctx, childTimeout)
		defer cancel()
		r, err := roles()[j.Role](ctx, j)
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

// A child is this program again, at a job.
type child struct {
	command *exec.Cmd
	input   io.Closer
	output  *json.Decoder
	errors  strings.Builder
}

// start starts a child with these variables beside the few that all get.
// The end of ctx kills it.
func (b *bench) start(ctx context.Context, j job, environment ...string) (*child, error) {
	c := &child{command: exec.CommandContext(ctx, b.self, "child")}
	c.command.Env, c.command.Stderr = append(inherited(), environment...), &c.errors
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
		return nil, c.end(err)
	}
	return c, nil
}

// result blocks until the child has ended.
func (c *child) result() (result, error) {
	var r result
	err := c.output.Decode(&r)
	return r, c.end(err)
}

// end makes the child end, if it has not yet, and tells what it said.
func (c *child) end(err error) error {
	_ = c.input.Close()
	ended := c.command.Wait()
	if err == nil {
		return nil
	}
	return errors.Join(err, ended, errors.New(strings.TrimSpace(c.errors.String())))
}

// run runs a child to its end.
func (b *bench) run(ctx context.Context, j job, environment ...string) (result, error) {
	c, err := b.start(ctx, j, environment...)
	if err != nil {
		return result{}, err
	}
	return c.result()
}

// A server is a child that listens at a port, until it is stopped.
type server struct {
	*child
	url string
}

// listening is what a server says first.
type listening struct{ URL string }

func (b *bench) startServer(ctx context.Context, role string) (*server, error) {
	c, err := b.start(ctx, job{Role: role})
	if err != nil {
		return nil, err
	}
	var at listening
	if err := c.output.Decode(&at); err != nil {
		return nil, c.end(err)
	}
	return &server{c, at.URL}, nil
}

func (s *server) stop() { _ = s.end(nil) }

// listen listens at a free port, and tells the parent.
func listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return listener, json.NewEncoder(os.Stdout).Encode(listening{"http://" + listener.Addr().String()})
}

// inherited are the variables that every process gets: what else this shell has set must not change a result.
func inherited() []string {
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

// A meter measures time, allocations and, if asked to, where the time goes.
type meter struct {
	started time.Time
	mallocs uint64
	profile *os.File
}

func startMeter(profile string) (m meter, err error) {
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
	m.started = time.Now()
	return m, nil
}

// stop returns the rate and the allocations of so many messages.
func (m meter) stop(messages int) (perSecond, allocs float64) {
	elapsed := time.Since(m.started)
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
