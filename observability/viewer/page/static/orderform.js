// The form that places an order.

import { html, useLoad, useState, Problem } from './ui.js';
import { get, post } from './api.js';

const mostOrders = 200, atOnce = 3; // of one click; a browser has six connections, and other parts of the page need some
const priceCents = 1999; // of every product: what it costs teaches nothing

const tiers = ['', 'standard', 'premium', 'trial'];

// baggage tells the services how to treat this order, and is empty if there is nothing to tell.
const baggage = choice => [
  choice.broken && 'clew.propagation=off',
  choice.linked && 'clew.relation=link',
  choice.tier && `customer.tier=${choice.tier}`,
].filter(Boolean).join(',');

const many = (accepted, failed, count, sku) =>
  `${accepted} of ${count} orders of ${sku} accepted${failed ? `, ${failed} failed; the first error is above` : ''}.`;

export function OrderForm({ onPlaced }) {
  const skus = useLoad(() => get('/api/skus'), []);
  const [choice, setChoice] = useState({ sku: 'lamp', quantity: 1, count: 1, tier: '', broken: false, linked: false });
  const [state, setState] = useState({});
  const choose = part => setChoice({ ...choice, ...part });
  const one = () => {
    const told = baggage(choice);
    return post('/api/orders', {
      customer_id: 'page',
      items: [{ sku: choice.sku, quantity: choice.quantity, unit_price_cents: priceCents }],
    }, told ? { baggage: told } : {});
  };
  const place = async event => {
    event.preventDefault();
    setState({ busy: true });
    const { sku, count } = choice;
    let last, error, accepted = 0, failed = 0, left = count;
    const next = async () => {
      while (left-- > 0) {
        try {
          last = await one();
          accepted++;
        } catch (e) {
          error ??= e;
          failed++;
        }
        if (count > 1) setState({ busy: accepted + failed < count, error, placed: many(accepted, failed, count, sku) });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, next));
    if (count === 1) setState(last ? { placed: `Order ${last.id.slice(-6)} of ${sku} was accepted.` } : { error });
    if (last) onPlaced(last);
  };
  const items = (skus.value?.items ?? []).filter(i => !i.sku.startsWith('load-'));
  const { test, teaches } = items.find(i => i.sku === choice.sku) ?? {};
  return html`
    <form class="card stack order-form" aria-label="Place an order" onSubmit=${place}>
      <${Problem} error=${skus.error} />
      <${Choices} title="Product" items=${items.filter(i => !i.test)} choice=${choice} choose=${choose} />
      <${Choices} title="Test products: the handler misbehaves" items=${items.filter(i => i.test)} choice=${choice} choose=${choose} />
      ${teaches && html`<p class="teaches ${test ? 'teaches-test' : ''}" role="note"><b>${choice.sku}</b> ${teaches.split('`').map((part, i) => (i % 2 ? html`<code>${part}</code>` : part))}.</p>`}
      <div class="row">
        <label class="field"><span>Quantity</span>
          <input type="number" name="quantity" min="1" max="1000000" required value=${choice.quantity}
            onInput=${e => choose({ quantity: e.target.valueAsNumber })} /></label>
        <label class="field"><span>Orders</span>
          <input type="number" name="count" min="1" max=${mostOrders} required value=${choice.count}
            onInput=${e => choose({ count: e.target.valueAsNumber })} /></label>
        <label class="field"><span>Customer tier</span>
          <select name="tier" value=${choice.tier} onChange=${e => choose({ tier: e.target.value })}>
            ${tiers.map(t => html`<option value=${t}>${t || 'none'}</option>`)}
          </select></label>
      </div>
      ${choice.tier && html`<p class="hint">It travels as baggage, and stands on each <code>process</code> span.</p>`}
      <${Switch} name="propagation" title="Publish without the trace context" on=${choice.broken} set=${broken => choose({ broken })}>
        <code>clew.propagation=off</code>: the trace breaks at the stream. Each processing begins one of its own, and nothing leads back.<//>
      <${Switch} name="relation" title="Begin a trace of its own for each processing" on=${choice.linked} set=${linked => choose({ linked })}>
        <code>clew.relation=link</code>: it does not nest under the order’s trace, but links to it.<//>
      <${Problem} error=${state.error} />
      <div class="row">
        <button class="button button-primary" disabled=${state.busy || !items.length}>${choice.count > 1 ? `Place ${choice.count} orders` : 'Place order'}</button>
        <span class="hint" role="status" aria-live="polite">${state.placed}</span>
      </div>
    </form>`;
}

const Choices = ({ title, items, choice, choose }) => html`
  <fieldset class="skus">
    <legend>${title}</legend>
    ${items.map(i => html`
      <label key=${i.sku} title=${i.test ? i.teaches : null}>
        <input type="radio" name="sku" value=${i.sku} checked=${choice.sku === i.sku} onChange=${() => choose({ sku: i.sku })} />
        <span>${i.sku.replace(/^test-/, '')}</span>
      </label>`)}
  </fieldset>`;

const Switch = ({ name, title, on, set, children }) => html`
  <label class="switch">
    <input type="checkbox" role="switch" name=${name} checked=${on} onChange=${e => set(e.target.checked)} />
    <span><span>${title}</span><span class="hint">${children}</span></span>
  </label>`;
