//go:build kubernetes

package kubernetes

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/clew/clew/state"
)

// Addresses on the machine. Its first node has also the control plane.
const (
	controlPlane = "10.0.0.1"
	podSubnet    = "10.1.0.0/16"
	services     = "10.2.0.0/16"
	namespace    = "clew"
	cgroups      = "/k8s.io" // containerd's choice
)

var nodes = map[string]string{"node-1": "10.0.0.1", "node-2": "10.0.0.2"}

// A cluster is one control plane and two nodes, so that one can be drained. All of it ends with the machine.
type cluster struct {
	dir   string
	env   []string
	state state.State // of the demo, once it runs
	ended chan error  // of programs that should not
}

// here is the cluster of all tests, which run in their order.
var here *cluster

func withCluster(dir string, test func() int) (code int, err error) {
	started := time.Now()
	here = &cluster{dir: dir, ended: make(chan error, 20), env: append(os.Environ(), "KUBECONFIG="+dir+"/kubeconfig", "PATH="+dir+"/bin:"+os.Getenv("PATH"))}
	for _, step := range []func() error{here.credentials, here.control, here.dns, here.network, here.nodes, here.volumes, here.keda} {
		if err := step(); err != nil {
			return 0, err
		}
	}
	fmt.Printf("The cluster is there after %.1f s; logs are in %s\n", time.Since(started).Seconds(), dir)
	return test(), nil
}

