package manifests_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql/parser"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"
)

// What is defined elsewhere in the repository is the same on Kubernetes.

var update = flag.Bool("update", false, "generate components/prometheus-operator/rules.yaml again")

// The file has the groups of Prometheus's own rules, two columns further right.
func TestTheOperatorsRulesAreThoseOfPrometheus(t *testing.T) {
	want := `# Generated from observability/prometheus/rules: go test ./test/kubernetes/manifests -update
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: clew
spec:
  groups:
`
	for _, name := range []string{"recording.yml", "alerts.yml"} {
		_, groups, found := strings.Cut(read(t, filepath.Join(repository, "observability/prometheus/rules", name)), "\ngroups:\n")
		if !found {
			t.Fatalf("%s has no groups", name)
		}
		want += regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(groups, "  $1")
	}
	file := filepath.Join(repository, "deploy/kubernetes/components/prometheus-operator/rules.yaml")
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil { //nolint:gosec // it is part of the repository
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, read(t, file)); diff != "" {
		t.Errorf("generate it again with -update (-want +got):\n%s", diff)
	}
}

// A kustomization lists files one by one: a new dashboard or runbook must not be forgotten.
func TestEachDashboardAndRunbookIsThere(t *testing.T) {
	root := checkout(t)
	for _, overlay := range []string{"overlays/demo", "overlays/production"} {
		s := decoded(t, root, overlay)
		var dashboards []string
		for _, file := range files(t, "grafana/dashboards/*.json") {
			name := "dashboard-" + strings.TrimSuffix(filepath.Base(file), ".json")
			dashboards = append(dashboards, name)
			if got := s.configMap(name)[filepath.Base(file)]; got != read(t, file) {
				t.Errorf("%s: the ConfigMap %s does not have %s", overlay, name, file)
			}
		}
		for _, file := range files(t, "observability/runbooks/*.md") {
			if got := s.configMap("runbooks")[filepath.Base(file)]; got != read(t, file) {
				t.Errorf("%s: the ConfigMap runbooks does not have %s", overlay, file)
			}
		}
		for _, w := range s.workloads {
			for _, volume := range w.template.Spec.Volumes {
				if volume.Projected == nil {
					continue
				}
				var shown []string
				for _, source := range volume.Projected.Sources {
					shown = append(shown, source.ConfigMap.Name)
				}
				if diff := cmp.Diff(dashboards, shown); diff != "" {
					t.Errorf("%s shows (-files +shown):\n%s", w, diff)
				}
			}
		}
	}
}

func TestTheDemoRunsWhatComposeRuns(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Image   string
			User    string
			Command []string
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(repository, "docker-compose.yml"))), &compose); err != nil {
		t.Fatal(err)
	}
	tools := []string{"clew", "loadtest"}
	root := checkout(t)
	for _, w := range append(decoded(t, root, "overlays/demo").workloads, decoded(t, root, "loadtest").workloads...) {
		want, container := compose.Services[w.name], w.template.Spec.Containers[0]
		if container.Image != want.Image {
			t.Errorf("%s runs %s, want %s", w, container.Image, want.Image)
		}
		user, _, _ := strings.Cut(want.User, ":")
		if id := w.template.Spec.SecurityContext.RunAsUser; want.User != "" && strconv.FormatInt(*id, 10) != user {
			t.Errorf("%s runs as the user %d, want %s", w, *id, user)
		}
		for _, argument := range want.Command {
			if !slices.Contains(container.Args, argument) && w.kind != "Job" {
				t.Errorf("%s lacks the argument %s", w, argument)
			}
		}
		delete(compose.Services, w.name)
	}
	for name := range compose.Services {
		if !slices.Contains(tools, name) {
			t.Errorf("%s does not run on Kubernetes", name)
		}
	}
}

// A service stops within 20 s. If it were killed before, others would take its messages over only after 15 s.
func TestServicesHaveTimeToStop(t *testing.T) {
	for _, w := range decoded(t, checkout(t), "base").workloads {
		if got := w.template.Spec.TerminationGracePeriodSeconds; got == nil || *got != 30 {
			t.Errorf("%s is killed after %v s, want 30", w, got)
		}
	}
}

