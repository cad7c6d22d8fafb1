package standalone

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/clew/clew/internal/supervise"
	"example.com/clew/clew/state"
	"example.com/clew/observability/telemetry/httpserver"
)

// MaxReplicas is the most processes that share inventory's work.
const MaxReplicas = 16

// processes are the children of one Clew, and what the page may do to them. Its errors are problems for the page's reader.
type processes struct {
	config     Config
	clew       string // the path of this program
	known      state.State
	supervisor *supervise.Supervisor
	say        func(string)

	mu       sync.Mutex
	all      []*process // in the order of their start
	open     bool       // all are ready, and nobody has stopped them: the page may act
	removing sync.WaitGroup
}

type process struct {
	*supervise.Running
	further  bool // started from the page, which may remove it
	removing bool
}

// start starts a child.
func (p *processes) start(child supervise.Child) *supervise.Running {
	p.mu.Lock()
	defer p.mu.Unlock()
	running := p.supervisor.Start(child)
	p.all = append(p.all, &process{Running: running})
	return running
}

// ready lets the page act.
func (p *processes) ready() { p.mu.Lock(); defer p.mu.Unlock(); p.open = true }

// stop ends the services at the same time, and then Redis, which they need to finish. Nothing is started any more.
func (p *processes) stop() {
	p.mu.Lock()
	p.open = false
	var redis, services []*supervise.Running
	for _, child := range p.all {
		_ = child.Continue() // the others may need it to finish; most are not paused
		if child.Name() == "redis" {
			redis = append(redis, child.Running)
		} else {
			services = append(services, child.Running)
		}
	}
	p.mu.Unlock()
	stop(p.say, services...)
	p.removing.Wait()
	stop(p.say, redis...)
}

// addReplica starts one more replica of inventory, beside the first, which has brought their database up to date.
func (p *processes) addReplica() (name string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.mayAct(); err != nil {
		return "", err
	}
	n := 1
	for ; n <= MaxReplicas; n++ {
		if name = fmt.Sprintf("inventory-%d", n); p.find(name) == nil {
			break
		}
	}
	if n > MaxReplicas {
		return "", httpserver.Problemf(http.StatusConflict, "inventory has %d replicas, which is the most: remove one first", MaxReplicas)
	}
	at, err := freeReplica()
	if err != nil {
		return "", err
	}
	p.say("starting " + name + ", as asked")
	running := p.supervisor.Start(serviceChild(p.config, p.clew, "inventory", n, at, p.known))
	p.all = append(p.all, &process{Running: running, further: true})
	return name, nil
}

// removeReplica stops a replica that was started from the page. It does not wait until that is done.
func (p *processes) removeReplica(child *process) error {
	switch {
	case child.removing:
		return httpserver.Problemf(http.StatusConflict, "%s is being removed already", child.Name())
	case !child.further:
		return httpserver.Problemf(http.StatusConflict, "%s was started by `clew up`: only replicas that were started from the page are removed",
			child.Name())
	}
	child.removing = true
	p.removing.Go(func() {
		child.Remove()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all = slices.DeleteFunc(p.all, func(c *process) bool { return c == child })
	})
	return nil
}

// pauseFor pauses a child, and lets it go on after a while, unless somebody has done so before.
func (p *processes) pauseFor(name string, length time.Duration) error {
	err := p.act(name, "pause")
	if err == nil {
		time.AfterFunc(length, func() { _ = p.act(name, "continue") })
	}
	return err
}

// act does to a child what the page asks for.
func (p *processes) act(name, what string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.mayAct(); err != nil {
		return err
	}
	child := p.find(name)
	if child == nil {
		return httpserver.Problemf(http.StatusNotFound, "there is no process %.50q: expected one of %s", name, p.names())
	}
	acts := map[string]func() error{
		"pause": child.Pause, "continue": child.Continue, "kill": child.Kill,
		"remove": func() error { return p.removeReplica(child) },
	}
	if acts[what] == nil {
		return httpserver.Problemf(http.StatusNotFound, "nobody can %.50q a process: expected pause, continue, kill or remove", what)
	}
	if err := acts[what](); err != nil {
		return conflict(err)
	}
	p.say(what + " " + name + ", as asked")
	return nil
}

func (p *processes) mayAct() error {
	if !p.open {
		return httpserver.Problemf(http.StatusConflict, "Clew is starting or stopping: expected one of which all processes are ready")
	}
	return nil
}

func (p *processes) find(name string) *process {
	i := slices.IndexFunc(p.all, func(c *process) bool { return c.Name() == name })
	if i < 0 {
		return nil
	}
	return p.all[i]
}

func (p *processes) names() string {
	var all []string
	for _, child := range p.all {
		all = append(all, child.Name())
	}
	return strings.Join(all, ", ")
}
