// Package messaging sends events from service to service over Redis Streams, so that an event stays in the trace it
// came from, however long it waits and wherever it is processed.
//
// # The way of a message
//
// Read the files in this order; it is the order of the data.
//
//	message.go, entry.go   a [Message], its CloudEvents attributes, and how it stands in Redis
//	carrier.go             its [Headers], which carry the trace context
//	keys.go, client.go     which Redis keys there are, and a client that repeats nothing
//	outbox/                a transaction leaves a message; a relay publishes it once the transaction has committed
//	publish.go             a [Publisher] adds messages to their streams
//	consume.go, queue.go   a [Consumer] fetches a group's messages and queues them, one subject behind the other
//	work.go, outcome.go    workers run a [Handler]; its error is the outcome
//	ack.go                 what is settled is acknowledged, many at a time
//	inbox/                 a handler's effect happens once, however often its message arrives
//	instrumentation.go     what all of these record, in one place
//
// # Outcomes
//
// What a handler returns says what becomes of the message:
//
//	nil                   ack          acknowledged
//	[ErrDuplicate]        duplicate    acknowledged; package inbox returns it
//	[Permanent](err)      dead_letter  failed for good; so is an entry or a payload that cannot be read
//	[Unavailable](err)    unavailable  a dependency is down; says nothing about the message
//	any other, a panic,   retry        failed, worth another attempt
//	or a timeout
//	(no handler)          ignored      acknowledged, without a span; another version of a handled type is dead_letter
//
// What is not acknowledged stays in the group's pending list, which is where Redis keeps what was delivered and not
// finished.
//
// # What is promised
//
//   - An event is published if its transaction commits, and only then.
//   - Each group gets every message at least once, and with package inbox its effect happens exactly once.
//   - A failing message does not hold up others, nor does a slow one, except those of its own subject.
//   - Messages of one subject run one after the other inside one consumer.
//   - Nothing that Redis or a handler does ends a consumer: it goes on when Redis is back or its group was deleted.
//   - A stop finishes and acknowledges what was begun, or leaves it pending; it loses nothing.
//
// # What is not promised
//
//   - That a message is delivered only once.
//   - An order across consumers, partitions or relays.
//   - Survival of what Redis lost with its disk: run it with an append-only file.
//   - So far, that a failed message is attempted again: it waits in the pending list.
//
// # What a handler owes
//
//   - Return soon after its context ends; the default timeout is 10 s.
//   - Make its effect and its answers in one transaction, through package inbox, or be idempotent by Message.ID.
//   - Be indifferent to the order in which events of one subject arrive.
//   - Return Permanent for what no retry can mend, and for nothing else.
package messaging
