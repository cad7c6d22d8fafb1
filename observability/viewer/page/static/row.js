// One row of the waterfall: the span's name and marks, and its bar.

import { html, Link } from './ui.js';
import { Badge, colour } from './service.js';
import { linksOf } from './story.js';
import { ns } from './format.js';
import { Name, oneLine } from './text.js';

export function Row({ row: { node, depth, open }, top, x, width, model, found, current, elsewhere, onClick, onToggle }) {
  const click = event => event.target.closest('a, button') || onClick();
  return html`
    <div class="wf-row ${current ? 'wf-current' : ''} ${node.critical ? 'wf-path' : ''} ${found ? 'wf-found' : ''}" id="row-${model.id}-${node.id}" role="treeitem"
         aria-level=${depth + 1} aria-selected=${current} aria-expanded=${node.children.length ? open : null}
         style=${{ top: `${top}px`, '--of': colour(node.service) }} onClick=${click}>
      <div class="wf-label" style=${{ '--depth': Math.min(depth, 12) }}>
        ${node.children.length
          ? html`<button class="wf-twist" tabindex="-1" aria-label=${open ? 'Collapse' : 'Expand'} onClick=${() => onToggle(node)}>${open ? '▾' : '▸'}</button>`
          : html`<span class="wf-twist" />`}
        <${Badge} service=${node.service} />
        <span class="wf-name" title="${oneLine(node.service)}: ${oneLine(node.name)}"><${Name} text=${node.name} /></span>
        ${node.attempt > 0 && html`<b class="wf-attempt">#${node.attempt}</b>`}
        <${Marks} node=${node} model=${model} elsewhere=${elsewhere} />
      </div>
      <div class="wf-bars"><${Bars} node=${node} open=${open} x=${x} width=${width} /></div>
    </div>`;
}

export const signs = {
  '☠': 'its process was killed: another span tells of it',
  '?': 'its parent is not here: not exported, or not yet',
  '↖': 'also links to its parent, where its message was created',
  '↗ ↙': 'links, and is linked from',
};

// Marks are the signs beside a name; those that lead somewhere are links. The links from children are left out: each attempt
// links to its parent, and says so itself.
function Marks({ node, model, elsewhere }) {
  const links = linksOf({ ...node, linkedFrom: node.linkedFrom.filter(n => n.parent !== node) }, elsewhere);
  return html`
    ${node.killed && html`<span class="bad" title=${signs['☠']}>☠</span>`}
    ${node.failed && html`<span class="bad" title="failed">✗</span>`}
    ${node.orphan && html`<span class="hint" title=${signs['?']}>?</span>`}
    ${links.slice(0, 6).map(l => html`<${Link} class="wf-mark" tabindex="-1" href=${hrefOf(l, model.id)}
      title="${l.sign === '↙' ? 'linked from' : 'links to'} ${oneLine(l.text)} ${l.note}">${l.sign}<//>`)}`;
}

// reason says why a node failed, or what became of its message where that is not plain success.
export const reason = node => {
  if (!node.killed) return node.reasons.join(' · ');
  const consumer = node.attributes['messaging.client.id'];
  return consumer ? `killed: ${consumer}, last seen at +${ns(node.to)}` : `killed its process before +${ns(node.to)}`;
};

// hrefOf is where a link leads.
export const hrefOf = (link, here) => `/traces/${link.trace ?? here}?span=${link.span}`;

// waitText names a wait and its length.
const waitText = ({ place, ns: length }) => `${place} ${length ? ns(length) : '<1 ms'}`;

// Bars draws the waits, hatched, up to where work began, then the work, and says how long each took.
function Bars({ node, open, x, width }) {
  const clip = t => Math.max(0, Math.min(100, x(t)));
  const box = (from, to) => ({ left: `min(${clip(from)}%, 100% - 2px)`, width: `${clip(to) - clip(from)}%` });
  const inView = (from, to) => x(to) >= 0 && x(from) <= 100;
  const drawn = node.fold ? (open ? [] : node.children) : [node];
  const took = node.fold ? node.children.reduce((sum, n) => sum + n.to - n.from, 0) : node.to - node.from;
  const waited = node.waits.reduce((since, w) => since - w.ns, node.from);
  const wait = node.waits.map(waitText).join(', ');
  const free = Math.max(clip(waited), 100 - clip(node.to)) > Math.min(33, (room(ns(took)) / width) * 100); // else it stands over the gap
  const fits = wait && room(wait) + (free ? 0 : 2 * room(ns(took))) < ((clip(node.from) - clip(waited)) / 100) * width;
  const [early, late] = [x(node.to) < 0, x(waited) > 100]; // all of it lies beside what is shown
  const text = [early && '‹', node.killed ? '?' : ns(took), wait && !fits && `· ${wait}`].filter(Boolean).join(' ');
  const why = reason(node);
  return html`
    ${wait && html`<i class="wf-wait" style=${box(waited, node.from)} title="waited: ${wait}">${fits && html`<span>${wait}</span>`}</i>`}
    ${drawn.filter(n => inView(n.from, n.to)).map(n => html`
      <i class="wf-bar ${n.statement ? 'wf-statement' : ''} ${n.killed ? 'wf-killed' : ''} ${n.failed ? 'wf-failed' : ''}"
         style=${box(n.from, n.to)} title="${oneLine(n.name)}: ${n.killed ? why : ns(n.to - n.from)}, from +${ns(n.from)}" />`)}
    ${drawn.flatMap(n => n.path).map(([from, to]) => html`<i class="wf-self" style=${box(from, to)} />`)}
    <span class="wf-took" style=${beside(clip(waited), clip(node.to), room(text + (why ? oneLine(why, 20) : '')), width)}>${text}${why && html`
      <em class=${node.failed || node.killed ? 'bad' : ''}> ${oneLine(why)}</em>`}${late && ' ›'}</span>`;
}

const room = text => text.length * 6.6 + 14; // pixels

// beside puts a text after a bar or before it, where there is room, else where there is a third of the row, else over its end.
function beside(left, right, size, width) {
  for (const enough of [(size / width) * 100, 33]) {
    if (100 - right > enough) return { left: `calc(${right}% + 5px)`, right: '0' };
    if (left > enough) return { right: `calc(${100 - left}% + 5px)`, maxWidth: `calc(${left}% - 5px)` };
  }
  return { right: `calc(${100 - right}% + 4px)`, background: 'var(--surface)', padding: '0 3px', lineHeight: '18px', top: '5px' };
}
