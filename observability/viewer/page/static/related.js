// The other traces of an order: those that a trace links to, those that link to it, and those that nothing links.

import { html, Link, useMemo } from './ui.js';
import { ns } from './format.js';
import { useLive, loadTrace, search } from './live.js';
import { ordersOf, linksTo } from './spans.js';
import { Name } from './text.js';

const most = 20; // other traces that are looked at

// useRelated returns [{trace, here: links from it to this trace, there: links from this trace to it}], the oldest first.
// It is found by the order's id: a link is kept only where it begins. Requests that only read an order are left out. It is
// looked for again as this trace grows, and for half a minute after its end whenever any does: that looks at all traces.
export function useRelated(trace) {
  const linked = trace.spans.flatMap(s => s.links.map(l => l.trace)).filter(id => id && id !== trace.id);
  const orders = ordersOf(trace).slice(0, 3);
  const load = async () => {
    const queries = orders.flatMap(order => ['consumer', 'client'].map(kind =>
      search(`{ .messaging.message.conversation_id = ${JSON.stringify(order)} && kind = ${kind} }`, { limit: most })));
    const found = (await Promise.all(queries)).flat().map(t => t.id);
    const ids = [...new Set([...linked, ...found])].filter(id => id !== trace.id).slice(0, most);
    const others = (await Promise.all(ids.map(loadTrace))).filter(other => other.spans.length);
    return others
      .map(other => ({ trace: other, here: linksTo(other, trace.id), there: linksTo(trace, other.id) }))
      .sort((a, b) => Number(first(a.trace).start - first(b.trace).start));
  };
  const end = trace.spans.reduce((latest, s) => (s.end > latest ? s.end : latest), 0n);
  const young = () => Date.now() - Number(end / 1_000_000n) < 30_000;
  return useLive(load, ids => ids.includes(trace.id) || young(), 2000, [trace.id, orders.join(), linked.join()]);
}

export const first = ({ spans }) => spans.reduce((a, b) => (b.start < a.start ? b : a));

// useElsewhere returns the links from other traces by the id of the span they lead to.
export const useElsewhere = related => useMemo(() => Map.groupBy(
  (related ?? []).flatMap(({ trace, here }) => here.map(l => ({ ...l, trace: trace.id }))), l => l.to), [related]);

export function Related({ trace, related }) {
  if (!related?.length) return null;
  return html`
    <section class="card related" aria-label="Other traces of this order">
      <h3>Other traces of this order</h3>
      <ul>${related.map(({ trace: other, here, there }) => {
        const start = first(other), after = start.start - first(trace).start;
        return html`
          <li>
            <${Link} href="/traces/${other.id}"><${Name} text=${start.name} /><//>
            <span class="hint">${start.service}, ${other.spans.length} spans, ${after < 0n ? `${ns(-after)} earlier` : `${ns(after)} later`}</span>
            ${here.length > 0 && html`<${Link} class="tag" href="/traces/${trace.id}?span=${here[0].to}">↙ links to this trace<//>`}
            ${there.length > 0 && html`<${Link} class="tag" href="/traces/${other.id}?span=${there[0].to}">↗ linked from this trace<//>`}
            ${!here.length && !there.length && html`<span class="tag tag-warn">no link</span>`}
          </li>`;
      })}</ul>
    </section>`;
}
