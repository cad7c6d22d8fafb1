// The axes of charts: where the ticks stand, and what stands at them.

import { byUnit } from '../format.js';
import { onCanvas } from './colors.js';
import { clock, day } from './time.js';

const font = '11px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

const look = element => ({
  font,
  stroke: onCanvas(element, 'var(--dim)'),
  grid: { stroke: onCanvas(element, 'var(--line)', .6), width: 1 },
  ticks: { show: false },
});

// The distances of ticks in seconds, from one second on, that people count in.
const sixty = [1, 2, 5, 10, 15, 30];
const long = [...sixty, ...sixty.map(n => n * 60), ...[1, 2, 3, 6, 12].map(n => n * 3600), ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map(n => n * 86400)];
const decimal = Array.from({ length: 24 }, (_, i) => [1, 2, 5].map(n => n * 10 ** (i - 9))).flat();
const short = decimal.filter(n => n < .9);

// increments are the distances of ticks that make round numbers in a unit.
export function increments(unit) {
  if (unit === 's') return [...short, ...long];
  if (unit === 'ms') return [...short, ...long].map(n => n * 1000);
  if (unit === 'bytes') return Array.from({ length: 50 }, (_, i) => 2 ** i);
  return decimal;
}

// labels writes ticks in a unit with as many digits as tell them apart.
export function labels(unit, ticks) {
  for (const decimals of [undefined, 0, 1, 2, 3, 4, 5, 6]) {
    const texts = ticks.map(v => byUnit(unit, v, decimals));
    if (new Set(texts).size === texts.length) return texts;
  }
  const texts = ticks.map(v => byUnit(unit, v));
  return texts.map((text, i) => (text === texts[i - 1] ? '' : text));
}

// times writes ticks at a distance in seconds: the time of day, with the date where that does not say which.
export function times(ticks, step) {
  const several = day(ticks[0]) !== day(ticks.at(-1));
  return ticks.map(t => {
    const time = clock(t).slice(0, step < 60 ? 8 : 5);
    if (step >= 86400 || (several && time === '00:00')) return day(t);
    return several && ticks.at(-1) - ticks[0] >= 86400 ? `${day(t)} ${time}` : time;
  });
}

export const timeAxis = element => ({
  ...look(element), size: 24, gap: 4, incrs: long,
  space: (u, axis, from, to) => (to - from >= 86400 ? 100 : 64),
  values: (u, ticks, axis, space, step) => times(ticks, step),
});

// valueAxis is as wide as what stands at it.
export function valueAxis(element, options) {
  const size = (u, texts) => {
    u.ctx.font = font;
    return Math.ceil(Math.max(24, ...(texts ?? []).map(text => u.ctx.measureText(text ?? '').width))) + 12;
  };
  return { ...look(element), space: 28, gap: 4, size, ...options };
}

// unitAxis has ticks at round numbers of a unit.
export const unitAxis = (element, unit, options) =>
  valueAxis(element, { incrs: increments(unit), values: (u, ticks) => labels(unit, ticks), ...options });
