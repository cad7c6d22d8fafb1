// One trace: what it is, its waterfall, and the span one looks at.

import { html, Link, Problem, Empty, useState, useCallback, useRef, Title } from './ui.js';
import { go } from './router.js';
import { get } from './api.js';
import { ns, count, date } from './format.js';
import { useStory, useLive } from './live.js';
import { useRelated, useElsewhere, Related } from './related.js';
import { Badge } from './service.js';
import { Waterfall } from './waterfall.js';
import { signs } from './row.js';
import { Statistics } from './statistics.js';
import { Details } from './details.js';
import { isFolded, readView, writeView } from './scale.js';
import { Name } from './text.js';

export default function TracePage({ params: [id], query }) {
  const full = id.toLowerCase().padStart(32, '0');
  const { value: story, error } = useStory(full);
  return html`
    <div class="stack">
      <${Problem} error=${error} />
      ${story && (story.roots.length ? html`<${Trace} model=${story} query=${query} />` : html`<${NoSpans} id=${full} />`)}
    </div>`;
}

const NoSpans = ({ id }) => html`
  <${Empty} title="No spans of this trace are here">
    <p class="mono">${id}</p>
    <p>A span arrives within a second after its work ended: if this one is new, just wait, it appears here by itself.
      Old traces make room for new ones, and none outlives Clew.</p>
    <p><${Link} href="/traces">Look at the newest traces<//> or <${Link} href="/">place an order<//>.</p>
  <//>`;

function Trace({ model, query }) {
  const related = useRelated(model);
  const elsewhere = useElsewhere(related.value);
  const logs = useLive(() => get(`/api/logs?trace_id=${model.id}&limit=1000`), ids => ids.includes(model.id), 500, [model.id]);
  const [critical, setCritical] = useState(false);
  const [sought, seek] = useState('');
  const waterfall = useRef();
  const find = text => {
    seek(text);
    waterfall.current.scrollIntoView({ block: 'nearest' });
  };
  const asked = Object.fromEntries(['span', 'from', 'to'].map(name => [name, query.get(name) ?? '']));
  const selected = asked.span;
  const { view, problem } = readView(asked, Math.max(1, model.total));
  const show = (changes, options) => {
    const shown = new URLSearchParams(Object.entries({ ...asked, ...changes }).filter(([, value]) => value)).toString();
    go(`/traces/${model.id}${shown && `?${shown}`}`, options);
  };
  const select = span => show({ span }, { replace: true });
  // Many steps are one way back.
  const zoom = (to, isStep) => (to || asked.from || asked.to) && show(to ? writeView(to) : { from: '', to: '' }, { replace: isStep && view !== null });
  const latest = useRef();
  latest.current = select;
  const close = useCallback(() => latest.current(''), []);
  const node = model.nodes.get(selected), order = orderOf(model);
  return html`
    <${Facts} model=${model} title=${html`<${Title} text=${model.summary.title}><${Name} text=${model.summary.title} /><//>`}>
      <button class="button" aria-pressed=${critical} title="What the end of the trace waited for" onClick=${() => setCritical(!critical)}>Critical path</button>
      <${Link} class="button" href="/compare?a=${model.id}">Compare with…<//>
      ${order && html`<${Link} class="button" href="/?order=${encodeURIComponent(order)}">Its order<//>`}
      <${Link} class="button" href="/logs?${new URLSearchParams(order ? { order } : { trace: model.id })}">${order ? 'Its order’s logs' : 'Its logs'}<//>
      <a class="button" href="/api/v2/traces/${model.id}" download="trace-${model.id}.json">Download</a>
    <//>
    ${model.partial && html`<p class="notice" role="status">${model.partial}</p>`}
    ${problem && html`<p class="notice" role="status">${problem}</p>`}
    ${selected && !node && html`<p class="notice" role="status">Span ${selected.slice(0, 40)} is not in this trace, or has not arrived yet.</p>`}
    <div class="trace ${node ? 'trace-with-details' : ''}" ref=${waterfall}>
      <${Waterfall} model=${model} selected=${node ? selected : ''} onSelect=${select} critical=${critical} elsewhere=${elsewhere}
        zoom=${view} onZoom=${zoom} sought=${sought} seek=${seek} />
      ${node && html`<${Details} key=${node.id} node=${node} model=${model} elsewhere=${elsewhere.get(node.id)} logs=${logs} onClose=${close} />`}
    </div>
    <${Legend} model=${model} />
    <${Statistics} model=${model} seek=${find} />
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
          ${s.services.slice(0, 8).map(name => html`<span class="tag"><${Badge} service=${name} /> <${Name} text=${name} /></span>`)}
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
    </div>`;
}
