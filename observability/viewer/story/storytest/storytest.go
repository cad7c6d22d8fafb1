// Package storytest has traces of orders, for tests of packages that tell or draw them.
package storytest

import (
	"fmt"
	"time"

	"example.com/clew/observability/viewer/story"
)

// The ids of the trace that is told, and of one that it links to.
const (
	ID      = "4bf92f3577b34da6a3ce929d0e0e4736"
	OtherID = "0af7651916cd43dd8448eb211c80319c"
)

// Epoch is when traces start.
var Epoch = time.Date(2026, 2, 3, 10, 15, 30, 123456789, time.UTC)

// A Trace is built the way one happens: each call is a span, its times in
// microseconds since the start, and returns the span to hang others on.
type Trace struct{ story.Trace }

// New returns a trace without spans.
func New() *Trace { return &Trace{story.Trace{ID: ID}} }

// Add adds a span and returns its id.
func (s *Trace) Add(parent, service string, kind story.Kind, name string, from, to int, edits ...func(*story.Span)) string {
	id := fmt.Sprintf("%016x", len(s.Spans)+1)
	span := story.Span{
		TraceID: s.ID, ID: id, Parent: parent, Service: service, Name: name, Kind: kind,
		Start:      Epoch.Add(time.Duration(from) * time.Microsecond),
		End:        Epoch.Add(time.Duration(to) * time.Microsecond),
		Attributes: story.Attributes{},
	}
	for _, edit := range edits {
		edit(&span)
	}
	s.Spans = append(s.Spans, span)
	return id
}

// Statements adds CLIENT spans one after the other, each taking its share.
func (s *Trace) Statements(parent, service string, from, to int, names ...string) {
	each := (to - from) / len(names)
	for i, name := range names {
		s.Add(parent, service, story.KindClient, name, from+i*each, from+(i+1)*each-each/5,
			With("db.system.name", "sqlite"))
	}
}

// With sets an attribute.
func With(key string, value any) func(*story.Span) {
	return func(s *story.Span) { s.Attributes[key] = value }
}

// LinkTo adds a link.
func LinkTo(trace, span string) func(*story.Span) {
	return func(s *story.Span) {
		s.Links = append(s.Links, story.Link{TraceID: trace, SpanID: span})
	}
}

// Failed makes the span an error.
func Failed(message string) func(*story.Span) {
	return func(s *story.Span) { s.Error, s.StatusMessage = true, message }
}

// Exception adds the event.
func Exception(kind, message string) func(*story.Span) {
	return func(s *story.Span) {
		s.Events = append(s.Events, story.Event{Name: "exception", Attributes: story.Attributes{
			"exception.type": kind, "exception.message": message,
		}})
	}
}

// Sent and Received carry what messaging says of a message: its id and how long
// it waited, in milliseconds.
func Sent(id string, ms any) func(*story.Span) { return waited(id, "outbox", ms) }

// Received is Sent for the processing span.
func Received(id string, ms any) func(*story.Span) { return waited(id, "stream", ms) }

func waited(id, place string, ms any) func(*story.Span) {
	return func(s *story.Span) {
		s.Attributes["messaging.message.id"] = id
		s.Attributes["messaging.redis_streams."+place+"_wait_ms"] = ms
	}
}

// ConfirmedOrder is a healthy order: request, reservation, answer, confirmation.
func ConfirmedOrder() story.Trace {
	const (
		server   = story.KindServer
		client   = story.KindClient
		producer = story.KindProducer
		consumer = story.KindConsumer
	)
	s := New()
	request := s.Add("", "order", server, "POST /orders", 0, 2910)
	created := s.Add(request, "order", producer, "create orders", 180, 2780)
	s.Statements(created, "order", 230, 2760,
		"INSERT idempotency_keys", "INSERT orders", "INSERT order_items", "INSERT outbox", "COMMIT")
	s.Add(created, "order", client, "send orders", 3610, 4020, Sent("created", 3.2))

	process := s.Add(created, "inventory", consumer, "process orders", 4330, 7480,
		LinkTo(ID, created), Received("created", 0.9))
	s.Statements(process, "inventory", 4390, 4700, "INSERT inbox")
	answered := s.Add(process, "inventory", producer, "create stock", 4720, 7440)
	s.Statements(answered, "inventory", 4760, 7420,
		"SELECT stock", "UPDATE stock", "INSERT reservations", "INSERT outbox", "COMMIT")
	s.Add(answered, "inventory", client, "send stock", 8150, 8490, Sent("reserved", 3.1))

	confirm := s.Add(answered, "order", consumer, "process stock", 8740, 10930,
		LinkTo(ID, answered), Received("reserved", 0.6))
	s.Statements(confirm, "order", 8790, 9610, "INSERT inbox", "UPDATE orders")
	confirmed := s.Add(confirm, "order", producer, "create orders", 9640, 10900)
	s.Statements(confirmed, "order", 9670, 10880, "INSERT outbox", "COMMIT")
	s.Add(confirmed, "order", client, "send orders", 11510, 11880, Sent("confirmed", 1.8))
	return s.Trace
}

