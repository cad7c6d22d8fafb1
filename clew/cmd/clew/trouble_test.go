package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
)

// Something that every message needs is away for a while. Meanwhile orders are accepted; afterwards each is confirmed,
// once, and nothing was dead-lettered. Nobody restarts anything.

func TestTrouble(t *testing.T) {
	for name, trouble := range map[string]func(t *testing.T, c *clew) (end func()){
		"Redis is stopped for 10 s": func(t *testing.T, c *clew) func() { return pause(t, c, "redis", 10*time.Second) },
		"inventory is stopped while a replica goes on": func(t *testing.T, c *clew) func() {
			return pause(t, c, "inventory-1", 5*time.Second) // longer than it takes to be taken for dead
		},
		"Redis is read-only": func(t *testing.T, c *clew) func() {
			redis(t, c.state(), "REPLICAOF 127.0.0.1 1", 1)
			return func() { redis(t, c.state(), "REPLICAOF NO ONE", 1) }
		},
		"Redis is out of memory": func(t *testing.T, c *clew) func() {
			redis(t, c.state(), "CONFIG SET maxmemory 1mb", 1)
			return func() { redis(t, c.state(), "CONFIG SET maxmemory 0", 1) }
		},
		"the groups are deleted": func(t *testing.T, c *clew) func() {
			redis(t, c.state(), "XGROUP DESTROY orders:{0} inventory", 1)
			redis(t, c.state(), "XGROUP DESTROY stock:{0} order", 1)
			return func() {}
		},
		"the streams are deleted": func(t *testing.T, c *clew) func() {
			return func() {
				redis(t, c.state(), "FLUSHALL", 1)
				c.want(0, []string{"outbox", "replay", "--since", "1h"}, "replayed")
			}
		},
		"inventory's database is locked": func(t *testing.T, c *clew) func() {
			// The driver is the services', and _txlock takes the lock that they write with.
			db, err := sql.Open("sqlite", "file:"+filepath.Join(c.dir, "inventory.db")+"?_txlock=immediate")
			if err != nil {
				t.Fatal(err)
			}
			lock, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			locked := time.After(15 * time.Second) // longer than five deliveries take
			return func() {
				<-locked
				if err := lock.Rollback(); err != nil {
					t.Error(err)
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClew(t, asClewVariable+"="+withServices)
			c.want(0, []string{"up", "--detach", "--inventory-replicas", "2"})
			api := orderapi.New(c.state().Addresses.Order)
			accept := func(sku string) string {
				order, err := api.Place(t.Context(), orderapi.Request{
					CustomerID: "trouble", Items: []orderapi.Item{{SKU: sku, Quantity: 1, UnitPriceCents: 1}},
				})
				if err != nil {
					t.Fatalf("an order was not accepted: %v", err)
				}
				return order.ID
			}
			ids := []string{accept("test-slow")} // runs when the trouble begins
			end := trouble(t, c)
			for i := range 20 {
				ids = append(ids, accept(fmt.Sprintf("load-%03d", i+1)))
			}
			end()
			settled(t, c, ids)
		})
	}
}

// pause stops a process with SIGSTOP, and returns what lets it go on after a while.
func pause(t *testing.T, c *clew, name string, length time.Duration) func() {
	pid := *c.process(name, func(p state.Process) bool { return p.PID != nil }).PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	over := time.After(length)
	return func() {
		<-over
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}
}

// A message that kills its process every time is dead-lettered, and takes no other with it.
func TestACrashLoopTakesNoOtherMessageAlong(t *testing.T) {
	c := newRealClew(t)
	api := orderapi.New(c.state().Addresses.Order)
	var ids []string
	var killer string
	for i := range 101 {
		sku := fmt.Sprintf("load-%03d", i+1)
		if i == 50 {
			sku = "test-crash-loop"
		}
		order, err := api.Place(t.Context(), orderapi.Request{
			CustomerID: "crash", Items: []orderapi.Item{{SKU: sku, Quantity: 1, UnitPriceCents: 1}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if i == 50 {
			killer = order.ID
		} else {
			ids = append(ids, order.ID)
		}
	}
	for _, id := range ids {
		if order, err := api.Await(t.Context(), id); err != nil || order.Status != "confirmed" {
			t.Errorf("order %s is %q: %v", id, order.Status, err)
		}
	}
	processtest.Eventually(t, "the killer is dead-lettered", func() error {
		length := redis(t, c.state(), "XLEN orders:{0}:dlq", 1)[0]
		return processtest.Unless(length == ":1", "there are %s", length)
	})
	c.want(0, []string{"dlq", "list"}, killer, "exhausted")
}
