// What one span tells: shown beside the waterfall, below it on a narrow screen.

import { html, Link, Problem, useEffect } from './ui.js';
import { Badge } from './service.js';
import { Pairs } from './pairs.js';
import { ns, clock } from './format.js';
import { linksOf } from './story.js';
import { hrefOf, reason, signs } from './row.js';
import { Name, Text } from './text.js';

// Details shows a node. elsewhere are the links from other traces that lead to it, logs what useLive says of the trace's.
export function Details({ node, model, elsewhere, logs, onClose }) {
  useEffect(() => {
    const escape = event => event.key === 'Escape' && onClose();
    addEventListener('keydown', escape);
    return () => removeEventListener('keydown', escape);
  }, [onClose]);
  const why = reason(node);
  return html`
    <aside class="card details" aria-label="Span">
      <header>
        <h2><${Name} text=${node.name} />${node.attempt > 0 && ` #${node.attempt}`}</h2>
        <button class="button quiet" aria-label="Close" onClick=${onClose}>✕</button>
      </header>
      <p class="row">
        <span class="tag"><${Badge} service=${node.service} /> <${Name} text=${node.service} /></span>
        <span class="tag">${node.kind}</span>
        ${node.failed && html`<span class="tag tag-bad">failed</span>`}
        ${node.killed && html`<span class="tag tag-bad">killed</span>`}
        ${node.orphan && html`<span class="tag tag-warn">its parent is not here</span>`}
      </p>
      ${why && html`<p class=${node.failed || node.killed ? 'bad' : 'hint'}><${Text} value=${why} /></p>`}
      ${node.killed && html`<p class="hint">${signs['☠']}</p>`}
      <${Pairs} of=${times(node, model)} />
      ${node.waits.length > 0 && html`<p class="hint">A wait is drawn from the end of what happened to the message before: its creation,
        sending or last attempt. The attribute …_wait_ms counts from a little earlier.</p>`}
      ${!node.fold && !node.killed && html`<p><${Link} href="/traces/${model.id}?span=${node.id}">Link to this span<//></p>`}
      <${Links} links=${linksOf(node, elsewhere)} model=${model} />
      <${Section} title="Attributes" empty=${!Object.keys(node.attributes ?? {}).length}><${Searchable} of=${node.attributes} /><//>
      <${Section} title="Events" empty=${!node.events.length}>${node.events.map(e => html`
        <h4><${Name} text=${e.name} /> <span class="hint">+${ns(e.at)}</span></h4><${Pairs} of=${e.attributes} />`)}<//>
      ${!node.fold && !node.killed && logs && html`<${Logs} node=${node} logs=${logs} />`}
      <details><summary>Resource</summary><${Searchable} scope="resource" of=${node.resource} /><${Pairs} of=${{ scope: node.scope }} /></details>
    </aside>`;
}

const times = (node, model) => ({
  start: `+${ns(node.from)} (${clock(new Date(node.start))})`,
  ...(node.killed ? { 'last seen': `+${ns(node.to)}` } : { duration: ns(node.to - node.from) }),
  ...Object.fromEntries(node.waits.map(w => [`waited in ${w.place}`, w.ns ? ns(w.ns) : '<1 ms'])),
  span: node.fold || node.killed ? undefined : node.id,
  parent: node.orphan,
  trace: model.id,
});

const Section = ({ title, empty, children }) => !empty && html`<section><h3>${title}</h3>${children}</section>`;

// Searchable is Pairs of attributes; each leads to the traces that have it, unless TraceQL cannot name it.
const Searchable = ({ of, scope = '' }) => html`<${Pairs} of=${of} searches="Search traces by" search=${(key, value) => (
  ['string', 'number', 'boolean'].includes(typeof value) && !/[\s{}()=~!<>&|^,"`]/.test(key)
    ? `/traces?${new URLSearchParams({ q: `{ ${scope}.${key} = ${JSON.stringify(value)} }`, reads: 1 })}` : null)} />`;

const Links = ({ links, model }) => html`
  <${Section} title="Links" empty=${!links.length}>
    <ul>${links.map(l => html`
      <li>${l.sign} ${l.sign === '↙' ? 'from' : 'to'} <${Link} href=${hrefOf(l, model.id)}><${Name} text=${l.text} /><//>
        <span class="hint"> ${l.note}</span><${Pairs} of=${l.attributes ?? {}} /></li>`)}</ul>
  <//>`;

function Logs({ node, logs: { value, error } }) {
  const lines = (value?.items ?? []).filter(line => line.span_id === node.id);
  return html`
    <${Section} title="Logs">
      ${!value && html`<${Problem} error=${error} />`}
      ${value && !lines.length && html`<p class="hint">This span logged nothing.</p>`}
      ${lines.map(line => html`
        <div class="log">
          <span class="mono hint">${clock(new Date(line.time))}</span> <b class=${line.severity === 'ERROR' ? 'bad' : ''}>${line.severity}</b>
          ${line.event && html` <b><${Name} text=${line.event} /></b>`} <${Text} value=${line.body} />
          <${Pairs} of=${line.attributes ?? {}} />
        </div>`)}
    <//>`;
}
