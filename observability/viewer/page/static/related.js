// The other traces of an order: those that a trace links to, those that link to it, and those that nothing links.

import { html, Link, useMemo } from './ui.js';
import { get } from './api.js';
import { ns } from './format.js';
import { useLive } from './live.js';
import { Name } from './text.js';

// useRelated returns [{id, service, name, spans, after, here: links from it to this trace, there: links from this trace to
// it}], the oldest first. It asks again as this trace grows, and for half a minute after its end whenever any trace does:
// that looks at all traces.
export function useRelated(model) {
  const young = () => Date.now() - Date.parse(model.start) - model.total / 1e6 < 30_000;
  const load = async () => (await get(`/api/stories/${model.id}/related`)).items;
  return useLive(load, ids => ids.includes(model.id) || young(), 2000, [model.id, model.nodes.size]);
}

// useElsewhere returns the links from other traces by the id of the span they lead to.
export const useElsewhere = related => useMemo(() => Map.groupBy(
  (related ?? []).flatMap(({ id, here }) => (here ?? []).map(l => ({ ...l, trace: id }))), l => l.to), [related]);

export function Related({ model, related }) {
  if (!related?.length) return null;
  return html`
    <section class="card related" aria-label="Other traces of this order">
      <h3>Other traces of this order</h3>
      <ul>${related.map(({ id, service, name, spans, after, here, there }) => html`
        <li>
          <${Link} href="/traces/${id}"><${Name} text=${name} /><//>
          <span class="hint">${service}, ${spans} spans, ${after < 0 ? `${ns(-after)} earlier` : `${ns(after)} later`}</span>
          ${here && html`<${Link} class="tag" href="/traces/${model.id}?span=${here[0].to}">↙ links to this trace<//>`}
          ${there && html`<${Link} class="tag" href="/traces/${id}?span=${there[0].to}">↗ linked from this trace<//>`}
          ${!here && !there && html`<span class="tag tag-warn">no link</span>`}
        </li>`)}</ul>
    </section>`;
}
