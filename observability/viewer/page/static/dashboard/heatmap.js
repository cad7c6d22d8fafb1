// The panel of a histogram's buckets over time.

import { html, useMemo, useRef } from '../ui.js';
import { byUnit } from '../format.js';
import { number } from './queries.js';
import { css, onCanvas } from './colors.js';
import { Chart } from './chart.js';
import { valueAxis } from './axes.js';

const scheme = { Oranges: 'orange', Blues: 'blue', Greens: 'green', Reds: 'red', Purples: 'purple' };

// Heatmap draws a row for each bucket and a column for each time; the more in it, the stronger the colour.
export function Heatmap({ panel, data, regions, zoom }) {
  const buckets = useMemo(() => bucketsOf(data), [data]);
  const { bounds, rows, most } = buckets;
  const drawn = useRef();
  drawn.current = { rows, most, x: data.x, step: data.step };
  const { unit = panel.fieldConfig?.defaults?.unit } = panel.options?.yAxis ?? {};
  const cell = panel.options?.cellValues ?? {};
  const color = css(scheme[panel.options?.color?.scheme] ?? 'orange');
  const columns = useMemo(() => [data.x, data.x.map(() => 0)], [data]);
  const bound = i => (i < 0 ? '0' : byUnit(unit, bounds[i]));
  const read = u => {
    const column = Math.ceil((u.posToVal(u.cursor.left, 'x') - data.x[0]) / data.step);
    const row = Math.floor(u.posToVal(u.cursor.top, 'row'));
    const count = rows[row]?.[column];
    return count !== undefined && count !== null && {
      time: data.x[column], rows: [{ name: `${bound(row - 1)} to ${bound(row)}`, color, text: byUnit(cell.unit, count, cell.decimals) }],
    };
  };
  const place = (u, mark) => ({ x: u.valToPos(mark.time, 'x'), y: u.valToPos(rowOf(bounds, mark.value), 'row') });
  const options = element => ({
    series: [{}, { scale: 'row', paths: () => null, points: { show: false } }],
    cursor: { y: true, points: { show: false } },
    scales: { row: { range: () => [0, bounds.length] } },
    axes: [valueAxis(element, {
      scale: 'row',
      grid: { show: false },
      splits: u => ticks(bounds.length, u.bbox.height / devicePixelRatio),
      values: (u, at) => at.map(i => bound(i - 1)),
    })],
    hooks: { draw: [u => fill(u, onCanvas(element, color), drawn.current)] },
  });
  const marks = useMemo(() => data.exemplars.map(e => ({ ...e, text: byUnit(unit, e.value) })), [data]);
  return html`
    <${Chart} label=${panel.title} shape=${JSON.stringify(bounds)} data=${columns} from=${data.from} to=${data.to}
      regions=${regions} zoom=${zoom} read=${read} options=${options} marks=${marks} place=${place} />
    ${panel.options?.legend?.show && html`
      <div class="legend heat"><span>0</span><i style=${{ background: `linear-gradient(to right, transparent, ${color})` }} /><span>${byUnit(cell.unit, most, cell.decimals)}</span></div>`}`;
}

// bucketsOf makes of Prometheus's cumulative buckets what lies in each: {bounds (upper ones), rows, most}. Empty ones at
// the ends are left out, but for one.
export function bucketsOf({ series }) {
  const sorted = series.map(s => ({ bound: number(s.labels.le ?? '+Inf'), values: s.values })).sort((a, b) => a.bound - b.bound);
  const rows = sorted.map(({ values }, i) => values.map((v, t) => (v === null ? null : Math.max(0, v - (sorted[i - 1]?.values[t] ?? 0)))));
  const used = rows.map(row => row.some(v => v > 0));
  const first = Math.max(0, used.indexOf(true) - 1), end = used.lastIndexOf(true) + 2;
  const kept = rows.slice(first, end);
  return { bounds: sorted.slice(first, end).map(s => s.bound), rows: kept, most: Math.max(0, ...kept.flat()) };
}

// rowOf is where a value stands among the rows, each of which is as high as the next.
function rowOf(bounds, value) {
  const i = bounds.findIndex(b => value <= b);
  if (i < 0) return bounds.length;
  const low = i === 0 ? 0 : bounds[i - 1], share = (value - low) / (bounds[i] - low);
  return i + (Number.isFinite(share) ? Math.max(0, share) : .5);
}

function ticks(rows, height) {
  const every = Math.max(1, Math.ceil(rows * 16 / height));
  return Array.from({ length: Math.floor(rows / every) + 1 }, (_, i) => i * every);
}

// fill paints the cells, so that the few that are slow are seen beside the many that are not. What happened in the step before a time is painted up to that time.
function fill(u, color, { rows, most, x, step }) {
  u.ctx.save();
  u.ctx.fillStyle = color;
  const gap = devicePixelRatio, { left } = u.bbox;
  x.forEach((time, t) => {
    const from = Math.max(left, u.valToPos(time - step, 'x', true)), to = u.valToPos(time, 'x', true);
    if (to <= left) return;
    rows.forEach((row, i) => {
      if (!row[t]) return;
      const top = u.valToPos(i + 1, 'row', true);
      u.ctx.globalAlpha = .1 + .9 * Math.sqrt(row[t] / most);
      u.ctx.fillRect(from, top, Math.max(gap, to - from - gap), u.valToPos(i, 'row', true) - top - gap);
    });
  });
  u.ctx.restore();
}
