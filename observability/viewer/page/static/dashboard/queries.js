// What a panel asks the engine, and the answers in one form.

import { get } from '../api.js';
import { length, stepOf, rateInterval } from './time.js';
import { builtIn, labelValues, query, sift } from './variables.js';

// newAsk returns a function that gets a path, at most four at a time: a browser has six connections for a server, one
// carries the changes, and clicks shall not wait behind a dashboard.
export function newAsk() {
  const waiting = [];
  let running = 0;
  const next = () => {
    while (running < 4 && waiting.length > 0) {
      const { path, signal, resolve, reject } = waiting.shift();
      if (signal.aborted) {
        reject(signal.reason);
        continue;
      }
      running++;
      get(path, { signal }).then(answer => resolve(answer.data), reject).finally(() => { running--; next(); });
    }
  };
  return (path, signal) => new Promise((resolve, reject) => {
    waiting.push({ path, signal, resolve, reject });
    next();
  });
}

const path = (name, parameters) => `/api/v1/${name}?${new URLSearchParams(parameters)}`;

// values asks for what a variable can be.
export async function values(variable, variables, { now, range }, ask, signal) {
  if (variable.type !== 'query') return variable.options.map(o => o.value);
  const wanted = labelValues(variable.query);
  if (!wanted) throw new Error(`The page does not understand the variable ${variable.name}: ${variable.query}`);
  const parameters = { start: now - range, end: now };
  if (wanted.selector) parameters['match[]'] = query(wanted.selector, variables, builtIn(range, 2, rateInterval(2)));
  return sift(variable.regex, await ask(path(`label/${wanted.label}/values`, parameters), signal));
}

// load runs the queries of a panel for a time ({now, range} in seconds) and a width in pixels. It returns
// {from, to, step, x, series, tables, exemplars}: x are the times that all series share; each of series is
// {name, labels, refId, values} with null where there is nothing; a table is {columns: [{name, type, values}]}.
export async function load(panel, variables, { now, range }, width, ask, signal) {
  const targets = (panel.targets ?? []).filter(t => !t.hide && t.expr);
  const step = stepOf(range, width, Math.max(0, ...targets.map(t => length(query(t.interval ?? '', variables, {})) ?? 0)));
  const times = builtIn(range, step, rateInterval(step));
  // Points stay where they are when the range moves on: on multiples of the step.
  const end = Math.floor(now / step) * step, start = Math.floor((now - range) / step) * step;
  const x = Array.from({ length: (end - start) / step + 1 }, (_, i) => start + i * step);
  const single = targets.length === 1;
  const parts = await Promise.all(targets.map(async target => {
    const expr = query(target.expr, variables, times);
    const [result, exemplars] = await Promise.all([
      target.instant
        ? ask(path('query', { query: expr, time: now }), signal)
        : ask(path('query_range', { query: expr, start, end, step }), signal),
      target.exemplar ? ask(path('query_exemplars', { query: expr, start: now - range, end: now }), signal) : [],
    ]);
    return { target, result: asMatrix(result), exemplars, valueName: single ? 'Value' : `Value #${target.refId}` };
  }));
  return {
    from: now - range, to: now, step, x,
    series: parts.flatMap(p => p.result.map(r => series(p.target, r, x))),
    tables: parts.map(p => table(p.result, p.valueName)),
    exemplars: parts.flatMap(p => p.exemplars).flatMap(e => e.exemplars).map(e => (
      { time: e.timestamp, value: number(e.value), trace: e.labels.trace_id ?? e.labels.traceID })).filter(e => e.trace),
  };
}

// number reads a value, or the bound of a bucket, as Prometheus writes it.
export const number = text => Number(text.replace('Inf', 'Infinity'));

// asMatrix gives an answer of one time the form of one of many.
function asMatrix({ resultType, result }) {
  switch (resultType) {
    case 'matrix': return result;
    case 'vector': return result.map(r => ({ metric: r.metric, values: [r.value] }));
    default: return [{ metric: {}, values: [result] }];
  }
}

function series(target, { metric, values }, x) {
  const name = seriesName(target, metric);
  if (target.instant) return { name, labels: metric, refId: target.refId, values: values.map(([, v]) => number(v)) };
  const row = new Array(x.length).fill(null), step = x.length > 1 ? x[1] - x[0] : 1;
  for (const [time, value] of values) row[Math.round((time - x[0]) / step)] = number(value);
  return { name, labels: metric, refId: target.refId, values: row };
}

// seriesName fills {{label}} in; a label that is missing is left out, and so is the job before an instance that is named after it.
export function seriesName({ legendFormat, expr }, metric) {
  if (legendFormat && legendFormat !== '__auto') {
    return legendFormat.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, label) => metric[label] ?? '').replace(/\s+/g, ' ').trim()
      .replace(/^(\w+) (?=\1\b)/, '');
  }
  const { __name__ = '', ...labels } = metric;
  const written = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(', ');
  return written ? `${__name__}{${written}}` : __name__ || expr;
}

// table writes an answer as Grafana's table format has it: the time, each label, the value.
function table(result, valueName) {
  const labels = [...new Set(result.flatMap(r => Object.keys(r.metric)))].sort();
  const last = result.map(r => r.values.at(-1));
  return {
    columns: [
      { name: 'Time', type: 'time', values: last.map(([time]) => time) },
      ...labels.map(name => ({ name, type: 'string', values: result.map(r => r.metric[name] ?? null) })),
      { name: valueName, type: 'number', values: last.map(([, value]) => number(value)) },
    ],
  };
}

// regions asks when an annotation's query returned something, and returns [{from, to, title, text, color}].
export async function regions(annotation, variables, { now, range }, ask, signal) {
  const step = Math.max(length(annotation.target?.interval) ?? 0, stepOf(range, 1000));
  const end = Math.floor(now / step) * step, start = Math.floor((now - range) / step) * step;
  const expr = query(annotation.target?.expr ?? annotation.expr, variables, builtIn(range, step, rateInterval(step)));
  const { result } = await ask(path('query_range', { query: expr, start, end, step }), signal);
  const found = [];
  for (const { values } of result) {
    let last;
    for (const [time, value] of values.filter(([, value]) => number(value) !== 0)) {
      if (last && time - last.to <= step) last.to = time;
      else found.push(last = { from: time, to: time, title: annotation.titleFormat || annotation.name, text: annotation.textFormat ?? '', color: annotation.iconColor });
    }
  }
  return found;
}
