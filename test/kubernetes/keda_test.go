//go:build kubernetes

package kubernetes

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// keda starts KEDA beside the cluster: a pod would need an image of it. The control plane reaches its metrics through a service
// without pods, whose name leads to this machine.
func (c *cluster) keda() error {
	find := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/kedacore/keda/v2")
	find.Dir, find.Env = "keda", append(c.env, "GOWORK=off")
	source, err := find.Output()
	if err != nil {
		return fmt.Errorf("find the source of KEDA: %w", err)
	}
	definitions, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(source)), "config/crd/bases/*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range definitions {
		if _, err := c.kubectl("create", "-f", file); err != nil {
			return err
		}
	}
	if err := c.write("keda.yaml", `
apiVersion: v1
kind: Namespace
metadata: {name: keda}
---
apiVersion: v1
kind: Service
metadata: {name: keda, namespace: keda}
spec: {type: ExternalName, externalName: localhost}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.external.metrics.k8s.io}
spec:
  group: external.metrics.k8s.io
  version: v1beta1
  service: {name: keda, namespace: keda, port: 7443}
  insecureSkipTLSVerify: true
  groupPriorityMinimum: 100
  versionPriority: 100
`); err != nil {
		return err
	}
	if _, err := c.kubectl("apply", "-f", c.path("keda.yaml")); err != nil {
		return err
	}
	kubeconfig := "kubeconfig=" + c.path("kubeconfig")
	environment := []string{"WATCH_NAMESPACE=", "POD_NAMESPACE=keda", "KEDA_CLUSTER_OBJECT_NAMESPACE=keda"}
	return errors.Join(
		c.start("keda-operator", "env", append(environment, c.path("bin/keda-operator"), "--"+kubeconfig,
			"--cert-dir="+c.path("keys"), "--zap-encoder=console")...),
		c.start("keda-adapter", "env", append(environment, c.path("bin/keda-adapter"), "--"+kubeconfig,
			"--lister-"+kubeconfig, "--authentication-"+kubeconfig, "--authorization-"+kubeconfig,
			"--secure-port=7443", "--port=8090", "--cert-dir="+c.path("keys"), "--tls-cert-file="+c.path("keys/tls.crt"),
			"--tls-private-key-file="+c.path("keys/tls.key"), "--metrics-service-address=localhost:9666")...),
		c.until("get", "--raw", "/apis/external.metrics.k8s.io/v1beta1"),
	)
}