// start starts a program that runs as long as the machine does. What it prints is in a file with its name.
func (c *cluster) start(name, program string, args ...string) error {
	log, err := os.Create(c.path(name + ".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(program, args...)
	command.Env, command.Dir = c.env, c.dir
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return err
	}
	go func() {
		err := command.Wait()
		text, _ := os.ReadFile(log.Name())
		c.ended <- fmt.Errorf("%s ended: %w\n%s", name, err, text[max(0, len(text)-4000):])
	}()
	return nil
}

func (c *cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

func (c *cluster) write(name, text string, values ...any) error {
	if err := os.MkdirAll(filepath.Dir(c.path(name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(c.path(name), fmt.Appendf(nil, text, values...), 0o600)
}

// run runs a program, and returns what it prints.
func (c *cluster) run(program string, args ...string) (string, error) {
	command := exec.Command(c.path("bin", program), args...)
	command.Env = c.env
	out, err := command.Output()
	if err != nil {
		said := ""
		if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
			said = string(ended.Stderr)
		}
		return "", fmt.Errorf("%s %s: %w\n%s%s", program, strings.Join(args, " "), err, out, said)
	}
	return strings.TrimSpace(string(out)), nil
}

// kubectl also waits for what it is asked to wait for, a short time at once: while nothing is ready it fails.
func (c *cluster) kubectl(args ...string) (string, error) { return c.run("kubectl", args...) }

// until repeats a command until it succeeds.
func (c *cluster) until(args ...string) error {
	deadline := time.After(3 * time.Minute)
	for {
		_, err := c.kubectl(args...)
		if err == nil {
			return nil
		}
		select {
		case err := <-c.ended:
			return err
		case <-deadline:
			return fmt.Errorf("after three minutes, not yet: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// credentials makes one key and certificate for all that need one, and an administrator.
func (c *cluster) credentials() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "clew"}, SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.ParseIP(controlPlane)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	return errors.Join(
		c.write("keys/tls.crt", "%s", public),
		c.write("keys/ca.crt", "%s", public),
		c.write("keys/tls.key", "%s", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		c.write("keys/tokens.csv", "secret,admin,admin,system:masters\n"),
		c.write("kubeconfig", `
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: admin, namespace: %s}}]
clusters: [{name: test, cluster: {server: "https://%s:6443", certificate-authority: %s}}]
users: [{name: admin, user: {token: secret}}]
`, namespace, controlPlane, c.path("keys/ca.crt")))
}

func (c *cluster) control() error {
	kubeconfig, key, certificate := "--kubeconfig="+c.path("kubeconfig"), c.path("keys/tls.key"), c.path("keys/tls.crt")
	err := errors.Join(
		c.start("etcd", c.path("bin/etcd"), "--data-dir="+c.path("etcd"), "--unsafe-no-fsync"),
		c.start("kube-apiserver", c.path("bin/kube-apiserver"), "--etcd-servers=http://127.0.0.1:2379",
			"--advertise-address="+controlPlane, "--bind-address="+controlPlane, "--service-cluster-ip-range="+services,
			"--tls-cert-file="+certificate, "--tls-private-key-file="+key, "--client-ca-file="+certificate,
			"--requestheader-client-ca-file="+certificate, "--proxy-client-cert-file="+certificate, "--proxy-client-key-file="+key,
			"--requestheader-allowed-names=clew", "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
			"--service-account-issuer=https://kubernetes.default.svc", "--service-account-signing-key-file="+key,
			"--service-account-key-file="+key, "--token-auth-file="+c.path("keys/tokens.csv"),
			"--kubelet-preferred-address-types=InternalIP", "--authorization-mode=AlwaysAllow"), // the system under test asks for nothing
	)
	if err != nil {
		return err
	}
	if err := c.until("get", "--raw", "/readyz"); err != nil {
		return err
	}
	return errors.Join(
		c.start("kube-controller-manager", c.path("bin/kube-controller-manager"), kubeconfig, "--leader-elect=false",
			"--service-account-private-key-file="+key, "--root-ca-file="+certificate),
		c.start("kube-scheduler", c.path("bin/kube-scheduler"), kubeconfig, "--leader-elect=false"),
		c.start("kube-proxy", c.path("bin/kube-proxy"), kubeconfig, "--proxy-mode=nftables", "--conntrack-max-per-core=0",
			"--cluster-cidr="+podSubnet, "--hostname-override=node-1"),
	)
}

// dns answers for the services' names, to pods and to this machine.
func (c *cluster) dns() error {
	if err := c.write("Corefile", `
.:53 {
	errors
	kubernetes cluster.local {
		kubeconfig %s
		ttl 1
	}
}
`, c.path("kubeconfig")); err != nil {
		return err
	}
	resolv := fmt.Sprintf("nameserver %s\nsearch %s.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n", controlPlane, namespace)
	return errors.Join(
		os.WriteFile("/etc/resolv.conf", []byte(resolv), 0o644),
		c.start("coredns", c.path("bin/coredns"), "-conf", c.path("Corefile")))
}

// network gives each pod an interface to the machine, which forwards; so services work between pods of one node, too.
func (c *cluster) network() error {
	return c.write("network/10-pods.conflist", `{
	"cniVersion": "0.4.0",
	"name": "pods",
	"plugins": [{
		"type": "ptp",
		"ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}
	}]
}`, c.path("addresses"), podSubnet)
}

// volumes makes those of Redis and Postgres, on the first node.
func (c *cluster) volumes() error {
	for _, name := range []string{"volume-1", "volume-2"} {
		if err := errors.Join(os.Mkdir(c.path(name), 0o755), c.write(name+".yaml", `
apiVersion: v1
kind: PersistentVolume
metadata: {name: %s}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  local: {path: %s}
  nodeAffinity:
    required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node-1]}]}]}
`, name, c.path(name))); err != nil {
			return err
		}
		if _, err := c.kubectl("apply", "-f", c.path(name+".yaml")); err != nil {
			return err
		}
	}
	return nil
}

// nodes starts two nodes on this machine, each with a containerd of its own.
func (c *cluster) nodes() error {
	var all errgroup.Group
	for name, address := range nodes {
		all.Go(func() error { return c.node(name, address) })
	}
	return all.Wait()
}

func (c *cluster) node(name, address string) error {
	socket := "/run/" + name + ".sock"
	err := errors.Join(
		c.write(name+"/containerd.toml", `
version = 2
root = %q
state = "/run/%s"
[grpc]
address = %q
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/clew-standin/pause:12"
restrict_oom_score_adj = true # an engine in a container may not lower it
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = %q
`, c.path(name, "containerd"), name, socket, c.path("network")),
		// Both nodes share the machine's groups of processes, so none keeps groups for pods: limits are those of containers.
		c.write(name+"/kubelet.yaml", `
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %s
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
featureGates: {KubeletInUserNamespace: true}
clusterDNS: [%s]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://%s
podLogsDir: %s
resolvConf: ""
healthzPort: 0
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 1Mi}
`, address, controlPlane, socket, c.path(name, "logs")),
		c.start(name+"-containerd", "containerd", "--config", c.path(name, "containerd.toml")),
	)
	if err != nil {
		return err
	}
	load := []string{"--address", socket, "--namespace", "k8s.io", "images", "import", "--no-unpack", c.path("images.tar")}
	var out []byte
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if out, err = exec.Command("ctr", "--address", socket, "version").CombinedOutput(); err == nil || time.Now().After(deadline) {
			break
		}
	}
	if err == nil {
		out, err = exec.Command("ctr", load...).CombinedOutput()
	}
	if err != nil {
		return fmt.Errorf("load the images on %s: %w\n%s", name, err, out)
	}
	if err := c.start(name+"-kubelet", c.path("bin/kubelet"), "--config="+c.path(name, "kubelet.yaml"),
		"--kubeconfig="+c.path("kubeconfig"), "--hostname-override="+name, "--node-ip="+address, "--root-dir="+c.path(name, "kubelet"),
	); err != nil {
		return err
	}
	if err := c.until("get", "node", name); err != nil {
		return err
	}
	return c.until("wait", "node", name, "--for=condition=Ready", "--timeout=10s")
}
