// Where the links of a dashboard lead on this page. They are written for Grafana.

import { replace } from './variables.js';

// follow returns the address on this page, or undefined if there is nothing for it here. times are {from, to} of the
// address; value is that of a table's cell.
export function follow(url, { times, value }) {
  const range = new URLSearchParams(times).toString();
  const builtIn = { __url_time_range: range, __from: times.from, __to: times.to };
  const fill = (text, write) => replace(text, name => (name === '__value.raw' || name === '__value.text' ? write(String(value)) : builtIn[name]));
  if (url.startsWith('/explore?')) {
    const found = traceQL(url);
    // The value stands in quotes in TraceQL.
    return found && `/traces?${new URLSearchParams({ q: fill(found, text => JSON.stringify(text).slice(1, -1)) })}`;
  }
  const filled = fill(url, encodeURIComponent);
  const runbook = /^\/public\/runbooks\/(\w+)\.md$/.exec(filled);
  if (runbook) return `/runbooks/${runbook[1]}`;
  return /^\/(d\/[\w-]+|traces|streams|alerts|runbooks\/\w+)(\?|$)/.test(filled) ? filled : undefined;
}

// traceQL returns the search for traces that a link to Grafana's Explore holds.
function traceQL(url) {
  try {
    const panes = JSON.parse(new URLSearchParams(url.slice(url.indexOf('?'))).get('panes'));
    return Object.values(panes).flatMap(pane => pane.queries).find(query => query.queryType === 'traceql')?.query;
  } catch {
    return undefined;
  }
}
