package events_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"example.com/clew/services/contracts"
	"example.com/clew/services/inventory/internal/events"
	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/inventory/internal/store"
	"example.com/clew/services/inventory/internal/store/migrations"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/messaging/outbox"
)

// A service is the handlers on a database of their own.
type service struct {
	db       *database.DB
	store    *store.Store
	handlers map[string]messaging.Handler[contracts.Orders]
}

// openService returns a service with connections of its own to a database, as each replica has.
func openService(t *testing.T, databaseURL string, items ...stock.Item) service {
	t.Helper()
	tp := noop.NewTracerProvider()
	db, err := database.Open(t.Context(), databaseURL, migrations.FS, tp, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := store.New(db, nil)
	if err := s.Seed(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	handle := events.New(inbox.New(outbox.New(db, db.System(), messaging.New(nil, messaging.Config{Source: "/inventory"})), "inventory"), s)
	handlers := map[string]messaging.Handler[contracts.Orders]{}
	for _, h := range []messaging.Handler[contracts.Orders]{messaging.On(handle.OrderCreated), messaging.On(handle.OrderCancelled)} {
		handlers[h.Type()] = h
	}
	return service{db, s, handlers}
}

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatal(...any)
}

func created(t fataler, orderID string, lines ...stock.Line) messaging.Message {
	t.Helper()
	e := contracts.OrderCreated{OrderID: orderID, CustomerID: "ada", Currency: "EUR"}
	for _, line := range lines {
		e.Items = append(e.Items, contracts.Item{SKU: line.SKU, Quantity: line.Quantity})
	}
	return message(t, e)
}

func cancelled(t fataler, orderID string) messaging.Message {
	t.Helper()
	return message(t, contracts.OrderCancelled{OrderID: orderID})
}

func message(t fataler, event messaging.Event[contracts.Orders]) messaging.Message {
	t.Helper()
	m, err := messaging.NewMessage(context.Background(), event)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// handle delivers messages, which must succeed or be duplicates.
func (s service) handle(t fataler, messages ...messaging.Message) {
	t.Helper()
	for _, m := range messages {
		if err := s.handlers[m.Type].Handle(context.Background(), m); err != nil && !errors.Is(err, messaging.ErrDuplicate) {
			t.Fatal(m.Type, err)
		}
	}
}

// told returns type and payload of what was left in the outbox.
func (s service) told(t fataler) []string {
	t.Helper()
	var told []string
	if err := s.db.Read.Raw("SELECT type || ' ' || data FROM outbox WHERE stream = 'stock' ORDER BY id").Scan(&told).Error; err != nil {
		t.Fatal(err)
	}
	return told
}

func (s service) item(t fataler, sku string) stock.Item {
	t.Helper()
	item, err := s.store.Item(context.Background(), sku)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

const (
	reserved = `stock.reserved.v1 {"order_id":"o","items":[{"sku":"lamp","quantity":3}]}`
	released = `stock.released.v1 {"order_id":"o","items":[{"sku":"lamp","quantity":3}]}`
)

func TestOrdersMoveStock(t *testing.T) {
	make3 := func(t *testing.T) messaging.Message {
		return created(t, "o", stock.Line{SKU: "lamp", Quantity: 1}, stock.Line{SKU: "lamp", Quantity: 2})
	}
	cancel := func(t *testing.T) messaging.Message { return cancelled(t, "o") }
	type messages = []func(*testing.T) messaging.Message
	for name, test := range map[string]struct {
		messages messages
		lamps    stock.Item
		told     []string
	}{
		"created":   {messages{make3}, stock.Item{SKU: "lamp", Available: 7, Reserved: 3}, []string{reserved}},
		"cancelled": {messages{make3, cancel}, stock.Item{SKU: "lamp", Available: 10}, []string{reserved, released}},
		"cancelled twice": {messages{make3, cancel, cancel}, stock.Item{SKU: "lamp", Available: 10},
			[]string{reserved, released}},
		"the cancellation overtakes the creation": {messages{cancel, make3}, stock.Item{SKU: "lamp", Available: 10}, nil},
		"created under two ids": {messages{make3, make3}, stock.Item{SKU: "lamp", Available: 7, Reserved: 3},
			[]string{reserved}},
		"out of stock, one item of two": {messages{func(t *testing.T) messaging.Message {
			return created(t, "o", stock.Line{SKU: "mug", Quantity: 1}, stock.Line{SKU: "lamp", Quantity: 1})
		}}, stock.Item{SKU: "lamp", Available: 10}, []string{`stock.rejected.v1 {"order_id":"o","reason":"out_of_stock: mug"}`}},
		"unknown SKU": {messages{func(t *testing.T) messaging.Message {
			return created(t, "o", stock.Line{SKU: "mug", Quantity: 1}, stock.Line{SKU: "lamb", Quantity: 1})
		}}, stock.Item{SKU: "lamp", Available: 10}, []string{`stock.rejected.v1 {"order_id":"o","reason":"unknown_sku: lamb"}`}},
		"a rejected order is cancelled": {messages{func(t *testing.T) messaging.Message {
			return created(t, "o", stock.Line{SKU: "lamp", Quantity: 11})
		}, cancel}, stock.Item{SKU: "lamp", Available: 10}, []string{`stock.rejected.v1 {"order_id":"o","reason":"out_of_stock: lamp"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			messagingtest.EachDatabase(t, func(t *testing.T, databaseURL string) {
				s := openService(t, databaseURL, stock.Item{SKU: "lamp", Available: 10}, stock.Item{SKU: "mug"})
				for _, m := range test.messages {
					s.handle(t, m(t))
				}
				if diff := cmp.Diff(test.lamps, s.item(t, "lamp")); diff != "" {
					t.Errorf("lamps (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.told, s.told(t)); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAMessageDeliveredTwiceCountsOnce(t *testing.T) {
	messagingtest.EachDatabase(t, testAMessageDeliveredTwiceCountsOnce)
}

func testAMessageDeliveredTwiceCountsOnce(t *testing.T, databaseURL string) {
	s := openService(t, databaseURL, stock.Item{SKU: "lamp", Available: 10})
	m := created(t, "o", stock.Line{SKU: "lamp", Quantity: 3})
	s.handle(t, m)
	if err := s.handlers[m.Type].Handle(t.Context(), m); !errors.Is(err, messaging.ErrDuplicate) {
		t.Errorf("again: %v, want ErrDuplicate", err)
	}
	if told := s.told(t); len(told) != 1 || s.item(t, "lamp").Reserved != 3 {
		t.Errorf("told %v, lamps %+v", told, s.item(t, "lamp"))
	}
}

func TestAnUnreadableOrderIsPermanent(t *testing.T) {
	messagingtest.EachDatabase(t, testAnUnreadableOrderIsPermanent)
}

func testAnUnreadableOrderIsPermanent(t *testing.T, databaseURL string) {
	s := openService(t, databaseURL)
	m := created(t, "o", stock.Line{SKU: "lamp", Quantity: 3})
	m.Data = []byte(`{"order_id":"o","items":[]}`)
	if err := s.handlers[m.Type].Handle(t.Context(), m); !messaging.IsPermanent(err) {
		t.Errorf("error %v, want a permanent one", err)
	}
}

func TestWhatTheOrderServiceDecidesIsIgnored(t *testing.T) {
	messagingtest.EachDatabase(t, testWhatTheOrderServiceDecidesIsIgnored)
}

func testWhatTheOrderServiceDecidesIsIgnored(t *testing.T, databaseURL string) {
	handlers := openService(t, databaseURL).handlers
	for _, eventType := range []string{contracts.OrderConfirmed{}.Type(), contracts.OrderRejected{}.Type()} {
		if _, handled := handlers[eventType]; handled {
			t.Errorf("%s, which the order service decides, has a handler", eventType)
		}
	}
}

func TestConcurrentOrdersNeverSellAUnitTwice(t *testing.T) {
	messagingtest.EachDatabase(t, testConcurrentOrdersNeverSellAUnitTwice)
}

func testConcurrentOrdersNeverSellAUnitTwice(t *testing.T, databaseURL string) {
	s := openService(t, databaseURL, stock.Item{SKU: "lamp", Available: 10})
	var all sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		m := created(t, fmt.Sprint("o-", i), stock.Line{SKU: "lamp", Quantity: 1})
		all.Go(func() { errs[i] = s.handlers[m.Type].Handle(t.Context(), m) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := s.item(t, "lamp"); got.Available != 0 || got.Reserved != 10 {
		t.Errorf("lamps %+v", got)
	}
}

// Locks are taken in the order of the SKUs, whatever the order of the items is: no transaction waits for one that waits
// for it.
func TestOrdersOfTheSameProductsDoNotDeadlock(t *testing.T) {
	messagingtest.EachDatabase(t, testOrdersOfTheSameProductsDoNotDeadlock)
}

func testOrdersOfTheSameProductsDoNotDeadlock(t *testing.T, databaseURL string) {
	const workers, orders = 8, 25
	products := make([]stock.Item, 5)
	lines := make([]stock.Line, len(products))
	for i := range products {
		sku := fmt.Sprint("lamp-", i)
		products[i], lines[i] = stock.Item{SKU: sku, Available: workers * orders}, stock.Line{SKU: sku, Quantity: 1}
	}
	services := [...]service{openService(t, databaseURL, products...), openService(t, databaseURL, products...)}
	var all errgroup.Group
	for worker := range workers {
		all.Go(func() error {
			s, lines := services[worker%2], slices.Clone(lines)
			for i := range orders {
				slices.Reverse(lines)
				orderID := fmt.Sprintf("o-%d-%d", worker, i)
				create, cancel := created(t, orderID, lines...), cancelled(t, orderID)
				for _, m := range []messaging.Message{create, cancel} {
					err := s.handlers[m.Type].Handle(t.Context(), m)
					for messaging.Classify(err) == "unavailable" { // SQLite's lock is not fair: others were faster for long
						err = s.handlers[m.Type].Handle(t.Context(), m)
					}
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	for _, want := range products {
		if got := services[0].item(t, want.SKU); got != want {
			t.Errorf("%+v, want all of them available", got)
		}
	}
}

// The creation has an id of its own, as after the inbox has forgotten the first: it meets a reservation that is there.
func TestACreationThatIsRepeatedDoesNotDeadlockWithTheCancellation(t *testing.T) {
	lamps := stock.Item{SKU: "lamp", Available: 10}
	s := openService(t, messagingtest.Postgres(t), lamps)
	create := func() messaging.Message { return created(t, "o", stock.Line{SKU: "lamp", Quantity: 3}) }
	s.handle(t, create())
	locked := s.db.Write.Begin() // until both have come as far as they can
	defer locked.Rollback()
	if err := locked.Exec("SELECT sku FROM stock WHERE sku = 'lamp' FOR UPDATE").Error; err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	var errs [2]error
	for i, m := range []messaging.Message{create(), cancelled(t, "o")} {
		both.Go(func() { errs[i] = s.handlers[m.Type].Handle(t.Context(), m) })
		messagingtest.Eventually(t, "the handlers wait for stock", func() error {
			var waiting int
			err := s.db.Read.Raw(`SELECT COUNT(*) FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting).Error
			if err == nil && waiting != i+1 {
				err = fmt.Errorf("%d wait", waiting)
			}
			return err
		})
	}
	locked.Rollback()
	both.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Error(err)
	}
	if got := s.item(t, "lamp"); got != lamps {
		t.Errorf("lamps %+v, want all of them available", got)
	}
}

func TestACancellationAndACreationAtOnceHaveOneOutcome(t *testing.T) {
	messagingtest.EachDatabase(t, testACancellationAndACreationAtOnceHaveOneOutcome)
}

func testACancellationAndACreationAtOnceHaveOneOutcome(t *testing.T, databaseURL string) {
	lamps := stock.Item{SKU: "lamp", Available: 10}
	one, other := openService(t, databaseURL, lamps), openService(t, databaseURL, lamps)
	for i := range 50 {
		orderID := fmt.Sprint("o-", i)
		create, cancel := created(t, orderID, stock.Line{SKU: "lamp", Quantity: 3}), cancelled(t, orderID)
		var both sync.WaitGroup
		var errs [2]error
		both.Go(func() { errs[0] = one.handlers[create.Type].Handle(t.Context(), create) })
		both.Go(func() { errs[1] = other.handlers[cancel.Type].Handle(t.Context(), cancel) })
		both.Wait()
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		r, err := one.store.Reservation(t.Context(), orderID)
		if err != nil || r.State != stock.Cancelled || one.item(t, "lamp") != lamps {
			t.Fatalf("%+v, error %v, lamps %+v; want it cancelled and nothing reserved", r, err, one.item(t, "lamp"))
		}
	}
	told := map[string]int{}
	for _, event := range one.told(t) {
		told[strings.Fields(event)[0]]++
	}
	if told[contracts.StockReserved{}.Type()] != told[contracts.StockReleased{}.Type()] || told[contracts.StockRejected{}.Type()] != 0 {
		t.Errorf("told %v, want as much released as reserved", told)
	}
}

// An order's events end in the same state in whichever order they arrive, and however often each is delivered.
func TestTheOrderOfArrivalDoesNotMatter(t *testing.T) {
	messagingtest.EachDatabase(t, testTheOrderOfArrivalDoesNotMatter)
}

func testTheOrderOfArrivalDoesNotMatter(t *testing.T, databaseURL string) {
	const lamps = 1_000_000 // more than all runs take: who gets the last unit may depend on who comes first
	s := openService(t, databaseURL, stock.Item{SKU: "lamp", Available: lamps})
	reserved, run := int64(0), 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		var events []messaging.Message
		want := map[string]stock.State{}
		for i := range rapid.IntRange(1, 3).Draw(t, "orders") {
			orderID := fmt.Sprintf("o-%d-%d", run, i)
			quantity := rapid.Int64Range(1, 5).Draw(t, "quantity")
			events = append(events, created(t, orderID, stock.Line{SKU: "lamp", Quantity: quantity}))
			if rapid.Bool().Draw(t, "cancelled") {
				events = append(events, cancelled(t, orderID))
				want[orderID] = stock.Cancelled
			} else {
				want[orderID] = stock.Reserved
				reserved += quantity
			}
		}
		again := rapid.SliceOf(rapid.SampledFrom(events)).Draw(t, "again")
		s.handle(t, rapid.Permutation(slices.Concat(events, again)).Draw(t, "arrived")...)
		for orderID, state := range want {
			if r, err := s.store.Reservation(t.Context(), orderID); err != nil || r.State != state {
				t.Fatalf("%s: %+v, error %v; want it %s", orderID, r, err, state)
			}
		}
		if got := s.item(t, "lamp"); got.Reserved != reserved || got.Available != lamps-reserved {
			t.Fatalf("lamps %+v, want %d reserved", got, reserved)
		}
	})
}

