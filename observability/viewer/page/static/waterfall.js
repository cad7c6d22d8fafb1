// The waterfall: one row a span, in the shape of the tree, each with a bar on a common time axis. However many spans there
// are, only the rows in view are in the document.

import { html, useState, useEffect, useMemo, useRef } from './ui.js';
import { Find, finds } from './find.js';
import { rows as rowsOf } from './story.js';
import { place, timeAt, isFolded, ticks, moved } from './scale.js';
import { Axis, Minimap } from './axis.js';
import { Row } from './row.js';
import { Keys } from './keys.js';
import { Arrows } from './arrows.js';

const height = 28; // of a row, as in traces.css
const spare = 10; // rows drawn above and below those in view

// Waterfall draws a model. selected is a node's id or '', onSelect is told of another; length is that of the time axis in
// nanoseconds, which then has no folded gap; elsewhere lists, by the id of the span they lead to, the links from other traces.
// zoom is the view, null for all, and onZoom is told of another, and whether it is only one step away; so is seek of the text
// sought.
export function Waterfall({ model, selected, onSelect, critical, length, elsewhere = new Map(), zoom, onZoom, sought, seek }) {
  const [toggled, setToggled] = useState(new Set());
  const whole = Math.max(1, length ?? model.total);
  const scale = useMemo(() => (length || !model.total ? [{ from: 0, to: whole, drawn: whole }] : model.scale), [model, length]);
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

  const found = useMemo(() => [...model.nodes.values()].filter(n => finds(sought, n)), [model, sought]);
  const marked = useMemo(() => new Set(found.flatMap(n => (n.parent?.fold ? [n, n.parent] : [n]))), [found]);
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
  // A step closer or back keeps the middle, or has the selected span there.
  const step = (by, pan = 0) => onZoom(moved(scale, view, by, (middle, size) => {
    const node = by < 1 && model.nodes.get(selected);
    return node ? place(scale, (node.from + node.to) / 2) : middle + pan * size;
  }), true);
  const press = event => {
    const i = index.get(selected) ?? -1, row = rows[i];
    const page = Math.max(1, Math.floor(box.height / height) - 1);
    const act = {
      ArrowDown: () => select(i + 1), ArrowUp: () => select(i < 0 ? 0 : i - 1),
      PageDown: () => select(i + page), PageUp: () => select(i - page), Home: () => select(0), End: () => select(rows.length - 1),
      ArrowRight: () => row && (row.open || !row.node.children.length ? select(i + Number(row.open)) : toggle(row.node)),
      ArrowLeft: () => row && (row.open ? toggle(row.node) : row.node.parent && select(index.get(row.node.parent.id))),
      Escape: () => onSelect(''),
      '+': () => step(1 / 2), '=': () => step(1 / 2), '-': () => step(2), 0: () => onZoom(null),
      ShiftArrowLeft: () => step(1, -1 / 4), ShiftArrowRight: () => step(1, 1 / 4),
    }[/^Arrow[LR]/.test(event.key) && event.shiftKey ? `Shift${event.key}` : event.key];
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
  // choose makes a view of parts of what is between two places.
  const choose = (first, end) => (...parts) => {
    const [from, to] = parts.map(part => timeAt(scale, first + part * (end - first)));
    onZoom({ from, to });
  };

  return html`
    <div class="wf ${critical ? 'wf-critical' : ''}">
      <div class="wf-tools row">
        <${Find} sought=${sought} seek=${seek} found=${found} selected=${selected} onSelect=${onSelect} />
        ${opening.length > 1 && html`<button class="button" onClick=${() => setToggled(new Set(shutAll ? [] : opening.map(n => n.id)))}>
          ${shutAll ? 'Expand all' : 'Collapse all'}</button>`}
        <span class="grow" /><${Keys} />
      </div>
      <${Minimap} model=${model} scale=${scale} left=${left} right=${right} onChoose=${choose(0, place(scale, Infinity))}
        onPoint=${at => zoom && onZoom(moved(scale, view, 1, () => at * place(scale, Infinity)), true)} />
      <${Axis} marks=${marks} folds=${folds} x=${x} zoomed=${zoom !== null} onWhole=${() => onZoom(null)} onChoose=${choose(left, right)} />
      <div class="wf-body" ref=${body} tabindex="0" role="tree" aria-label="Spans" onScroll=${read} onKeyDown=${press}
           aria-activedescendant=${index.has(selected) ? `row-${model.id}-${selected}` : null}>
        <div class="wf-rows" style=${{ height: `${rows.length * height}px` }}>
          <div class="wf-grid" aria-hidden="true">${marks.times.map(t => html`<i style=${{ left: `${x(t)}%` }} />`)}
            ${folds.map(s => html`<i class="wf-fold" style=${{ left: `${x(s.from)}%`, width: `${x(s.to) - x(s.from)}%` }} />`)}</div>
          ${rows.slice(first, last).map((row, i) => html`
            <${Row} key=${row.node.id} row=${row} top=${(first + i) * height} x=${x} width=${box.width} model=${model} found=${marked.has(row.node) && !(row.open && row.node.fold)}
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
