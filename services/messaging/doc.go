// Package messaging sends events from service to service over Redis Streams. An event stays in the trace it came from,
// however long it waits and wherever it is processed.
//
// # The way of a message
//
// Read the files in this order; it is the order of the data.
//
//	message.go, codec.go   a [Message], its CloudEvents attributes, and how it stands in Redis
//	carrier.go             its [Headers], which carry the trace context
//	keys.go                the Redis keys
//	client.go, sentinel.go a client of one server, Sentinel or a cluster, which repeats no command
//	partitions.go          the number of partitions of a stream, on which all programs must agree
//	outbox/                a transaction writes a message; a relay publishes it once the transaction has committed
//	publish.go             a [Publisher] adds messages to their streams
//	consume.go             a [Consumer] is built from loops, each a type with a run method
//	fetch.go, queue.go     new messages are fetched and queued; messages of one subject wait for each other
//	work.go, outcome.go    workers run a [Handler]; its error is the outcome
//	ack.go                 messages that are settled are acknowledged, many at a time
//	claim.go               messages that failed, or that a dead consumer held, are claimed when they are due
//	heartbeat.go           held messages are kept from being taken over, and given back if they wait too long
//	outage.go              during an outage messages are tried one at a time
//	deadletter.go          messages that cannot be processed go to the dead letters
//	janitor.go             dead consumers are removed, and fully acknowledged messages are trimmed
//	member.go, scripts.go  a consumer's requests to Redis; steps that must be atomic are Lua scripts
//	admin.go, inspect.go,  an [Admin] shows streams, groups and dead letters, and redrives or discards dead letters
//	admin_entries.go
//	sample.go              a [Sampler] measures lag, pending messages and dead letters of all groups
//	inbox/                 a handler's effect happens once, however often its message arrives
//	instrumentation.go     all spans and metrics
//
// # Outcomes
//
// The error that a handler returns decides what happens to the message:
//
//	nil                   ack          acknowledged
//	[ErrDuplicate]        duplicate    acknowledged; package inbox returns it
//	[Permanent](err)      dead_letter  dead-lettered at once; so is an entry or a payload that cannot be read
//	[Unavailable](err)    unavailable  a dependency is down: the consumer fetches nothing more, gives back the messages
//	                                   that it has not begun, and tries one at a time until the dependency is back; no
//	                                   delivery is spent
//	[Contended](err)      contended    something that this message needs is locked or too slow: tried again after a
//	                                   backoff that grows with its age; others go on; no delivery is spent
//	any other, a panic,   retry        tried again after a backoff; dead-lettered if it was the fifth delivery
//	or a timeout
//	(no handler)          ignored      acknowledged, without a span; another version of a handled type is dead-lettered
//
// A message that is not acknowledged stays in the group's pending list, where Redis keeps messages that were delivered and
// not finished: nothing else stores retries. Until its next attempt, a pseudo-consumer named retry owns the message. A
// consumer keeps the messages that it holds alive by a heartbeat; after some silence, others take them over. A message that
// was with dead consumers twice or more may have killed them: it runs alone.
//
// A consumer holds as many messages as its workers can begin in about a second, judged by their speed in the last second. At
// each heartbeat it gives back those that have waited longer. So a new replica gets work at once, and the lag shows how much
// work there is. Half of the workers take no message that failed before: it may be slow, and must not hold up the others.
//
// # Guarantees
//
//   - An event is published if its transaction commits, and only then.
//   - Each group gets every message at least once, and with package inbox its effect happens exactly once.
//   - A failing or slow message holds up only messages of its own subject.
//   - A message that fails five deliveries goes to the dead letters, even if it kills the process every time; no other
//     message goes with it.
//   - A partition that accepts no messages does not hold up the others.
//   - Inside one consumer, messages of one subject run one after the other, and no message runs twice at once.
//   - Nothing that Redis or a handler does ends a consumer: it goes on when Redis is back or its group was deleted.
//   - A stop finishes and acknowledges messages that were begun, or gives them back without spending a delivery.
//   - A consumer does not keep messages that it has not begun from another consumer that could begin them.
//   - Clocks need not agree, and Redis's clock may be set back.
//   - A message is trimmed only after every group has acknowledged it.
//
// # No guarantees
//
//   - That a message is delivered only once.
//   - Order across consumers, partitions or relays, or after a retry.
//   - Data that Redis lost with its disk or in a failover: run Redis with an append-only file, and replay the outbox.
//   - One effect of an event that is delivered again more than [InboxRetention], 8 days, after it was processed.
//
// # What a handler must do
//
//   - Return soon after its context ends; the default timeout is 10 s.
//   - Write its effect and its answers in one transaction, through package inbox, or be idempotent by Message.ID.
//   - Accept events of one subject in any order.
//   - Return Permanent for errors that no retry can mend, and for no others.
package messaging
