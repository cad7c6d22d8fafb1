package messaging

import (
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Everything that go-redis would print is also an error that somebody gets.
func init() { logging.Disable() }

// mostConnections lets each of 256 partitions, which are the most, be fetched, and something be done about it meanwhile.
// Connections are made when they are needed, so a client of few partitions has few.
const mostConnections = 3 * 256

// patience is how long a command may take at most. A stop waits as long for a Redis that hangs.
const patience = 3 * time.Second

// Connect returns a client for a URL such as redis://user:password@127.0.0.1:6379/0. It does not dial: a server that
// is away is reported by the first command. The caller closes the client.
//
// One client serves a process: each partition's fetch holds a connection while it waits, and the pool has enough of them.
// The client repeats no command: a repeated XADD whose first reply was lost adds the message twice.
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
