package stack

import (
	"errors"
	"net"
	"time"

	"example.com/clew/observability/viewer"
	"example.com/clew/services/process/httpserver"
)

// claimPorts makes sure, before anything starts, that every address is free.
// It keeps listening for the viewer and gives the children's addresses back.
// It fills in the ports that were 0. The error has a line for every address
// that is taken, with the variable that moves it.
//
// After a supervisor that was killed, its children may still be dying: they
// have 2 s.
func claimPorts(c *Config, killed bool) (viewer.Listeners, error) {
	listeners, err := tryPorts(c)
	for tries := 0; err != nil && killed && tries < 20; tries++ {
		time.Sleep(100 * time.Millisecond)
		listeners, err = tryPorts(c)
	}
	return listeners, err
}

func tryPorts(c *Config) (viewer.Listeners, error) {
	var all []net.Listener
	var problems []error
	claim := func(addr *string, variable string) net.Listener {
		ln, err := httpserver.Listen(*addr, variable)
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
	given := all
	kept := viewer.Listeners{
		API:      claim(&c.Viewer, "VIEWER_ADDR"),
		OTLPGRPC: claim(&c.OTLPGRPC, "OTLP_GRPC_ADDR"),
		OTLPHTTP: claim(&c.OTLPHTTP, "OTLP_HTTP_ADDR"),
	}
	if problems != nil {
		given = all
	}
	for _, ln := range given {
		problems = append(problems, ln.Close())
	}
	return kept, errors.Join(problems...)
}
