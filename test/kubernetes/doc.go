// Package kubernetes tests deploy/kubernetes on a cluster: `make test-kubernetes`. The control plane, the kubelets and KEDA are
// the real programs, compiled from Go's module proxy; containerd and the network's plugins are Debian's; pods run the images of
// services/Dockerfile, and stand-ins for the others as test/containers does. docs/verification.md says what that leaves open.
//
// The cluster runs in namespaces of its own (machine.sh), so nothing of it is left when the test ends or is killed.
package kubernetes
