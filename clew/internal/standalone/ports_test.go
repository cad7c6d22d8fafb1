package standalone

import (
	"net"
	"testing"
)

// Between the claim and the start of a child another program must not get its port: then the child could not listen, and the
// other program would answer in its name.
func TestAddressesAreHeldUntilTheirChildStarts(t *testing.T) {
	const any = "127.0.0.1:0"
	c := Config{
		Order: any, OrderAdmin: any, Inventory: any, InventoryAdmin: any, Viewer: any, OTLPGRPC: any, OTLPHTTP: any,
		InventoryReplicas: 2, ownRedis: true, Dir: t.TempDir(),
	}
	kept, held, err := claimPorts(&c, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, ln := range []net.Listener{kept.API, kept.OTLPGRPC, kept.OTLPHTTP} {
		defer ln.Close()
	}
	children := []string{c.Order, c.OrderAdmin, c.Inventory, c.InventoryAdmin, c.further[0].addr, c.further[0].admin}
	for _, addr := range children {
		if ln, err := net.Listen("tcp", addr); err == nil {
			_ = ln.Close()
			t.Errorf("%s is free before its child is started", addr)
		}
	}
	held.release(children...)
	for _, addr := range children {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			t.Errorf("%s cannot be listened on when its child is started: %v", addr, err)
			continue
		}
		_ = ln.Close()
	}
	if len(held) > 0 {
		t.Errorf("%d addresses are still held", len(held))
	}
}
