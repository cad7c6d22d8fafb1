package main

import (
	"context"
	"slices"
	"strings"

	"example.com/clew/observability/viewer/story"
)

// lessons are those in docs/lessons, which say how each need is met.
var lessons = [...]lesson{
	{"Follow one order", "waited in the stream for over a second, and was then worked on for less", []need{
		{anOrder(attempts(acknowledged), wentAndCameBack),
			"no order went to inventory and came back, confirmed, in one trace: step 1 places one"},
		{anOrder(attempts(acknowledged+` && duration > 1900ms`), wentAndCameBack),
			"no order took inventory two seconds: step 4 places one"},
		{anOrder(attempts(quick+` && .messaging.redis_streams.stream_wait_ms > 1000.0`), wentAndCameBack),
			"no order waited in the stream for over a second and was then worked on for less: the exercise asks for one"},
	}},
	{"When propagation breaks", "was taken over from a killed process, in a trace that nothing joins to its request", []need{
		{anOrder(attempts(failedTwice), seen.Whole),
			"no order failed twice in its request's own trace: step 1 places one"},
		{anOrder(attempts(failedTwice), seen.Broken),
			"no order failed twice in traces that nothing joins to its request: step 2 places one"},
		{anOrder(attempts(failedTwice), seen.Linked),
			"no order failed twice in traces that link to its request's: step 4 places one"},
		{anOrder(attempts(secondTime), func(s seen) bool { return s.Broken() && s.TakenOver() }),
			"no process was killed by an order whose trace is broken: the exercise asks for one"},
	}},
	{"Retry, dead letter, redrive", "was given up twice, and confirmed in the end, in one trace", []need{
		{anOrder(givenUp, func(s seen) bool { return s.DeadLetters() > 0 }),
			"no message was given up after five deliveries: step 1 places the order"},
		{anOrder(givenUp, succeededInTheEnd),
			"no order that was given up is confirmed by now: steps 3 and 4 fix the fault and redrive the message"},
		{anOrder(givenUp, func(s seen) bool { return s.DeadLetters() > 1 && succeededInTheEnd(s) }),
			"no order was given up twice and confirmed in the end: the exercise asks for one"},
	}},
	{"The wait you can't see", "waited over a second in the outbox, and then again in the stream", []need{
		{anOrder(sent(`duration > 1s`), wentAndCameBack),
			"no message was being sent for over a second: step 1 pauses Redis, and step 2 places orders meanwhile"},
		{anOrder(sent(waitedInOutbox), wentAndCameBack),
			"no order waited in the outbox for over a second: step 1 pauses Redis, and step 2 places orders meanwhile"},
		{anOrder(attempts(quick+` && .messaging.redis_streams.stream_wait_ms > 1000.0`), wentAndCameBack),
			"no order waited in the stream for over a second, though its handler was quick: steps 3 and 4 place it"},
		{anOrder(sent(waitedInOutbox), func(s seen) bool { return wentAndCameBack(s) && s.Has(waitedInStream) }),
			"no order waited over a second in the outbox, and then again in the stream: the exercise asks for one"},
	}},
	{"Link or parent", "was processed in a trace of its own, whose link leads to nothing", []need{
		{anOrder(attempts(acknowledged), wentAndCameBack),
			"no order has one trace: step 1 places one"},
		{anOrder(attempts(acknowledged+ownTrace), func(s seen) bool { return s.Linked() && s.requestKept }),
			"no order was processed in a trace that links to its request's: step 2 places one"},
		{anOrder(attempts(acknowledged+ownTrace), func(s seen) bool { return s.Linked() && !s.requestKept }),
			"no order was processed in a trace whose link leads to nothing: the exercise asks for one"},
	}},
	{"The crash", "killed a process with each delivery, until it was given up", []need{
		{anOrder(attempts(secondTime), func(s seen) bool { return s.TakenOver() && s.Has(tookTwoSeconds) }),
			"no order of test-slow was taken over from a killed process: step 1 kills one"},
		{anOrder(givenUp, seen.killedEachTime),
			"no order killed a process with each delivery, until it was given up: the exercise asks for one"},
	}},
	{"Lag in messages, lag in seconds, and waiting", "was over ten seconds behind, with three messages", []need{
		{metric("inventory", ever(backlog("lag_messages")+" >= 500")),
			"inventory never had a lag of hundreds of messages: step 1 makes one"},
		{anOrder(attempts(`.messaging.redis_streams.stream_wait_ms > 2000.0 && duration > 1900ms`), wentAndCameBack),
			"no slow order waited for over two seconds behind others: step 3 places 48"},
		{metric("inventory", ever(backlog("lag_seconds")+" > 10 and max_over_time(("+
			backlog("lag_messages")+" + "+backlog("pending_messages")+")[10s:2s]) <= 5")),
			"inventory was never over ten seconds behind with three messages or fewer: the exercise asks for it"},
	}},
	{"Baggage", "was placed by a trial customer, and given up", []need{
		{anOrder(`{ name = "process stock" && .customer.tier = "premium" }`, seen.Whole),
			"no premium customer's order went to inventory and came back: step 1 places one"},
		{anOrder(attempts(`.customer.tier = "premium"`), seen.Broken),
			"no premium customer's order has a trace that is broken: step 3 places one"},
		{anOrder(attempts(`.customer.tier = "trial" && .messaging.redis_streams.outcome = "dead_letter"`), seen.Whole),
			"no trial customer's order was given up: the exercise asks for one"},
	}},
	{"Sampling and what it hides", "was redriven and is confirmed, and has no trace", []need{
		{unsampledDeadLetter,
			"there is no dead letter of an order that was not sampled: step 2 places it"},
		{anOrder(redriven, redrivenUnsampled),
			"no order that was not sampled was redriven and confirmed: the exercise asks for it"},
	}},
	{"From a spike to a trace", "of a load test was given up, and an alert said so", []need{
		{anOrder(ofLoadTest+` && name = "process orders" && duration > 1900ms }`, seen.Whole),
			"no order of a load test took inventory two seconds: step 1 runs one"},
		{metric("ObjectiveBurnsFast", fired("ObjectiveBurnsFast")),
			"the alert ObjectiveBurnsFast did not fire: step 1 makes orders late until it does"},
		{metric("DeadLetterRate", fired("DeadLetterRate")),
			"the alert DeadLetterRate did not fire: the exercise runs another load test"},
		{anOrder(ofLoadTest+` && name = "dead_letter orders" }`, seen.Whole),
			"no order of a load test was given up: the exercise runs another"},
	}},
	{"Add a listener", "was confirmed, and its message to notify given up, redriven and done, in one trace", []need{
		{anOrder(`{ name = "process orders" && `+acknowledged+toNotify, wasConfirmed),
			"the group notify has processed no message of a confirmed order: step 1 begins with it"},
		{anOrder(`{ name = "dead_letter orders"`+toNotify, wasConfirmed),
			"no message of a confirmed order was given up by the group notify: the exercise asks for one"},
		{anOrder(`{ name = "dead_letter orders"`+toNotify, func(s seen) bool { return s.Whole() && succeededInTheEnd(s) }),
			"no message that the group notify gave up was processed in the end: the exercise asks to repair the program and redrive it"},
	}},
	{"Join from another language", "has lost its context, and python processed its message in a trace of its own", []need{
		{anOrder(`{ name = "process orders" && resource.service.name = "python" && rootName = "POST /orders" }`, seen.Whole),
			"the service python has processed no message in its order's trace: step 1 begins with it"},
		{anOrder(`{ name = "process orders" && resource.service.name = "python" && rootServiceName = "python" }`, seen.Broken),
			"the service python has processed no message without context in a trace of its own: the exercise asks for one"},
	}},
}

