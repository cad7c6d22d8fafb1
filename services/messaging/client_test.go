package messaging_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

func TestContradictionsAreALineEach(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const url, tls = "redis://:secret@127.0.0.1:6379", "rediss://:secret@127.0.0.1:6379"
	for name, test := range map[string]struct {
		redis messaging.Redis
		want  []string
	}{
		"nothing":                     {messaging.Redis{}, []string{"REDIS_URL is not set"}},
		"no URL":                      {messaging.Redis{URL: "127.0.0.1:6379"}, []string{"REDIS_URL is wrong"}},
		"no database number":          {messaging.Redis{URL: url + "/secret"}, []string{"REDIS_URL is wrong"}},
		"a cluster without a URL":     {messaging.Redis{Cluster: true}, []string{"REDIS_URL is not set"}},
		"sentinels without a master":  {messaging.Redis{Sentinels: []string{"a:1"}}, []string{"REDIS_MASTER is not"}},
		"a master without sentinels":  {messaging.Redis{URL: url, Master: "m"}, []string{"REDIS_SENTINELS is not"}},
		"a sentinel without a port":   {messaging.Redis{Master: "m", Sentinels: []string{"a"}}, []string{"REDIS_SENTINELS is wrong"}},
		"two passwords of sentinels":  {messaging.Redis{Master: "m", Sentinels: []string{":secret@a:1", ":secret@b:1"}}, []string{"REDIS_SENTINELS is wrong"}},
		"two ways of failing over":    {messaging.Redis{URL: url, Master: "m", Sentinels: []string{"a:1"}, Cluster: true}, []string{"a cluster needs no sentinels"}},
		"a cluster's database":        {messaging.Redis{URL: url + "/1", Cluster: true}, []string{"a cluster has only one"}},
		"a cluster's database, as db": {messaging.Redis{URL: url + "?db=1", Cluster: true}, []string{"a cluster has only one"}},
		"a CA without TLS":            {messaging.Redis{URL: url, CAFile: empty}, []string{"expected a URL such as rediss://"}},
		"no CA file":                  {messaging.Redis{URL: tls, CAFile: empty + "x"}, []string{"REDIS_CA_FILE is wrong"}},
		"no CA":                       {messaging.Redis{URL: tls, CAFile: empty}, []string{"certificates in PEM form"}},
		"two": {messaging.Redis{URL: url + "/1", Cluster: true, CAFile: empty}, []string{
			"a cluster has only one", "expected a URL such as rediss://"}},
	} {
		_, err := messaging.Connect(test.redis)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want one without the password", name, err)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(test.want) {
			t.Errorf("%s: error %q, want %d lines", name, err, len(test.want))
		}
		for i := range min(len(lines), len(test.want)) {
			if !strings.Contains(lines[i], test.want[i]) {
				t.Errorf("%s: error %q, want one with %q", name, lines[i], test.want[i])
			}
		}
	}
}

func TestPasswordsAreNotShown(t *testing.T) {
	redis := messaging.Redis{URL: "redis://user:secret@127.0.0.1:6379/0", Master: "main", Sentinels: []string{":secret@a:1", "b:1"}}
	want := messaging.Redis{URL: "redis://user:xxxxx@127.0.0.1:6379/0", Master: "main", Sentinels: []string{"a:1", "b:1"}}
	if diff := cmp.Diff(want, redis.WithoutPasswords()); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	if redis.Sentinels[0] != ":secret@a:1" {
		t.Error("the original was changed")
	}
}

// What was configured wrongly does not look like a key that is missing, or a server that is away for a while.
func TestARedisOfAnotherKindIsRecognised(t *testing.T) {
	single, cluster, sentinel := messagingtest.FreePort(t), messagingtest.FreePort(t), messagingtest.FreePort(t)
	messagingtest.Server(t, addr(single), "redis-server", "--port", strconv.Itoa(single), "--save", "")
	messagingtest.Server(t, addr(cluster), "redis-server", "--port", strconv.Itoa(cluster), "--save", "", "--cluster-enabled", "yes")
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	messagingtest.Server(t, addr(sentinel), "redis-server", config, "--sentinel", "--port", strconv.Itoa(sentinel))
	for name, test := range map[string]struct {
		redis messaging.Redis
		want  string
	}{
		"no cluster":        {messaging.Redis{URL: url(single), Cluster: true}, "this server is no cluster"},
		"a cluster":         {messaging.Redis{URL: url(cluster)}, "expected REDIS_CLUSTER to be on"},
		"a cluster's no. 1": {messaging.Redis{URL: url(cluster) + "/1"}, "expected REDIS_CLUSTER to be on"},
		"an unknown master": {messaging.Redis{Sentinels: []string{addr(sentinel)}, Master: "main"}, `none of the sentinels ` + addr(sentinel) + ` knows a master "main"`},
	} {
		if err := agree(t, test.redis); !errors.Is(err, messaging.ErrMisconfigured) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want ErrMisconfigured with %q", name, err, test.want)
		}
	}
	away := messaging.Redis{Sentinels: []string{addr(messagingtest.FreePort(t)), addr(messagingtest.FreePort(t))}, Master: "main"}
	if err := agree(t, away); err == nil || messaging.Classify(err) != "connection" || strings.Contains(err.Error(), "\n") {
		t.Errorf("sentinels that are away: error %v of class %s, want one line of class connection", err, messaging.Classify(err))
	}
}

func TestTLSWithAnOwnAuthority(t *testing.T) {
	dir, port := t.TempDir(), messagingtest.FreePort(t)
	certificate, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certificate, key)
	messagingtest.Server(t, addr(port), "redis-server", "--port", "0", "--tls-port", strconv.Itoa(port), "--save", "",
		"--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no", "--requirepass", "secret")
	redis := messaging.Redis{URL: "rediss://:secret@" + addr(port), CAFile: certificate}
	if err := agree(t, redis); err != nil {
		t.Errorf("error %v with the authority's file", err)
	}
	redis.CAFile = ""
	if err := agree(t, redis); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error %v without it, want one about the certificate", err)
	}
}

// agree uses a Redis.
func agree(t *testing.T, redis messaging.Redis) error {
	t.Helper()
	client, err := messaging.Connect(redis)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	return messaging.New(client, messaging.Config{}).Admin().AgreePartitions(t.Context(), "lamps")
}

// writeCertificate writes a certificate for 127.0.0.1 that has signed itself, and its key.
func writeCertificate(t *testing.T, certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Redis of a test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
func url(port int) string  { return "redis://" + addr(port) }
