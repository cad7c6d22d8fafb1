// The journey of an order, from its spans: three turns, each of which takes something up, writes a transaction, and leaves
// a message in an outbox, from where it comes into a stream. Pure functions, no DOM.

import { walk } from './spans.js';

export const deliveriesMost = 5; // then a message is dead-lettered

const turns = [
  { service: 'order', types: ['order.created.v1'], stream: 'orders' },
  { service: 'inventory', types: ['stock.reserved.v1', 'stock.rejected.v1'], stream: 'stock', reads: 'orders' },
  { service: 'order', types: ['order.confirmed.v1', 'order.rejected.v1'], stream: 'orders', reads: 'stock' },
];

export const attribute = (node, name) => node.span.attributes[name];
export const operation = node => (node.killed ? 'process' : attribute(node, 'messaging.operation.name') ?? '');
const messageOf = node => attribute(node, 'messaging.message.id');
const groupOf = node => attribute(node, 'messaging.consumer.group.name');

// journey reads a model (build of spans.js) of all spans of an order, each of which knows its trace. It returns the three
// turns: {service, reads, stream, request, entries, created, statements, sent, listeners, broken}, of which what has not
// happened is missing. entries are the attempts, dead letters and redrives in the order of their time; listeners are other
// groups' attempts at the message that the turn leaves.
export function journey(model) {
  const nodes = [];
  walk(model.roots, node => nodes.push(node));
  nodes.sort((a, b) => a.from - b.from);
  const messages = turns.map(({ types }) =>
    new Set(nodes.filter(n => types.includes(attribute(n, 'cloudevents.event_type'))).map(messageOf)));
  let creation; // of the message that a turn takes up
  return turns.map((turn, i) => {
    const leaves = name => nodes.filter(n => messages[i].has(messageOf(n)) && operation(n) === name);
    const [created] = leaves('create'), [sent] = leaves('send');
    const entries = nodes.filter(n => messages[i - 1]?.has(messageOf(n)) && groupOf(n) === turn.service &&
      ['process', 'dead_letter', 'redrive'].includes(operation(n)));
    const listeners = leaves('process').filter(n => groupOf(n) !== turns[i + 1]?.service);
    const request = i === 0 ? nodes.find(n => n.span.kind === 'server' && n.span.name === 'POST /orders') : undefined;
    const broken = creation && breakOf(entries, creation);
    creation = created;
    return { ...turn, request, entries, created, statements: created ? statements(created.parent ?? created) : 0, sent, listeners, broken };
  });
}

// statements counts those of a transaction: beside the span that creates its message, and beneath.
const statements = node => node.children.reduce((sum, child) => {
  if ('db.system.name' in child.span.attributes) return sum + 1;
  return sum + (['', 'create'].includes(operation(child)) ? statements(child) : 0);
}, 0);

// breakOf says how processing left the trace of its message's creation: {trace, from, how: 'link' or 'off'}.
function breakOf(entries, { span: { trace: from } }) {
  const away = entries.find(n => operation(n) === 'process' && n.span.trace !== from);
  return away && { trace: away.span.trace, from, how: away.span.links.some(l => l.trace === from) ? 'link' : 'off' };
}

// whereIs says where an order is that is not finished: {turn, place: http, database, outbox, stream (not yet delivered),
// attempt (being processed), retry (waiting for the next attempt), dead or end; held, the pending entry; last, the last
// of the entries}.
export function whereIs(found, pending) {
  const turn = found.findIndex(t => !t.sent);
  if (turn < 0) return { turn: 2, place: 'end' };
  const { created, request, entries, reads, service } = found[turn];
  if (created) return { turn, place: 'outbox' };
  if (turn === 0) return { turn, place: request ? 'database' : 'http' };
  const last = entries.at(-1);
  const held = pending.find(p => p.stream === reads && p.group === service && turns[turn - 1].types.includes(p.type));
  if (held) return { turn, place: held.consumer === 'retry' ? 'retry' : 'attempt', held, last };
  const operated = last ? operation(last) : '';
  if (operated === 'dead_letter') return { turn, place: 'dead', last };
  if (operated !== 'process') return { turn, place: 'stream', last };
  return { turn, place: isDone(last) ? 'database' : 'retry', last };
}

export const outcome = node => attribute(node, 'messaging.redis_streams.outcome');
export const isDone = node => ['ack', 'duplicate'].includes(outcome(node));

// lostBefore counts the attempts before a dead letter that nobody told of: each killed its process, and none came after them.
export function lostBefore(dead, entries) {
  const since = entries.slice(0, entries.indexOf(dead));
  const told = since.slice(since.findLastIndex(n => operation(n) === 'redrive') + 1).filter(n => operation(n) === 'process');
  return Math.max(0, (attribute(dead, 'messaging.redis_streams.delivery_count') ?? 0) - told.length);
}

// dueIn is about how long a failed message still waits for its next attempt, in seconds.
export const dueIn = held => Math.max(0, Math.min(0.2 * 3 ** Math.max(0, held.deliveries - 1), 10) - held.idle_seconds);

// waits adds up what a journey waited, in nanoseconds.
export function waits(found) {
  const sum = { outbox: 0, stream: 0 };
  for (const { sent, entries } of found) for (const node of [sent, ...entries]) if (node?.wait) sum[node.wait.place] += node.wait.ns;
  return sum;
}
