// The time axis of a trace. Its scale is the story's list of stretches, of which those that are folded are drawn shorter than
// they were; a place is a distance on it. Times are nanoseconds since the trace's start. Pure functions, no DOM.

import { ns } from './format.js';

// place returns where a time stands on a scale; timeAt returns the time of a place.
export function place(scale, time) {
  let at = 0;
  for (const { from, to, drawn } of scale) {
    if (time < to) return at + Math.max(0, time - from) / (to - from) * drawn;
    at += drawn;
  }
  return at;
}
export function timeAt(scale, at) {
  for (const { from, to, drawn } of scale) {
    if (at < drawn) return from + at / drawn * (to - from);
    at -= drawn;
  }
  return scale.at(-1).to;
}

// isFolded tells whether a stretch is drawn shorter than it was.
export const isFolded = ({ from, to, drawn }) => drawn < to - from;

const [second, minute, hour, day] = [1e9, 60e9, 3600e9, 86400e9];
const steps = [
  ...[1, 1e3, 1e6].flatMap(unit => [1, 2, 5, 10, 15, 30, 50, 100, 200, 500].map(n => n * unit)),
  ...[second, minute].flatMap(unit => [1, 2, 5, 10, 15, 30].map(n => n * unit)),
  ...[1, 2, 6, 12, 24].map(n => n * hour),
];

// ticks returns the round times of a view, at most so many, and the step between them. There are none in folded stretches.
export function ticks(scale, view, most) {
  const least = Math.max(1, (place(scale, view.to) - place(scale, view.from)) / Math.max(1, most));
  const step = steps.find(s => s >= least * (1 - 1e-9)) ?? Math.ceil(least / day) * day;
  const times = [];
  for (const stretch of scale.filter(s => !isFolded(s))) {
    const to = Math.min(stretch.to, view.to);
    for (let t = Math.ceil(Math.max(stretch.from, view.from) / step) * step; t <= to; t += step) times.push(t);
  }
  return { step, times };
}

const units = [['s', second], ['ms', 1e6], ['us', 1e3], ['ns', 1]];

// tickText writes a time with as many digits as tell it from those one step away.
export function tickText(time, step) {
  if (time === 0 || (time >= minute && step >= second)) return ns(time);
  const [unit, size] = units.find(([, length]) => time >= length);
  let digits = 0;
  while (step * 10 ** digits % size) digits++;
  if (time >= minute) return `${Math.floor(time / minute)} min ${(time % minute / second).toFixed(digits)} s`;
  return `${(time / size).toFixed(digits)} ${unit.replace('u', 'µ')}`;
}

// readTime reads a time such as 12.5ms or 2s; it is NaN if the text is none.
export function readTime(text) {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s|min|h)$/.exec(text.trim()) ?? [];
  return Number(number) * ({ ...Object.fromEntries(units), µs: 1e3, min: minute, h: hour })[unit];
}

// writeView writes a view for an address, as exact as one can see: { from: '12.5ms', to: '80ms' }.
export function writeView({ from, to }) {
  const grain = Math.max(1, 10 ** Math.floor(Math.log10((to - from) / 10_000)));
  const write = time => {
    const round = Math.round(time / grain) * grain;
    const [unit, size] = units.find(([, length]) => round >= length) ?? ['s', second];
    return `${Number((round / size).toFixed(9))}${unit}`;
  };
  return { from: write(from), to: write(to) };
}

// readView returns the view that an address asks for, null for all of a trace; or why it cannot.
export function readView({ from, to }, whole) {
  if (!from && !to) return { view: null };
  const times = [from ? readTime(from) : 0, to ? readTime(to) : whole];
  const wrong = [from, to].find((text, i) => Number.isNaN(times[i]));
  if (wrong) return { view: null, problem: `“${wrong.slice(0, 40)}” is no time since the trace’s start: expected one such as 12.5ms or 2s. All of the trace is shown.` };
  const view = { from: times[0], to: Math.min(times[1], whole) };
  if (view.from < view.to) return { view };
  return { view: null, problem: `There is nothing of this trace from ${ns(times[0])} to ${ns(times[1])}: it takes ${ns(whole)}. All of it is shown.` };
}

// moved returns the view that is by times as long, with another middle; null for all. Both are places on the scale.
export function moved(scale, view, by, toMiddle = middle => middle) {
  const all = scale.reduce((sum, { drawn }) => sum + drawn, 0);
  const [left, right] = [place(scale, view.from), place(scale, view.to)];
  const length = Math.max((right - left) * by, Math.min(1000, all));
  if (length >= all * .99) return null; // what an address says is rounded
  const start = Math.max(0, Math.min(all - length, toMiddle((left + right) / 2, length) - length / 2));
  return { from: timeAt(scale, start), to: timeAt(scale, start + length) };
}
