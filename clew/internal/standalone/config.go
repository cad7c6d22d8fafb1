// Package standalone is Clew on one machine without Docker: which processes it
// consists of, where they listen, what they are told, and in what order they
// start and stop.
package standalone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/caarlos0/env/v11"

	"example.com/clew/clew/state"
	"example.com/clew/observability/telemetry"
	"example.com/clew/services/service"
)

// Config is where everything listens, and what the services are told, from the
// environment. Port 0 takes a free one.
type Config struct {
	service.Config // of the services: what clew up sets itself is of no account here

	Order          string `env:"ORDER_ADDR" envDefault:"127.0.0.1:8080"`
	OrderAdmin     string `env:"ORDER_ADMIN_ADDR" envDefault:"127.0.0.1:9080"`
	Inventory      string `env:"INVENTORY_ADDR" envDefault:"127.0.0.1:8081"`
	InventoryAdmin string `env:"INVENTORY_ADMIN_ADDR" envDefault:"127.0.0.1:9081"`
	Viewer         string `env:"VIEWER_ADDR" envDefault:"127.0.0.1:3000"`
	OTLPGRPC       string `env:"OTLP_GRPC_ADDR" envDefault:"127.0.0.1:4317"`
	OTLPHTTP       string `env:"OTLP_HTTP_ADDR" envDefault:"127.0.0.1:4318"`
	LoadTest       string `env:"LOADTEST_ADDR" envDefault:"127.0.0.1:9090"` // where one would show its metrics

	// PortBase moves all of these that are not set: they take this port of 127.0.0.1 and those after it.
	PortBase uint16 `env:"CLEW_PORT_BASE"`

	// The services' databases, such as postgres://order:secret@db/order. By default each has a SQLite file in Dir.
	OrderDatabase     string `env:"ORDER_DATABASE_URL"`
	InventoryDatabase string `env:"INVENTORY_DATABASE_URL"`

	Dir               string    // the folder for the state, absolute; from CLEW_DIR
	InventoryReplicas int       // at least 1; they share one database
	further           []replica // of inventory, after the first
	ownRedis          bool      // none is named in the environment
	redis             int       // the port that the own Redis takes
}

// A replica is where one more process of a service listens.
type replica struct{ addr, admin string }

// ConfigFromEnv reads the configuration. It also looks at what the services
// read, because they inherit the environment: its error has a line for every
// variable that they or clew could not use.
func ConfigFromEnv(ctx context.Context) (Config, error) {
	variables := env.ToMap(os.Environ())
	for _, variable := range defaults {
		if variables[variable[0]] == "" {
			variables[variable[0]] = variable[1]
		}
	}
	variables["DATABASE_URL"] = "sqlite:///order.db" // clew up will set it
	c := Config{ownRedis: variables["REDIS_URL"] == "" && variables["REDIS_SENTINELS"] == "" && variables["REDIS_CLUSTER"] != "on"}
	if c.ownRedis {
		variables["REDIS_URL"] = "redis://127.0.0.1:6379/0" // this, too
	}
	err := errors.Join(
		service.ReadConfig("order", &c, &c.Config, variables),
		c.movePorts(variables),
		telemetry.CheckEnvironment(ctx))
	if err != nil {
		return c, err
	}
	c.Dir, err = filepath.Abs(state.Dir())
	if err != nil {
		return c, fmt.Errorf("find the folder for Clew's state: %w", err)
	}
	return c, nil
}

// movePorts gives the addresses that the environment does not set the ports from PortBase on.
func (c *Config) movePorts(variables map[string]string) error {
	addrs := [...]struct {
		variable string
		addr     *string
	}{
		{"VIEWER_ADDR", &c.Viewer}, {"ORDER_ADDR", &c.Order}, {"INVENTORY_ADDR", &c.Inventory},
		{"ORDER_ADMIN_ADDR", &c.OrderAdmin}, {"INVENTORY_ADMIN_ADDR", &c.InventoryAdmin},
		{"OTLP_GRPC_ADDR", &c.OTLPGRPC}, {"OTLP_HTTP_ADDR", &c.OTLPHTTP}, {"LOADTEST_ADDR", &c.LoadTest},
	}
	const most = 1<<16 - len(addrs)
	if c.PortBase == 0 {
		return nil
	}
	if c.PortBase < 1024 || int(c.PortBase) > most {
		return fmt.Errorf("CLEW_PORT_BASE is %d, expected a port from 1024 to %d: the first of %d", c.PortBase, most, len(addrs))
	}
	for i, a := range addrs {
		if variables[a.variable] == "" {
			*a.addr = loopback(int(c.PortBase) + i)
		}
	}
	return nil
}

// addresses is how clients on this machine reach the servers.
func (c Config) addresses() state.Addresses {
	return state.Addresses{
		Order:     baseURL(c.Order),
		Inventory: baseURL(c.Inventory),
		Viewer:    baseURL(c.Viewer),
		Traces:    baseURL(c.Viewer),
		Metrics:   baseURL(c.Viewer),
		OTLPGRPC:  baseURL(c.OTLPGRPC),
		OTLPHTTP:  baseURL(c.OTLPHTTP),
		LoadTest:  c.LoadTest,
	}
}

// baseURL turns an address to listen on into one to connect to.
func baseURL(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + addr
}
