// Package standin makes images for tests that run containers on machines that cannot fetch any: stand-ins for the images of the
// full stack, and the bases of ours. It does so with a Docker engine, and starts one of its own where none answers.
//
// It is for tests in folders beside test/containers, where its files are.
package standin

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Start makes sure that an engine answers and has the stand-ins. It returns the environment in which docker, Compose and make
// use it, and what stops it if it was started here. The first time takes 10 minutes.
func Start() (env []string, stop func(), err error) {
	e, err := newEngine()
	if err != nil {
		return nil, nil, err
	}
	stop, err = e.start()
	if err != nil {
		return nil, nil, err
	}
	if err := e.prepare(); err != nil {
		stop()
		return nil, nil, err
	}
	return e.env, stop, nil
}

// An engine is what docker and make talk to. What takes long to make stays in a folder of the user's cache for the next run:
// about 15 GB, which may be deleted at any time.
type engine struct {
	cache   string
	env     []string // of docker and make
	plugins string   // where those of our own engine's client belong; empty for another engine
}

func newEngine() (*engine, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	e := &engine{cache: filepath.Join(cache, "clew-containers"), env: append(os.Environ(), "DOCKER_BUILDKIT=1")}
	return e, os.MkdirAll(e.cache, 0o700)
}

// run runs a program; what it prints is in the error, if there is one.
func (e *engine) run(dir, name string, args ...string) error {
	_, err := e.output(dir, name, args...)
	return err
}

func (e *engine) output(dir, name string, args ...string) (string, error) {
	command := exec.Command(name, args...)
	command.Dir, command.Env = dir, e.env
	out, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// start makes sure that an engine answers, and returns what stops it if it was started here. Its socket, data and pid
// are its own, and it ends with this process, however that ends.
func (e *engine) start() (stop func(), err error) {
	if exec.Command("docker", "info").Run() == nil {
		fmt.Println("A Docker engine answers, and is used.")
		return func() {}, nil
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("no Docker engine answers, and only root can start one: start Docker, then try again")
	}
	fmt.Println("No Docker engine answers: starting one.")
	dir, err := os.MkdirTemp("", "clew-engine") // short, as a socket's path must be
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(e.cache, "engine.log"))
	if err != nil {
		return nil, err
	}
	socket := "unix://" + dir + "/docker.sock"
	// The shell ends the engine when its input closes, and that happens even if this process is killed.
	daemon := exec.Command("sh", "-c", `"$@" & read _; kill $!; wait`, "sh", "dockerd",
		"--host", socket, "--data-root", filepath.Join(e.cache, "engine"), "--exec-root", dir+"/exec", "--pidfile", e.cache+"/engine.pid")
	daemon.Stdout, daemon.Stderr = log, log
	input, err := daemon.StdinPipe()
	if err == nil {
		err = daemon.Start()
	}
	if err != nil {
		return nil, err
	}
	e.plugins = filepath.Join(e.cache, "docker")
	e.env = append(e.env, "DOCKER_HOST="+socket, "DOCKER_CONFIG="+e.plugins)
	stop = func() {
		_ = input.Close()
		_ = daemon.Wait()
		_ = os.RemoveAll(dir)
	}
	for deadline := time.Now().Add(time.Minute); e.run("", "docker", "info") != nil; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			stop()
			return nil, fmt.Errorf("the Docker engine does not answer: see %s", log.Name())
		}
	}
	return stop, e.clear()
}

// buildPlugins builds Compose and buildx, as docker/go.mod pins them, for our own engine's client.
func (e *engine) buildPlugins() error {
	if e.plugins == "" {
		return nil
	}
	for name, plugin := range map[string]struct{ module, program, version string }{
		"docker-compose": {"github.com/docker/compose/v2", "/cmd", "/internal.Version"},
		"docker-buildx":  {"github.com/docker/buildx", "/cmd/buildx", "/version.Version"},
	} {
		list := exec.Command("go", "list", "-m", "-f", "{{.Version}}", plugin.module)
		list.Dir, list.Env = files+"/docker", append(os.Environ(), "GOWORK=off")
		version, err := list.Output()
		if err != nil {
			return fmt.Errorf("read the version of %s: %w", plugin.module, err)
		}
		err = e.run(files+"/docker", "env", "GOWORK=off", "CGO_ENABLED=0", "go", "build", "-trimpath",
			"-ldflags", fmt.Sprintf("-s -w -X %s%s=%s", plugin.module, plugin.version, strings.TrimSpace(string(version))),
			"-o", filepath.Join(e.plugins, "cli-plugins", name), plugin.module+plugin.program)
		if err != nil {
			return err
		}
	}
	return nil
}

// clear removes from our own engine what a run that was killed has left.
func (e *engine) clear() error {
	return e.run("", "sh", "-c", `docker ps -aq | xargs -r docker rm -f -v && docker volume prune -f && docker network prune -f &&
		docker image prune -f`)
}

// forget removes from our own engine of what makes builds fast what nobody has used for a day. It needs buildx.
func (e *engine) forget() error {
	if e.plugins == "" {
		return nil
	}
	return e.run("", "docker", "builder", "prune", "-f", "--filter", "until=24h")
}
