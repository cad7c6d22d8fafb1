package messaging

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// go-redis prints nothing: a caller gets the same as an error.
func init() { logging.Disable() }

// mostConnections is enough for 256 partitions, the maximum: one fetch each, and other commands meanwhile. Connections are
// made when they are needed, so a client of few partitions has few.
const mostConnections = 3 * 256

// patience is the timeout of a command. A stop may wait as long for a Redis that hangs.
const patience = 3 * time.Second

// topologyAge is how old a client's view of a cluster may be: it notices a failover as much later. Until then it goes on asking
// the old master.
const topologyAge = time.Second

// Redis says how to reach Redis: one server, the master that Sentinel names, or a cluster.
type Redis struct {
	// URL is such as redis://user:password@host:6379/0, or rediss://… for TLS. A cluster's may name more than one node:
	// redis://host:6379?addr=host2:6379. Sentinel knows the host itself, so that redis://user:password@/0 is enough.
	URL string `env:"REDIS_URL" json:"url"`

	// Sentinels are host:port. If they want a password, the first is user:password@host:port or :password@host:port, for all.
	Sentinels []string `env:"REDIS_SENTINELS" json:"sentinels,omitempty"`
	Master    string   `env:"REDIS_MASTER" json:"master,omitempty"` // what Sentinel calls it

	Cluster bool `env:"REDIS_CLUSTER" envDefault:"off" json:"cluster,omitempty"`

	// CAFile has the certificates, in PEM form, of those who may sign the servers'; the default is the system's.
	CAFile string `env:"REDIS_CA_FILE" json:"ca_file,omitempty"`
}

// ErrMisconfigured is in the error of a command whose Redis is not what Connect was told. Waiting does not help.
var ErrMisconfigured = errors.New("the configuration of Redis is wrong")

// Connect returns a client. It does not dial: the first command fails if the server is away. The error has a line for each
// contradiction. It does not repeat the URL, which may hold a password. The caller closes the client.
//
// One client serves a process: each partition's fetch holds a connection while it waits, and the pool is large enough.
// The client repeats no command: a repeated XADD whose first reply was lost would add the message twice. So in a cluster the
// answer that a key is on another node (MOVED, ASK) is an error: try again, the client asks for the new topology meanwhile.
func Connect(r Redis) (redis.UniversalClient, error) {
	if err := r.contradictions(); err != nil {
		return nil, err
	}
	authorities, err := r.authorities()
	if err != nil {
		return nil, err
	}
	if r.Cluster {
		return r.connectCluster(authorities)
	}
	options, err := redis.ParseURL(r.URL)
	if err != nil && (r.URL != "" || r.Master == "") {
		return nil, r.wrongURL()
	}
	if r.Master != "" {
		return r.connectSentinel(options, authorities)
	}
	options.MaxRetries, options.DialerRetries = -1, 1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = patience, patience, patience
	options.ContextTimeoutEnabled = true
	if options.PoolSize == 0 {
		options.PoolSize = mostConnections
	}
	options.DisableIdentity = true // CLIENT SETINFO came with Redis 7.2
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if options.TLSConfig != nil {
		options.TLSConfig.RootCAs = authorities
	}
	return redis.NewClient(options), nil
}

func (r Redis) connectCluster(authorities *x509.CertPool) (redis.UniversalClient, error) {
	options, err := redis.ParseClusterURL(r.URL)
	if err != nil {
		return nil, r.wrongURL()
	}
	options.MaxRedirects = -1 // or an XADD whose reply was lost would be sent again, whatever MaxRetries says
	options.MaxRetries, options.DialerRetries = -1, 1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = patience, patience, patience
	options.ContextTimeoutEnabled = true
	if options.PoolSize == 0 {
		options.PoolSize = mostConnections
	}
	options.ClusterStateReloadInterval = topologyAge
	options.DisableIdentity, options.DisableRoutingPolicies = true, true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if options.TLSConfig != nil {
		options.TLSConfig = &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12} // each node has a name of its own
	}
	client := redis.NewClusterClient(options)
	client.SetCommandInfoResolver(nil) // else it asks for COMMAND, to find commands that concern several nodes: here are none
	return client, nil
}

