// The waterfall: one row a span, in the shape of the tree, each with a bar on a common time axis. However many spans there
// are, only the rows in view are in the document.

import { html, Link, colour, useState, useEffect, useMemo, useRef } from './ui.js';
import { Find, finds } from './find.js';
import { ns } from './format.js';
import { rows as rowsOf, place, timeAt, isFolded, ticks, linksOf } from './story.js';
import { Name, oneLine } from './text.js';
import { Arrows } from './arrows.js';

const height = 28; // of a row, as in traces.css
const spare = 10; // rows drawn above and below those in view

// Waterfall draws a model. selected is a node's id or '', onSelect is told of another; length is that of the time axis in
// nanoseconds, which then has no folded gap; elsewhere lists, by the id of the span they lead to, the links from other traces.
export function Waterfall({ model, selected, onSelect, critical, length, elsewhere = new Map() }) {
  const [toggled, setToggled] = useState(new Set());
  const [zoom, setZoom] = useState(null);
  const whole = Math.max(1, length ?? model.total);
  const scale = length || !model.total ? [{ from: 0, to: whole, drawn: whole }] : model.scale;
  const view = zoom ?? { from: 0, to: whole };
  const rows = useMemo(() => rowsOf(model.roots, toggled), [model, toggled]);
  const index = useMemo(() => new Map(rows.map((row, i) => [row.node.id, i])), [rows]);
  const body = useRef();
  const [box, measure] = useState({ top: 0, height: 600, width: 600 });
  const read = () => body.current && measure({ // it may be told of its size once more when it is gone
    top: body.current.scrollTop, height: body.current.clientHeight, width: body.current.querySelector('.wf-grid').clientWidth,
  });
  useEffect(() => {
    const sizes = new ResizeObserver(read);
    sizes.observe(body.current);
    return () => sizes.disconnect();
  }, []);

  const [sought, seek] = useState('');
  const found = useMemo(() => [...model.nodes.values()].filter(n => finds(sought, n)), [model, sought]);
  const marked = useMemo(() => new Set(found), [found]);
  const opening = [...model.nodes.values()].filter(n => n.children.length && !n.fold);
  const shutAll = opening.length > 0 && opening.every(n => toggled.has(n.id));
  const toggle = (...nodes) => setToggled(before => before.symmetricDifference(new Set(nodes.map(n => n.id))));

  // What was selected by its address is scrolled to once it is there; its ancestors are opened for that.
  const shown = useRef('');
  useEffect(() => {
    if (!selected || shown.current === selected || !model.nodes.has(selected)) return;
    const shut = ancestors(model.nodes.get(selected)).filter(n => toggled.has(n.id) !== n.fold);
    if (shut.length) return toggle(...shut);
    shown.current = selected;
    const top = index.get(selected) * height, at = body.current;
    if (top < at.scrollTop || top + height > at.scrollTop + at.clientHeight) at.scrollTop = top - at.clientHeight / 2;
  }, [selected, model, index]);

  const select = i => {
    const id = rows[Math.max(0, Math.min(rows.length - 1, i))].node.id;
    const top = index.get(id) * height, at = body.current;
    at.scrollTop = Math.min(top, Math.max(at.scrollTop, top + height - at.clientHeight));
    shown.current = id;
    onSelect(id);
  };
  const press = event => {
    const i = index.get(selected) ?? -1, row = rows[i];
    const page = Math.max(1, Math.floor(box.height / height) - 1);
    const act = {
      ArrowDown: () => select(i + 1), ArrowUp: () => select(i < 0 ? 0 : i - 1),
      PageDown: () => select(i + page), PageUp: () => select(i - page), Home: () => select(0), End: () => select(rows.length - 1),
      ArrowRight: () => row && (row.open || !row.node.children.length ? select(i + Number(row.open)) : toggle(row.node)),
      ArrowLeft: () => row && (row.open ? toggle(row.node) : row.node.parent && select(index.get(row.node.parent.id))),
      Escape: () => onSelect(''),
    }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  };
  const first = Math.max(0, Math.floor(box.top / height) - spare);
  const last = Math.min(rows.length, Math.ceil((box.top + box.height) / height) + spare);
  const [left, right] = [view.from, view.to].map(t => place(scale, t));
  const x = t => ((place(scale, t) - left) / (right - left)) * 100;
  const marks = ticks(scale, view, Math.max(2, Math.floor(box.width / 90)));
  const folds = scale.filter(isFolded);

  return html`
    <div class="wf ${critical ? 'wf-critical' : ''}">
      <div class="wf-tools row">
        <${Find} sought=${sought} seek=${seek} found=${found} selected=${selected} onSelect=${onSelect} />
        ${opening.length > 1 && html`<button class="button" onClick=${() => setToggled(new Set(shutAll ? [] : opening.map(n => n.id)))}>
          ${shutAll ? 'Expand all' : 'Collapse all'}</button>`}
      </div>
      <${Axis} marks=${marks} folds=${folds} x=${x} timeAt=${part => timeAt(scale, left + part * (right - left))} zoomed=${zoom !== null} onZoom=${setZoom} />
      <div class="wf-body" ref=${body} tabindex="0" role="tree" aria-label="Spans" onScroll=${read} onKeyDown=${press}
           aria-activedescendant=${index.has(selected) ? `row-${model.id}-${selected}` : null}>
        <div class="wf-rows" style=${{ height: `${rows.length * height}px` }}>
          <div class="wf-grid" aria-hidden="true">${marks.map(t => html`<i style=${{ left: `${x(t)}%` }} />`)}
            ${folds.map(s => html`<i class="wf-fold" style=${{ left: `${x(s.from)}%`, width: `${x(s.to) - x(s.from)}%` }} />`)}</div>
          ${rows.slice(first, last).map((row, i) => html`
            <${Row} key=${row.node.id} row=${row} top=${(first + i) * height} x=${x} width=${box.width} model=${model} found=${marked.has(row.node)}
              current=${row.node.id === selected} elsewhere=${elsewhere.get(row.node.id)}
              onClick=${() => { body.current.focus({ preventScroll: true }); select(first + i); }} onToggle=${toggle} />`)}
          <${Arrows} rows=${rows.slice(first, last)} index=${index} height=${height} x=${x} width=${box.width}
            total=${rows.length * height} selected=${selected} onSelect=${id => select(index.get(id))} />
        </div>
      </div>
    </div>`;
}

