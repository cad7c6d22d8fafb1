// Where the order is, and why it waits, in a sentence.

import { html, Link } from './ui.js';
import { unsampled } from './api.js';
import { attribute } from './station.js';
import { Name } from './text.js';
import { nanoseconds, ns, seconds } from './format.js';

export const Verdict = ({ order, journey, where }) => html`
  <p class="verdict" role="status" aria-live="polite">${sentence(order, journey, where)}</p>`;

function sentence(order, journey, where) {
  switch (order.status) {
    case 'confirmed': return html`<b>Confirmed</b>${after(order, journey)}`;
    case 'rejected': return html`<b>Rejected</b>${after(order, journey)} The reason is <code><${Name} text=${order.reason} /></code>:
      a business answer, no error.`;
    case 'cancelled': return html`<b>Cancelled.</b> Its stock was released.`;
    default: return on(order, journey, where);
  }
}

const notSampled = html`Its trace was <b>not sampled</b>, so no span of it is kept: the order service tells its status, the logs and
  metrics the rest. <code>OTEL_TRACES_SAMPLER</code> decides which requests are sampled.`;

function after(order, { turns, waits }) {
  const decided = turns.at(-1).created;
  if (!decided && unsampled.has(order.trace_id)) return html`. ${notSampled}`;
  if (!decided) return '. The rest of its spans is not here (yet).';
  return ` after ${ns(nanoseconds(decided.end) - nanoseconds(order.created_at))}; its messages waited ${ns(waits.outbox ?? 0)} in outboxes and ${ns(waits.stream ?? 0)} in streams.`;
}

// on is of an order that is on its way.
function on(order, { turns, deliveries_most: most }, { turn, place, held }) {
  const { service, reads, entries } = turns[turn], last = entries.at(-1);
  switch (place) {
    case 'http': if (unsampled.has(order.trace_id)) return html`Placed. ${notSampled}`;
      return Date.now() - Date.parse(order.created_at) < 5000
        ? 'Placed. Its first spans come within a second.'
        : 'No span of this order is here: the viewer keeps the newest traces only, or its services send none.';
    case 'database': return `${service} writes its transaction.`;
    case 'outbox': return `The message waits in ${service}’s outbox for the relay. If it stays there, Redis is away.`;
    case 'stream': return html`The message waits in the stream <b>${reads}</b> until a consumer of ${service} fetches it. If it stays
      there, nobody reads: see <${Link} href="/streams">Streams<//>.`;
    case 'attempt': return held.silent
      ? html`<b>${service}</b> has the message, but <${Name} text=${held.consumer} /> was not heard of for ${seconds(held.idle_seconds)}:
          if it died, another consumer takes the message over soon.`
      : held.queued
        ? html`<b>${service}</b> has the message with many others, more than it works on at once: it waits there, or is attempt
            ${' '}${held.deliveries} of ${most} already.`
        : html`<b>${service}</b> works on it: attempt ${held.deliveries} of ${most}.`;
    case 'retry': {
      const failed = held?.deliveries ?? last?.attempt;
      return html`Attempt ${failed || 1} of ${most} <b>failed</b>. The message waits in the pending list of
        ${' '}${reads} for the next${held ? html`, due in about ${seconds(held.due_seconds)}` : ''}.`;
    }
    case 'dead': {
      const attempts = attribute(last, 'messaging.redis_streams.delivery_count') ?? 1;
      return html`<b>Dead-lettered</b> after ${attempts === 1 ? 'one attempt' : `${attempts} attempts`}
        ${' '}(${attribute(last, 'messaging.redis_streams.dlq.reason')}). The order stays pending until somebody mends the cause and
        redrives the message.`;
    }
    case 'gone': return html`<b>Given up.</b> Its dead letter is not there any more: somebody discarded it, and the order stays pending
      for good, or redrove it at this moment.`;
    default: return 'The answer is on its way.';
  }
}
