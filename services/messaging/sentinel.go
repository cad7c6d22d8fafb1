package messaging

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// A sentinelClient is a client of the master that Sentinel names. It dials anew when Sentinel names another.
type sentinelClient struct {
	*redis.Client
	sentinels, name string
	master          atomic.Value // its address at the last dial
}

// connectSentinel returns a client. options are of Redis itself, nil for the defaults.
func (r Redis) connectSentinel(options *redis.Options, authorities *x509.CertPool) (redis.UniversalClient, error) {
	if options == nil {
		options = &redis.Options{}
	}
	failover := &redis.FailoverOptions{
		MasterName: r.Master,
		Username:   options.Username, Password: options.Password, DB: options.DB,
		MaxRetries: -1, DialerRetries: 1,
		DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience,
		ContextTimeoutEnabled: true,
		PoolSize:              mostConnections,
		DisableIdentity:       true,
	}
	if options.TLSConfig != nil {
		failover.TLSConfig = &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12} // each server has a name of its own
	}
	for i, text := range r.Sentinels {
		u, err := url.Parse("redis://" + text)
		if err != nil || u.Hostname() == "" || u.Port() == "" || u.Path != "" || u.User != nil && i > 0 {
			return nil, errors.New("REDIS_SENTINELS is wrong, expected host:port,host:port; " +
				"if they want a password, user:password@ before the first")
		}
		if i == 0 {
			failover.SentinelUsername = u.User.Username()
			failover.SentinelPassword, _ = u.User.Password()
		}
		failover.SentinelAddrs = append(failover.SentinelAddrs, u.Host)
	}
	c := &sentinelClient{
		Client: redis.NewFailoverClient(failover), sentinels: strings.Join(failover.SentinelAddrs, ", "), name: r.Master,
	}
	c.AddHook(c)
	return c, nil
}

// DialHook implements redis.Hook. It remembers the master's address, and says in one line why there is none. The client's own
// error would be taken for that of a key that does not exist: it wraps redis.Nil where a sentinel does not know the master.
func (c *sentinelClient) DialHook(dial redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		switch {
		case err == nil:
			c.master.Store(conn.RemoteAddr().String())
			return conn, nil
		case errors.Is(err, redis.Nil):
			err = fmt.Errorf("%w: none of the sentinels %s knows a master %q, expected REDIS_MASTER to be a name that they know",
				ErrMisconfigured, c.sentinels, c.name)
		case strings.Contains(err.Error(), "\n"): // a line for each sentinel
			err = errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		return nil, &net.OpError{Op: "dial", Net: "redis", Err: err}
	}
}

// ProcessHook implements redis.Hook.
func (c *sentinelClient) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (c *sentinelClient) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