// KEDA and the autoscaler without it do the same, by a series that is recorded.
func TestBothAutoscalersDoTheSame(t *testing.T) {
	root := checkout(t)
	var keda scaled
	var hpa *autoscalingv2.HorizontalPodAutoscaler
	for _, o := range decoded(t, root, "overlays/demo-keda").objects {
		if o.kind == "ScaledObject" {
			keda = scaledObject(o)
		}
	}
	for _, o := range decoded(t, root, all).objects {
		if typed, ok := o.typed.(*autoscalingv2.HorizontalPodAutoscaler); ok {
			hpa = typed
		}
	}
	if keda.Spec.MinReplicaCount != *hpa.Spec.MinReplicas || keda.Spec.MaxReplicaCount != hpa.Spec.MaxReplicas {
		t.Errorf("KEDA starts %d to %d replicas, the autoscaler %d to %d",
			keda.Spec.MinReplicaCount, keda.Spec.MaxReplicaCount, *hpa.Spec.MinReplicas, hpa.Spec.MaxReplicas)
	}
	if diff := cmp.Diff(keda.Spec.Advanced.HorizontalPodAutoscalerConfig.Behavior, hpa.Spec.Behavior); diff != "" {
		t.Errorf("behaviour (-KEDA +autoscaler):\n%s", diff)
	}
	trigger, metric := keda.Spec.Triggers[0], hpa.Spec.Metrics[0].External
	if trigger.MetricType != string(metric.Target.Type) || trigger.Metadata["threshold"] != metric.Target.Value.String() {
		t.Errorf("KEDA wants a %s of %s, the autoscaler a %s of %s", trigger.MetricType, trigger.Metadata["threshold"],
			metric.Target.Type, metric.Target.Value)
	}
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(trigger.Metadata["query"])
	if err != nil {
		t.Fatal(err)
	}
	asked := expr.(*parser.VectorSelector)
	for _, matcher := range asked.LabelMatchers {
		if want := metric.Metric.Selector.MatchLabels[matcher.Name]; matcher.Name != "__name__" && want != matcher.Value {
			t.Errorf("KEDA asks for %s, the autoscaler for %q", matcher, want)
		}
	}
	rules := read(t, filepath.Join(repository, "observability/prometheus/rules/recording.yml"))
	if asked.Name != metric.Metric.Name || !strings.Contains(rules, "record: "+asked.Name+"\n") {
		t.Errorf("KEDA asks for %s, the autoscaler for %s, want both the same recorded series", asked.Name, metric.Metric.Name)
	}
}

func TestMakeKubernetesWritesSecretsOnce(t *testing.T) {
	root := checkout(t) // runs it
	secrets := filepath.Join(root, "deploy/kubernetes/overlays/demo/secrets")
	before := map[string]string{}
	for _, file := range glob(t, filepath.Join(secrets, "*.env")) {
		before[file] = read(t, file)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s may be read by others: %v, %v", file, info.Mode(), err)
		}
	}
	said := prepare(t, root)
	for file, text := range before {
		if read(t, file) != text {
			t.Errorf("%s was written again: Postgres keeps the passwords that it was made with", file)
		}
	}
	for _, want := range []string{
		"kind load docker-image", "minikube image load", "kubectl apply -k deploy/kubernetes/overlays/demo\n", "Grafana",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	var status struct{ Redis struct{ URL string } }
	_, text, _ := strings.Cut(before[filepath.Join(secrets, "tools.env")], "=")
	if err := json.Unmarshal([]byte(text), &status); err != nil || status.Redis.URL == "" {
		t.Errorf("CLEW_STATUS is %s: %v", text, err)
	}
}

func TestADemoWithoutSecretsIsSaidInOneLine(t *testing.T) {
	root := checkout(t)
	if err := os.RemoveAll(filepath.Join(root, "deploy/kubernetes/overlays/demo/secrets")); err != nil {
		t.Fatal(err)
	}
	_, err := build(root, "overlays/demo")
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "secrets/order.env") {
		t.Errorf("the error is %v, want a line with secrets/order.env", err)
	}
}

// decoded returns an overlay that TestOverlaysAreRight finds right.
func decoded(t *testing.T, root, overlay string) set {
	t.Helper()
	objects, err := build(root, overlay)
	if err != nil {
		t.Fatal(err)
	}
	for i := range objects {
		if objects[i].typed, err = decode(objects[i].yaml); err != nil {
			t.Fatal(err)
		}
	}
	return newSet(objects, elsewhere[overlay])
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	return glob(t, filepath.Join(repository, pattern))
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: found %v, %v", pattern, found, err)
	}
	return found
}
