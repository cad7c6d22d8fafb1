// The stations of a journey. Each says what happens there, when it did and how long it took, and leads to its span.

import { html, useLoad, Link, Problem } from './ui.js';
import { get } from './api.js';
import { Name } from './text.js';
import { Actions, Fields, deadLettersOf } from './deadletters.js';
import { ns, seconds } from './format.js';

export const attribute = (node, name) => node.attributes[name];
const spanLink = node => `/traces/${node.trace}?span=${node.id}`;
const took = node => ns(node.to - node.from);

// Station is the frame of all: state is done, now, waits, failed, killed, or later for what is not reached.
const Station = ({ kind, state, title, node, time, wait, says, children }) => html`
  <div class="station ${state}" data-station=${kind} data-state=${state}>
    <h3>${node ? html`<${Link} href=${spanLink(node)} title="${node.name}: show this span">${title}<//>` : title}
      ${time && html`<span class="num">${time}</span>`}</h3>
    ${wait && html`<p class="wait">waited ${wait.ns === 0 ? '<1 ms' : ns(wait.ns)}</p>`}
    <p class="hint">${says}</p>
    ${children}
  </div>`;

// At is when a span began, after the request did.
const At = ({ node }) => html`<span class="at num" title="since the order was placed">+${ns(node.from)}</span>`;

export const Request = ({ node, now }) => html`
  <${Station} kind="http" title="HTTP" state=${node ? 'done' : now ? 'now' : 'later'} node=${node} time=${node && took(node)}
    says=${html`<code>POST /orders</code> starts the trace. The answer comes at once: the order is <i>pending</i>.`} />`;

const writes = [
  'One transaction writes the order and, in the outbox, its message: both or neither.',
  'One transaction: the message is noted as seen (inbox), stock is reserved, the answer goes to the outbox.',
  'One transaction: the answer is noted as seen (inbox), the order gets its status, the news goes to the outbox.',
];

export const Database = ({ turn, index, now }) => html`
  <${Station} kind="database" title="Database" state=${turn.created ? 'done' : now ? 'now' : 'later'} node=${turn.created}
      time=${turn.created && took(turn.created)} says=${writes[index]}>
    ${turn.created && html`<p class="told"><${Type} node=${turn.created} />
      ${turn.statements > 0 && html` · ${turn.statements} statements`} <${At} node=${turn.created} /></p>`}
  <//>`;

const Type = ({ node }) => html`<code><${Name} text=${attribute(node, 'cloudevents.event_type') ?? ''} /></code>`;

export const Outbox = ({ turn, now }) => html`
  <${Station} kind="outbox" title="Outbox" state=${turn.sent ? 'done' : now ? 'waits' : 'later'} node=${turn.sent}
      wait=${turn.sent?.waits?.at(-1)}
      says="The message waits in a table until the relay sends it: so it is not lost while Redis is away." />`;

export function Stream({ turn, last, open, setOpen }) {
  const { sent, listeners } = turn;
  const entry = sent && attribute(sent, 'messaging.redis_streams.entry_id');
  const partition = sent && attribute(sent, 'messaging.destination.partition.id');
  return html`
    <${Station} kind="stream" title=${`Stream ${turn.stream}`} state=${sent ? 'done' : 'later'} node=${sent} time=${sent && took(sent)}
        says=${last
          ? html`The news of it, for whoever listens: <code>clew listen</code> is one.`
          : `Redis keeps the message until ${turn.stream === 'orders' ? 'inventory' : 'order'} has acknowledged it.`}>
      ${sent && html`<p class="told"><${At} node=${sent} /></p>`}
      ${entry && html`<button class="button" aria-expanded=${open} onClick=${() => setOpen(!open)}>
        Entry <span class="mono"><${Name} text=${entry} /></span></button>`}
      ${listeners.map(n => html`<p class="told">also read by
        ${' '}<${Link} href=${spanLink(n)}><${Name} text=${attribute(n, 'messaging.consumer.group.name')} /><//></p>`)}
    <//>
    ${open && entry && html`<${Entry} stream=${turn.stream} partition=${partition} entry=${entry} />`}`;
}

// Entry shows the raw fields of a stream's entry.
function Entry({ stream, partition, entry }) {
  const { value, error } = useLoad(() => get(`/api/streams/${stream}/${partition}/entries/${entry}`), [stream, partition, entry]);
  const context = value?.fields.find(([name]) => name === 'traceparent')?.[1];
  const [, trace, span] = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(context ?? '') ?? [];
  return html`
    <div class="entry">
      <${Problem} error=${error} />
      ${value && html`
        <p>The entry in Redis, as <code>XRANGE ${value.key} ${value.id} ${value.id}</code> shows it.
          ${trace
            ? html` <b>traceparent</b> is the thread: version, trace <${Link} href="/traces/${trace}" class="mono">${trace.slice(0, 8)}…<//>,
                the span that created the message <${Link} href="/traces/${trace}?span=${span}" class="mono">${span}<//>, and whether it is sampled.
                The processing of the message goes on from there.`
            : html` There is <b>no traceparent</b> in it: its processing cannot know which trace it belongs to.`}</p>
        <${Fields} fields=${value.fields} marked="traceparent" />`}
    </div>`;
}

// Attempt is one run of a handler.
export function Attempt({ node, turn }) {
  const number = node.attempt ? `Attempt ${node.attempt}` : 'Processed';
  const consumer = html`<${Name} text=${attribute(node, 'messaging.client.id') ?? '?'} />`;
  if (node.killed) {
    return html`<${Station} kind="attempt" title="${number}: killed" state="killed" node=${node}
      says=${attribute(node, 'messaging.client.id')
        ? html`The process ${consumer} died with it, so it left no span. It is drawn from the findings of the next attempt.`
        : 'It killed its process, and so did all attempts after it: only Redis’s count of deliveries tells of them.'} />`;
  }
  const { failed } = node;
  const result = attribute(node, 'messaging.redis_streams.outcome');
  return html`
    <${Station} kind="attempt" title=${number} state=${failed ? 'failed' : 'done'} node=${node} time=${took(node)} wait=${node.waits?.at(-1)}
        says=${failed ? html`<span class="bad"><code><${Name} text=${attribute(node, 'error.type') ?? 'error'} /></code>
          ${' '}<${Name} text=${node.message} /></span>` : says(node, result, turn)}>
      <p class="told">${consumer} ${result && html`<span class="tag ${failed ? 'tag-bad' : 'tag-good'}">${result}</span>`} <${At} node=${node} /></p>
    <//>`;
}

