// Package messaging sends events from service to service over Redis Streams, so that an event stays in the trace it
// came from, however long it waits and wherever it is processed.
//
// # The way of a message
//
// Read the files in this order; it is the order of the data.
//
//	message.go, codec.go   a [Message], its CloudEvents attributes, and how it stands in Redis
//	carrier.go             its [Headers], which carry the trace context
//	keys.go, client.go     which Redis keys there are, and a client that repeats nothing
//	partitions.go          how many partitions a stream has, on which all must agree
//	outbox/                a transaction leaves a message; a relay publishes it once the transaction has committed
//	publish.go             a [Publisher] adds messages to their streams
//	consume.go             a [Consumer] is put together from loops, each a type with a run method
//	fetch.go, queue.go     new messages are fetched and queued, one subject behind the other
//	work.go, outcome.go    workers run a [Handler]; its error is the outcome
//	ack.go                 messages that are settled are acknowledged, many at a time
//	claim.go               messages that failed, or that a dead consumer held, are claimed when they are due
//	heartbeat.go           messages that are held are kept alive, and those that wait too long given back
//	outage.go              during an outage one message after the other is tried
//	deadletter.go          messages that cannot be processed go to the dead letters
//	janitor.go             dead consumers are removed, and fully acknowledged messages are trimmed
//	member.go, scripts.go  their requests to Redis; a step that must be atomic is a script in Lua
//	admin.go, inspect.go,  an [Admin] looks at all of that, and redrives dead letters
//	admin_entries.go
//	sample.go              a [Sampler] measures lag, pending messages and dead letters for everybody
//	inbox/                 a handler's effect happens once, however often its message arrives
//	instrumentation.go     their spans and metrics, in one place
//
// # Outcomes
//
// The error that a handler returns decides about the message:
//
//	nil                   ack          acknowledged
//	[ErrDuplicate]        duplicate    acknowledged; package inbox returns it
//	[Permanent](err)      dead_letter  dead-lettered at once; so is an entry or a payload that cannot be read
//	[Unavailable](err)    unavailable  a dependency is down: the consumer takes on no more, gives back the messages that
//	                                   it has not begun, and tries one after another until an outcome is another; no
//	                                   delivery is spent
//	[Contended](err)      contended    something that this message needs is locked or too slow: tried again after a backoff, which
//	                                   grows with its age; others go on; no delivery is spent
//	any other, a panic,   retry        tried again after a backoff; dead-lettered if it was the fifth delivery
//	or a timeout
//	(no handler)          ignored      acknowledged, without a span; another version of a handled type is dead-lettered
//
// A message that is not acknowledged stays in the group's pending list, where Redis keeps messages that were delivered and
// not finished: nothing else stores retries. Until its next attempt, a pseudo-consumer named retry owns the message. A
// consumer keeps the messages that it holds alive by a heartbeat; after some silence, others take them over. A message that
// was with dead consumers twice or more may have killed them: it runs alone.
//
// A consumer holds as many messages as its workers can begin within about a second, by their speed in the last one, and
// gives back at each heartbeat those that have waited for longer. So a new replica takes part at once, and the lag tells how
// much there is to do. Half of the workers take no message that failed before: such ones may be slow, and are not to hold
// up the others.
//
// # What is promised
//
//   - An event is published if its transaction commits, and only then.
//   - Each group gets every message at least once, and with package inbox its effect happens exactly once.
//   - A failing message does not hold up others, nor does a slow one, except those of its own subject.
//   - A message that fails five deliveries is in the dead letters, even if it kills the process every time; and then it
//     takes no other message with it.
//   - A partition that takes no messages does not hold up messages to others.
//   - Messages of one subject run one after the other inside one consumer, and no message runs twice at once in it.
//   - Nothing that Redis or a handler does ends a consumer: it goes on when Redis is back or its group was deleted.
//   - A stop finishes and acknowledges messages that were begun, or gives them back without spending a delivery.
//   - A message that no handler has begun is not kept from another consumer that could begin it.
//   - None of this needs clocks that agree, or a Redis whose clock only goes forward.
//   - A message is not trimmed before every group has acknowledged it.
//
// # What is not promised
//
//   - That a message is delivered only once.
//   - An order across consumers, partitions or relays, or after a retry.
//   - Survival of data that Redis lost with its disk: run it with an append-only file, and replay the outbox.
//   - That an effect happens once if its event is delivered again more than [InboxRetention], 8 days, after it was processed.
//
// # What a handler owes
//
//   - Return soon after its context ends; the default timeout is 10 s.
//   - Make its effect and its answers in one transaction, through package inbox, or be idempotent by Message.ID.
//   - Be indifferent to the order in which events of one subject arrive.
//   - Return Permanent for errors that no retry can mend, and for no others.
package messaging
