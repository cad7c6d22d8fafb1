// One trace: what it is, its waterfall, and the span one looks at.

import { html, Link, Problem, Empty, colour, useState, useCallback, Title } from './ui.js';
import { go } from './router.js';
import { get } from './api.js';
import { ns, count, date } from './format.js';
import { useStory, useLive } from './live.js';
import { useRelated, useElsewhere, Related } from './related.js';
import { Waterfall, signs } from './waterfall.js';
import { Details } from './details.js';
import { isFolded } from './story.js';
import { Name } from './text.js';

export default function TracePage({ params: [id], query }) {
  const full = id.toLowerCase().padStart(32, '0');
  const { value: story, error } = useStory(full);
  return html`
    <div class="stack">
      <${Problem} error=${error} />
      ${story && (story.roots.length ? html`<${Trace} model=${story} selected=${query.get('span') ?? ''} />` : html`<${NoSpans} id=${full} />`)}
    </div>`;
}

const NoSpans = ({ id }) => html`
  <${Empty} title="No spans of this trace are here">
    <p class="mono">${id}</p>
    <p>A span arrives within a second after its work ended: if this one is new, just wait, it appears here by itself.
      Old traces make room for new ones, and none outlives Clew.</p>
    <p><${Link} href="/traces">Look at the newest traces<//> or <${Link} href="/">place an order<//>.</p>
  <//>`;

function Trace({ model, selected }) {
  const related = useRelated(model);
  const elsewhere = useElsewhere(related.value);
  const logs = useLive(() => get(`/api/logs?trace_id=${model.id}&limit=1000`), ids => ids.includes(model.id), 500, [model.id]);
  const [critical, setCritical] = useState(false);
  const select = useCallback(span => go(`/traces/${model.id}${span && `?span=${encodeURIComponent(span)}`}`, { replace: true }), [model.id]);
  const node = model.nodes.get(selected);
  return html`
    <${Facts} model=${model} title=${html`<${Title} text=${model.summary.title}><${Name} text=${model.summary.title} /><//>`}>
      <button class="button" aria-pressed=${critical} title="What the end of the trace waited for" onClick=${() => setCritical(!critical)}>Critical path</button>
      <${Link} class="button" href="/compare?a=${model.id}">Compare with…<//>
      ${orderOf(model) && html`<${Link} class="button" href="/?order=${encodeURIComponent(orderOf(model))}">Its order<//>`}
      <a class="button" href="/api/v2/traces/${model.id}" download="trace-${model.id}.json">Download</a>
    <//>
    ${model.partial && html`<p class="notice" role="status">${model.partial}</p>`}
    ${selected && !node && html`<p class="notice" role="status">Span ${selected.slice(0, 40)} is not in this trace, or has not arrived yet.</p>`}
    <div class="trace ${node ? 'trace-with-details' : ''}">
      <${Waterfall} model=${model} selected=${node ? selected : ''} onSelect=${select} critical=${critical} elsewhere=${elsewhere} />
      ${node && html`<${Details} key=${node.id} node=${node} model=${model} elsewhere=${elsewhere.get(node.id)} logs=${logs} onClose=${() => select('')} />`}
    </div>
    <${Legend} model=${model} />
    <${Related} model=${model} related=${related.value} />`;
}

// orderOf is the order that the trace's messages are about, if it is one.
function orderOf(model) {
  const orders = new Set([...model.nodes.values()].map(n => n.attributes['messaging.message.conversation_id']).filter(Boolean));
  return orders.size === 1 ? [...orders][0] : null;
}

// Facts says what a trace is, under a title that is else a heading among others; its children are buttons.
export function Facts({ model, title, children }) {
  const s = model.summary;
  return html`
    <header class="facts">
      <div>
        ${title ?? html`<h2><${Name} text=${s.title} /></h2>`}
        <p class="hint"><span class="mono">${model.id}</span> · ${date(new Date(model.start))}</p>
        <p class="row">
          <b>${ns(model.total)}</b>
          <span>${count(s.spans)} ${s.spans === 1 ? 'span' : 'spans'}</span>
          ${s.outcome === 'failed' && html`<span class="tag tag-bad">${s.errors || ''} failed</span>`}
          ${s.outcome === 'retried' && html`<span class="tag tag-warn">retried</span>`}
          ${s.attempts > 1 && html`<span class="tag tag-warn">${s.attempts} attempts</span>`}
          ${s.services.slice(0, 8).map(name => html`<span class="tag"><i class="dot" style=${{ background: colour(name) }} /><${Name} text=${name} /></span>`)}
        </p>
      </div>
      <div class="row">${children}</div>
    </header>`;
}

// Legend explains the marks that this trace uses, and no others.
function Legend({ model }) {
  const nodes = [...model.nodes.values()];
  const waiting = Object.entries(model.summary.waits).filter(([, n]) => n).map(([place, n]) => `${ns(n)} in the ${place}`).join(', ');
  const links = nodes.flatMap(n => n.links);
  const used = { '☠': nodes.some(n => n.killed), '?': nodes.some(n => n.orphan), '↖': links.some(l => l.to_parent), '↗ ↙': links.some(l => !l.to_parent) };
  return html`
    <div class="wf-legend hint">
      ${waiting && html`<span><i class="wf-wait" /> waiting: ${waiting}</span>`}
      ${model.scale.some(isFolded) && html`<span>╱ a pause longer than all else together: it is drawn as long as that</span>`}
      ${nodes.some(n => n.fold) && html`<span><i class="wf-bar wf-statement" /> database statements</span>`}
      ${Object.entries(signs).filter(([sign]) => used[sign]).map(([sign, text]) => html`<span>${sign} ${text}</span>`)}
      <span class="wide">keys: ↑ ↓ select, ← → close and open, Esc close the details</span>
    </div>`;
}
