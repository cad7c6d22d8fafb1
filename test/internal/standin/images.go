package standin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Folders, as seen from that of the tests.
const (
	repository = "../.."
	files      = "../containers"
)

// prepare makes the plugins, and the stand-ins that override.yml names. What is there already costs a look.
func (e *engine) prepare() error {
	fmt.Println("Making Compose and buildx, an image of Debian, and a folder of Go's modules")
	var first errgroup.Group // much of their time is the network's
	first.Go(e.buildPlugins)
	first.Go(e.debian)
	first.Go(e.modules)
	if err := errors.Join(first.Wait(), e.forget()); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		make func() error
	}{
		{"Go", e.golang},
		{"a process that only waits", e.target("pause", "pause:12")},
		{"Redis", e.target("redis", "redis:7.0")},
		{"Postgres", e.target("postgres", "postgres:15")},
		{"the base of our own", e.target("static", "static:12")},
		{"the collector", e.target("collector", "collector:0.159.0")},
		{"Prometheus", e.target("prometheus", "prometheus:3.15.0")},
		{"the viewer, for Tempo, Loki and Grafana", e.viewer},
	} {
		fmt.Println("Making an image of", step.what)
		if err := step.make(); err != nil {
			return err
		}
	}
	return nil
}

// debian makes an image of a Debian with the servers in it.
func (e *engine) debian() error {
	const image = "clew-standin/debian:12"
	if e.run("", "docker", "image", "inspect", image) == nil {
		return nil
	}
	root, err := os.MkdirTemp(e.cache, "debian")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(root) }()
	err = e.run("", "debootstrap", "--variant=minbase", "--include=redis-server,postgresql-15,wget,ca-certificates", "bookworm", root)
	if err != nil {
		return err
	}
	const pack = `tar -C "$1" -c --exclude=./var/cache/apt --exclude=./var/lib/apt/lists . | docker import - "$2"`
	return e.run("", "sh", "-c", pack, "sh", root, image)
}

// modules fills a folder as Go's module proxy has it with what the images are compiled from, for containers have no network
// here that reaches one.
func (e *engine) modules() error {
	outside, err := e.output("", "go", "env", "GOMODCACHE", "GOPROXY")
	if err != nil {
		return err
	}
	cache, proxy, _ := strings.Cut(outside, "\n")
	env := []string{"GOWORK=off", "GOMODCACHE=" + filepath.Join(e.cache, "modules"), "GOFLAGS=-modcacherw",
		"GOPROXY=file://" + filepath.Join(cache, "cache/download") + "," + proxy, "GONOSUMDB=*"}
	for _, module := range []string{"services/order", "services/inventory", "clew", "loadtest"} {
		if err := e.run(filepath.Join(repository, module), "env", append(env, "go", "mod", "download")...); err != nil {
			return err
		}
	}
	for _, packages := range [][]string{
		{"collector", "."},
		{"prometheus", "-tags=remove_all_sd,enable_dns_sd", "github.com/prometheus/prometheus/cmd/prometheus"},
	} {
		args := append(append(env, "go", "list", "-deps"), packages[1:]...)
		if err := e.run(filepath.Join(files, "images", packages[0]), "env", args...); err != nil {
			return err
		}
	}
	return nil
}

// golang makes the image that compiles, from the Go that runs this.
func (e *engine) golang() error {
	installed, err := e.output("", "go", "env", "GOVERSION", "GOROOT")
	if err != nil {
		return err
	}
	version, root, _ := strings.Cut(installed, "\n")
	for _, layer := range []struct{ image, dockerfile, dir string }{
		{"clew-standin/go:" + version, `
			FROM clew-standin/debian:12
			COPY . /usr/local/go
			ENV PATH=/usr/local/go/bin:$PATH GOPROXY=file:///proxy GOSUMDB=off GOTOOLCHAIN=local GOFLAGS=-buildvcs=false
			ENV CGO_ENABLED=0 GOWORK=off`, root},
		{"clew-standin/golang:1.26", "FROM clew-standin/go:" + version + "\nCOPY . /proxy",
			filepath.Join(e.cache, "modules/cache/download")},
	} {
		file := filepath.Join(e.cache, "Dockerfile")
		if err := os.WriteFile(file, []byte(layer.dockerfile), 0o600); err != nil {
			return err
		}
		if err := e.run("", "docker", "build", "--file", file, "--tag", layer.image, layer.dir); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) target(target, tag string) func() error {
	return func() error {
		return e.run(files+"/images", "docker", "build", "--target", target, "--tag", "clew-standin/"+tag, ".")
	}
}

// viewer compiles it outside: the module of the tests is in no image's context.
func (e *engine) viewer() error {
	dir, err := os.MkdirTemp(e.cache, "viewer")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	err = e.run("", "env", "CGO_ENABLED=0", "GOOS=linux", "go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir+"/", files+"/viewer")
	if err != nil {
		return err
	}
	return e.run(files+"/viewer", "docker", "build", "--file", "Dockerfile", "--tag", "clew-standin/viewer:12", dir)
}
