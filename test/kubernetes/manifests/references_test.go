package manifests_test

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// A set is the objects of one overlay, and which of them start pods.
type set struct {
	objects   []object
	elsewhere []string // Secrets
	workloads []workload
}

type workload struct {
	object
	template corev1.PodTemplateSpec
	selector *metav1.LabelSelector // nil for a Job
	claims   []string              // names of volumes
}

func newSet(objects []object, elsewhere []string) set {
	s := set{objects: objects, elsewhere: elsewhere}
	for _, o := range objects {
		switch typed := o.typed.(type) {
		case *appsv1.Deployment:
			s.workloads = append(s.workloads, workload{o, typed.Spec.Template, typed.Spec.Selector, nil})
		case *appsv1.StatefulSet:
			var claims []string
			for _, claim := range typed.Spec.VolumeClaimTemplates {
				claims = append(claims, claim.Name)
			}
			s.workloads = append(s.workloads, workload{o, typed.Spec.Template, typed.Spec.Selector, claims})
		case *batchv1.Job:
			s.workloads = append(s.workloads, workload{o, typed.Spec.Template, nil, nil})
		}
	}
	return s
}

// referenceProblems wants whatever an object names to be in the same overlay.
func (s set) referenceProblems() (problems []string) {
	say := func(o object, format string, args ...any) {
		problems = append(problems, o.String()+": "+fmt.Sprintf(format, args...))
	}
	need := func(o object, kind, name string) {
		if !s.has(kind, name) {
			say(o, "there is no %s %s", kind, name)
		}
	}
	for _, w := range s.workloads {
		s.podProblems(w, need, say)
	}
	for _, o := range s.objects {
		switch typed := o.typed.(type) {
		case *corev1.Service:
			pods := s.selected(&metav1.LabelSelector{MatchLabels: typed.Spec.Selector})
			if len(pods) == 0 {
				say(o, "selects no pod")
			}
			for _, port := range typed.Spec.Ports {
				if !listens(pods, port.TargetPort) {
					say(o, "no pod has the port %s", port.TargetPort.String())
				}
			}
		case *policyv1.PodDisruptionBudget:
			if len(s.selected(typed.Spec.Selector)) != 1 {
				say(o, "selects not one deployment")
			}
		case *networkingv1.NetworkPolicy:
			pods := s.selected(&typed.Spec.PodSelector)
			if len(pods) == 0 {
				say(o, "selects no pod")
			}
			for _, rule := range typed.Spec.Ingress {
				for _, port := range rule.Ports {
					if !listens(pods, *port.Port) {
						say(o, "no pod has the port %s", port.Port.String())
					}
				}
			}
		case *appsv1.StatefulSet:
			need(o, "Service", typed.Spec.ServiceName)
		case *autoscalingv2.HorizontalPodAutoscaler:
			need(o, typed.Spec.ScaleTargetRef.Kind, typed.Spec.ScaleTargetRef.Name)
		case nil:
			if o.kind == "ScaledObject" {
				need(o, "Deployment", scaledObject(o).Spec.ScaleTargetRef.Name)
			}
		}
	}
	return problems
}

func (s set) podProblems(w workload, need func(object, string, string), say func(object, string, ...any)) {
	pod := w.template.Spec
	if w.selector != nil && !matches(w.selector, w.template.Labels) {
		say(w.object, "does not select its own pods")
	}
	for _, spread := range pod.TopologySpreadConstraints {
		if !matches(spread.LabelSelector, w.template.Labels) {
			say(w.object, "does not spread its own pods")
		}
	}
	if pod.ServiceAccountName != "" {
		need(w.object, "ServiceAccount", pod.ServiceAccountName)
	}
	volumes := slices.Clone(w.claims)
	for _, volume := range pod.Volumes {
		volumes = append(volumes, volume.Name)
		if source := volume.ConfigMap; source != nil {
			need(w.object, "ConfigMap", source.Name)
			for _, item := range source.Items {
				if _, ok := s.configMap(source.Name)[item.Key]; !ok {
					say(w.object, "the ConfigMap %s has no %s", source.Name, item.Key)
				}
			}
		}
		if volume.Projected != nil {
			for _, source := range volume.Projected.Sources {
				need(w.object, "ConfigMap", source.ConfigMap.Name)
			}
		}
	}
	for _, container := range pod.Containers {
		for _, source := range container.EnvFrom {
			if source.ConfigMapRef != nil {
				need(w.object, "ConfigMap", source.ConfigMapRef.Name)
			} else {
				need(w.object, "Secret", source.SecretRef.Name)
			}
		}
		for _, mount := range container.VolumeMounts {
			if !slices.Contains(volumes, mount.Name) {
				say(w.object, "mounts %s, which is no volume", mount.Name)
			}
		}
		for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
			if probe != nil && probe.HTTPGet != nil && !listens([]workload{w}, probe.HTTPGet.Port) {
				say(w.object, "a probe asks the port %s, which it does not have", probe.HTTPGet.Port.String())
			}
		}
	}
}

func (s set) has(kind, name string) bool {
	return kind == "Secret" && slices.Contains(s.elsewhere, name) ||
		slices.ContainsFunc(s.objects, func(o object) bool { return o.kind == kind && o.name == name })
}

// configMap returns what a ConfigMap has, or nothing if it is not there.
func (s set) configMap(name string) map[string]string {
	for _, o := range s.objects {
		if typed, ok := o.typed.(*corev1.ConfigMap); ok && o.name == name {
			return typed.Data
		}
	}
	return nil
}

func (s set) selected(selector *metav1.LabelSelector) (pods []workload) {
	for _, w := range s.workloads {
		if matches(selector, w.template.Labels) {
			pods = append(pods, w)
		}
	}
	return pods
}

func matches(selector *metav1.LabelSelector, of map[string]string) bool {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && !parsed.Empty() && parsed.Matches(labels.Set(of))
}

// listens tells whether all these pods have a port of this name.
func listens(pods []workload, port intstr.IntOrString) bool {
	named := func(p corev1.ContainerPort) bool { return p.Name == port.StrVal }
	return !slices.ContainsFunc(pods, func(w workload) bool {
		return !slices.ContainsFunc(w.template.Spec.Containers[0].Ports, named)
	})
}

// scaled is what these tests read of a ScaledObject.
type scaled struct {
	Spec struct {
		ScaleTargetRef                   struct{ Name string }
		MinReplicaCount, MaxReplicaCount int32
		Triggers                         []struct {
			MetricType string
			Metadata   map[string]string
		}
		Advanced struct {
			HorizontalPodAutoscalerConfig struct {
				Behavior *autoscalingv2.HorizontalPodAutoscalerBehavior
			}
		}
	}
}

func scaledObject(o object) (s scaled) {
	if err := yaml.Unmarshal(o.yaml, &s); err != nil {
		panic(err) // its CRD has accepted it
	}
	return s
}
