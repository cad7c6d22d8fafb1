package messaging

import (
	"errors"
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

// Connect returns a client for a URL such as redis://user:password@127.0.0.1:6379/0. It does not dial: the first command
// fails if the server is away. The error does not repeat the URL, which may hold a password. The caller closes the client.
//
// One client serves a process: each partition's fetch holds a connection while it waits, and the pool is large enough.
// The client repeats no command: a repeated XADD whose first reply was lost would add the message twice.
func Connect(url string) (redis.UniversalClient, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		// The cause may repeat the URL, and with it a password.
		return nil, errors.New("not a URL of Redis, expected one such as redis://127.0.0.1:6379/0")
	}
	options.MaxRetries, options.DialerRetries = -1, 1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = patience, patience, patience
	options.ContextTimeoutEnabled = true
	if options.PoolSize == 0 {
		options.PoolSize = mostConnections
	}
	options.DisableIdentity = true // CLIENT SETINFO came with Redis 7.2
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(options), nil
}
