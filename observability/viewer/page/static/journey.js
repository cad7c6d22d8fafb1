// The journey of one order: the stations that it passes, lit up as it happens, from its traces and the pending lists.

import { html, useState, useRef, Link, Problem } from './ui.js';
import { get } from './api.js';
import { colour } from './service.js';
import { Name } from './text.js';
import { useEvery } from './clock.js';
import { useLive } from './live.js';
import { Status, wares } from './orderlist.js';
import { Verdict } from './verdict.js';
import { Done } from './deadletters.js';
import { Attempt, Database, DeadLetter, Outbox, Redrive, Request, Stream, Upcoming } from './station.js';
import { money } from './format.js';

// The viewer finds the order's traces and where it is.
const load = ({ id, trace_id: trace, created_at: since }) =>
  get(`/api/orders/${encodeURIComponent(id)}/journey?${new URLSearchParams({ trace, since })}`);

export function Journey({ order }) {
  const settled = order.status !== 'pending';
  const matters = useRef();
  const { value, error, reload } = useLive(() => load(order), ids => matters.current(ids), 300, [order.id, settled]);
  const { journey, where, problem } = value ?? {};
  matters.current = ids => !settled || !journey || journey.traces.some(t => ids.includes(t.id));
  const [done, setDone] = useState();
  useEvery(settled || where?.place === 'gone' ? 0 : where?.place === 'dead' ? 2000 : 500, reload); // what is pending changes without a span
  return html`
    <section class="card journey" aria-label="Journey of the order">
      <header class="row">
        <h2><${Name} text=${wares(order)} /></h2>
        <${Status} order=${{ ...order, dead: order.status === 'pending' && where?.place === 'dead' }} />
        <span class="grow hint">${money(order.total_cents, order.currency)} · <span class="mono">${order.id}</span></span>
        ${order.trace_id && html`<${Link} class="button" href="/traces/${order.trace_id}">Open its trace<//>`}
      </header>
      <${Problem} error=${error ?? (problem && new Error(problem))} />
      ${journey && html`
        <${Verdict} order=${order} journey=${journey} where=${where} />
        <${Done} done=${done} />
        <ol class="turns">
          ${journey.turns.map((turn, i) => html`<${Turn} key=${i} order=${order} turn=${turn} index=${i} most=${journey.deliveries_most} where=${!settled && where.turn === i ? where : null} onDone=${act => { setDone(act); reload(); }} />`)}
        </ol>
        <${Others} traces=${journey.traces} order=${order} />`}
    </section>`;
}

const titles = ['order takes the order', 'inventory reserves the stock', 'order learns the answer'];

// Turn is one service's: it takes something up, writes it down, and passes it on. What came before the attempt that
// succeeded stands in front of it, in rows.
function Turn({ order, turn, index, most, where, onDone }) {
  const place = where?.place;
  const [open, setOpen] = useState(false);
  const { entries } = turn;
  const success = entries.find(n => n.done);
  const entry = node => {
    switch (node.operation) {
      case 'dead_letter': return html`<${DeadLetter} key=${node.id} node=${node} order=${order} latest=${node === entries.at(-1)} onDone=${onDone} />`;
      case 'redrive': return html`<${Redrive} key=${node.id} node=${node} />`;
      default: return html`<${Attempt} key=${node.id} node=${node} turn=${turn} />`;
    }
  };
  const first = success ? entry(success) : html`<${Upcoming} turn=${turn} where=${where} most=${most} />`;
  return html`
    <li style=${{ '--service': colour(turn.service) }} class="turn ${index === 0 || entries.length || where ? '' : 'later'}">
      <h2><span class="turn-number">${index + 1}</span> ${titles[index]}</h2>
      ${turn.broken && html`<${Broken} broken=${turn.broken} service=${turn.service} />`}
      <div class="stations">
        ${entries.slice(0, success ? entries.indexOf(success) : undefined).map(entry)}
        ${index === 0 ? html`<${Request} node=${turn.request} now=${place === 'http'} />` : first}
        <${Database} turn=${turn} index=${index} now=${place === 'database'} />
        <${Outbox} turn=${turn} now=${place === 'outbox'} />
        <${Stream} turn=${turn} last=${index === 2} open=${open} setOpen=${setOpen} />
        ${success && entries.slice(entries.indexOf(success) + 1).map(entry)}
      </div>
    </li>`;
}

// Broken says where one trace ends and another begins.
const Broken = ({ broken, service }) => html`
  <p class="broken" role="note">
    <b>${broken.linked ? 'A trace of its own begins here.' : 'The trace breaks here.'}</b>${' '}
    ${broken.linked
      ? html`The message carried its <code>traceparent</code>, and ${service} links to it instead of nesting under it.`
      : html`The message carried no <code>traceparent</code>, so ${service} could not know which trace it belongs to, and began another.
          Only the order’s id, the attribute <code>messaging.message.conversation_id</code>, is in both.`}
    ${' '}<${Link} href="/traces/${broken.trace}">Trace ${broken.trace.slice(0, 8)}…<//> ·
    ${' '}<${Link} href="/compare?a=${broken.from}&b=${broken.trace}">both side by side<//>
  </p>`;

const Others = ({ traces, order }) => traces.length > 1 && html`
  <section aria-label="Traces of this order">
    <h3>${traces.length} traces tell of this order</h3>
    <ul class="plain">${traces.map(({ id, service, name }) => html`
      <li><${Link} href="/traces/${id}" class="mono">${id.slice(0, 8)}…<//> <${Name} text=${name ? `${service}: ${name}` : 'no spans yet'} />
        ${id === order.trace_id && html` <span class="tag">its own</span>`}</li>`)}
    </ul>
  </section>`;
