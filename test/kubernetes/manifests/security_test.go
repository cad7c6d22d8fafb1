package manifests_test

import (
	"fmt"

	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// securityProblems wants pods that keep to Kubernetes' restricted standard, as its own admission controller checks it, and more.
func (s set) securityProblems() (problems []string) {
	checks, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return []string{err.Error()}
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, w := range s.workloads {
		say := func(format string, args ...any) {
			problems = append(problems, w.String()+": "+fmt.Sprintf(format, args...))
		}
		pod := w.template.Spec
		for _, result := range checks.EvaluatePod(restricted, &w.template.ObjectMeta, &pod) {
			if !result.Allowed {
				say("%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
		if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
			say("has a token of its service account, which it does not need")
		}
		if pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
			say("gets a variable for each service, such as REDIS_PORT")
		}
		for _, container := range pod.Containers {
			security := container.SecurityContext
			if security == nil || security.ReadOnlyRootFilesystem == nil || !*security.ReadOnlyRootFilesystem {
				say("its file system can be written")
			}
			if container.Resources.Requests.Memory().IsZero() || container.Resources.Limits.Memory().IsZero() {
				say("asks for no memory, or has no limit")
			}
		}
	}
	return problems
}
