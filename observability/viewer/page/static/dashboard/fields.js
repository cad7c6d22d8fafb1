// How a value is shown: its unit, its colour and the text that takes its place, by the panel's fieldConfig.

import { byUnit } from '../format.js';

// fieldOf returns what a panel says of a series or column: the defaults, and above them each override that matches.
export function fieldOf(panel, { name, refId }) {
  const field = structuredClone(panel.fieldConfig?.defaults ?? {});
  for (const { matcher, properties = [] } of panel.fieldConfig?.overrides ?? []) {
    if (!matches(matcher, { name, refId })) continue;
    for (const { id, value } of properties) {
      const parts = id.split('.');
      const last = parts.pop();
      parts.reduce((at, part) => (at[part] ??= {}), field)[last] = value;
    }
  }
  return field;
}

// The matchers of overrides, and the types of value mappings, that the page knows.
export const matchers = new Set(['byName', 'byRegexp', 'byFrameRefID']);
export const mappings = new Set(['value', 'special', 'range']);

function matches({ id, options }, { name, refId }) {
  switch (id) {
    case 'byName': return name === options;
    case 'byRegexp': return toRegExp(options).test(name);
    case 'byFrameRefID': return refId === options;
    default: return false;
  }
}

// toRegExp reads /x/i, or x.
function toRegExp(text) {
  const found = /^\/(.*)\/([a-z]*)$/s.exec(text);
  return found ? new RegExp(found[1], found[2]) : new RegExp(text);
}

// display returns {text, color}: color is a name or undefined. A value that does not exist has no colour of a threshold.
export function display(field, value) {
  const nothing = value === null || value === undefined || Number.isNaN(value);
  const mapped = mapping(field.mappings, value, nothing);
  const color = mapped?.color ?? (nothing || typeof value !== 'number' ? undefined : thresholdColor(field, value));
  if (mapped?.text) return { text: mapped.text, color, mapped: true };
  if (nothing) return { text: field.noValue ?? '–', color, mapped: true };
  return { text: typeof value === 'number' ? byUnit(field.unit, value, field.decimals) : String(value), color };
}

function mapping(mappings = [], value, nothing) {
  for (const { type, options } of mappings) {
    if (type === 'value' && !nothing && Object.hasOwn(options, String(value))) return options[String(value)];
    if (type === 'special' && nothing && /null|nan/.test(options.match)) return options.result;
    if (type === 'range' && !nothing && value >= (options.from ?? -Infinity) && value <= (options.to ?? Infinity)) return options.result;
  }
  return undefined;
}

// steps returns the thresholds: [{value, color}], the first from -∞.
export const steps = ({ thresholds }) => (thresholds?.steps ?? []).map(s => ({ color: s.color, value: s.value ?? -Infinity }));

export const thresholdColor = (field, value) => steps(field).findLast(s => value >= s.value)?.color;

const present = values => values.filter(v => v !== null && !Number.isNaN(v));

// ofSome is a calculation that nothing is the result of where there is nothing.
const ofSome = calculate => values => (present(values).length ? calculate(present(values)) : null);

export const calculations = new Map(Object.entries({
  lastNotNull: values => present(values).at(-1) ?? null,
  last: values => values.at(-1) ?? null,
  firstNotNull: values => present(values)[0] ?? null,
  min: ofSome(values => Math.min(...values)),
  max: ofSome(values => Math.max(...values)),
  sum: values => present(values).reduce((a, b) => a + b, 0),
  mean: ofSome(values => values.reduce((a, b) => a + b, 0) / values.length),
}));

// reduce makes one value of a series, as the options of a stat, gauge or bargauge say.
export function reduce(panel, values) {
  return calculations.get(panel.options?.reduceOptions?.calcs?.[0] ?? 'lastNotNull')(values);
}
