// The model of one trace: from what GET /api/v2/traces/{id} answers to the tree that the waterfall draws. Pure functions,
// no DOM. Waits, attempts and killed attempts follow the rules of `clew trace` (observability/viewer/story), which says
// why they are so.

import { number, killed } from './attempts.js';
import { ns } from './format.js';

// decode returns {id, spans, partial}: partial is what the back end says of spans that are missing. Ids become hexadecimal,
// times BigInts of nanoseconds since 1970, attributes plain values.
export function decode(answer, id) {
  const spans = [];
  for (const { resource, scopeSpans } of answer?.trace?.resourceSpans ?? []) {
    const about = attributes(resource?.attributes);
    for (const { scope, spans: some } of scopeSpans ?? []) {
      for (const span of some ?? []) spans.push(decodeSpan(span, about, scope?.name ?? ''));
    }
  }
  return { id, spans, partial: answer?.status === 'PARTIAL' ? answer.message || 'Spans of this trace are missing.' : '' };
}

function decodeSpan(span, resource, scope) {
  return {
    id: hex(span.spanId), parent: hex(span.parentSpanId), name: span.name || '(unnamed)', resource, scope,
    service: String(resource['service.name'] || '-'),
    kind: String(span.kind ?? '').replace('SPAN_KIND_', '').toLowerCase(),
    start: BigInt(span.startTimeUnixNano ?? 0), end: BigInt(span.endTimeUnixNano ?? 0),
    attributes: attributes(span.attributes),
    events: (span.events ?? []).map(e => ({ name: e.name ?? '', time: BigInt(e.timeUnixNano ?? 0), attributes: attributes(e.attributes) })),
    links: (span.links ?? []).map(l => ({ trace: hex(l.traceId), span: hex(l.spanId), attributes: attributes(l.attributes) })),
    error: span.status?.code === 'STATUS_CODE_ERROR', message: span.status?.message ?? '',
  };
}