// Whatever is created and cancelled, in whichever order and however often it is delivered: no unit appears or vanishes,
// and what is reserved is what the reservations hold.
func TestUnitsAreConserved(t *testing.T) { messagingtest.EachDatabase(t, testUnitsAreConserved) }

func testUnitsAreConserved(t *testing.T, databaseURL string) {
	s := openService(t, databaseURL, stock.Item{SKU: "bulb", Available: 12}, stock.Item{SKU: "lamp", Available: 6})
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++ // the database is the same: new orders, on the stock that was left
		var sent []messaging.Message
		for range rapid.IntRange(1, 12).Draw(t, "messages") {
			orderID := fmt.Sprintf("o-%d-%d", run, rapid.IntRange(1, 3).Draw(t, "order"))
			switch rapid.SampledFrom([]string{"create", "cancel", "repeat"}).Draw(t, "what") {
			case "create":
				sent = append(sent, created(t, orderID,
					stock.Line{SKU: "lamp", Quantity: rapid.Int64Range(1, 4).Draw(t, "lamps")},
					stock.Line{SKU: "bulb", Quantity: rapid.Int64Range(1, 8).Draw(t, "bulbs")}))
			case "cancel":
				sent = append(sent, cancelled(t, orderID))
			default:
				if len(sent) == 0 {
					continue
				}
				sent = append(sent, rapid.SampledFrom(sent).Draw(t, "again"))
			}
			s.handle(t, sent[len(sent)-1])
		}
		s.wantConserved(t, "bulb", 12)
		s.wantConserved(t, "lamp", 6)
		for i := range 3 { // leave stock for the next run
			s.handle(t, cancelled(t, fmt.Sprintf("o-%d-%d", run, i+1)))
		}
		if item := s.item(t, "lamp"); item.Reserved != 0 {
			t.Fatalf("all orders are cancelled, but lamps are %+v", item)
		}
	})
}

func (s service) wantConserved(t *rapid.T, sku string, total int64) {
	item := s.item(t, sku)
	var held int64
	err := s.db.Read.Raw(`SELECT COALESCE(SUM(i.quantity), 0) FROM reservation_items i JOIN reservations r ON r.order_id = i.order_id
		WHERE r.state = 'reserved' AND i.sku = ?`, sku).Scan(&held).Error
	if err != nil || item.Available < 0 || item.Reserved < 0 || item.Available+item.Reserved != total || item.Reserved != held {
		t.Fatalf("%+v of %d, reservations hold %d, error %v", item, total, held, err)
	}
}
