// What one span tells: shown beside the waterfall, below it on a narrow screen.

import { html, Link, Problem, colour, useEffect } from './ui.js';
import { ns, clock } from './format.js';
import { reason, linksOf } from './spans.js';
import { hrefOf, signs } from './waterfall.js';
import { Name, Text, oneLine } from './text.js';

// Details shows a node. elsewhere are the links from other traces that lead to it, logs what useLive says of the trace's.
export function Details({ node, model, elsewhere, logs, onClose }) {
  const { span } = node;
  useEffect(() => {
    const escape = event => event.key === 'Escape' && onClose();
    addEventListener('keydown', escape);
    return () => removeEventListener('keydown', escape);
  }, [onClose]);
  const why = reason(node);
  return html`
    <aside class="card details" aria-label="Span">
      <header>
        <h2><${Name} text=${span.name} />${node.attempt > 0 && ` #${node.attempt}`}</h2>
        <button class="button quiet" aria-label="Close" onClick=${onClose}>✕</button>
      </header>
      <p class="row">
        <span class="tag"><i class="dot" style=${{ background: colour(span.service) }} /><${Name} text=${span.service} /></span>
        <span class="tag">${span.kind}</span>
        ${span.error && html`<span class="tag tag-bad">failed</span>`}
        ${node.killed && html`<span class="tag tag-bad">killed</span>`}
        ${node.orphan && html`<span class="tag tag-warn">its parent is not here</span>`}
      </p>
      ${why && html`<p class=${span.error || node.killed ? 'bad' : 'hint'}><${Text} value=${why} /></p>`}
      ${node.killed && html`<p class="hint">${signs['☠']}, in its event <code>takeover</code></p>`}
      <${Pairs} of=${times(node, model)} />
      ${!node.fold && !node.killed && html`<p><${Link} href="/traces/${model.id}?span=${node.id}">Link to this span<//></p>`}
      <${Links} links=${linksOf(node, elsewhere)} model=${model} />
      <${Section} title="Attributes" empty=${!Object.keys(span.attributes).length}><${Pairs} of=${span.attributes} /><//>
      <${Section} title="Events" empty=${!span.events.length}>${span.events.map(e => html`
        <h4><${Name} text=${e.name} /> <span class="hint">+${ns(e.time - model.origin)}</span></h4><${Pairs} of=${e.attributes} />`)}<//>
      ${!node.fold && !node.killed && logs && html`<${Logs} node=${node} logs=${logs} />`}
      <details><summary>Resource</summary><${Pairs} of=${{ ...span.resource, scope: span.scope }} /></details>
    </aside>`;
}

const times = (node, model) => ({
  start: `+${ns(node.from)} (${clock(new Date(Number(node.span.start / 1_000_000n)))})`,
  ...(node.killed ? { 'last seen': `+${ns(node.to)}` } : { duration: ns(node.to - node.from) }),
  ...(node.wait ? { [`waited in ${node.wait.place}`]: node.wait.ns ? ns(node.wait.ns) : '<1 ms' } : {}),
  span: node.fold || node.killed ? undefined : node.id,
  parent: node.orphan ? node.span.parent : undefined,
  trace: model.id,
});

const Section = ({ title, empty, children }) => !empty && html`<section><h3>${title}</h3>${children}</section>`;

const Pairs = ({ of }) => html`
  <dl class="pairs">${Object.entries(of).filter(([, v]) => v !== undefined).map(([k, v]) => html`
    <div><dt>${oneLine(k).split(/(?<=[._])/).map(part => html`<bdi>${part}</bdi><wbr />`)}</dt><dd class="mono"><${Text} value=${v} /></dd></div>`)}</dl>`;

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
          <span class="mono hint">${clock(new Date(line.time))}</span> <b class=${line.severity === 'ERROR' ? 'bad' : ''}>${line.severity}</b> <${Text} value=${line.body} />
          <${Pairs} of=${line.attributes ?? {}} />
        </div>`)}
    <//>`;
}
