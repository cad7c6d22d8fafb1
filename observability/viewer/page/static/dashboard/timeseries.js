// The panel of lines over time.

import { html, useMemo } from '../ui.js';
import { byUnit } from '../format.js';
import { fieldOf, display, steps, thresholdColor } from './fields.js';
import { css, ofSeries, onCanvas } from './colors.js';
import { Chart } from './chart.js';
import { increments, unitAxis } from './axes.js';
import { Legend, isHidden } from './legend.js';

const { uPlot } = globalThis;

// Timeseries draws the series of data, but for those that the legend hides.
export function Timeseries({ panel, data, regions, zoom, legend, large }) {
  const lines = useMemo(() => linesOf(panel, data, legend.shown), [panel, data, legend.shown]);
  const columns = useMemo(() => [data.x, ...stack(lines)], [lines]);
  const marks = useMemo(() => data.exemplars.map(e => ({ ...e, text: byUnit(lines[0].unit, e.value) })), [data]);
  const read = u => u.cursor.idx !== null && u.cursor.idx !== undefined && {
    time: data.x[u.cursor.idx],
    rows: sorted(panel, lines.filter(l => !l.hidden && l.values[u.cursor.idx] !== null).map(l => (
      { name: l.name, color: l.color, value: l.values[u.cursor.idx], text: display(l.field, l.values[u.cursor.idx]).text }))),
  };
  return html`
    <${Chart} label=${panel.title} shape=${JSON.stringify(lines.map(({ values, ...rest }) => rest))} data=${columns}
      from=${data.from} to=${data.to} regions=${regions} read=${read} marks=${marks} zoom=${zoom}
      options=${element => options(element, lines)}
      place=${(u, mark) => ({ x: u.valToPos(mark.time, 'x'), y: u.valToPos(mark.value, lines[0].unit) })} />
    <${Legend} options=${panel.options?.legend} lines=${lines} legend=${legend} large=${large} />`;
}

function sorted(panel, rows) {
  const by = { desc: (a, b) => b.value - a.value, asc: (a, b) => a.value - b.value }[panel.options?.tooltip?.sort];
  return by ? rows.sort(by) : rows;
}

// linesOf returns what is drawn: {name, field, custom, unit, color, hidden, values}. The unit names the scale, too.
function linesOf(panel, data, shown) {
  return data.series.map((series, i) => {
    const field = fieldOf(panel, series);
    const name = field.displayName ?? series.name;
    const values = series.values.map(v => (Number.isFinite(v) ? v : null));
    const color = {
      fixed: () => css(field.color.fixedColor),
      thresholds: () => css(thresholdColor(field, values.findLast(v => v !== null) ?? 0)),
    }[field.color?.mode]?.() ?? ofSeries(i, data.series);
    return { name, field, custom: field.custom ?? {}, unit: field.unit ?? 'short', color, hidden: isHidden(shown, name), values };
  });
}

const isStacked = line => line.custom.stacking?.mode === 'normal' && !line.hidden;
const groupOf = line => `${line.unit} ${line.custom.stacking.group}`;

// stack adds to the values of each stacked series those of the series before it.
function stack(lines) {
  const sums = {};
  return lines.map(line => {
    if (!isStacked(line)) return line.values;
    const sum = sums[groupOf(line)] ??= line.values.map(() => 0);
    return line.values.map((v, i) => (v === null ? null : sum[i] += v));
  });
}

// bands says between which series the areas of stacked ones lie.
function bands(lines) {
  const before = {}, found = [];
  lines.forEach((line, i) => {
    if (!isStacked(line)) return;
    const group = groupOf(line);
    if (before[group]) found.push({ series: [i + 1, before[group]] });
    before[group] = i + 1;
  });
  return found;
}

function options(element, lines) {
  const units = [...new Set(lines.map(line => line.unit))];
  const first = unit => lines.find(line => line.unit === unit).field;
  return {
    series: [{}, ...lines.map(line => seriesOf(element, line))],
    bands: bands(lines),
    scales: Object.fromEntries(units.map(unit => [unit, { range: (u, low, high) => rangeOf(first(unit), low, high) }])),
    axes: units.map((unit, i) => unitAxis(element, unit, {
      scale: unit,
      side: i === 0 ? 3 : 1,
      incrs: increments(unit).filter(n => first(unit).decimals !== 0 || n >= 1 || unit === 's'),
    })),
    hooks: { draw: [u => drawThresholds(u, element, lines[0])] },
  };
}

const paths = { line: uPlot.paths.linear(), bars: uPlot.paths.bars({ size: [0.8, 60] }), points: () => null };

function seriesOf(element, { name, unit, color, hidden, custom }) {
  const { drawStyle = 'line', lineWidth = 1, fillOpacity = 0, showPoints = 'auto', pointSize = 5, spanNulls } = custom;
  const everyPoint = drawStyle === 'points' || showPoints === 'always';
  return {
    label: name,
    scale: unit,
    show: !hidden,
    stroke: onCanvas(element, color),
    width: lineWidth,
    fill: fillOpacity > 0 ? onCanvas(element, color, fillOpacity / 100) : undefined,
    spanGaps: spanNulls === true,
    paths: paths[drawStyle],
    // A value between two gaps is no line: without a point it would not be seen.
    points: { show: showPoints !== 'never' || everyPoint, size: everyPoint ? pointSize : 4, fill: onCanvas(element, color), filter: everyPoint ? null : alone },
  };
}

function alone(u, series) {
  const values = u.data[series];
  return values.flatMap((v, i) => (v !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null ? [i] : []));
}

// rangeOf gives a scale the limits of its field, and room for what lies beyond the soft ones.
function rangeOf({ min, max, custom = {} }, low, high) {
  const from = min ?? Math.min(low ?? 0, custom.axisSoftMin ?? Infinity);
  const to = max ?? Math.max(high ?? from, custom.axisSoftMax ?? -Infinity);
  if (!(to > from)) return [from, from + (Math.abs(from) || 1)];
  return [min ?? from, max ?? to + (to - from) * .04];
}

function drawThresholds(u, element, { field, custom, unit }) {
  const mode = custom.thresholdsStyle?.mode ?? 'off';
  if (mode === 'off') return;
  const { left, top, width, height } = u.bbox, { min, max } = u.scales[unit];
  u.ctx.save();
  steps(field).forEach(({ value, color }, i, all) => {
    const y = v => u.valToPos(Math.min(Math.max(v, min), max), unit, true);
    if (/area/.test(mode)) {
      u.ctx.fillStyle = onCanvas(element, css(color), .08);
      u.ctx.fillRect(left, y(all[i + 1]?.value ?? max), width, y(value) - y(all[i + 1]?.value ?? max));
    }
    if (/line|dashed/.test(mode) && value >= min && value <= max) {
      u.ctx.strokeStyle = onCanvas(element, css(color), .8);
      u.ctx.lineWidth = devicePixelRatio;
      u.ctx.setLineDash(/dashed/.test(mode) ? [6 * devicePixelRatio, 4 * devicePixelRatio] : []);
      u.ctx.beginPath();
      u.ctx.moveTo(left, y(value));
      u.ctx.lineTo(left + width, y(value));
      u.ctx.stroke();
    }
  });
  u.ctx.restore();
}
