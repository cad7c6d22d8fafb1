// Search for traces, and the list of those found, the newest first.

import { html, Link, Problem, Empty, useState, useEffect, useLoad, useMemo, Title } from './ui.js';
import { go } from './router.js';
import { get } from './api.js';
import { seconds, clock, date, count } from './format.js';
import { useLive, search } from './live.js';
import { Badge, colour } from './service.js';
import { Name, oneLine } from './text.js';

const most = 100; // traces shown

// The fields of the form, which are in the address under the same names. q is TraceQL, and takes the place of all others.
const fields = ['service', 'name', 'order', 'error', 'longer', 'reads', 'q'];

export default function TracesPage({ query }) {
  const asked = Object.fromEntries(fields.map(f => [f, query.get(f) ?? '']));
  return html`
    <div class="stack">
      <${Title} text="Traces" />
      <${Search} key=${query.toString()} asked=${asked} />
      <${Found} key=${query.toString()} asked=${asked} />
    </div>`;
}

// traceQL writes what the form asks for, as far as TraceQL can say it: all of it about one span. An order's messages tell of
// it, and not the requests that only read it.
function traceQL({ q, service, name, order, error, reads }, failure = 'status = error') {
  if (q) return q;
  const text = value => JSON.stringify(value);
  const conditions = [
    service && `resource.service.name = ${text(service)}`,
    name && `name = ${text(name)}`,
    order && `.messaging.message.conversation_id = ${text(order)}`,
    order && !reads && '.messaging.system = "redis_streams"',
    error && failure,
  ].filter(Boolean);
  return conditions.length ? `{ ${conditions.join(' && ')} }` : '{}';
}

// find asks for the traces. Those that failed have a failed span or a dead letter.
async function find(asked) {
  const options = { limit: 400, least: asked.longer ? milliseconds(asked.longer) : 0 };
  const found = await search(traceQL(asked), options);
  if (!asked.error || asked.q) return found;
  const letters = await search(traceQL(asked, '.messaging.operation.name = "dead_letter"'), options);
  const all = new Map([...found, ...letters].map(t => [t.id, t]));
  return [...all.values()].sort((a, b) => Number(b.start - a.start));
}

function Search({ asked }) {
  const [form, set] = useState(asked);
  const [raw, setRaw] = useState(asked.q !== '');
  const field = name => ({ value: form[name], onInput: e => set({ ...form, [name]: e.target.value }) });
  const tick = name => ({ checked: form[name] !== '', onChange: e => set({ ...form, [name]: e.target.checked ? '1' : '' }) });
  const submit = event => {
    event.preventDefault();
    const id = form.order.trim().toLowerCase();
    if (!raw && /^[0-9a-f]{32}$/.test(id)) return go(`/traces/${id}`);
    const used = fields.filter(f => form[f].trim() && (raw ? ['q', 'longer', 'reads'].includes(f) : f !== 'q'));
    go(`/traces?${new URLSearchParams(used.map(f => [f, form[f].trim()]))}`);
  };
  const swap = () => {
    set({ ...form, q: raw ? '' : traceQL({ ...form, q: '' }) });
    setRaw(!raw);
  };
  return html`
    <form class="toolbar search" role="search" onSubmit=${submit}>
      ${raw ? html`
        <label class="field search-raw"><span>TraceQL, all conditions about one span</span>
          <input class="mono" name="q" ...${field('q')} placeholder='{ name = "process orders" && duration > 100ms }' /></label>`
      : html`
        <label class="field"><span>Service</span><input name="service" size="10" list="services" ...${field('service')} placeholder="inventory" /></label>
        <label class="field"><span>Span's name</span><input name="name" size="16" list="names" ...${field('name')} placeholder="process orders" /></label>
        <${Suggested} id="services" tag="resource.service.name" /><${Suggested} id="names" tag="name" />
        <label class="field search-id"><span>Order's or trace's id</span><input class="mono" name="order" ...${field('order')} /></label>
        <label class="row"><input type="checkbox" name="error" ...${tick('error')} /> failed</label>`}
      <label class="field"><span>Takes at least</span><input name="longer" size="6" ...${field('longer')} placeholder="500ms" /></label>
      <label class="row" title="Requests that only read, such as GET /orders"><input type="checkbox" name="reads" ...${tick('reads')} /> reads too</label>
      <button class="button button-primary">Search</button>
      <button type="button" class="button quiet" onClick=${swap}>${raw ? 'Fields' : 'TraceQL'}</button>
    </form>`;
}

// Suggested is a list of the values that the viewer knows of a tag.
function Suggested({ id, tag }) {
  const { value } = useLoad(() => get(`/api/v2/search/tag/${tag}/values`), []);
  return html`<datalist id=${id}>${(value?.tagValues ?? []).map(({ value: text }) => html`<option value=${text} />`)}</datalist>`;
}

// milliseconds reads a length of time such as 500ms, 2s or 1m; a number alone is of milliseconds.
function milliseconds(text) {
  const [, number, unit] = /^([\d.]+)\s*(ms|s|m|)$/.exec(text.trim()) ?? [];
  const ms = Number(number) * { ms: 1, '': 1, s: 1e3, m: 6e4 }[unit];
  if (Number.isNaN(ms)) throw new Error(`“${text}” is no length of time: expected one such as 500ms or 2s.`);
  return ms;
}

