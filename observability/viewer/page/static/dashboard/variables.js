// The variables of a dashboard: what is chosen, and what takes their place in queries, texts and links.

const ALL = '$__all';

// The values that a variable offers by itself: [{value, text}]. A custom one may write a value as text : value.
const offers = {
  custom: text => text.split(/(?<!\\),/).map(part => part.trim().replaceAll('\\,', ',')).filter(Boolean).map(part => {
    const [, name, value] = /^(.*\S)\s+:\s+(.*)$/.exec(part) ?? [];
    return { value: value ?? part, text: name ?? part };
  }),
  interval: text => text.split(',').map(part => part.trim()).filter(Boolean).map(value => ({ value, text: value })),
  constant: text => [{ value: text, text }],
  textbox: text => [{ value: text, text }],
};

const offered = v => offers[v.type]?.(String(v.query ?? '')) ?? [];
const decided = v => [v.type === 'constant' ? v.query : v.current?.value ?? []].flat().filter(value => value !== '' || v.type === 'textbox');

// isUndecided reports whether a variable takes the first of the values that its query finds.
export const isUndecided = v => v.type === 'query' && !v.includeAll && decided(v).length === 0;

// chosen returns what the address, or else the dashboard, says of each variable: {name, label, values, all, multi, query,
// options}. all is set when everything is chosen: it is what stands for it in a query. first are the first values of those that
// are undecided.
export function chosen(dashboard, search, first = new Map()) {
  return (dashboard.templating?.list ?? []).filter(v => v.type !== 'datasource').map(v => {
    const options = offered(v);
    const asked = search.has(`var-${v.name}`) ? search.getAll(`var-${v.name}`) : decided(v);
    const all = v.includeAll && (asked.length === 0 || asked.includes(ALL));
    const start = [first.get(v.name) ?? options[0]?.value].filter(value => value !== undefined);
    return {
      name: v.name, label: v.label || v.name, type: v.type, hide: v.hide, multi: v.multi, includeAll: v.includeAll, options,
      query: v.query?.query ?? v.query, regex: v.regex, values: all ? [] : asked.length ? asked : start,
      all: all ? v.allValue || '.+' : undefined,
    };
  });
}

// sift takes the values that match a variable's regex, and of each its group, if it has one.
export function sift(regex, values) {
  if (!regex) return values;
  const [, pattern, flags] = /^\/(.*)\/([a-z]*)$/s.exec(regex) ?? [, regex, ''];
  const expression = new RegExp(pattern, flags.replace('g', ''));
  const found = values.map(value => expression.exec(value)).filter(Boolean);
  return [...new Set(found.map(match => match.groups?.value ?? match[1] ?? match[0]))];
}

// search writes them, with the rest of what the address says, for a link.
export function search(variables, rest) {
  const query = new URLSearchParams(rest);
  for (const v of variables.filter(v => v.query)) {
    for (const value of v.all ? [ALL] : v.values) query.append(`var-${v.name}`, value);
  }
  return query.toString();
}

// labelValues takes label_values(metric{…}, label) apart. Grafana knows other queries of variables; our dashboards have none.
export function labelValues(query) {
  const found = /^\s*label_values\(\s*(?:(.*\S)\s*,)?\s*([a-zA-Z_]\w*)\s*\)\s*$/s.exec(query ?? '');
  return found && { selector: found[1], label: found[2] };
}

// replace puts what lookup(name, format) returns in the place of $name, ${name} and ${name:format}. What it does not
// know stays: $1 is PromQL's.
export const replace = (text, lookup) => text.replace(/\$(\w+)|\$\{([\w.]+)(?::(\w+))?\}/g,
  (whole, plain, name, format) => lookup(plain ?? name, format) ?? whole);

const regex = text => text.replace(/[\\^$*+?.()|[\]{}]/g, '\\$&');
const quoted = text => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"');
const oneOf = parts => (parts.length === 1 ? parts[0] : `(${parts.join('|')})`);

const formats = {
  regex: values => oneOf(values.map(regex)),
  pipe: values => values.join('|'),
  csv: values => values.join(','),
  raw: values => values.join(','),
};

// inQuery writes a variable as Grafana does for Prometheus: it stands inside of quotes, and if several values can be
// chosen, in a regular expression.
function inQuery(v, format) {
  if (v.all) return v.all;
  if (formats[format]) return formats[format](v.values);
  return v.multi || v.includeAll ? oneOf(v.values.map(value => quoted(regex(value)))) : quoted(v.values[0] ?? '');
}

// query puts variables and times (of builtIn) into PromQL.
export const query = (text, variables, times) => replace(text, (name, format) => {
  const variable = variables.find(v => v.name === name);
  return variable ? inQuery(variable, format) : times[name];
});

// title puts variables into a text that people read.
export const title = (text, variables) => replace(text ?? '', name => {
  const variable = variables.find(v => v.name === name);
  return variable && (variable.all ? 'All' : variable.values.join(', '));
});

// builtIn are the variables of Grafana's own, for a range and a step in seconds.
export const builtIn = (range, step, rate) => ({
  __range: `${Math.round(range)}s`, __range_s: `${Math.round(range)}`, __range_ms: `${Math.round(range * 1000)}`,
  __interval: `${step}s`, __interval_ms: `${step * 1000}`, __rate_interval: `${rate}s`,
});
