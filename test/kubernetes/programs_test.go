//go:build kubernetes

package kubernetes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"example.com/clew/test/internal/standin"
)

const repository = "../.."

// buildPrograms compiles what the cluster runs outside of pods. What is there already costs a look.
func buildPrograms(cache string) error {
	const kubernetes = "k8s.io/kubernetes"
	list := exec.Command("go", "list", "-m", "-f", "{{.Version}}", kubernetes)
	list.Dir, list.Env = "tools", append(os.Environ(), "GOWORK=off")
	version, err := list.Output()
	if err != nil {
		return fmt.Errorf("read the version of Kubernetes: %w", err)
	}
	for _, program := range []struct{ name, folder, path string }{
		{"etcd", "tools", "go.etcd.io/etcd/server/v3"},
		{"kube-apiserver", "tools", kubernetes + "/cmd/kube-apiserver"},
		{"kube-controller-manager", "tools", kubernetes + "/cmd/kube-controller-manager"},
		{"kube-scheduler", "tools", kubernetes + "/cmd/kube-scheduler"},
		{"kube-proxy", "tools", kubernetes + "/cmd/kube-proxy"},
		{"kubelet", "tools", kubernetes + "/cmd/kubelet"},
		{"kubectl", "tools", kubernetes + "/cmd/kubectl"},
		{"coredns", "dns", "."},
		{"keda-operator", "keda", "github.com/kedacore/keda/v2/cmd/operator"},
		{"keda-adapter", "keda", "github.com/kedacore/keda/v2/cmd/adapter"},
		{"clew", "", "example.com/clew/clew/cmd/clew"},
		{"loadtest", "", "example.com/clew/loadtest/cmd/loadtest"},
	} {
		fmt.Println("Compiling", program.name)
		// One package at a time, because some need more than 2 GiB.
		build := exec.Command("go", "build", "-p", "1", "-trimpath",
			"-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion="+strings.TrimSpace(string(version)),
			"-o", filepath.Join(cache, "bin", program.name), program.path)
		build.Dir, build.Env = program.folder, append(os.Environ(), "CGO_ENABLED=0")
		if program.folder != "" {
			build.Env = append(build.Env, "GOWORK=off")
		}
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("compile %s: %w\n%s", program.name, err, out)
		}
	}
	return nil
}

// images are those of pods: ours, and what images_test.yaml has instead of the others.
var images = []string{
	"clew-order:dev", "clew-inventory:dev", "clew-clew:dev", "clew-loadtest:dev",
	"clew-standin/pause:12", "clew-standin/redis:7.0", "clew-standin/postgres:15", "clew-standin/collector:0.159.0",
	"clew-standin/prometheus:3.15.0", "clew-standin/viewer:12",
}

// saveImages makes the images with a Docker engine, which is not needed after that.
func saveImages(cache string) error {
	env, stop, err := standin.Start()
	if err != nil {
		return err
	}
	defer stop()
	state, err := os.MkdirTemp("", "clew-kube")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(state) }()
	env = append(env, "CLEW_DIR="+state, "COMPOSE_FILE=docker-compose.yml:test/containers/override.yml")
	for _, args := range [][]string{
		{"deploy/compose.sh", "images"},
		append([]string{"docker", "save", "--output", filepath.Join(cache, "images.tar")}, images...),
	} {
		command := exec.Command(args[0], args[1:]...)
		command.Dir, command.Env = repository, env
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}
