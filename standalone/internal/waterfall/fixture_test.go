package waterfall

import (
	"fmt"
	"time"

	"example.com/clew/standalone/internal/traceapi"
)

const (
	thisTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	otherTrace = "0af7651916cd43dd8448eb211c80319c"
)

var epoch = time.Date(2026, 2, 3, 10, 15, 30, 123456789, time.UTC)

// A story builds a trace the way one happens: each call is a span, its times in
// microseconds since the start, and returns the span to hang others on.
type story struct{ trace traceapi.Trace }

func newStory() *story { return &story{traceapi.Trace{ID: thisTrace}} }

func (s *story) span(parent, service string, kind traceapi.Kind, name string, from, to int, edits ...func(*traceapi.Span)) string {
	id := fmt.Sprintf("%016x", len(s.trace.Spans)+1)
	span := traceapi.Span{
		ID: id, Parent: parent, Service: service, Name: name, Kind: kind,
		Start:      epoch.Add(time.Duration(from) * time.Microsecond),
		End:        epoch.Add(time.Duration(to) * time.Microsecond),
		Attributes: traceapi.Attributes{},
	}
	for _, edit := range edits {
		edit(&span)
	}
	s.trace.Spans = append(s.trace.Spans, span)
	return id
}

// statements are CLIENT spans one after the other, each taking its share.
func (s *story) statements(parent, service string, from, to int, names ...string) {
	each := (to - from) / len(names)
	for i, name := range names {
		s.span(parent, service, traceapi.KindClient, name, from+i*each, from+(i+1)*each-each/5,
			with("db.system.name", "sqlite"))
	}
}

func with(key string, value any) func(*traceapi.Span) {
	return func(s *traceapi.Span) { s.Attributes[key] = value }
}

func linkTo(trace, span string) func(*traceapi.Span) {
	return func(s *traceapi.Span) {
		s.Links = append(s.Links, traceapi.Link{TraceID: trace, SpanID: span})
	}
}

func failed(message string) func(*traceapi.Span) {
	return func(s *traceapi.Span) { s.Error, s.StatusMessage = true, message }
}

func exception(kind, message string) func(*traceapi.Span) {
	return func(s *traceapi.Span) {
		s.Events = append(s.Events, traceapi.Event{Name: "exception", Attributes: traceapi.Attributes{
			"exception.type": kind, "exception.message": message,
		}})
	}
}

// sent and received carry what messaging says of a message: its id and how long
// it waited, in milliseconds.
func sent(id string, ms any) func(*traceapi.Span) { return waited(id, "outbox", ms) }

func received(id string, ms any) func(*traceapi.Span) { return waited(id, "stream", ms) }

func waited(id, place string, ms any) func(*traceapi.Span) {
	return func(s *traceapi.Span) {
		s.Attributes["messaging.message.id"] = id
		s.Attributes["messaging.redis_streams."+place+"_wait_ms"] = ms
	}
}

// confirmedOrder is a healthy order: request, reservation, answer, confirmation.
func confirmedOrder() traceapi.Trace {
	const (
		server   = traceapi.KindServer
		client   = traceapi.KindClient
		producer = traceapi.KindProducer
		consumer = traceapi.KindConsumer
	)
	s := newStory()
	request := s.span("", "order", server, "POST /orders", 0, 2910)
	created := s.span(request, "order", producer, "create orders", 180, 2780)
	s.statements(created, "order", 230, 2760,
		"INSERT idempotency_keys", "INSERT orders", "INSERT order_items", "INSERT outbox", "COMMIT")
	s.span(created, "order", client, "send orders", 3610, 4020, sent("created", 3.2))

	process := s.span(created, "inventory", consumer, "process orders", 4330, 7480,
		linkTo(thisTrace, created), received("created", 0.9))
	s.statements(process, "inventory", 4390, 4700, "INSERT inbox")
	answered := s.span(process, "inventory", producer, "create stock", 4720, 7440)
	s.statements(answered, "inventory", 4760, 7420,
		"SELECT stock", "UPDATE stock", "INSERT reservations", "INSERT outbox", "COMMIT")
	s.span(answered, "inventory", client, "send stock", 8150, 8490, sent("reserved", 3.1))

	confirm := s.span(answered, "order", consumer, "process stock", 8740, 10930,
		linkTo(thisTrace, answered), received("reserved", 0.6))
	s.statements(confirm, "order", 8790, 9610, "INSERT inbox", "UPDATE orders")
	confirmed := s.span(confirm, "order", producer, "create orders", 9640, 10900)
	s.statements(confirmed, "order", 9670, 10880, "INSERT outbox", "COMMIT")
	s.span(confirmed, "order", client, "send orders", 11510, 11880, sent("confirmed", 1.8))
	return s.trace
}

