// The time axis above a waterfall, and the map of the whole trace above that. One drags over either to choose a stretch.

import { html, useMemo, useRef, useState } from './ui.js';
import { colour } from './service.js';
import { place, isFolded, tickText } from './scale.js';
import { ns } from './format.js';

// useStretch returns what an element needs so that one may drag over it, and the stretch that is dragged over now: [from, to],
// as parts of its width. choose is told of each that ends, point of a click.
function useStretch(choose, point = () => {}) {
  const box = useRef();
  const [drag, set] = useState(null);
  const share = event => {
    const { left, width } = box.current.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - left) / width));
  };
  const down = event => {
    if (event.button !== 0) return;
    box.current.setPointerCapture(event.pointerId);
    set([share(event), share(event)]);
  };
  const up = () => {
    const [from, to] = drag.toSorted((a, b) => a - b);
    set(null);
    if (to - from > 0.01) choose(from, to);
    else point(from);
  };
  const stretch = drag && html`<i class="wf-drag" style=${{ left: `${Math.min(...drag) * 100}%`, width: `${Math.abs(drag[1] - drag[0]) * 100}%` }} />`;
  return [{ ref: box, onPointerDown: down, onPointerMove: e => drag && set([drag[0], share(e)]), onPointerUp: drag && up, onPointerCancel: () => set(null) }, stretch];
}

// Axis shows round times of the view, and the lengths of folded gaps. x is where a time stands, in percent.
export function Axis({ marks: { times, step }, folds, x, zoomed, onWhole, onChoose }) {
  const [handlers, stretch] = useStretch(onChoose);
  return html`
    <div class="wf-head">
      <span class="wf-label hint">${zoomed ? html`<button class="button" onClick=${onWhole}>Whole trace</button>` : 'drag to zoom →'}</span>
      <div class="wf-axis" ...${handlers}>
        ${times.map(t => html`<span class=${x(t) > 92 ? 'wf-tick-last' : ''} style=${{ left: `${x(t)}%` }}>${tickText(t, step)}</span>`)}
        ${folds.map(({ from, to }) => html`<span class="wf-fold" style=${{ left: `${x(from)}%`, width: `${x(to) - x(from)}%` }}>╱ ${ns(to - from)} ╱</span>`)}
        ${stretch}
      </div>
    </div>`;
}

const wide = 1000; // of the drawing, which is stretched to the width that there is

// Minimap shows all spans, however many, as lines by time, and their waits: one path for each colour. left and right are the places of the view.
export function Minimap({ model, scale, left, right, onChoose, onPoint }) {
  const [handlers, stretch] = useStretch(onChoose, onPoint);
  const all = place(scale, Infinity);
  const { lines, height, thick } = useMemo(() => {
    const spans = [...model.nodes.values()].filter(n => !n.fold);
    const height = Math.max(20, Math.min(56, spans.length * 3)), apart = height / spans.length;
    const drawn = new Map();
    spans.forEach((n, i) => {
      const y = ((i + .5) * apart).toFixed(2), at = time => place(scale, time) / all * wide;
      const from = at(n.from), to = Math.max(at(n.to), from + 2);
      const look = n.failed || n.killed ? 'var(--bad)' : colour(n.service);
      const line = (look, from, to) => drawn.set(look, `${drawn.get(look) ?? ''}M${from.toFixed(1)},${y}H${to.toFixed(1)}`);
      const waited = n.waits.reduce((since, w) => since - w.ns, n.from);
      if (waited < n.from) line('color-mix(in srgb, var(--dim) 55%, transparent)', at(waited), from);
      line(look, from, to);
    });
    return { lines: [...drawn], height, thick: Math.max(1, Math.min(4, apart * .7)) };
  }, [model, scale]);
  const part = at => `${at / all * 100}%`;
  return html`
    <div class="minimap" role="img" aria-label="All spans by time" ...${handlers} style=${{ height: `${height + 8}px` }}>
      <svg viewBox="0 0 ${wide} ${height}" height=${height} preserveAspectRatio="none">
        ${lines.map(([look, path]) => html`<path d=${path} style=${{ stroke: look, strokeWidth: thick }} />`)}
      </svg>
      ${scale.filter(isFolded).map(({ from, to }) => html`
        <i class="wf-fold" style=${{ left: part(place(scale, from)), width: part(place(scale, to) - place(scale, from)) }} />`)}
      ${right - left < all && html`
        <i class="minimap-out" style=${{ left: 0, width: part(left) }} /><i class="minimap-out" style=${{ left: part(right), right: 0 }} />
        <i class="minimap-view" style=${{ left: part(left), width: part(right - left) }} />`}
      ${stretch}
    </div>`;
}
