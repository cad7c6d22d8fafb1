// Numbers and times as people read them.

const digits = (value, most) => value.toLocaleString('en', { maximumFractionDigits: most, useGrouping: false });

// three writes a number with three significant digits, but a whole one whole.
const three = value => digits(value, Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))));

const withDecimals = decimals => (decimals === undefined || decimals === null ? three : value => value.toFixed(decimals));

// seconds writes a length of time: 4.21 ms, 2.5 s, 3 min 20 s, 2 h 5 min. decimals are for what is shorter than a minute.
export function seconds(s, decimals) {
  if (s === null || s === undefined || Number.isNaN(s)) return '–';
  const size = Math.abs(s);
  if (size === 0) return '0 s';
  const write = withDecimals(decimals);
  if (size < 1e-6) return `${write(s * 1e9)} ns`;
  if (size < 1e-3) return `${write(s * 1e6)} µs`;
  if (size < 1) return `${write(s * 1e3)} ms`;
  if (size < 59.95) return `${write(s)} s`;
  const two = (big, small, names) => `${big} ${names[0]}${small ? ` ${small} ${names[1]}` : ''}`;
  const whole = Math.round(size), sign = s < 0 ? '-' : '';
  if (whole < 3600) return sign + two(Math.floor(whole / 60), whole % 60, ['min', 's']);
  if (whole < 86400) return sign + two(Math.floor(whole / 3600), Math.floor(whole % 3600 / 60), ['h', 'min']);
  return sign + two(Math.floor(whole / 86400), Math.floor(whole % 86400 / 3600), ['d', 'h']);
}

// ns writes a length of time given in nanoseconds, as a number or a BigInt.
export const ns = n => seconds(Number(n) / 1e9);

// count writes a whole number with thin spaces: 12 345.
export const count = n => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');

// money writes cents: 12.50 EUR.
export const money = (cents, currency) => `${(cents / 100).toFixed(2)} ${currency}`;

// clock writes the time of day with milliseconds.
export const clock = date => date.toTimeString().slice(0, 8) + '.' + String(date.getMilliseconds()).padStart(3, '0');

// nanoseconds reads a time of RFC 3339, which Date would cut to milliseconds. It is null if the text is none.
export function nanoseconds(text) {
  const [, upTo, fraction = '', zone] = /^(.*:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text ?? '') ?? [];
  const ms = Date.parse(upTo + zone);
  return Number.isNaN(ms) ? null : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

// date writes the day before that: 2026-11-21 16:38:35.120.
export const date = d => `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, '0')}-${String(d.getDate()).padStart(2, '0')} ${clock(d)}`;

// ago writes how long ago a time was.
export const ago = date => `${seconds(Math.max(0, Math.round((Date.now() - date) / 1000)))} ago`;

// scaled writes a number with a prefix of thousands, and a suffix: 12.3 k. What would be written as 1000 is 1 k.
function scaled(value, step, prefixes, suffix, write) {
  let i = 0;
  while (Math.abs(value) >= step - .5 && i < prefixes.length - 1) {
    value /= step;
    i++;
  }
  return write(value) + (prefixes[i] || suffix ? ' ' : '') + prefixes[i] + suffix;
}

// byUnit writes a value in a unit of Grafana's: those that our dashboards may use. Another unit stands after the value.
export function byUnit(unit, value, decimals) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '-∞';
  const write = withDecimals(decimals);
  const thousands = suffix => scaled(value, 1000, ['', 'k', 'M', 'G', 'T'], suffix, write);
  switch (unit) {
    case 's': return seconds(value, decimals);
    case 'percentunit': return `${write(value * 100)} %`;
    case 'bytes': return scaled(value, 1024, ['', 'Ki', 'Mi', 'Gi', 'Ti'], 'B', write);
    case 'cps': return thousands('c/s');
    case 'ops': return thousands('ops/s');
    case 'reqps': return thousands('req/s');
    case 'mps': return thousands('msg/s');
    case 'string': return String(value);
    case 'none': return write(value);
    case 'short': case undefined: return thousands('');
    default: return `${write(value)} ${unit}`;
  }
}