function ancestors(node) {
  const above = [];
  for (let n = node.parent; n; n = n.parent) above.push(n);
  return above;
}

// Axis shows round times, and the lengths of folded gaps. Dragging on it chooses a stretch of time.
function Axis({ marks, folds, x, timeAt, zoomed, onZoom }) {
  const axis = useRef();
  const [drag, set] = useState(null);
  const share = event => {
    const box = axis.current.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  };
  const down = event => {
    axis.current.setPointerCapture(event.pointerId);
    set([share(event), share(event)]);
  };
  const up = () => {
    const [from, to] = drag.toSorted((a, b) => a - b);
    set(null);
    if (to - from > 0.01) onZoom({ from: timeAt(from), to: timeAt(to) });
  };
  return html`
    <div class="wf-head">
      <span class="wf-label hint">${zoomed ? html`<button class="button" onClick=${() => onZoom(null)}>Whole trace</button>` : 'drag to zoom →'}</span>
      <div class="wf-axis" ref=${axis} onPointerDown=${down} onPointerMove=${e => drag && set([drag[0], share(e)])} onPointerUp=${drag && up}>
        ${marks.filter((t, i) => ns(t) !== ns(marks[i - 1])).map(t => html`
          <span class=${x(t) > 92 ? 'wf-tick-last' : ''} style=${{ left: `${x(t)}%` }}>${ns(t)}</span>`)}
        ${folds.map(({ from, to }) => html`<span class="wf-fold" style=${{ left: `${x(from)}%`, width: `${x(to) - x(from)}%` }}>╱ ${ns(to - from)} ╱</span>`)}
        ${drag && html`<i class="wf-drag" style=${{ left: `${Math.min(...drag) * 100}%`, width: `${Math.abs(drag[1] - drag[0]) * 100}%` }} />`}
      </div>
    </div>`;
}

function Row({ row: { node, depth, open }, top, x, width, model, found, current, elsewhere, onClick, onToggle }) {
  const click = event => event.target.closest('a, button') || onClick();
  return html`
    <div class="wf-row ${current ? 'wf-current' : ''} ${node.critical ? 'wf-path' : ''} ${found ? 'wf-found' : ''}" id="row-${model.id}-${node.id}" role="treeitem"
         aria-level=${depth + 1} aria-selected=${current} aria-expanded=${node.children.length ? open : null}
         style=${{ top: `${top}px`, '--of': colour(node.service) }} onClick=${click}>
      <div class="wf-label" style=${{ paddingLeft: `${4 + Math.min(depth, 12) * 11}px` }}>
        ${node.children.length
          ? html`<button class="wf-twist" tabindex="-1" aria-label=${open ? 'Collapse' : 'Expand'} onClick=${() => onToggle(node)}>${open ? '▾' : '▸'}</button>`
          : html`<span class="wf-twist" />`}
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
  const text = [node.killed ? '?' : ns(took), wait && !fits && wait].filter(Boolean).join(' · ');
  const why = reason(node);
  return html`
    ${wait && html`<i class="wf-wait" style=${box(waited, node.from)} title="waited: ${wait}">${fits && html`<span>${wait}</span>`}</i>`}
    ${drawn.filter(n => inView(n.from, n.to)).map(n => html`
      <i class="wf-bar ${n.statement ? 'wf-statement' : ''} ${n.killed ? 'wf-killed' : ''} ${n.failed ? 'wf-failed' : ''}"
         style=${box(n.from, n.to)} title="${oneLine(n.name)}: ${n.killed ? why : ns(n.to - n.from)}, from +${ns(n.from)}" />`)}
    ${drawn.flatMap(n => n.path).map(([from, to]) => html`<i class="wf-self" style=${box(from, to)} />`)}
    <span class="wf-took" style=${beside(clip(waited), clip(node.to), room(text + (why ? oneLine(why, 20) : '')), width)}>${text}${why && html`
      <em class=${node.failed || node.killed ? 'bad' : ''}> ${oneLine(why)}</em>`}</span>`;
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
