// The journey of one order: the stations that it passes, lit up as it happens, from its traces and the pending lists.

import { html, useState, useLoad, useRef, Link, Problem } from './ui.js';
import { Name } from './text.js';
import { useEvery } from './clock.js';
import { loadPending, loadTrace, useLive } from './live.js';
import { build } from './spans.js';
import { isDone, journey, lostBefore, operation, whereIs } from './stations.js';
import { searchOrder, Status, wares } from './orderlist.js';
import { Verdict } from './verdict.js';
import { Done } from './deadletters.js';
import { Attempt, Database, DeadLetter, Lost, Outbox, Redrive, Request, Stream, Upcoming } from './station.js';
import { money } from './format.js';

// The order's own trace, and those that are about the same conversation: after a broken or linked propagation, a redrive
// or a cancellation.
async function load(order) {
  const traces = await searchOrder(order, { limit: 20, from: Math.floor(Date.parse(order.created_at) / 1000) - 1 });
  const ids = new Set([order.trace_id, ...traces.map(t => t.id)].filter(Boolean));
  const decoded = await Promise.all([...ids].map(loadTrace));
  decoded.sort((a, b) => Number(startOf(a) - startOf(b)));
  const spans = decoded.flatMap(({ id, spans: some }) => some.map(s => ({ ...s, trace: id })));
  return { ids, model: build({ id: order.trace_id, spans, partial: '' }), titles: decoded.map(titleOf) };
}

const startOf = ({ spans }) => spans.reduce((least, s) => (s.start < least ? s.start : least), spans[0]?.start ?? 0n);

const titleOf = ({ id, spans }) => {
  const root = spans.find(s => s.parent === '') ?? spans[0];
  return { id, title: root ? `${root.service}: ${root.name}` : 'no spans yet' };
};

// Pending is asked for while the order is on its way: an attempt that still runs, or waits for its turn, has no span.
const pendingOf = async order => (await loadPending()).filter(p => p.subject === order.id);

export function Journey({ order }) {
  const settled = order.status !== 'pending';
  const matters = useRef();
  const traces = useLive(() => load(order), ids => matters.current(ids), 300, [order.id]);
  matters.current = ids => !settled || !traces.value || ids.some(id => traces.value.ids.has(id));
  const pending = useLoad(() => (settled ? [] : pendingOf(order)), [order.id, settled]);
  const [done, setDone] = useState();
  const found = traces.value && journey(traces.value.model);
  const where = found && whereIs(found, pending.value ?? []);
  useEvery(settled || where?.place === 'dead' ? 0 : 500, pending.reload);
  return html`
    <section class="card journey" aria-label="Journey of the order">
      <header class="row">
        <h1><${Name} text=${wares(order)} /></h1>
        <${Status} order=${{ ...order, dead: order.status === 'pending' && where?.place === 'dead' }} />
        <span class="grow hint">${money(order.total_cents, order.currency)} · <span class="mono">${order.id}</span></span>
        ${order.trace_id && html`<${Link} class="button" href="/traces/${order.trace_id}">Open its trace<//>`}
      </header>
      <${Problem} error=${traces.error ?? pending.error} />
      ${found && html`
        <${Verdict} order=${order} found=${found} where=${where} />
        <${Done} done=${done} />
        <ol class="turns">
          ${found.map((turn, i) => html`<${Turn} key=${i} order=${order} turn=${turn} index=${i} where=${!settled && where.turn === i ? where : null} onDone=${setDone} />`)}
        </ol>
        <${Others} traces=${traces.value.titles} order=${order} />`}
    </section>`;
}

const titles = ['order takes the order', 'inventory reserves the stock', 'order learns the answer'];

// Turn is one service's: it takes something up, writes it down, and passes it on. What came before the attempt that
// succeeded stands in front of it, in rows.
function Turn({ order, turn, index, where, onDone }) {
  const place = where?.place;
  const [open, setOpen] = useState(false);
  const { entries } = turn;
  const success = entries.find(isDone);
  const entry = node => {
    switch (operation(node)) {
      case 'dead_letter': return html`<${Lost} count=${lostBefore(node, entries)} /><${DeadLetter} key=${node.id} node=${node} order=${order} latest=${node === entries.at(-1)} onDone=${onDone} />`;
      case 'redrive': return html`<${Redrive} key=${node.id} node=${node} />`;
      default: return html`<${Attempt} key=${node.id} node=${node} turn=${turn} />`;
    }
  };
  const first = success ? entry(success) : html`<${Upcoming} turn=${turn} where=${where} />`;
  return html`
    <li class="turn service-${turn.service} ${index === 0 || entries.length || where ? '' : 'later'}">
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
    <b>${broken.how === 'off' ? 'The trace breaks here.' : 'A trace of its own begins here.'}</b>${' '}
    ${broken.how === 'off'
      ? html`The message carried no <code>traceparent</code>, so ${service} could not know which trace it belongs to, and began another.
          Only the order’s id, the attribute <code>messaging.message.conversation_id</code>, is in both.`
      : html`The message carried its <code>traceparent</code>, and ${service} links to it instead of nesting under it.`}
    ${' '}<${Link} href="/traces/${broken.trace}">Trace ${broken.trace.slice(0, 8)}…<//> ·
    ${' '}<${Link} href="/compare?a=${broken.from}&b=${broken.trace}">both side by side<//>
  </p>`;

const Others = ({ traces, order }) => traces.length > 1 && html`
  <section aria-label="Traces of this order">
    <h3>${traces.length} traces tell of this order</h3>
    <ul class="plain">${traces.map(({ id, title }) => html`
      <li><${Link} href="/traces/${id}" class="mono">${id.slice(0, 8)}…<//> <${Name} text=${title} />
        ${id === order.trace_id && html` <span class="tag">its own</span>`}</li>`)}
    </ul>
  </section>`;
