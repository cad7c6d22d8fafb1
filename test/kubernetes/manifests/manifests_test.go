// Package manifests_test tests deploy/kubernetes without a cluster: each overlay is built as kubectl builds it, its objects are
// decoded strictly, and what they name is there. The parent folder runs them.
package manifests_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const repository = "../../.." // its root

// all is an overlay that is written here: the demo and its load test, with the autoscaler that is not KEDA's.
const all = "overlays/all"

// overlays are the folders that are built.
var overlays = []string{
	"base", "loadtest", "loadtest-shards", "overlays/demo", "overlays/production", "overlays/demo-keda", all,
}

// elsewhere are the Secrets that the folder itself does not have: whoever applies it makes them before.
var elsewhere = map[string][]string{
	"base":                {"order", "inventory"},
	"overlays/production": {"order", "inventory"},
	"loadtest":            {"tools"}, // overlays/demo has it
	"loadtest-shards":     {"tools"},
}

// An object is one of an overlay. typed is nil for a custom resource, whose type is only in its CRD.
type object struct {
	kind, name string
	yaml       []byte
	typed      runtime.Object
}

func (o object) String() string { return o.kind + " " + o.name }

// checkout copies what the overlays are built from, prepared as make kubernetes does.
func checkout(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, folder := range []string{"deploy", "grafana", "observability"} {
		if err := os.CopyFS(filepath.Join(root, folder), os.DirFS(filepath.Join(repository, folder))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(root, "deploy/kubernetes/overlays/demo/secrets")); err != nil { // those of this machine
		t.Fatal(err)
	}
	prepare(t, root)
	write(t, filepath.Join(root, "deploy/kubernetes/overlays/all/kustomization.yaml"),
		"namespace: clew\nresources: [../demo, ../../loadtest]\ncomponents: [../../components/hpa]\n")
	return root
}

// prepare runs the script of make kubernetes, and returns what it prints.
func prepare(t *testing.T, root string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(root, "deploy/kubernetes.sh")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// build returns an overlay's objects.
func build(root, overlay string) ([]object, error) {
	kustomizer := krusty.MakeKustomizer(krusty.MakeDefaultOptions())
	built, err := kustomizer.Run(filesys.MakeFsOnDisk(), filepath.Join(root, "deploy/kubernetes", overlay))
	if err != nil {
		return nil, err
	}
	var objects []object
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			return nil, err
		}
		objects = append(objects, object{kind: resource.GetKind(), name: resource.GetName(), yaml: text})
	}
	return objects, nil
}

// problems builds an overlay and returns what is wrong with it.
func problems(root, overlay string) []string {
	objects, err := build(root, overlay)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for i := range objects {
		o := &objects[i]
		if o.typed, err = decode(o.yaml); err != nil {
			found = append(found, fmt.Sprintf("%s: %v", o, err))
		}
	}
	if len(found) > 0 {
		return found
	}
	s := newSet(objects, elsewhere[overlay])
	found = append(s.referenceProblems(), s.securityProblems()...)
	if overlay == all {
		found = append(found, s.callProblems()...)
	}
	return found
}

func TestOverlaysAreRight(t *testing.T) {
	root := checkout(t)
	for _, overlay := range overlays {
		for _, problem := range problems(root, overlay) {
			t.Errorf("%s: %s", overlay, problem)
		}
	}
}

// What is refused, in the overlays that have a mistake.
func TestMistakesAreFound(t *testing.T) {
	root := checkout(t)
	const restricted = "components/restricted/kustomization.yaml"
	for _, mistake := range []struct{ file, old, new, overlay, want string }{
		{"base/order.yaml", "serviceAccountName: order", "serviceAcountName: order", "base", "serviceAcountName"},
		{"base/order.yaml", "serviceAccountName: order", "serviceAccountName: orders", "base", "there is no ServiceAccount orders"},
		{"base/order.yaml", "containerPort: 8080", "containerPort: http", "base", "cannot unmarshal"},
		{"base/order.yaml", "secretRef: {name: order}", "secretRef: {name: orders}", "base", "there is no Secret orders"},
		{"base/order.yaml", "selector: {app.kubernetes.io/name: order}", "selector: {app: order}", "base", "selects no pod"},
		{"base/order.yaml", "targetPort: api", "targetPort: http", "base", "no pod has the port http"},
		{"base/service.yaml", "path: /livez, port: admin", "path: /livez, port: health", "base", "asks the port health"},
		{"base/service.yaml", "maxUnavailable: 0", "maxUnavailable: 0, maxsurge: 1", "base", "maxsurge"},
		{"base/network.yaml", "ports: [{port: api}]", "ports: [{port: http}]", "base", "no pod has the port http"},
		{restricted, "runAsNonRoot, value: true", "runAsNonRoot, value: false", "base", "runAsNonRoot != true"},
		{restricted, "drop: [ALL]", "drop: [NET_RAW]", "overlays/demo", "unrestricted capabilities"},
		{restricted, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "loadtest", "can be written"},
		{restricted, "ServiceAccountToken, value: false", "ServiceAccountToken, value: true", "base", "token"},
		{"components/keda/inventory.yaml", "minReplicaCount", "minReplicas", "overlays/demo-keda", "minReplicas"},
		{"components/keda/inventory.yaml", `threshold: "2"`, `threshold: 2`, "overlays/demo-keda", "threshold"},
		{"components/keda/inventory.yaml", "currentReplicasIfHigher", "current", "overlays/demo-keda", "behavior"},
		{"components/keda/inventory.yaml", "Ref: {name: inventory}", "Ref: {name: stock}", "overlays/demo-keda", "no Deployment stock"},
		{"components/hpa/inventory.yaml", "maxReplicas: 6", "maxReplica: 6", all, "maxReplica"},
		{"components/prometheus-operator/pods.yaml", "jobLabel", "joblabel", "overlays/production", "joblabel"},
		{"components/prometheus-operator/rules.yaml", "- record:", "- recorded:", "overlays/production", "recorded"},
		{"overlays/demo/grafana.yaml", "key: trace.json", "key: traces.json", "overlays/demo", "has no traces.json"},
		{"overlays/demo/redis.yaml", "name: users, mountPath", "name: user, mountPath", "overlays/demo", "mounts user"},
		{"overlays/demo/redis.yaml", "[order, inventory, loadtest]", "[order, inventry, loadtest]", all, "calls redis:6379: a network policy"},
		{"overlays/demo/postgres.yaml", "kind: Service\nmetadata:\n  name: postgres", "kind: Service\nmetadata:\n  name: pg", all, "no such Service"},
		{"base/network.yaml", "port: 5432", "port: 5433", all, "calls postgres:5432: a network policy"},
		{"base/network.yaml", "app.kubernetes.io/name: prometheus", "app: prometheus", all, "calls order:9080: a network policy"},
		{"overlays/demo/kustomization.yaml", "  - ../../../redis\n", "", "overlays/demo", "there is no ConfigMap redis"},
	} {
		file := filepath.Join(root, "deploy/kubernetes", mistake.file)
		right := read(t, file)
		wrong := strings.Replace(right, mistake.old, mistake.new, 1)
		if wrong == right {
			t.Errorf("%s has no %s to be replaced", mistake.file, mistake.old)
		}
		write(t, file, wrong)
		if found := strings.Join(problems(root, mistake.overlay), "\n"); !strings.Contains(found, mistake.want) {
			t.Errorf("%s with %s: the problems are\n%s\nwant one with %q", mistake.file, mistake.new, found, mistake.want)
		}
		write(t, file, right)
	}
}
