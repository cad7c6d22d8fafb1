package standalone

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/viewer"
)

// claims hold the children's addresses, so that no other program takes one before its child is started.
type claims map[string]net.Listener

// release gives addresses back.
func (c claims) release(addrs ...string) {
	for _, addr := range addrs {
		if ln := c[addr]; ln != nil {
			_ = ln.Close() // it accepted nothing
		}
		delete(c, addr)
	}
}

// claimPorts makes sure, before anything starts, that every address is free.
// It keeps listening for the viewer, and holds the children's addresses.
// It fills in the ports that were 0, and the own Redis's. The error has a line for every address
// that is taken, with the variable that moves it.
//
// After a supervisor that was killed, its children may still be dying: they
// have 2 s.
func claimPorts(c *Config, killed bool) (viewer.Listeners, claims, error) {
	listeners, held, err := tryPorts(c)
	for tries := 0; err != nil && killed && tries < 20; tries++ {
		time.Sleep(100 * time.Millisecond)
		listeners, held, err = tryPorts(c)
	}
	return listeners, held, err
}

// listenFree listens on a random port of a host that is free.
//
// It is below the ports that systems hand out to clients: one of those may be
// taken while a child is started again, and a client that reconnects to a
// child that is dead may be given the very port it calls, and be connected to
// itself.
func listenFree(host string) (net.Listener, error) {
	for range 100 {
		if ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(20000+rand.IntN(10000)))); err == nil {
			return ln, nil
		}
	}
	return nil, fmt.Errorf("100 ports of %s between 20000 and 29999 are taken", host)
}

// freeReplica is where one more replica may listen.
func freeReplica() (r replica, err error) {
	for _, addr := range []*string{&r.addr, &r.admin} {
		ln, err := listenFree("127.0.0.1")
		if err != nil {
			return r, fmt.Errorf("find a port for a replica of inventory: %w", err)
		}
		defer ln.Close() // both are held until then, so that they differ
		*addr = ln.Addr().String()
	}
	return r, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func tryPorts(c *Config) (viewer.Listeners, claims, error) {
	var all []net.Listener
	var problems []error
	claim := func(addr *string, variable string) net.Listener {
		var ln net.Listener
		host, port, err := net.SplitHostPort(*addr)
		if err == nil && port == "0" {
			ln, err = listenFree(host)
		}
		if ln == nil {
			ln, err = httpserver.Listen(*addr, variable)
		}
		if err != nil {
			problems = append(problems, err)
			return nil
		}
		*addr = ln.Addr().String()
		all = append(all, ln)
		return ln
	}
	claim(&c.Order, "ORDER_ADDR")
	claim(&c.OrderAdmin, "ORDER_ADMIN_ADDR")
	claim(&c.Inventory, "INVENTORY_ADDR")
	claim(&c.InventoryAdmin, "INVENTORY_ADMIN_ADDR")
	c.further = nil
	for range c.InventoryReplicas - 1 {
		var r replica
		for _, addr := range []*string{&r.addr, &r.admin} {
			ln, err := listenFree("127.0.0.1")
			if err != nil {
				problems = append(problems, fmt.Errorf("find a port for a replica of inventory: %w", err))
				continue
			}
			*addr = ln.Addr().String()
			all = append(all, ln)
		}
		c.further = append(c.further, r)
	}
	held := claims{}
	for _, ln := range all {
		held[ln.Addr().String()] = ln
	}
	kept := viewer.Listeners{
		API:      claim(&c.Viewer, "VIEWER_ADDR"),
		OTLPGRPC: claim(&c.OTLPGRPC, "OTLP_GRPC_ADDR"),
		OTLPHTTP: claim(&c.OTLPHTTP, "OTLP_HTTP_ADDR"),
	}
	if problems == nil && c.ownRedis {
		var err error
		if c.redis, err = redisPort(c.Dir); err != nil {
			problems = append(problems, err)
		}
	}
	if problems != nil {
		for _, ln := range all {
			problems = append(problems, ln.Close())
		}
	}
	return kept, held, errors.Join(problems...)
}
