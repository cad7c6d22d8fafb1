package manifests_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

// crds are the modules whose files define our custom resources, and the folder of these files.
var crds = map[string]struct{ module, file string }{
	"ScaledObject":   {"github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases/keda.sh_scaledobjects.yaml"},
	"PodMonitor":     {prometheusOperator, "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"},
	"PrometheusRule": {prometheusOperator, "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"},
}

const prometheusOperator = "github.com/prometheus-operator/prometheus-operator@v0.85.0"

// strictly decodes objects of Kubernetes itself. A field that it does not know, or that is there twice, is an error.
var strictly = sync.OnceValue(func() runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, policyv1.AddToScheme, autoscalingv2.AddToScheme, networkingv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
})

// decode returns an object of Kubernetes itself, or nil for a custom resource.
func decode(text []byte) (runtime.Object, error) {
	typed, _, err := strictly().Decode(text, nil, nil)
	if !runtime.IsNotRegisteredError(err) {
		return typed, err
	}
	var custom map[string]any
	if err := yaml.Unmarshal(text, &custom); err != nil {
		return nil, err
	}
	schema, err := crdSchema(fmt.Sprint(custom["kind"]), fmt.Sprint(custom["apiVersion"]))
	if err != nil {
		return nil, err
	}
	return nil, schema.Validate(custom)
}

var schemas sync.Map // by kind

// crdSchema returns the schema of a custom resource, in which a field that it does not describe is an error.
func crdSchema(kind, apiVersion string) (*jsonschema.Schema, error) {
	if known, ok := schemas.Load(kind); ok {
		return known.(*jsonschema.Schema), nil
	}
	source, ok := crds[kind]
	if !ok {
		return nil, fmt.Errorf("%s %s is neither of Kubernetes itself nor in the CRDs that this test knows", apiVersion, kind)
	}
	// It is downloaded once, and not built.
	out, err := exec.Command("go", "mod", "download", "-json", source.module).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("download %s: %w: %s%s", source.module, err, out, exit.Stderr)
	}
	var module struct{ Dir string }
	if err := errors.Join(err, json.Unmarshal(out, &module)); err != nil {
		return nil, fmt.Errorf("download %s: %w", source.module, err)
	}
	text, err := os.ReadFile(filepath.Join(module.Dir, source.file))
	if err != nil {
		return nil, err
	}
	var crd struct {
		Spec struct {
			Group    string
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema map[string]any }
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return nil, err
	}
	for _, version := range crd.Spec.Versions {
		if crd.Spec.Group+"/"+version.Name != apiVersion {
			continue
		}
		root := version.Schema.OpenAPIV3Schema
		closed(root)
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(kind, root); err != nil {
			return nil, err
		}
		schema, err := compiler.Compile(kind)
		schemas.Store(kind, schema)
		return schema, err
	}
	return nil, fmt.Errorf("%s has no version %s", source.file, apiVersion)
}

// closed makes a CRD's schema a JSON schema that refuses unknown fields.
func closed(schema map[string]any) {
	if schema["x-kubernetes-int-or-string"] == true {
		delete(schema, "type")
	}
	properties, isObject := schema["properties"].(map[string]any)
	if isObject && schema["x-kubernetes-preserve-unknown-fields"] != true {
		schema["additionalProperties"] = false
	}
	for _, property := range properties {
		closed(property.(map[string]any))
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, ok := schema[key].(map[string]any); ok {
			closed(inner)
		}
	}
}
