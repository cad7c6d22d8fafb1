// The first page: the system as it runs, an order to place, the newest, and one to follow.

import { html, useEffect, useLoad, Problem, Empty, Title } from './ui.js';
import { get } from './api.js';
import { go } from './router.js';
import { OrderForm } from './orderform.js';
import { OrderList, useOrders } from './orderlist.js';
import { Journey } from './journey.js';
import { SystemMap } from './map.js';

export default function Orders({ query }) {
  const { value: orders, error, reload } = useOrders();
  const chosen = query.get('order');
  const placed = order => {
    go(`/?order=${order.id}`);
    reload();
  };
  const { order, error: notFound } = useChosen(chosen, orders);
  return html`
    <${Title} text="Orders" class="visually-hidden" />
    <div class="orders">
      <${OrderForm} onPlaced=${placed} />
      <${SystemMap} />
      ${order ? html`<${Journey} key=${chosen} order=${order} />` : html`
        <section class="card journey"><${Problem} error=${notFound} />
          ${!chosen && html`<${Empty} title="Follow an order">
            Place one, or choose one of the newest. You see where it is, why it waits there, and the spans that tell so.<//>`}
        </section>`}
      <${OrderList} orders=${orders} error=${error} chosen=${chosen} />
    </div>`;
}

// useChosen returns the chosen order: from the list, or, while it is not there, asked for by itself.
function useChosen(id, orders) {
  const listed = orders?.find(o => o.id === id);
  const { value, error, reload } = useLoad(() => (id && !listed ? get(`/api/orders/${encodeURIComponent(id)}`) : undefined), [id]);
  useEffect(() => {
    if (orders && id && !listed) reload();
  }, [orders]);
  return { order: id ? listed ?? value : undefined, error: listed ? undefined : error };
}