// troubledOrder holds what can go wrong in one picture: a caller that is not
// here, failed attempts, a failed statement, links out of the trace, clocks that
// disagree, and a name that attacks the terminal.
func troubledOrder() traceapi.Trace {
	const (
		client   = traceapi.KindClient
		producer = traceapi.KindProducer
		consumer = traceapi.KindConsumer
	)
	s := newStory()
	request := s.span("00f067aa0ba902b7", "order", traceapi.KindServer, "POST /orders", 0, 3000)
	created := s.span(request, "order", producer, "create orders", 200, 2800)
	s.statements(created, "order", 300, 1500, "INSERT orders", "INSERT outbox")
	s.span(created, "order", client, "COMMIT", 1500, 2700, with("db.system.name", "sqlite"))
	s.span(created, "order", client, "send orders", 3_000_000, 3_000_800, sent("created", 2999.5))
	link := linkTo(thisTrace, created)
	first := s.span(created, "inventory", consumer, "process orders", 3_002_000, 3_004_000,
		link, received("created", 2.0), with("error.type", "timeout"), failed("no answer within 2ms"),
		exception("context.deadlineExceededError", "no answer within 2ms"))
	s.span(first, "inventory", client, "UPDATE stock", 3_002_500, 3_004_000,
		with("db.system.name", "sqlite"), with("error.type", "5"), failed(""),
		exception("sqlite.Error", "database is locked (5)\x1b]0;owned\a"))
	s.span(created, "inventory", consumer, "process orders", 3_300_000, 3_302_000,
		link, linkTo(otherTrace, "b7ad6b7169203331"), received("created", 300.0))
	s.span(created, "inventory", consumer, "process orders", 3_400_000, 3_402_000,
		link, linkTo(otherTrace, "b7ad6b7169203331"), linkTo(thisTrace, first), linkTo("", "ffffffffffffffff"),
		received("created", 400.0))
	s.span(created, "warehouse-management-service", client,
		"\x1b[2J\x1b[31mpick 棚の商品 from a shelf with a very long name\r\n\u202eevil", 3_399_900, 3_399_000)
	s.span("", "", traceapi.KindInternal, "", -50_000, -50_000)
	return s.trace
}

// attempted is what messaging tells of one attempt: which delivery it was, and what became of it.
func attempted(deliveries int64, outcome string) func(*traceapi.Span) {
	return func(s *traceapi.Span) {
		s.Attributes["messaging.consumer.group.name"] = "inventory"
		s.Attributes["messaging.redis_streams.delivery_count"] = deliveries
		s.Attributes["messaging.redis_streams.outcome"] = outcome
	}
}

// tookOver is what an attempt tells of the one before, which left no span.
func tookOver(consumer string, deliveries int64, lastSeen int) func(*traceapi.Span) {
	return func(s *traceapi.Span) {
		s.Events = append(s.Events, traceapi.Event{Name: "takeover", Attributes: traceapi.Attributes{
			"messaging.redis_streams.taken_over_from": consumer,
			"messaging.redis_streams.delivery_count":  deliveries,
			"last_seen_at":                            epoch.Add(time.Duration(lastSeen) * time.Microsecond).Format(time.RFC3339Nano),
		}})
	}
}

// startedOrder is a request and the message it sent; attempts are to follow.
func startedOrder() (s *story, created string) {
	s = newStory()
	request := s.span("", "order", traceapi.KindServer, "POST /orders", 0, 2910)
	created = s.span(request, "order", traceapi.KindProducer, "create orders", 180, 2780)
	s.statements(created, "order", 230, 2760, "INSERT orders", "COMMIT")
	s.span(created, "order", traceapi.KindClient, "send orders", 3610, 4020, sent("created", 3.2))
	return s, created
}

// attempt is one at the message of startedOrder, at these microseconds.
func (s *story) attempt(created string, from, to int, edits ...func(*traceapi.Span)) string {
	waited := received("created", float64(from-4000)/1000)
	return s.span(created, "inventory", traceapi.KindConsumer, "process orders", from, to,
		append([]func(*traceapi.Span){linkTo(thisTrace, created), waited}, edits...)...)
}

// takenOver is an order whose first attempt killed its process.
func takenOver() traceapi.Trace {
	s, created := startedOrder()
	second := s.attempt(created, 3_900_000, 3_903_000, attempted(2, "ack"), tookOver("inventory-1-4711", 1, 900_000))
	answer := s.span(second, "inventory", traceapi.KindProducer, "create stock", 3_901_000, 3_903_000)
	s.span(answer, "inventory", traceapi.KindClient, "send stock", 3_903_500, 3_904_000)
	return s.trace
}

// redriven is an order that failed each time, was dead-lettered, redriven, done, and then delivered once more.
func redriven() traceapi.Trace {
	s, created := startedOrder()
	const why = "test-poison: not before `clew fix poison`"
	last, at := "", 5_000
	for count := range int64(5) {
		outcome, kind := "retry", "_OTHER"
		if count == 4 {
			outcome, kind = "dead_letter", "exhausted"
		}
		last = s.attempt(created, at, at+2_000, attempted(count+1, outcome), failed(why), with("error.type", kind))
		at += 200_000 * int(1+count)
	}
	s.span(created, "inventory", traceapi.KindClient, "dead_letter orders", at-795_000, at-794_000,
		with("messaging.redis_streams.dlq.reason", "exhausted"), linkTo(thisTrace, last))
	done := s.attempt(created, 4_000_000, 4_002_000, attempted(1, "ack"), linkTo(otherTrace, "b7ad6b7169203331"))
	s.span(done, "inventory", traceapi.KindProducer, "create stock", 4_000_500, 4_002_000)
	s.attempt(created, 4_500_000, 4_500_300, attempted(1, "duplicate"))
	return s.trace
}
