// Attempts at one message: their numbers, and those that no span tells of because their process was killed.

import { nanoseconds } from './format.js';

const deliveries = 'messaging.redis_streams.delivery_count';

// number counts the attempts at one message, by their start. A delivery count that says more tells of attempts that are
// not here; one that says less began again with a redrive. A single attempt has no number.
export function number(attempts) {
  let last = 0;
  for (const node of attempts) {
    const count = node.span.attributes[deliveries];
    last = Math.max(last + 1, typeof count === 'number' ? Math.min(count, 1000) : 0); // more is no count but a mistake
    node.attempt = last;
  }
  if (last === 1) attempts[0].attempt = 0;
}

// killed returns the attempt that a process was killed in, from what the attempt that took over knows: whose it was, and
// when that was last seen. There is none if the one that was taken over from lived on after all, and told of its attempt.
export function killed(node, attempts, at, newNode) {
  const told = node.span.events.find(e => e.name === 'takeover')?.attributes;
  if (!told) return null;
  const consumer = told['messaging.redis_streams.taken_over_from'];
  const time = nanoseconds(told.last_seen_at);
  const same = ({ span: { attributes: a } }) => a['messaging.client.id'] === consumer && a[deliveries] === told[deliveries];
  if (time === null || time > node.span.start || attempts.some(same)) return null;
  const seen = at(time);
  const a = node.span.attributes;
  const span = {
    ...node.span, id: `${node.id}-killed`, start: time, end: time, events: [], links: [], error: false, message: '',
    attributes: {
      'messaging.message.id': a['messaging.message.id'],
      'messaging.consumer.group.name': a['messaging.consumer.group.name'],
      'messaging.client.id': consumer,
      [deliveries]: told[deliveries],
      last_seen_at: told.last_seen_at,
    },
  };
  const from = Math.min(seen, node.from - (node.wait?.ns ?? 0)); // as soon as the message was there
  return { ...newNode(span, Math.max(0, from), seen), parent: node.parent, killed: true };
}
