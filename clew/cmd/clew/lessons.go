package main

import "example.com/clew/observability/viewer/story"

// lessons are those in docs/lessons, which say how each need is met.
var lessons = [...]lesson{
	{"Follow one order", "waited in the stream for over a second, and was then worked on for less", []need{
		{
			query:   attempts(`.messaging.redis_streams.outcome = "ack"`),
			is:      wentAndCameBack,
			missing: "no order went to inventory and came back, confirmed, in one trace: step 1 places one",
		},
		{
			query:   attempts(`.messaging.redis_streams.outcome = "ack" && duration > 1900ms`),
			is:      wentAndCameBack,
			missing: "no order took inventory two seconds: step 4 places one",
		},
		{
			query: attempts(`.messaging.redis_streams.outcome = "ack" && duration < 1s` +
				` && .messaging.redis_streams.delivery_count = 1 && .messaging.redis_streams.stream_wait_ms > 1000.0`),
			is:      wentAndCameBack,
			missing: "no order waited in the stream for over a second and was then worked on for less: the exercise asks for one",
		},
	}},
	{"When propagation breaks", "was taken over from a killed process, in a trace that nothing joins to its request", []need{
		{
			query:   attempts(failedTwice),
			is:      story.Order.Whole,
			missing: "no order failed twice in its request's own trace: step 1 places one",
		},
		{
			query:   attempts(failedTwice),
			is:      story.Order.Broken,
			missing: "no order failed twice in traces that nothing joins to its request: step 2 places one",
		},
		{
			query:   attempts(failedTwice),
			is:      story.Order.Linked,
			missing: "no order failed twice in traces that link to its request's: step 4 places one",
		},
		{
			query:   attempts(`.messaging.redis_streams.outcome = "ack" && .messaging.redis_streams.delivery_count = 2`),
			is:      func(o story.Order) bool { return o.Broken() && o.TakenOver() },
			missing: "no process was killed by an order whose trace is broken: the exercise asks for one",
		},
	}},
	{"Retry, dead letter, redrive", "was given up twice, and confirmed in the end, in one trace", []need{
		{
			query:   givenUp,
			is:      func(o story.Order) bool { return o.DeadLetters() > 0 },
			missing: "no message was given up after five deliveries: step 1 places the order",
		},
		{
			query:   givenUp,
			is:      succeededInTheEnd,
			missing: "no order that was given up is confirmed by now: steps 3 and 4 fix the fault and redrive the message",
		},
		{
			query:   givenUp,
			is:      func(o story.Order) bool { return o.DeadLetters() > 1 && succeededInTheEnd(o) },
			missing: "no order was given up twice and confirmed in the end: the exercise asks for one",
		},
	}},
}

const (
	failedTwice = `.messaging.redis_streams.outcome = "retry" && .messaging.redis_streams.delivery_count = 2`
	givenUp     = `{ name = "dead_letter orders" && .cloudevents.event_type = "order.created.v1"` +
		` && .messaging.redis_streams.dlq.reason = "exhausted" }`
)

// attempts asks for inventory's attempts at new orders, of which more is known.
func attempts(conditions string) string {
	return `{ name = "process orders" && .cloudevents.event_type = "order.created.v1"` +
		` && .messaging.consumer.group.name = "inventory" && ` + conditions + ` }`
}

// wentAndCameBack tells whether the order is confirmed, and its one trace has every part of the way.
func wentAndCameBack(o story.Order) bool {
	for _, name := range []string{
		"POST /orders", "create orders", "send orders", "process orders", "create stock", "send stock", "process stock",
	} {
		if !o.Has(func(span story.Span) bool { return span.Name == name }) {
			return false
		}
	}
	return o.Whole() && o.Status == "confirmed"
}

func succeededInTheEnd(o story.Order) bool { return o.Status == "confirmed" && o.SucceededInTheEnd() }
