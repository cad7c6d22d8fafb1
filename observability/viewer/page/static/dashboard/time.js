// The time range of a dashboard, and how far apart the points of its queries are. All in seconds.

const unit = { s: 1, m: 60, h: 3600, d: 86400 };

// length reads 30s, 15m, 6h or 1d, and the start of a range, now-15m; undefined if it is neither.
export function length(text) {
  const found = /^(?:now-)?(\d+)([smhd])$/.exec(text ?? '');
  return found ? found[1] * unit[found[2]] : undefined;
}

// clock writes the time of day of a time since 1970.
export const clock = time => new Date(time * 1000).toTimeString().slice(0, 8);

export const ranges = ['5m', '15m', '1h', '6h', '24h'];
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
