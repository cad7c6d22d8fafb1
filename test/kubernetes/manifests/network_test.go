package manifests_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// addresses finds whom a configuration calls, as host:port.
var addresses = regexp.MustCompile(`\b(?:(?:http|redis|postgres)://(?:[^\s"'/@]+@)?|endpoint: )([a-z-]+:\d+)`)

// callProblems wants whatever the pods' configuration calls to be a Service, and network policies to let them.
func (s set) callProblems() (problems []string) {
	for _, w := range s.workloads {
		for _, address := range s.calls(w) {
			host, port, _ := strings.Cut(address, ":")
			if problem := s.callProblem(w, host, port); problem != "" {
				problems = append(problems, fmt.Sprintf("%s calls %s: %s", w, address, problem))
			}
		}
	}
	return problems
}

// calls returns the addresses in the ConfigMaps and Secrets of a pod.
func (s set) calls(w workload) (all []string) {
	var sources []string
	for _, from := range w.template.Spec.Containers[0].EnvFrom {
		if from.ConfigMapRef != nil {
			sources = append(sources, "ConfigMap "+from.ConfigMapRef.Name)
		} else {
			sources = append(sources, "Secret "+from.SecretRef.Name)
		}
	}
	for _, volume := range w.template.Spec.Volumes {
		if volume.ConfigMap != nil {
			sources = append(sources, "ConfigMap "+volume.ConfigMap.Name)
		}
	}
	var text strings.Builder
	for _, o := range s.objects {
		if !slices.Contains(sources, o.String()) {
			continue
		}
		switch typed := o.typed.(type) {
		case *corev1.ConfigMap:
			for _, value := range typed.Data {
				text.WriteString(value + "\n")
			}
			all = append(all, scraped(typed.Data["prometheus.yml"])...)
		case *corev1.Secret:
			for _, value := range typed.Data {
				text.WriteString(string(value) + "\n")
			}
		}
	}
	for _, found := range addresses.FindAllStringSubmatch(text.String(), -1) {
		all = append(all, found[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// scraped returns the targets of Prometheus's configuration.
func scraped(text string) (all []string) {
	var config struct {
		ScrapeConfigs []struct {
			DNSSDConfigs []struct {
				Names []string
				Port  int
			} `json:"dns_sd_configs"`
		} `json:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		panic(err) // test/watch reads it
	}
	for _, scrape := range config.ScrapeConfigs {
		for _, found := range scrape.DNSSDConfigs {
			all = append(all, found.Names[0]+":"+strconv.Itoa(found.Port))
		}
	}
	return all
}

func (s set) callProblem(from workload, host, port string) string {
	for _, o := range s.objects {
		service, ok := o.typed.(*corev1.Service)
		if !ok || o.name != host {
			continue
		}
		for _, p := range service.Spec.Ports {
			if strconv.Itoa(int(p.Port)) != port {
				continue
			}
			for _, to := range s.selected(&metav1.LabelSelector{MatchLabels: service.Spec.Selector}) {
				if !s.admits(from, to, p) {
					return "a network policy is against it"
				}
			}
			return ""
		}
	}
	return "there is no such Service"
}

// admits tells whether network policies let one pod call a port of the other: one of those that select the caller, and one of
// those that select the called. A pod that none selects is free.
func (s set) admits(from, to workload, port corev1.ServicePort) bool {
	var leaving, entering []bool
	for _, o := range s.objects {
		policy, ok := o.typed.(*networkingv1.NetworkPolicy)
		if !ok {
			continue
		}
		if matches(&policy.Spec.PodSelector, from.template.Labels) && slices.Contains(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) {
			leaving = append(leaving, slices.ContainsFunc(policy.Spec.Egress, func(rule networkingv1.NetworkPolicyEgressRule) bool {
				return names(rule.Ports, intstr.FromInt32(port.Port))
			}))
		}
		if matches(&policy.Spec.PodSelector, to.template.Labels) {
			entering = append(entering, slices.ContainsFunc(policy.Spec.Ingress, func(rule networkingv1.NetworkPolicyIngressRule) bool {
				return names(rule.Ports, port.TargetPort) && (len(rule.From) == 0 || slices.ContainsFunc(rule.From, from.isPeer))
			}))
		}
	}
	free := func(allowed []bool) bool { return len(allowed) == 0 || slices.Contains(allowed, true) }
	return free(leaving) && free(entering)
}

// names tells whether a rule is about a port; one without ports is about all.
func names(ports []networkingv1.NetworkPolicyPort, port intstr.IntOrString) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool { return *p.Port == port })
}

// isPeer tells whether a rule is about a pod of our own namespace.
func (w workload) isPeer(peer networkingv1.NetworkPolicyPeer) bool {
	if peer.NamespaceSelector != nil && len(peer.NamespaceSelector.MatchLabels) > 0 {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(peer.PodSelector)
	return err == nil && selector.Matches(labels.Set(w.template.Labels))
}
