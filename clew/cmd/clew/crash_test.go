package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
	"example.com/clew/services/messaging"
)

// Real processes are killed at random moments while orders are placed. Afterwards every accepted order is finished,
// exactly the confirmed units are reserved, and nothing is pending.

const crashOrders = 500

func TestCrashes(t *testing.T) {
	kill := func(signal syscall.Signal, names ...string) func(*clew) {
		return func(c *clew) {
			for _, name := range names {
				p := c.process(name, func(p state.Process) bool { return p.PID != nil })
				_ = syscall.Kill(*p.PID, signal) // it may have died meanwhile
			}
		}
	}
	for name, crash := range map[string]func(*clew){
		"inventory":       kill(syscall.SIGKILL, "inventory-1"),
		"order":           kill(syscall.SIGKILL, "order-1"),
		"both":            kill(syscall.SIGKILL, "inventory-1", "order-1"),
		"Redis restarted": kill(syscall.SIGTERM, "redis"),
		"Redis killed": func(c *clew) {
			kill(syscall.SIGKILL, "redis")(c)
			c.process("redis", func(p state.Process) bool { return p.State == state.Running })
			c.want(0, []string{"outbox", "replay", "--since", "1h"}, "replayed")
		},
		"supervisor": func(c *clew) {
			_ = syscall.Kill(c.owner(), syscall.SIGKILL)
			// Its last thread ends a while after the first, and what it held is free only then.
			processtest.Eventually(c.t, "the supervisor holds nothing any more", func() error { return processtest.Unless(c.owner() == 0, "it does") })
			c.want(0, up)
		},
	} {
		t.Run(name, func(t *testing.T) { crashes(t, crash) })
	}
}

func crashes(t *testing.T, crash func(*clew)) {
	c := newRealClew(t, "ORDER_ADDR="+free(t), "INVENTORY_ADDR="+free(t)) // the same ones after a restart
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	addresses := c.state().Addresses
	var placing sync.WaitGroup
	accepted := make([]string, crashOrders)
	numbers := make(chan int)
	for range 8 {
		placing.Go(func() {
			for i := range numbers {
				accepted[i] = place(t, addresses.Order, i)
			}
		})
	}
	func() {
		defer placing.Wait() // also if a crash fails the test, which must not end before
		defer close(numbers)
		for i := range crashOrders {
			if i%100 == random.IntN(100) || i == crashOrders/2 {
				crash(c)
			}
			numbers <- i
		}
	}()
	settled(t, c, accepted)
}

// place places an order until it is accepted: a repetition under its key is the same order.
func place(t *testing.T, url string, i int) (id string) {
	body, err := json.Marshal(orderapi.Request{
		CustomerID: "crash", Items: []orderapi.Item{{SKU: fmt.Sprintf("load-%03d", i%200+1), Quantity: 1, UnitPriceCents: 1}},
	})
	if err != nil {
		t.Error(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		var order orderapi.Order
		err := func() error {
			request, err := http.NewRequest(http.MethodPost, url+"/orders", bytes.NewReader(body))
			if err != nil {
				return err
			}
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Idempotency-Key", fmt.Sprint("crash-", i))
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if err != nil {
				return err
			}
			if answer.StatusCode != http.StatusCreated {
				return errors.New(string(text))
			}
			return json.Unmarshal(text, &order)
		}()
		if err == nil {
			return order.ID
		}
		if time.Now().After(deadline) {
			t.Errorf("order %d was not accepted: %v", i, err)
			return ""
		}
		time.Sleep(10 * time.Millisecond) // the service is being started again
	}
}

// settled waits until all orders are confirmed, and compares the units.
func settled(t *testing.T, c *clew, ids []string) {
	t.Helper()
	running := c.state()
	api := orderapi.New(running.Addresses.Order)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, id := range ids {
		if order, err := api.Await(ctx, id); err != nil || order.Status != "confirmed" {
			t.Errorf("order %s is %q: %v", id, order.Status, err)
		}
	}
	client, err := messaging.Connect(running.Redis)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := messaging.New(client, messaging.Config{Partitions: running.Partitions}).Admin()
	processtest.Eventually(t, "nothing is pending", func() error {
		for _, stream := range []string{"orders", "stock"} {
			infos, err := admin.Streams(ctx, stream)
			if err != nil {
				return err
			}
			for _, info := range infos {
				if info.DeadLetters > 0 {
					t.Fatalf("%d dead letters on %s", info.DeadLetters, stream)
				}
				for _, group := range info.Groups {
					if group.Pending > 0 || group.Lag > 0 {
						return fmt.Errorf("%s has %+v", stream, group)
					}
				}
			}
		}
		return nil
	})
	var reserved int64
	for after := ""; ; {
		var page struct {
			Items []struct{ Reserved int64 }
			Next  string
		}
		answer, err := http.Get(running.Addresses.Inventory + "/stock?limit=200&after=" + after)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(json.NewDecoder(answer.Body).Decode(&page), answer.Body.Close()); err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			reserved += item.Reserved
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if reserved != int64(len(ids)) {
		t.Errorf("%d units are reserved for %d confirmed orders of one unit", reserved, len(ids))
	}
}

// free is an address that was free a moment ago.
func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
