// Package repository_test tests what no program reads but people, make and Docker do: that documents point to what is there,
// docker-compose.yml, services/Dockerfile, and deploy/compose.sh, which `make up` runs.
package repository_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"example.com/clew/clew/state"
)

// docker-compose.yml, as Compose's own library reads it. What that does not check is checked here: that files exist, that
// ports differ, that a health check can run in its image.

const repository = "../.." // its root

// images are what the containers run: the pinned tag, the user, what the image has to check its health with, and the paths
// at which the container may write.
var images = map[string]struct {
	image, user string
	programs    []string
	writes      []string
}{
	"order":      {"clew-order:dev", "65532:65532", []string{"/app"}, nil},
	"inventory":  {"clew-inventory:dev", "65532:65532", []string{"/app"}, nil},
	"clew":       {"clew-clew:dev", "65532:65532", nil, nil},
	"loadtest":   {"clew-loadtest:dev", "65532:65532", nil, nil},
	"redis":      {"redis:8.6-alpine", "999:1000", []string{"redis-cli", "grep"}, []string{"/data", "/run/redis"}},
	"postgres":   {"postgres:18.4", "999:999", []string{"pg_isready"}, []string{"/run/postgresql", "/tmp", "/var/lib/postgresql"}},
	"collector":  {"otel/opentelemetry-collector-contrib:0.159.0", "10001:10001", nil, nil}, // from scratch
	"tempo":      {"grafana/tempo:3.0.3", "10001:10001", nil, []string{"/var/tempo"}},       // distroless
	"prometheus": {"prom/prometheus:v3.14.0", "65534:65534", []string{"wget"}, []string{"/prometheus"}},
	"loki":       {"grafana/loki:3.7.6", "10001:10001", nil, []string{"/loki"}}, // distroless
	"grafana":    {"grafana/grafana:13.1.3", "472:0", []string{"wget"}, []string{"/tmp", "/var/lib/grafana", "/var/log/grafana"}},
}

// composeSecrets are who is told which of them.
var composeSecrets = map[string][]string{
	"CLEW_TOKEN":                  {"clew", "inventory", "loadtest", "order"},
	"REDIS_ORDER_PASSWORD":        {"order", "redis"},
	"REDIS_INVENTORY_PASSWORD":    {"inventory", "redis"},
	"REDIS_TOOLS_PASSWORD":        {"clew", "loadtest", "redis"},
	"REDIS_HEALTH_PASSWORD":       {"redis"},
	"POSTGRES_PASSWORD":           {"postgres"},
	"POSTGRES_ORDER_PASSWORD":     {"order", "postgres"},
	"POSTGRES_INVENTORY_PASSWORD": {"inventory", "postgres"},
	"GRAFANA_ADMIN_PASSWORD":      {"grafana"},
}

// composePorts are the variables, and the service, the published and the container's port that each one moves.
var composePorts = map[string]struct{ service, published, target string }{
	"ORDER_PORT":      {"order", "8080", "8080"},
	"INVENTORY_PORT":  {"inventory", "8081-8084", "8081"},
	"GRAFANA_PORT":    {"grafana", "3000", "3000"},
	"OTLP_GRPC_PORT":  {"collector", "4317", "4317"},
	"OTLP_HTTP_PORT":  {"collector", "4318", "4318"},
	"REDIS_PORT":      {"redis", "6379", "6379"},
	"TEMPO_PORT":      {"tempo", "3200", "3200"},
	"PROMETHEUS_PORT": {"prometheus", "9091", "9090"},
}

// loadCompose reads the file with an environment of only these variables and, unless they say otherwise, the secrets.
func loadCompose(t *testing.T, variables map[string]string, profiles ...string) (*types.Project, error) {
	t.Helper()
	env := map[string]string{}
	for secret := range composeSecrets {
		env[secret] = "value-of-" + secret
	}
	maps.Copy(env, variables)
	var list []string
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(repository, "docker-compose.yml")},
		cli.WithEnv(list), cli.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

func compose(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	project, err := loadCompose(t, nil, profiles...)
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeStartsTheServicesOfEachProfile(t *testing.T) {
	tools := []string{"clew", "loadtest"}
	all := slices.Sorted(maps.Keys(images))
	without := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(tools, s) })
	for profile, want := range map[string][]string{"": without, "tools": all, "*": all} {
		if diff := cmp.Diff(want, compose(t, profile).ServiceNames()); diff != "" {
			t.Errorf("profile %q (-want +got):\n%s", profile, diff)
		}
	}
}