const (
	acknowledged   = `.messaging.redis_streams.outcome = "ack"`
	quick          = acknowledged + ` && .messaging.redis_streams.delivery_count = 1 && duration < 1s`
	secondTime     = acknowledged + ` && .messaging.redis_streams.delivery_count = 2`
	failedTwice    = `.messaging.redis_streams.outcome = "retry" && .messaging.redis_streams.delivery_count = 2`
	ownTrace       = ` && rootName = "process orders"`
	waitedInOutbox = `.messaging.redis_streams.outbox_wait_ms > 1000.0`
	givenUp        = `{ name = "dead_letter orders" && .cloudevents.event_type = "order.created.v1"` +
		` && .messaging.redis_streams.dlq.reason = "exhausted" }`
	toNotify   = ` && .messaging.consumer.group.name = "notify" && .cloudevents.event_type = "order.confirmed.v1" }`
	ofLoadTest = `{ rootServiceName = "loadtest"`
	redriven   = `{ name = "redrive orders" && .cloudevents.event_type = "order.created.v1" }`
)

// attempts asks for inventory's attempts at new orders, of which more is known.
func attempts(conditions string) string {
	return `{ name = "process orders" && .cloudevents.event_type = "order.created.v1"` +
		` && .messaging.consumer.group.name = "inventory" && ` + conditions + ` }`
}