// useTraces returns the traces found, each with its summary: {outcome, event, spans, attempts, services}.
export function useTraces(asked) {
  const load = async () => {
    const found = (await find(asked)).filter(t => asked.reads || asked.order || !t.name.startsWith('GET ')).slice(0, most);
    const summaries = await get(`/api/summaries?${new URLSearchParams(found.map(t => ['id', t.id]))}`);
    return found.map(t => ({ ...t, ...summaries[t.id] })).filter(t => !asked.error || asked.q || t.outcome === 'failed');
  };
  return useLive(load, () => true, 1000, [fields.map(f => asked[f]).join('\n')]);
}

function Found({ asked }) {
  const { value: newest, error } = useTraces(asked);
  // What is shown stays where it is: new traces wait until they are asked for, unless there is nothing to read yet.
  const [shown, show] = useState(null);
  useEffect(() => {
    if (newest && !shown?.length) show(newest);
  }, [newest]);
  const { list, more } = useMemo(() => {
    const now = new Map(newest?.map(t => [t.id, t]));
    const before = new Set(shown?.map(t => t.id));
    return { list: shown?.map(t => now.get(t.id) ?? t), more: newest?.filter(t => !before.has(t.id) && t.start > (shown?.at(-1)?.start ?? 0n)).length };
  }, [newest, shown]);
  const narrowed = fields.some(f => f !== 'reads' && asked[f]);
  return html`
    <${Problem} error=${error} />
    ${shown?.length > 0 && more > 0 && html`
      <button class="button more" onClick=${() => show(newest)}>${count(more)} new</button>`}
    ${list?.length > 1 && html`<${Times} traces=${list} />`}
    ${list?.length > 0 && html`<${TraceList} traces=${list} href=${t => `/traces/${t.id}`} />`}
    ${list?.length === 0 && !error && (narrowed
      ? html`<${Empty} title="No trace is like that"><p>Ask for less, or <${Link} href="/traces">look at all<//>.</p><//>`
      : html`<${Empty} title="No traces yet"><p><${Link} href="/">Place an order<//>, or run <code>make order</code>: its trace appears here.</p><//>`)}`;
}

// Times draws each trace as a dot: when it began, and how long it took, on a logarithmic scale. A click leads to the trace.
function Times({ traces }) {
  const starts = traces.map(t => Number(t.start / 1_000_000n)), first = Math.min(...starts), span = Math.max(1, Math.max(...starts) - first);
  const high = Math.log10(1 + Math.max(...traces.map(t => t.ms)));
  const kind = { failed: 'var(--bad)', retried: 'var(--warn)' };
  return html`
    <figure class="card times">
      <figcaption class="hint">How long each took, from ${clock(new Date(first)).slice(0, 8)} to ${clock(new Date(first + span)).slice(0, 8)}; the longest ${seconds(Math.max(...traces.map(t => t.ms)) / 1000)}</figcaption>
      <div class="times-box">
        ${traces.map((t, i) => html`
          <${Link} key=${t.id} href="/traces/${t.id}" class="times-dot" tabindex="-1" title="${oneLine(t.name)}: ${seconds(t.ms / 1000)}, ${clock(new Date(starts[i]))}"
            style=${{ left: `${(starts[i] - first) / span * 100}%`, bottom: `${Math.log10(1 + t.ms) / (high || 1) * 100}%`, background: kind[t.outcome] ?? colour(t.service) }} />`)}
      </div>
    </figure>`;
}

// happened is the middle of an event's type: confirmed of order.confirmed.v1.
const happened = event => event?.split('.')[1] ?? '';

// TraceList lists traces, each a link to href(trace). The bars are logarithmic: traces take a millisecond or a minute.
export function TraceList({ traces, href }) {
  const longest = Math.log10(1 + traces.reduce((most, t) => Math.max(most, t.ms), 1));
  return html`
    <ul class="card trace-list" aria-label="Traces">
      ${traces.map(t => html`
        <li key=${t.id}><${Link} href=${href(t)}>
          <time class="num" title=${date(new Date(Number(t.start / 1_000_000n)))}>${clock(new Date(Number(t.start / 1_000_000n)))}</time>
          <span class="trace-name" title=${oneLine(t.name)}>${(t.services ?? [t.service]).slice(0, 4).map(name => html`<${Badge} service=${name} />`)}
            <${Name} text=${t.name || t.service} /> <span class="hint">${t.spans > 0 && `${count(t.spans)} ${t.spans === 1 ? 'span' : 'spans'}`}${t.attempts > 1 && `, ${t.attempts} attempts`}</span></span>
          <span class="trace-tags"><span class="hint"><${Name} text=${happened(t.event)} /></span> ${t.outcome && html`<span class="tag ${t.outcome === 'failed' ? 'tag-bad' : 'tag-warn'}">${t.outcome === 'failed' ? '✗ failed' : 'retried'}</span>`}</span>
          <span class="mono hint trace-id">${t.id.slice(0, 8)}</span>
          <span class="trace-bar" title="the bars are logarithmic"><i style=${{ width: `${(Math.log10(1 + t.ms) / longest) * 100}%`, background: colour(t.service) }} /></span>
          <span class="num">${t.ms ? seconds(t.ms / 1000) : '<1 ms'}</span>
        <//></li>`)}
    </ul>`;
}