func TestComposeHasNoDefaultForASecret(t *testing.T) {
	for secret := range composeSecrets {
		_, err := loadCompose(t, map[string]string{secret: ""}, "*")
		if err == nil {
			t.Fatalf("without %s it starts", secret)
		}
		for line := range strings.Lines(err.Error()) { // for each place
			if !strings.Contains(line, secret+" is missing a value: run make up, which writes .env") {
				t.Errorf("without %s: %s", secret, line)
			}
		}
	}
}

func TestComposeTellsASecretToNobodyElse(t *testing.T) {
	got := map[string][]string{}
	for _, s := range compose(t, "*").Services {
		seen := []any{s.Command, s.Entrypoint, s.HealthCheck, s.Labels, s.Build} // docker inspect, and ps, show these
		for secret := range composeSecrets {
			value := regexp.MustCompile(`\bvalue-of-` + secret + `\b`)
			if text, _ := json.Marshal(seen); value.Match(text) {
				t.Errorf("%s has %s in its command line", s.Name, secret)
			}
			for _, told := range s.Environment {
				if value.MatchString(*told) && !slices.Contains(got[secret], s.Name) {
					got[secret] = append(got[secret], s.Name)
				}
			}
			slices.Sort(got[secret])
		}
	}
	if diff := cmp.Diff(composeSecrets, got); diff != "" {
		t.Errorf("who is told (-want +got):\n%s", diff)
	}
}

func TestComposePinsImagesAndUsers(t *testing.T) {
	for _, s := range compose(t, "*").Services {
		if want := images[s.Name]; s.Image != want.image || s.User != want.user {
			t.Errorf("%s is %s as user %s, want %s as %s", s.Name, s.Image, s.User, want.image, want.user)
		}
	}
}

func TestComposeBuildsOurImages(t *testing.T) {
	for _, s := range compose(t, "*").Services {
		if strings.HasPrefix(s.Image, "clew-") != (s.Build != nil) {
			t.Errorf("%s: the image is %s, and it is built: %t", s.Name, s.Image, s.Build != nil)
		}
		if s.Build == nil {
			continue
		}
		module, program := *s.Build.Args["MODULE"], *s.Build.Args["CMD"]
		for _, needed := range []string{s.Build.Dockerfile, module + "/go.mod", module + "/cmd/" + program + "/main.go"} {
			if _, err := os.Stat(filepath.Join(s.Build.Context, needed)); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
	}
}

// Each container is locked down, and what it may write is named.
func TestComposeLocksContainersDown(t *testing.T) {
	var memory types.UnitBytes
	for _, s := range compose(t, "*").Services {
		type lock struct {
			ReadOnly  bool
			CapDrop   []string
			Security  []string
			Restart   string
			Grace     time.Duration
			Container string
			Init      bool // a first process ignores its own SIGKILL
		}
		want := lock{true, []string{"ALL"}, []string{"no-new-privileges:true"}, "unless-stopped", 30 * time.Second, "", true}
		if slices.Contains(s.Profiles, "tools") {
			want.Restart = "no"
		}
		got := lock{s.ReadOnly, s.CapDrop, s.SecurityOpt, s.Restart, time.Duration(*s.StopGracePeriod), s.ContainerName, s.Init != nil && *s.Init}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.Name, diff)
		}
		if s.Privileged || s.NetworkMode != "" || s.Pid != "" || len(s.CapAdd) > 0 || len(s.Devices) > 0 {
			t.Errorf("%s has more rights than a container needs", s.Name)
		}
		var writes []string
		for _, v := range s.Volumes {
			if !v.ReadOnly {
				writes = append(writes, v.Target)
			}
		}
		for _, path := range s.Tmpfs {
			path, _, _ = strings.Cut(path, ":")
			writes = append(writes, path)
		}
		slices.Sort(writes)
		if diff := cmp.Diff(images[s.Name].writes, writes); diff != "" {
			t.Errorf("%s writes (-want +got):\n%s", s.Name, diff)
		}

		memory += s.MemLimit
		if limit := s.Environment["GOMEMLIMIT"]; limit != nil {
			mib, err := strconv.ParseInt(strings.TrimSuffix(*limit, "MiB"), 10, 64)
			if share := float64(mib<<20) / float64(s.MemLimit); err != nil || share < 0.7 || share > 0.9 {
				t.Errorf("%s: GOMEMLIMIT %s is %.2f of the limit, want some for what is not Go's heap", s.Name, *limit, share)
			}
		}
		if s.MemLimit == 0 {
			t.Errorf("%s has no memory limit", s.Name)
		}
	}
	// Under load they take 0.9 GiB together (docs/verification.md), of the 3 GiB that make up asks for.
	if memory > 3200<<20 {
		t.Errorf("all together may have %d MiB, want about 3 GiB at most", memory>>20)
	}
}