// hex takes the base64 of Tempo, and the hexadecimal digits of OTLP's own JSON: their lengths differ.
function hex(id = '') {
  if (id.length === 16 || id.length === 32) return id.toLowerCase();
  return Array.from(atob(id), c => c.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

const attributes = (list = []) => Object.fromEntries(list.map(({ key, value }) => [key, plain(value ?? {})]));

function plain(value) {
  if ('intValue' in value) {
    const number = Number(value.intValue);
    return Number.isSafeInteger(number) ? number : BigInt(value.intValue);
  }
  if ('arrayValue' in value) return (value.arrayValue.values ?? []).map(plain);
  if ('kvlistValue' in value) return attributes(value.kvlistValue.values);
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? value.bytesValue ?? null;
}

// build returns {id, partial, spans, origin, total, roots, nodes}. A node is a span with its place in the tree: {id, span,
// from, to (nanoseconds since origin), parent, children, orphan, attempt, killed, wait, links, linkedFrom, path}, or
// statements that follow each other, as one: {fold: true, children, …}. nodes finds them by id. Every span is in the tree
// once, whatever the spans claim about their parents.
export function build({ id, spans, partial }) {
  const known = spans.filter(s => s.start > 0n);
  const origin = known.reduce((least, s) => (s.start < least ? s.start : least), known[0]?.start ?? 0n);
  const at = time => (time > origin ? Number(time - origin) : 0);
  const nodes = spans.map(span => newNode(span, at(span.start), Math.max(at(span.start), at(span.end)))).sort(byStart);
  const byId = new Map(nodes.map(n => [n.id, n]));

  let roots = hang(nodes, byId);
  setWaits(nodes);
  for (const attempts of attemptsOf(nodes)) {
    for (const node of [...attempts]) {
      const before = killed(node, attempts, time => Math.max(0, Number(time - origin)), newNode);
      if (!before) continue;
      attempts.push(before);
      byId.set(before.id, before);
      const siblings = node.parent?.children ?? roots;
      siblings.splice(siblings.indexOf(node), 0, before);
    }
    number(attempts.sort(byStart));
  }
  setWaits(nodes); // not before the end of the attempts that were added
  link(id, byId);
  const total = nodes.reduce((most, n) => Math.max(most, n.to), 0);
  criticalPath(roots);
  roots = fold(roots, byId);
  return { id, partial, spans, origin, total, roots, nodes: byId };
}

const newNode = (span, from, to) => ({
  id: span.id, span, from, to, parent: null, children: [], orphan: false, attempt: 0, killed: false, wait: null,
  links: [], linkedFrom: [], path: null,
});

// Of two that start together, the longer holds the other.
const byStart = (a, b) => a.from - b.from || b.to - a.to || (a.id < b.id ? -1 : Number(a.id > b.id));

// hang puts the nodes under their parents and returns the roots. Spans that are each other's ancestors become roots.
function hang(nodes, byId) {
  const roots = [];
  for (const node of nodes) {
    node.parent = byId.get(node.span.parent) ?? null;
    node.orphan = node.span.parent !== '' && !node.parent;
    (node.parent?.children ?? roots).push(node);
  }
  const reached = new Set();
  for (const root of roots) walk([root], n => reached.add(n));
  for (const node of nodes) {
    if (reached.has(node)) continue;
    node.parent.children.splice(node.parent.children.indexOf(node), 1);
    Object.assign(node, { parent: null, orphan: true });
    roots.push(node);
    walk([node], n => reached.add(n));
  }
  return roots;
}

// walk calls visit with each node, parents first. It does not recurse: a trace may be deeper than the stack.
export function walk(roots, visit) {
  const stack = [...roots].reverse();
  while (stack.length) {
    const node = stack.pop();
    visit(node);
    for (let i = node.children.length - 1; i >= 0; i--) stack.push(node.children[i]);
  }
}

const messageOf = node => node.span.attributes['messaging.message.id'] ?? '';

// attemptsOf returns the attempts at each message by each group.
function attemptsOf(nodes) {
  const attempts = Map.groupBy(
    nodes.filter(n => messageOf(n) !== '' && n.span.name.startsWith('process ')),
    n => `${messageOf(n)} ${n.span.attributes['messaging.consumer.group.name'] ?? ''}`);
  return attempts.values();
}

// setWaits says how long each message lay in the outbox or in the stream before a node took it up.
function setWaits(nodes) {
  const beside = new Map(); // a parent's children by message
  for (const node of nodes) {
    if (node.parent && !beside.has(node.parent)) beside.set(node.parent, Map.groupBy(node.parent.children, messageOf));
    const before = node.parent ? [node.parent] : [];
    if (messageOf(node) !== '') before.push(...(beside.get(node.parent)?.get(messageOf(node)) ?? []));
    node.wait = waitBefore(node, before);
  }
}

// waitBefore is the wait that messaging measured: {place, ns}. It begins no earlier than the end of what happened to the
// message before: its creation, its sending, earlier attempts.
function waitBefore(node, before) {
  for (const place of ['outbox', 'stream']) {
    const ms = node.span.attributes[`messaging.redis_streams.${place}_wait_ms`];
    if (typeof ms !== 'number' || !(ms >= 0 && ms < 365 * 86400e3)) continue; // more is a broken clock
    const ends = before.filter(n => n.from < node.from).map(n => n.to);
    return { place, ns: Math.max(0, node.from - ends.reduce((latest, end) => Math.max(latest, end), node.from - ms * 1e6)) };
  }
  return null;
}

// link resolves the links: {trace, span, attributes, node if it is in this trace, toParent}. What is linked to knows it, too.
function link(id, byId) {
  for (const node of byId.values()) {
    node.links = node.span.links.map(l => {
      const inside = l.trace === '' || l.trace === id;
      return { ...l, inside, node: inside ? byId.get(l.span) : undefined, toParent: inside && l.span === node.span.parent };
    });
    for (const l of node.links) l.node?.linkedFrom.push(node);
  }
}

const called = n => (n.attempt ? `${n.span.name} #${n.attempt}` : n.span.name);

// linksOf returns all links of a node, in both directions: [{sign, span, trace if it is another, text, note, attributes}].
// elsewhere are those that come from other traces.
export const linksOf = (node, elsewhere = []) => [
  ...node.links.map(l => ({
    sign: l.toParent ? '↖' : '↗', span: l.span, trace: l.inside ? undefined : l.trace, attributes: l.attributes,
    text: l.node ? called(l.node) : l.inside ? `span ${l.span}` : `trace ${l.trace}`,
    note: l.toParent ? 'its parent, where its message was created' : l.inside && !l.node ? 'not in this trace' : '',
  })),
  ...node.linkedFrom.map(n => ({ sign: '↙', span: n.id, text: called(n), note: '' })),
  ...elsewhere.map(l => ({ sign: '↙', span: l.from.id, trace: l.trace, text: `${l.from.name} in trace ${l.trace}`, note: '' })),
];

// linksTo returns the links from another trace, as decode returns it, to the trace with this id: [{from: its span, to: id of
// the span linked to}].
export const linksTo = (other, id) =>
  other.spans.flatMap(from => from.links.filter(l => l.trace === id).map(l => ({ from, to: l.span })));

// criticalPath marks what the trace's end waited for: going back from the end, always what ended last. A node on the path
// has path: the times at which itself, and none of its children, was waited for.
function criticalPath(roots) {
  const nodes = [];
  walk(roots, n => nodes.push(n));
  const ends = new Map(); // of what is beneath as well: a message is processed after its creation ended
  for (const n of nodes.toReversed()) ends.set(n, n.children.reduce((most, c) => Math.max(most, ends.get(c)), n.to));

  const whole = { children: roots, from: 0, to: 0, path: [] };
  const stack = [[whole, Infinity]];
  while (stack.length) {
    const [node, until] = stack.pop();
    node.path = [];
    let cursor = until;
    const self = from => {
      const end = Math.min(cursor, node.to);
      if (end > Math.max(from, node.from)) node.path.push([Math.max(from, node.from), end]);
    };
    for (const child of [...node.children].sort((a, b) => ends.get(b) - ends.get(a))) {
      if (child.from >= cursor) continue;
      const end = Math.min(ends.get(child), cursor);
      self(end);
      stack.push([child, end]);
      cursor = child.from;
    }
    self(node.from);
  }
}

const isStatement = ({ span, children, orphan, linkedFrom }) =>
  span.kind === 'client' && 'db.system.name' in span.attributes && children.length === 0 && !orphan && !span.error &&
  span.links.length === 0 && span.events.length === 0 && linkedFrom.length === 0;

// fold makes one node of statements that follow each other in one service, unless there is more to say about one of them.
function fold(roots, byId) {
  const folded = siblings => {
    const groups = [];
    for (const node of siblings) {
      const last = groups.at(-1);
      if (last && isStatement(last[0]) && isStatement(node) && last[0].span.service === node.span.service) last.push(node);
      else groups.push([node]);
    }
    return groups.map(group => {
      if (group.length === 1) return group[0];
      const [first] = group;
      const together = {
        ...newNode({ ...first.span, id: `fold-${first.id}`, name: `${group.length} statements`, attributes: {} }, first.from,
          group.reduce((most, n) => Math.max(most, n.to), 0)),
        parent: first.parent, children: group, fold: true, path: group.some(n => n.path) ? [] : null,
      };
      for (const node of group) node.parent = together;
      byId.set(together.id, together);
      return together;
    });
  };
  for (const node of [...byId.values()]) if (node.children.length) node.children = folded(node.children);
  return folded(roots);
}

// rows returns the nodes that are shown, with their depth: [{node, depth, open}]. toggled holds the ids of nodes that were
// opened or closed: statements are closed at first, all else is open.
export function rows(roots, toggled) {
  const out = [];
  const stack = roots.map(node => [node, 0]).reverse();
  while (stack.length) {
    const [node, depth] = stack.pop();
    const open = node.children.length > 0 && toggled.has(node.id) === Boolean(node.fold);
    out.push({ node, depth, open });
    if (open) for (const child of node.children.toReversed()) stack.push([child, depth + 1]);
  }
  return out;
}

// ticks returns round times between two, a step of 1, 2 or 5 apart, at most so many.
export function ticks(from, to, most) {
  const least = Math.max(1, (to - from) / Math.max(1, most));
  const ten = 10 ** Math.floor(Math.log10(least));
  const step = ten * [1, 2, 5, 10].find(factor => ten * factor >= least);
  const times = [];
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) times.push(t);
  return times;
}

// reason says why a node failed, or what became of its message where that is not plain success.
export function reason({ span, killed, to }) {
  const a = span.attributes;
  if (killed) return `killed: ${a['messaging.client.id']}, last seen at +${ns(to)}`;
  const outcome = a['messaging.redis_streams.outcome'];
  const what = outcome === 'ack' ? '' : outcome;
  const dead = a['messaging.redis_streams.dlq.reason'];
  const exception = span.events.find(e => e.name === 'exception')?.attributes['exception.message'];
  const failure = span.error ? [a['error.type'], span.message || exception] : [];
  return [dead, what, ...failure].filter(part => part !== undefined && part !== '').join(': ');
}

// summary counts what a trace tells: {spans, services, errors, attempts at the message that needed most, waits, links, traces}.
// traces are the ids of the others that it links to.
export function summary(model) {
  const s = { spans: model.spans.length, services: new Set(), errors: 0, attempts: 0, waits: { outbox: 0, stream: 0 }, links: 0, traces: new Set() };
  for (const node of model.nodes.values()) {
    if (node.fold) continue;
    s.services.add(node.span.service);
    s.errors += Number(node.span.error);
    s.attempts = Math.max(s.attempts, node.attempt, Number(node.span.name.startsWith('process ')));
    if (node.wait) s.waits[node.wait.place] += node.wait.ns;
    s.links += node.links.length;
    for (const l of node.links) if (!l.inside) s.traces.add(l.trace);
  }
  return s;
}

// ordersOf returns the ids of the orders that the trace's messages are about.
export const ordersOf = ({ spans }) =>
  [...new Set(spans.map(s => s.attributes['messaging.message.conversation_id']).filter(id => typeof id === 'string'))];

// differences returns what one trace does more often than another: [{service, name, a: times, b: times}].
export function differences(a, b) {
  const counts = new Map();
  for (const [side, spans] of [['a', a.spans], ['b', b.spans]]) {
    for (const { service, name } of spans) {
      const key = `${service} ${name}`;
      if (!counts.has(key)) counts.set(key, { service, name, a: 0, b: 0 });
      counts.get(key)[side]++;
    }
  }
  return [...counts.values()].filter(c => c.a !== c.b);
}
