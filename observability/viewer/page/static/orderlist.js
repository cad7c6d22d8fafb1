// The newest orders, and what their traces tell that the order API does not: when each was finished, and whether it waits
// among the dead letters.

import { html, Link, Problem, Empty } from './ui.js';
import { get } from './api.js';
import { Name } from './text.js';
import { useLive } from './live.js';
import { useNow } from './clock.js';
import { ago, money, nanoseconds, seconds } from './format.js';

// The dead letters tell of orders whose traces are gone. While Redis is away nobody does, and the orders are shown all the same.
async function deadLetters() {
  const { items } = await get('/api/dead-letters').catch(() => ({ items: [] }));
  return new Set(items.map(d => d.message.subject));
}

// useOrders returns the newest orders, each with took (seconds, if known) and dead, and reads them again when spans came.
export const useOrders = () => useLive(async () => {
  const [{ items }, fates] = await Promise.all([get('/api/orders?limit=50'), get('/api/fates')]);
  const letters = items.some(o => o.status === 'pending') ? await deadLetters() : new Set();
  return items.map(order => {
    const { finished, dead } = fates[order.id] ?? {};
    const took = finished && ['confirmed', 'rejected'].includes(order.status)
      ? Number(nanoseconds(finished) - nanoseconds(order.created_at)) / 1e9 : undefined;
    return { ...order, took, dead: order.status === 'pending' && (dead || letters.has(order.id)) };
  });
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
              ${order.trace_id && html`<${Link} class="target" href="/traces/${order.trace_id}">trace<//>`}
            </span>
          </li>`)}
      </ol>
    </section>`;
}
