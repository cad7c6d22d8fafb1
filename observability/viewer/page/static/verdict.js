// Where the order is, and why it waits, in a sentence.

import { html, Link } from './ui.js';
import { attribute, deliveriesMost, dueIn, waits } from './stations.js';
import { Name } from './text.js';
import { nanoseconds, ns, seconds } from './format.js';

export const Verdict = ({ order, found, where }) => html`
  <p class="verdict" role="status" aria-live="polite">${sentence(order, found, where)}</p>`;

function sentence(order, found, where) {
  switch (order.status) {
    case 'confirmed': return html`<b>Confirmed</b>${after(order, found)}`;
    case 'rejected': return html`<b>Rejected</b>${after(order, found)} The reason is <code><${Name} text=${order.reason} /></code>:
      a business answer, no error.`;
    case 'cancelled': return html`<b>Cancelled.</b> Its stock was released.`;
    default: return on(order, found, where);
  }
}

function after(order, found) {
  const decided = found[2].created;
  if (!decided) return '. The rest of its spans is not here (yet).';
  const { outbox, stream } = waits(found);
  return ` after ${ns(decided.span.end - nanoseconds(order.created_at))}; its messages waited ${ns(outbox)} in outboxes and ${ns(stream)} in streams.`;
}

// on is of an order that is on its way.
function on(order, found, { turn, place, held, last }) {
  const { service, reads } = found[turn];
  switch (place) {
    case 'http': return Date.now() - Date.parse(order.created_at) < 5000
      ? 'Placed. Its first spans come within a second.'
      : 'No span of this order is here: the viewer keeps the newest traces only, or its services send none.';
    case 'database': return `${service} writes its transaction.`;
    case 'outbox': return `The message waits in ${service}’s outbox for the relay. If it stays there, Redis is away.`;
    case 'stream': return html`The message waits in the stream <b>${reads}</b> until a consumer of ${service} fetches it. If it stays
      there, nobody reads: see <${Link} href="/streams">Streams<//>.`;
    case 'attempt': return held.idle_seconds > 1.5
      ? html`<b>${service}</b> has the message, but <${Name} text=${held.consumer} /> was not heard of for ${seconds(held.idle_seconds)}:
          if it died, another consumer takes the message over soon.`
      : html`<b>${service}</b> works on it: attempt ${held.deliveries} of ${deliveriesMost}.`;
    case 'retry': {
      const failed = held?.deliveries ?? last?.attempt;
      return html`Attempt ${failed || 1} of ${deliveriesMost} <b>failed</b>. The message waits in the pending list of
        ${' '}${reads} for the next${held ? html`, due in about ${seconds(dueIn(held))}` : ''}.`;
    }
    case 'dead': {
      const attempts = attribute(last, 'messaging.redis_streams.delivery_count') ?? 1;
      return html`<b>Dead-lettered</b> after ${attempts === 1 ? 'one attempt' : `${attempts} attempts`}
        ${' '}(${attribute(last, 'messaging.redis_streams.dlq.reason')}). The order stays pending until somebody mends the cause and
        redrives the message.`;
    }
    default: return 'The answer is on its way.';
  }
}