const says = (node, result, turn) => {
  if (result === 'duplicate') return 'It was done before: the inbox knows the message, so nothing is done twice.';
  const takenFrom = attribute(node, 'messaging.redis_streams.taken_over_from');
  if (takenFrom) return html`It took the message over from <${Name} text=${takenFrom} />, which was not heard of any more.`;
  return takes(turn);
};

const takes = ({ service, reads }) => `${service}’s handler takes the message from the stream ${reads}.`;

// Upcoming is an attempt that has no span yet: only Redis's pending list knows of it.
export function Upcoming({ turn, where, most }) {
  const { place, held } = where ?? {}, last = turn.entries.at(-1);
  const station = (title, state, says) => html`<${Station} kind="attempt" title=${title} state=${state} says=${says} />`;
  if (place === 'attempt') {
    return held.silent
      ? station(`Attempt ${held.deliveries}`, 'waits', html`Nothing was heard of <${Name} text=${held.consumer} /> for ${seconds(held.idle_seconds)}.`)
      : station(`Attempt ${held.deliveries}`, held.queued ? 'waits' : 'now', html`<${Name} text=${held.consumer} /> ${held.queued
        ? 'holds more messages than it works on at once' : 'works on it'}. Its span comes when it ends.`);
  }
  if (place === 'retry') {
    const next = (held?.deliveries ?? last?.attempt ?? 0) + 1;
    if (next > most) return station('No more attempts', 'waits', 'It is about to become a dead letter.');
    return station(`Attempt ${next}`, 'waits', `${held ? `Due in about ${seconds(held.due_seconds)}. ` : ''}Each wait is three times as long as the one before.`);
  }
  return station('Processed', place === 'stream' ? 'waits' : 'later', takes(turn));
}

export function DeadLetter({ node, order, latest, onDone }) {
  const { value, error, reload } = useLoad(() => (latest ? deadLettersOf(order.id) : []), [order.id, latest]);
  const letter = value?.find(d => d.entry_id === attribute(node, 'messaging.redis_streams.entry_id'));
  return html`
    <${Station} kind="dead-letter" title="Dead letter" state="failed" node=${node} time=${took(node)}
        says="The group gave the message up and put it aside, so that it blocks no other. The order stays pending.">
      <p class="told"><span class="tag tag-bad"><${Name} text=${attribute(node, 'messaging.redis_streams.dlq.reason') ?? ''} /></span> <${At} node=${node} /></p>
      <${Problem} error=${error} />
      ${letter && html`<${Actions} letters=${[letter]} onDone=${done => { onDone(done); reload(); }} />`}
      ${latest && value && !letter && html`<p class="told">It is not among the dead letters any more.</p>`}
    <//>`;
}

export const Redrive = ({ node }) => html`
  <${Station} kind="redrive" title="Redrive" state="done" node=${node} time=${took(node)}
      says="Somebody put the message back into the stream. That is a trace of its own; the next attempt links to it.">
    <p class="told"><${At} node=${node} /></p>
  <//>`;