// contradictions returns a line for each.
func (r Redis) contradictions() error {
	u, err := url.Parse(r.URL)
	if err != nil {
		return r.wrongURL()
	}
	var problems []error
	problem := func(is bool, text string) {
		if is {
			problems = append(problems, errors.New(text))
		}
	}
	sentinel := len(r.Sentinels) > 0
	problem(sentinel && r.Master == "", "REDIS_SENTINELS is set and REDIS_MASTER is not, expected the name that the sentinels give the master")
	problem(!sentinel && r.Master != "", "REDIS_MASTER is set and REDIS_SENTINELS is not, expected the sentinels as host:port,host:port")
	problem(sentinel && r.Cluster, "REDIS_SENTINELS is set and REDIS_CLUSTER is on, expected one of them: a cluster needs no sentinels")
	problem(r.Cluster && (u.Query().Has("db") || strings.Trim(u.Path, "/0") != ""),
		"REDIS_URL has a database number and REDIS_CLUSTER is on, expected a URL such as redis://127.0.0.1:6379: a cluster has only one")
	problem(r.CAFile != "" && u.Scheme != "rediss",
		"REDIS_CA_FILE is set and REDIS_URL is not for TLS, expected a URL such as rediss://127.0.0.1:6379")
	return errors.Join(problems...)
}

// authorities returns what CAFile has, or nil without one.
func (r Redis) authorities() (*x509.CertPool, error) {
	if r.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(r.CAFile)
	if err != nil {
		return nil, fmt.Errorf("REDIS_CA_FILE is wrong, expected a file with certificates in PEM form: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("REDIS_CA_FILE is %s, expected a file with certificates in PEM form", r.CAFile)
	}
	return pool, nil
}

// WithoutPasswords returns r as it may be shown.
func (r Redis) WithoutPasswords() Redis {
	if u, err := url.Parse(r.URL); err == nil {
		r.URL = u.Redacted()
	}
	if len(r.Sentinels) > 0 {
		r.Sentinels = slices.Clone(r.Sentinels)
		r.Sentinels[0] = r.Sentinels[0][strings.LastIndex(r.Sentinels[0], "@")+1:]
	}
	return r
}

// wrongURL does not say why: the cause may repeat the URL, and with it a password.
func (r Redis) wrongURL() error {
	is := "wrong"
	if r.URL == "" {
		is = "not set"
	}
	return fmt.Errorf("REDIS_URL is %s, expected a URL such as redis://127.0.0.1:6379/0", is)
}

// misconfigured recognises a Redis that is a cluster, or none, unlike the client.
func misconfigured(client redis.UniversalClient, err error) error {
	_, cluster := client.(*redis.ClusterClient)
	says := func(part string) bool { return strings.Contains(err.Error(), part) }
	switch {
	case cluster && says("cluster support disabled"):
		return fmt.Errorf("%w: this server is no cluster, and REDIS_CLUSTER is on", ErrMisconfigured)
	case !cluster && (says("MOVED ") || says("CLUSTERDOWN ") || says("in cluster mode")):
		return fmt.Errorf("%w: this server is a cluster's, expected REDIS_CLUSTER to be on", ErrMisconfigured)
	default:
		return err
	}
}

// masterOf returns the address of the server that has a key, or "" if there is only one server.
func masterOf(ctx context.Context, client redis.UniversalClient, key string) string {
	switch c := client.(type) {
	case *redis.ClusterClient:
		if node, err := c.MasterForKey(ctx, key); err == nil {
			return node.Options().Addr
		}
	case *sentinelClient:
		if addr, ok := c.master.Load().(string); ok {
			return addr
		}
	}
	return ""
}