func TestComposeMountsWhatThereIs(t *testing.T) {
	project := compose(t, "*")
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, s := range project.Services {
		for _, v := range s.Volumes {
			switch v.Type {
			case types.VolumeTypeVolume:
				used[v.Source] = true
			case types.VolumeTypeBind:
				if _, err := os.Stat(v.Source); err != nil || !strings.HasPrefix(v.Source, root+"/") || !v.ReadOnly {
					t.Errorf("%s mounts %s (read-only: %t): %v", s.Name, v.Source, v.ReadOnly, err)
				}
			}
		}
		// What the command line names stands in a mount.
		for _, argument := range append(slices.Clone(s.Command), s.Entrypoint...) {
			if file := regexp.MustCompile("/etc/.*").FindString(argument); file != "" {
				mounted(t, s, file)
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(project.Volumes)), slices.Sorted(maps.Keys(used))); diff != "" {
		t.Errorf("volumes (-declared +used):\n%s", diff)
	}
	grafana := project.Services["grafana"]
	mounted(t, grafana, *grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
	mounted(t, grafana, "/usr/share/grafana/public/runbooks/")
	mounted(t, project.Services["redis"], "/etc/redis/redis.conf")
}

// mounted fails the test unless a file in a container comes from the repository.
func mounted(t *testing.T, s types.ServiceConfig, path string) {
	t.Helper()
	for _, v := range s.Volumes {
		if rest, found := strings.CutPrefix(path, v.Target+"/"); found && v.Type == types.VolumeTypeBind {
			if _, err := os.Stat(filepath.Join(v.Source, rest)); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
			return
		}
	}
	t.Errorf("%s: %s is not mounted", s.Name, path)
}

// Grafana reads dashboards from folders that are mounted into its container.
func TestGrafanaFindsEveryDashboard(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(repository, "grafana/provisioning/dashboards/clew.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Providers []struct {
			Name    string
			Options struct{ Path string }
		}
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"/etc/grafana/dashboards": "grafana/dashboards", "/etc/grafana/trace": "grafana/trace"}
	grafana := compose(t).Services["grafana"]
	for _, p := range file.Providers {
		files, err := filepath.Glob(filepath.Join(repository, want[p.Options.Path], "*.json"))
		if err != nil || len(files) == 0 {
			t.Errorf("provider %s reads %s, where no dashboards are", p.Name, p.Options.Path)
		}
		for _, file := range files {
			mounted(t, grafana, p.Options.Path+"/"+filepath.Base(file))
		}
		delete(want, p.Options.Path)
	}
	if len(want) > 0 {
		t.Errorf("nobody provides %v", want)
	}
}

func TestComposePublishesOnLoopbackOnly(t *testing.T) {
	taken := map[int]string{}
	published := map[string]bool{}
	for _, s := range compose(t, "*").Services {
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %q, want 127.0.0.1", s.Name, p.Published, p.HostIP)
			}
			published[fmt.Sprintf("%s %s>%d", s.Name, p.Published, p.Target)] = true
			first, last, _ := strings.Cut(p.Published, "-")
			from, _ := strconv.Atoi(first)
			to, _ := strconv.Atoi(last)
			for port := from; port <= max(from, to); port++ {
				if taken[port] != "" {
					t.Errorf("%s and %s both publish %d", s.Name, taken[port], port)
				}
				taken[port] = s.Name
			}
		}
	}
	want := map[string]bool{}
	for variable, port := range composePorts {
		want[fmt.Sprintf("%s %s>%s", port.service, port.published, port.target)] = true
		project, err := loadCompose(t, map[string]string{variable: "23456"}, "*")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(project.Services[port.service].Ports, func(p types.ServicePortConfig) bool {
			return p.Published == "23456" && fmt.Sprint(p.Target) == port.target && p.HostIP == "127.0.0.1"
		}) {
			t.Errorf("%s does not move port %s of %s", variable, port.published, port.service)
		}
	}
	if diff := cmp.Diff(want, published); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	// Three replicas: each needs a port of its own, and a name.
	inventory := compose(t).Services["inventory"]
	if !strings.Contains(inventory.Ports[0].Published, "-") || inventory.ContainerName != "" || inventory.Hostname != "" {
		t.Errorf("inventory cannot be scaled: %+v", inventory.Ports)
	}
}