// sent asks for the sending of new orders, of which more is known.
func sent(conditions string) string {
	return `{ name = "send orders" && .cloudevents.event_type = "order.created.v1" && ` + conditions + ` }`
}

// backlog is a part of inventory's.
func backlog(part string) string {
	return "max(stream_group_partition:messaging_stream_" + part + `:max{messaging_consumer_group_name="inventory"})`
}

// ever asks whether something was so at any time in the last two hours.
func ever(condition string) string { return "max_over_time((" + condition + ")[2h:2s])" }

// fired asks whether an alert did, at any time in the last two hours.
func fired(alert string) string {
	return ever(`ALERTS{alertname="` + alert + `", alertstate="firing"}`)
}

// wentAndCameBack tells whether the order is confirmed, and its one trace has every part of the way.
func wentAndCameBack(s seen) bool {
	for _, name := range []string{
		"POST /orders", "create orders", "send orders", "process orders", "create stock", "send stock", "process stock",
	} {
		if !s.Has(func(span story.Span) bool { return span.Name == name }) {
			return false
		}
	}
	return wasConfirmed(s)
}

func wasConfirmed(s seen) bool { return s.Whole() && s.Status == "confirmed" }

func succeededInTheEnd(s seen) bool { return s.Status == "confirmed" && s.SucceededInTheEnd() }

func waitedInStream(span story.Span) bool {
	wait, _ := span.Attributes["messaging.redis_streams.stream_wait_ms"].(float64)
	return span.Name == "process orders" && wait > 1000
}

func tookTwoSeconds(span story.Span) bool {
	return span.Name == "process orders" && span.End.Sub(span.Start).Seconds() > 1.9
}

// killedEachTime tells whether no attempt could be reported.
func (s seen) killedEachTime() bool {
	return !s.Has(func(span story.Span) bool { return span.Name == "process orders" })
}

func redrivenUnsampled(s seen) bool { return s.Status == "confirmed" && !s.requestKept }

// unsampledDeadLetter is met by an order whose message says that its trace is not kept, as a dead letter or redriven.
func unsampledDeadLetter(ctx context.Context, e evidence) (string, error) {
	admin, done, err := newAdmin(nil)
	if err != nil {
		return "", err
	}
	defer done()
	letters, err := deadLetters(ctx, admin)
	if err != nil {
		return "", err
	}
	unsampled := func(d deadLetter) bool { return strings.HasSuffix(d.Message.Headers.Get("traceparent"), "-00") }
	if i := slices.IndexFunc(letters, unsampled); i >= 0 {
		return "order " + letters[i].Subject, nil
	}
	return anOrder(redriven, redrivenUnsampled)(ctx, e)
}