// TroubledOrder holds what can go wrong in one picture: a caller that is not
// here, failed attempts, a failed statement, links out of the trace, clocks that
// disagree, and a name that attacks the terminal.
func TroubledOrder() story.Trace {
	const (
		client   = story.KindClient
		producer = story.KindProducer
		consumer = story.KindConsumer
	)
	s := New()
	request := s.Add("00f067aa0ba902b7", "order", story.KindServer, "POST /orders", 0, 3000)
	created := s.Add(request, "order", producer, "create orders", 200, 2800)
	s.Statements(created, "order", 300, 1500, "INSERT orders", "INSERT outbox")
	s.Add(created, "order", client, "COMMIT", 1500, 2700, With("db.system.name", "sqlite"))
	s.Add(created, "order", client, "send orders", 3_000_000, 3_000_800, Sent("created", 2999.5))
	link := LinkTo(ID, created)
	first := s.Add(created, "inventory", consumer, "process orders", 3_002_000, 3_004_000,
		link, Received("created", 2.0), With("error.type", "timeout"), Failed("no answer within 2ms"),
		Exception("context.deadlineExceededError", "no answer within 2ms"))
	s.Add(first, "inventory", client, "UPDATE stock", 3_002_500, 3_004_000,
		With("db.system.name", "sqlite"), With("error.type", "5"), Failed(""),
		Exception("sqlite.Error", "database is locked (5)\x1b]0;owned\a"))
	s.Add(created, "inventory", consumer, "process orders", 3_300_000, 3_302_000,
		link, LinkTo(OtherID, "b7ad6b7169203331"), Received("created", 300.0))
	s.Add(created, "inventory", consumer, "process orders", 3_400_000, 3_402_000,
		link, LinkTo(OtherID, "b7ad6b7169203331"), LinkTo(ID, first), LinkTo("", "ffffffffffffffff"),
		Received("created", 400.0))
	s.Add(created, "warehouse-management-service", client,
		"\x1b[2J\x1b[31mpick 棚の商品 from a shelf with a very long name\r\n\u202eevil", 3_399_900, 3_399_000)
	s.Add("", "", story.KindInternal, "", -50_000, -50_000)
	return s.Trace
}

// Attempted is what messaging tells of one attempt: which delivery it was, and what became of it.
func Attempted(deliveries int64, outcome string) func(*story.Span) {
	return func(s *story.Span) {
		s.Attributes["messaging.consumer.group.name"] = "inventory"
		s.Attributes["messaging.redis_streams.delivery_count"] = deliveries
		s.Attributes["messaging.redis_streams.outcome"] = outcome
	}
}

// TookOver is what an attempt tells of the one before, which left no span.
func TookOver(consumer string, deliveries int64, lastSeen int) func(*story.Span) {
	return func(s *story.Span) {
		s.Events = append(s.Events, story.Event{Name: "takeover", Attributes: story.Attributes{
			"messaging.redis_streams.taken_over_from": consumer,
			"messaging.redis_streams.delivery_count":  deliveries,
			"last_seen_at":                            Epoch.Add(time.Duration(lastSeen) * time.Microsecond).Format(time.RFC3339Nano),
		}})
	}
}

// StartedOrder is a request and the message it sent; attempts are to follow.
func StartedOrder() (s *Trace, created string) {
	s = New()
	request := s.Add("", "order", story.KindServer, "POST /orders", 0, 2910)
	created = s.Add(request, "order", story.KindProducer, "create orders", 180, 2780)
	s.Statements(created, "order", 230, 2760, "INSERT orders", "COMMIT")
	s.Add(created, "order", story.KindClient, "send orders", 3610, 4020, Sent("created", 3.2))
	return s, created
}

// Attempt is one at the message of StartedOrder, at these microseconds.
func (s *Trace) Attempt(created string, from, to int, edits ...func(*story.Span)) string {
	waited := Received("created", float64(from-4000)/1000)
	return s.Add(created, "inventory", story.KindConsumer, "process orders", from, to,
		append([]func(*story.Span){LinkTo(ID, created), waited}, edits...)...)
}

// TakenOver is an order whose first attempt killed its process.
func TakenOver() story.Trace {
	s, created := StartedOrder()
	second := s.Attempt(created, 3_900_000, 3_903_000, Attempted(2, "ack"), TookOver("inventory-1-4711", 1, 900_000))
	answer := s.Add(second, "inventory", story.KindProducer, "create stock", 3_901_000, 3_903_000)
	s.Add(answer, "inventory", story.KindClient, "send stock", 3_903_500, 3_904_000)
	return s.Trace
}

// Redriven is an order that failed each time, was dead-lettered, Redriven, done, and then delivered once more.
func Redriven() story.Trace {
	s, created := StartedOrder()
	const why = "test-poison: not before `clew fix poison`"
	last, at := "", 5_000
	for count := range int64(5) {
		outcome, kind := "retry", "_OTHER"
		if count == 4 {
			outcome, kind = "dead_letter", "exhausted"
		}
		last = s.Attempt(created, at, at+2_000, Attempted(count+1, outcome), Failed(why), With("error.type", kind))
		at += 200_000 * int(1+count)
	}
	s.Add(created, "inventory", story.KindClient, "dead_letter orders", at-795_000, at-794_000,
		With("messaging.redis_streams.dlq.reason", "exhausted"), LinkTo(ID, last))
	done := s.Attempt(created, 4_000_000, 4_002_000, Attempted(1, "ack"), LinkTo(OtherID, "b7ad6b7169203331"))
	s.Add(done, "inventory", story.KindProducer, "create stock", 4_000_500, 4_002_000)
	s.Attempt(created, 4_500_000, 4_500_300, Attempted(1, "duplicate"))
	return s.Trace
}
