// The time range of a dashboard, and how far apart the points of its queries are. All in seconds.

import { seconds } from '../format.js';
import { oneLine } from '../text.js';

const unit = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

// length reads 30s, 15m, 6h or 1d, and the start of a range, now-15m; undefined if it is neither.
export function length(text) {
  const found = /^(?:now-)?(\d+)([smhdw])$/.exec(text ?? '');
  return found ? found[1] * unit[found[2]] : undefined;
}

// at reads a time as Grafana has it in addresses: now, now-15m, milliseconds since 1970; or as ISO 8601 writes it, without a
// zone in that of the reader. It is undefined if the text is none of these.
export function at(text, now) {
  if (text === 'now') return now;
  if (/^now-/.test(text)) return length(text) && now - length(text);
  if (/^\d{12,14}$/.test(text)) return text / 1000;
  const [, day, time] = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d\S*))?$/.exec(text ?? '') ?? [];
  const ms = day && Date.parse(`${day}T${time ?? '00:00'}`);
  return Number.isFinite(ms) ? ms / 1000 : undefined;
}

const expected = 'expected now, now-15m, milliseconds since 1970, or a time such as 2026-11-30 09:30:00';

// wrong says what is wrong with {from, to}, if something is.
export function wrong(times, now) {
  const name = ['from', 'to'].find(end => at(times[end], now) === undefined);
  if (name) return `“${oneLine(times[name] ?? '', 40)}” is no time for “${name}”: ${expected}.`;
  return at(times.from, now) < at(times.to, now) ? undefined : `“from” is not before “to”: ${times.from} and ${times.to}.`;
}

const isMoving = text => /^now/.test(text);

// rangeOf returns what is shown if an address asks for {from, to} and it is now: {times, start, end, moves, problem}. times is
// usual, {from, to}, where it asks for nothing, or for something that is wrong. What has fixed ends does not move on.
export function rangeOf(asked, usual, now) {
  const times = { from: asked.from ?? usual.from, to: asked.to ?? (asked.from ? 'now' : usual.to) };
  const problem = wrong(times, now);
  if (problem && (asked.from ?? asked.to)) {
    const instead = rangeOf({}, usual, now);
    return { ...instead, problem: new Error(`${problem} Shown is: ${written(instead)}.`) };
  }
  const { from, to } = problem ? { from: 'now-15m', to: 'now' } : times;
  return { times: { from, to }, start: at(from, now), end: at(to, now), moves: isMoving(from) || isMoving(to) };
}

// around is the range of so many seconds around a time, but not beyond now, as an address has it.
export function around(middle, length, now) {
  const end = Math.min(now, middle + Math.max(length, least) / 2);
  return { from: String(Math.floor(end - Math.max(length, least)) * 1000), to: String(Math.ceil(end) * 1000) };
}

// The shortest range: the engine scrapes every 2 s, a line needs some points.
const least = 10;

// clock writes the time of day of a time since 1970.
export const clock = time => new Date(time * 1000).toTimeString().slice(0, 8);

// day writes its date: Nov 30.
export const day = time => new Date(time * 1000).toLocaleDateString('en', { month: 'short', day: 'numeric' });

// written says of a range which one it is.
export function written({ times: { from, to }, start, end }) {
  if (to === 'now' && length(from)) return `last ${seconds(length(from))}`;
  return `${day(start)}, ${clock(start)} to ${day(start) === day(end) ? '' : `${day(end)}, `}${clock(end)}`;
}

// editable writes a time of an address as people write it: now-15m, 2026-11-30 09:30:00.
export function editable(text, now) {
  const time = new Date(at(text, now) * 1000), two = n => String(n).padStart(2, '0');
  return isMoving(text) ? text : `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock(time / 1000)}`;
}

export const ranges = ['5m', '15m', '1h', '3h', '6h', '24h'];
export const refreshes = ['5s', '10s', '30s'];

// How often the engine of the viewer scrapes: points closer together than that say nothing.
const scrape = 2;

const steps = [2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600];

// stepOf is the distance of points that fill a width in pixels with one each, but no less than least.
export function stepOf(seconds, width, least = 0) {
  const wanted = Math.max(scrape, least, seconds / Math.max(width, 50));
  return steps.find(step => step >= wanted) ?? Math.ceil(wanted);
}

// rateInterval is as Grafana counts it: no rate is taken over fewer than four scrapes, and no sample is left out.
export const rateInterval = step => Math.max(step + scrape, 4 * scrape);