func TestComposeWaitsForWhatCanBeWaitedFor(t *testing.T) {
	services := compose(t, "*").Services
	for _, s := range services {
		for name, dependency := range s.DependsOn {
			if checked := services[name].HealthCheck != nil; (dependency.Condition == types.ServiceConditionHealthy) != checked {
				t.Errorf("%s waits for %s with %s, which has a health check: %t", s.Name, name, dependency.Condition, checked)
			}
		}
		programs := images[s.Name].programs
		if (s.HealthCheck != nil) != (programs != nil) {
			t.Errorf("%s has a health check: %t, and programs to check with: %q", s.Name, s.HealthCheck != nil, programs)
		}
		if s.HealthCheck == nil {
			continue
		}
		test := s.HealthCheck.Test
		command := test[1:]
		if test[0] == "CMD-SHELL" { // NAME="value" program … | program …
			command = regexp.MustCompile(`(?:^|[|] )(?:\w+="[^"]*" )?(\S+)`).FindAllString(test[1], -1)
			for i, part := range command {
				command[i] = part[strings.LastIndexAny(part, " ")+1:]
			}
		} else {
			command = command[:1]
		}
		if diff := cmp.Diff(programs, []string(command)); diff != "" {
			t.Errorf("%s checks itself with (-image has +test wants):\n%s", s.Name, diff)
		}
		if s.HealthCheck.Interval == nil || s.HealthCheck.Timeout == nil || s.HealthCheck.StartPeriod == nil || s.HealthCheck.Retries == nil {
			t.Errorf("%s: the health check says not how often, how long and from when", s.Name)
		}
	}
}

// Whoever sets a variable finds it described; what nobody may leave out is a secret.
func TestComposeVariablesAreDocumented(t *testing.T) {
	file, err := os.ReadFile(filepath.Join(repository, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	documented := ""
	for _, name := range []string{"docs/configuration.md", "docs/full-stack.md"} {
		text, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		documented += string(text)
	}
	for _, match := range regexp.MustCompile(`\$?\$\{?(\w+)(:?[-?+])?`).FindAllStringSubmatch(string(file), -1) {
		name, form := match[1], match[2]
		_, secret := composeSecrets[name]
		switch {
		case strings.HasPrefix(match[0], "$$"): // the container's own
		case secret != (form == ":?"):
			t.Errorf("%s: a secret has no default, and nothing else ends the start", match[0])
		case form == "":
			t.Errorf("%s has no default, of which Compose warns at every command", name)
		case !secret && !strings.Contains(documented, "| `"+name+"` |"):
			t.Errorf("%s is not in the table of docs/configuration.md or that of docs/full-stack.md", name)
		}
	}
	for variable, port := range composePorts {
		if row := fmt.Sprintf("| `%s` | `%s` |", variable, port.published); !strings.Contains(documented, row) {
			t.Errorf("docs/full-stack.md has no row %s", row)
		}
	}
}

// The command clew in its container is told what runs.
func TestComposeTellsClewWhatRuns(t *testing.T) {
	services := compose(t, "*").Services
	t.Setenv("CLEW_STATUS", *services["clew"].Environment["CLEW_STATUS"])
	running, err := state.Load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if running.Mode != state.Compose || running.Partitions != 1 || running.Token != "value-of-CLEW_TOKEN" {
		t.Errorf("%+v", running)
	}
	addresses := []string{
		running.Redis.URL, running.Addresses.Order, running.Addresses.Inventory, running.Addresses.Traces, running.Addresses.OTLPGRPC, running.Addresses.OTLPHTTP,
	}
	for _, p := range running.Processes {
		addresses = append(addresses, p.Admin)
	}
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		s, found := services[u.Hostname()]
		published := slices.ContainsFunc(s.Ports, func(p types.ServicePortConfig) bool { return fmt.Sprint(p.Target) == u.Port() })
		admin := s.Environment["ADMIN_ADDR"] != nil && strings.HasSuffix(*s.Environment["ADMIN_ADDR"], ":"+u.Port())
		if !found || !published && !admin {
			t.Errorf("nothing listens on %s", u.Redacted())
		}
	}
	if running.Addresses.Viewer != "http://127.0.0.1:3000" { // a person's browser is not in the container
		t.Errorf("a trace's link leads to %s", running.Addresses.Viewer)
	}
	// Names of containers are no IP addresses: the services must be told to answer to them.
	if hosts := *services["order"].Environment["CLEW_ALLOWED_HOSTS"]; hosts != "order,inventory" {
		t.Errorf("the services answer to %s", hosts)
	}
}
