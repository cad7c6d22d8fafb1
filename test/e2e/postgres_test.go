package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/processtest"
	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

func TestReplicasOnPostgres(t *testing.T) {
	testReplicas(t, messagingtest.Postgres(t), messagingtest.Postgres(t))
}

func TestReplicasThroughPgBouncer(t *testing.T) {
	testReplicas(t, messagingtest.PgBouncer(t, messagingtest.Postgres(t)), messagingtest.PgBouncer(t, messagingtest.Postgres(t)))
}

// testReplicas has two processes of each service share a database and its outbox, and a consumer group.
func testReplicas(t *testing.T, orderDatabase, inventoryDatabase string) {
	s := prepare(t, map[string]string{"order": orderDatabase, "inventory": inventoryDatabase})
	var apis []string
	for range 2 {
		s.startInventory()
		s.startOrder()
		apis = append(apis, s.order)
	}

	first := s.place("lamp")
	spans := inTrace(s.awaitSent("order.confirmed.v1"), first.TraceID)
	telemetrytest.Golden(t, "confirmed", tree(spans)) // the trace does not tell one database from another

	before := s.stock()
	const orders = 200
	placed := make([]orderapi.Order, orders)
	var clients errgroup.Group
	clients.SetLimit(16)
	for i := range placed {
		clients.Go(func() (err error) {
			placed[i], err = finish(t.Context(), apis[i%2], request(i), i%4 == 0)
			return err
		})
	}
	if err := clients.Wait(); err != nil {
		t.Fatal(err)
	}

	told, kept := map[string][]string{}, map[string]int64{}
	for i, o := range placed {
		if o.Status != wanted(i) {
			t.Errorf("order %d is %s, expected %s", i, o.Status, wanted(i))
		}
		told[o.ID] = slices.Sorted(slices.Values([]string{contracts.OrderCreated{}.Type(), "order." + o.Status + ".v1"}))
		if o.Status == "confirmed" {
			for _, item := range request(i).Items {
				kept[item.SKU] += item.Quantity
			}
		}
	}
	processtest.Eventually(t, "what became of each order is told once", func() error {
		return difference(told, s.told(first.ID))
	})
	processtest.Eventually(t, "the units of confirmed orders are reserved, those of cancelled ones released", func() error {
		reserved := map[string]int64{}
		for sku, now := range s.stock() {
			if now.Available+now.Reserved != before[sku].Available+before[sku].Reserved {
				t.Fatalf("%s: %+v, before %+v", sku, now, before[sku])
			}
			if n := now.Reserved - before[sku].Reserved; n != 0 {
				reserved[sku] = n
			}
		}
		return difference(kept, reserved)
	})
}

func difference(want, got any) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("(-want +got):\n%s", diff)
	}
	return nil
}

// request is for two products, in one order or the other; that of each tenth order cannot be met.
func request(i int) orderapi.Request {
	items := []orderapi.Item{
		{SKU: fmt.Sprintf("load-%03d", i%5+1), Quantity: 1, UnitPriceCents: 1999},
		{SKU: fmt.Sprintf("load-%03d", (i+1)%5+1), Quantity: 2, UnitPriceCents: 999},
	}
	if i%2 == 0 {
		slices.Reverse(items)
	}
	if i%10 == 5 {
		items = append(items, orderapi.Item{SKU: contracts.TestOutOfStock, Quantity: 1})
	}
	return orderapi.Request{CustomerID: "e2e", Items: items}
}

// wanted is the status that the order ends in. Each fourth is cancelled.
func wanted(i int) string {
	switch {
	case i%4 == 0:
		return "cancelled"
	case i%10 == 5:
		return "rejected"
	}
	return "confirmed"
}

// finish places an order, cancels it at once if it is to be, and returns it once it is no longer pending.
func finish(ctx context.Context, api string, request orderapi.Request, cancel bool) (orderapi.Order, error) {
	orders := orderapi.New(api)
	o, err := orders.Place(ctx, request)
	if err == nil && cancel {
		var response *http.Response
		if response, err = http.Post(api+"/orders/"+o.ID+"/cancel", "", nil); err == nil {
			err = response.Body.Close()
		}
	}
	if err != nil {
		return o, err
	}
	return orders.Await(ctx, o.ID)
}

// told is what the stream tells of each order but one, sorted: with two relays, what comes later may be told first. That
// an order was confirmed before it was cancelled is left out, because it may be or not.
func (s *stack) told(but string) map[string][]string {
	s.t.Helper()
	entries, err := messagingtest.Client(s.t, s.redisURL).XRange(s.t.Context(), messaging.StreamKey(contracts.Orders{}.Name(), 0), "-", "+").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	told := map[string][]string{}
	for _, entry := range entries {
		id, eventType := entry.Values["subject"].(string), entry.Values["type"].(string)
		told[id] = append(told[id], eventType)
	}
	delete(told, but)
	for id, types := range told {
		slices.Sort(types)
		if i := slices.Index(types, contracts.OrderConfirmed{}.Type()); i >= 0 && slices.Contains(types, contracts.OrderCancelled{}.Type()) {
			told[id] = slices.Delete(types, i, i+1)
		}
	}
	return told
}

type units struct{ Available, Reserved int64 }

// stock is what there is of each SKU.
func (s *stack) stock() map[string]units {
	s.t.Helper()
	all := map[string]units{}
	for after := "?limit=200"; after != ""; {
		var page struct {
			Items []struct {
				SKU string
				units
			}
			Next string
		}
		s.ask("GET", s.inventory+"/stock"+after, "", http.StatusOK, &page)
		for _, item := range page.Items {
			all[item.SKU] = item.units
		}
		if after = ""; page.Next != "" {
			after = "?limit=200&after=" + page.Next
		}
	}
	return all
}
