// The newest orders, and what their traces tell that the order API does not: when each was finished, and whether it waits
// among the dead letters.

import { html, Link, Problem, Empty } from './ui.js';
import { get } from './api.js';
import { Name } from './text.js';
import { search, useLive } from './live.js';
import { useNow } from './clock.js';
import { ago, money, nanoseconds, seconds } from './format.js';

// searchOrder finds the traces that tell of an order's messages.
export const searchOrder = (order, options) =>
  search(`{ span.messaging.system = "redis_streams" && span.messaging.message.conversation_id = "${order.id}" }`, options);

// fate reads the messaging spans of an order, as a search answers them.
function fate(order, spans) {
  const end = s => BigInt(s.startTimeUnixNano) + BigInt(s.durationNanos);
  const last = name => spans.filter(s => s.name.startsWith(name)).map(end).reduce((a, b) => (a > b ? a : b), 0n);
  const decided = spans.some(s => s.name === 'process stock') ? last('create orders') : 0n;
  return {
    took: decided && ['confirmed', 'rejected'].includes(order.status) ? Number(decided - nanoseconds(order.created_at)) / 1e9 : undefined,
    dead: order.status === 'pending' && last('dead_letter ') > last('process '),
  };
}

// An order whose messages carried no context, or whose processing only links, is told of by other traces too: those are
// asked for one order at a time.
async function elsewhere(order) {
  const second = Math.floor(Date.parse(order.created_at) / 1000);
  const traces = await searchOrder(order, { limit: 10, spans: 0, from: second - 1, to: second + 3600 });
  return fate(order, traces.flatMap(t => t.spans));
}

// The dead letters tell of orders whose traces are gone. While Redis is away nobody does, and the orders are shown all the same.
async function deadLetters() {
  const { items } = await get('/api/dead-letters').catch(() => ({ items: [] }));
  return new Set(items.map(d => d.message.subject));
}

const asked = 10; // orders at most, each time

// useOrders returns the newest orders, each with took (seconds, if known) and dead, and reads them again when spans came.
export const useOrders = () => useLive(async () => {
  const [{ items }, traces] = await Promise.all([
    get('/api/orders?limit=50'),
    search('{ span.messaging.system = "redis_streams" }', { limit: 100, spans: 0 }),
  ]);
  const spans = new Map(traces.map(t => [t.id, t.spans]));
  const dead = items.some(o => o.status === 'pending') ? await deadLetters() : new Set();
  let rest = asked;
  return Promise.all(items.map(async order => {
    const known = fate(order, spans.get(order.trace_id) ?? []);
    known.dead ||= dead.has(order.id);
    if (known.took !== undefined || known.dead || order.status === 'cancelled' || rest-- <= 0) return { ...order, ...known };
    return { ...order, ...await elsewhere(order) };
  }));
}, () => true, 300, []);

const kinds = { confirmed: 'tag-good', rejected: 'tag-warn', 'dead-lettered': 'tag-bad' };

export const Status = ({ order }) => {
  const status = order.dead ? 'dead-lettered' : order.status;
  return html`<span class="tag ${kinds[status] ?? ''}">${status}</span>`;
};

export const wares = order => order.items.map(i => `${i.quantity > 1 ? `${i.quantity} × ` : ''}${i.sku}`).join(', ');

export function OrderList({ orders, error, chosen }) {
  useNow();
  return html`
    <section class="card newest" aria-label="Newest orders">
      <h2>Newest orders</h2>
      <${Problem} error=${error} />
      ${orders?.length === 0 && html`<${Empty} title="No orders yet">Place one above, or type <code>make order</code>.<//>`}
      <ol class="orders-list">
        ${orders?.map(order => html`
          <li key=${order.id} data-order=${order.id} class=${order.id === chosen ? 'chosen' : ''}>
            <${Link} class="order-main" href="/?order=${order.id}" aria-current=${order.id === chosen ? 'true' : null}>
              <${Status} order=${order} />
              <span class="order-wares"><${Name} text=${wares(order)} /></span>
              <span class="num" title="from accepted to finished">${order.took === undefined ? '' : seconds(order.took)}</span>
            <//>
            <span class="order-more hint">
              <span>${money(order.total_cents, order.currency)} · ${ago(Date.parse(order.created_at))}
                ${order.reason && html` · <${Name} text=${order.reason} />`}</span>
              ${order.trace_id && html`<${Link} href="/traces/${order.trace_id}">trace<//>`}
            </span>
          </li>`)}
      </ol>
    </section>`;
}
