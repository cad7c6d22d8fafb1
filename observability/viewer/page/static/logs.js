// Log records: the newest, of a service, of at least a level, with a text, or of an order or a trace.

import { html, Link, Problem, Empty, useEffect, useLoad, useState, Title } from './ui.js';
import { go } from './router.js';
import { get } from './api.js';
import { useEvery } from './clock.js';
import { useLive, search } from './live.js';
import { Badge } from './service.js';
import { Pairs } from './pairs.js';
import { Name, Text } from './text.js';
import { clock, count, date } from './format.js';

const most = 300; // records shown
const fields = ['service', 'level', 'text', 'order', 'trace']; // in the address
const levels = ['debug', 'info', 'warn', 'error'];

const address = asked => `/logs?${new URLSearchParams(fields.filter(f => asked[f]).map(f => [f, asked[f]]))}`;

export default function LogsPage({ query }) {
  const asked = Object.fromEntries(fields.map(f => [f, query.get(f) ?? '']));
  const [following, follow] = useState(true);
  return html`
    <div class="stack">
      <${Title} text="Logs" />
      <${Filter} asked=${asked} following=${following} follow=${follow} />
      <${Lines} key=${address(asked)} asked=${asked} following=${following} follow=${follow} />
    </div>`;
}

function Filter({ asked, following, follow }) {
  const services = useLoad(() => get('/api/logs/services'), []);
  const [form, set] = useState({});
  useEffect(() => set({ text: asked.text, id: asked.order || asked.trace }), [address(asked)]);
  const show = changes => {
    const id = form.id?.trim() ?? '', isTrace = /^[0-9a-f]{32}$/i.test(id);
    const next = { ...asked, text: form.text?.trim(), order: isTrace ? '' : id, trace: isTrace ? id : '', ...changes };
    if (address(next) !== address(asked)) go(address(next));
  };
  const input = name => ({ value: form[name] ?? '', onInput: e => set({ ...form, [name]: e.target.value }) });
  const names = [...new Set([...services.value?.items ?? [], asked.service].filter(Boolean))];
  return html`
    <form class="toolbar search" role="search" onSubmit=${event => { event.preventDefault(); show({}); }}>
      <label class="field"><span>Service</span>
        <select name="service" onFocus=${services.reload} onChange=${e => show({ service: e.target.value })}>
          <option value="">all</option>${names.map(name => html`<option value=${name} selected=${name === asked.service}>${name}</option>`)}
        </select></label>
      <label class="field"><span>At least</span>
        <select name="level" onChange=${e => show({ level: e.target.value })}>
          <option value="">all levels</option>${levels.map(level => html`<option selected=${level === asked.level.toLowerCase()}>${level}</option>`)}
        </select></label>
      <label class="field logs-text"><span>Text, in the message or an attribute</span><input name="text" maxlength="200" ...${input('text')} placeholder="attempt failed" /></label>
      <label class="field search-id"><span>Order’s or trace’s id</span><input class="mono" name="id" spellcheck="false" ...${input('id')} /></label>
      <button class="button button-primary">Show</button>
      <label class="row" title="Show new records as they come"><input type="checkbox" name="follow" checked=${following} onChange=${e => follow(e.target.checked)} /> follow</label>
    </form>`;
}

// useTraces returns the traces to which the records must belong, [] if it is all the same.
function useTraces({ order, trace }) {
  return useLive(async () => (order ? tracesOf(order) : trace ? [trace] : []), () => Boolean(order), 5000, [order, trace]);
}

// tracesOf has the trace of the order's request, too, of which nothing may be kept but records.
async function tracesOf(order) {
  const found = search(`{ .messaging.system = "redis_streams" && .messaging.message.conversation_id = ${JSON.stringify(order)} }`, { limit: 20 });
  const own = get(`/api/orders/${encodeURIComponent(order)}`).catch(() => null); // it is known to the service alone
  return [...new Set([(await own)?.trace_id, ...(await found).map(t => t.id)].filter(Boolean))];
}

function Lines({ asked, following, follow }) {
  const traces = useTraces(asked);
  const ids = traces.value?.join();
  const { value: lines, error, reload } = useLoad(async () => {
    if (ids === undefined) return null;
    if (asked.order && !ids) return [];
    const { service, level, text } = asked;
    const wanted = Object.entries({ service, level, text }).filter(([, v]) => v);
    return (await get(`/api/logs?${new URLSearchParams([...wanted, ...traces.value.map(id => ['trace_id', id]), ['limit', most]])}`)).items.reverse();
  }, [ids]);
  useEvery(following ? 2000 : 0, reload);
  useEffect(() => { if (following && lines) reload(); }, [following]);
  const seen = new Map();
  const keyOf = line => { // a record has no id of its own
    const text = `${line.time} ${line.instance} ${line.span_id} ${line.body}`;
    seen.set(text, (seen.get(text) ?? 0) + 1);
    return `${text} ${seen.get(text)}`;
  };
  return html`
    <${Problem} error=${traces.error ?? error} />
    ${lines?.length > 0 && html`
      <ol class="card log-lines" aria-label="Log records, the newest first">
        ${lines.map(line => html`<${Line} key=${keyOf(line)} line=${line} onOpen=${() => follow(false)} />`)}
      </ol>
      <p class="hint">${lines.length === most
        ? `The newest ${count(most)}: ask for less to see older ones.` : `${count(lines.length)} ${lines.length === 1 ? 'record' : 'records'}.`}
        ${following ? ' New ones appear by themselves.' : ' New ones do not appear until you follow again.'}</p>`}
    ${lines?.length === 0 && !error && (fields.some(f => asked[f])
      ? html`<${Empty} title="No record is like that"><p>Ask for less, or <${Link} href="/logs">look at all<//>. The oldest make room for new ones.</p><//>`
      : html`<${Empty} title="No log records yet"><p>What services log appears here by itself.</p><//>`)}`;
}

const kinds = { WARN: 'tag-warn', ERROR: 'tag-bad', FATAL: 'tag-bad' };
const sought = (key, value) => (`${key}=${value}`.length <= 200 ? address({ text: `${key}=${value}` }) : null);

// Line is one record. Opened, it shows the rest, and stops the list so that one can read.
function Line({ line, onOpen }) {
  const [open, set] = useState(false);
  const toggle = ({ target }) => {
    set(target.open);
    if (target.open) onOpen();
  };
  const { attributes } = line;
  return html`
    <li data-level=${line.severity}>
      <details onToggle=${toggle}>
        <summary>
          <time class="mono hint" title=${date(new Date(line.time))}>${clock(new Date(line.time))}</time>
          <span><span class="tag ${kinds[line.severity.replace(/\d$/, '')] ?? ''}"><${Name} text=${line.severity} /></span></span>
          <span class="log-service"><${Badge} service=${line.service} /> <${Name} text=${line.service} /></span>
          <span class="log-text">${line.event && html`<b><${Name} text=${line.event} /></b> `}<${Name} text=${line.body} />
            ${attributes['exception.message'] && html` <span class="hint"><${Name} text=${attributes['exception.message']} /></span>`}</span>
        </summary>
        ${open && html`
          ${line.body.length > 160 && html`<p><${Text} value=${line.body} /></p>`}
          <${Pairs} of=${attributes} search=${sought} searches="Find records with this" />
          <${Pairs} of=${{ time: line.time, instance: line.instance, trace: line.trace_id, span: line.span_id || undefined }} />`}
      </details>
      ${line.trace_id && html`<${Link} class="log-trace" href="/traces/${line.trace_id}${line.span_id && `?span=${line.span_id}`}">trace<//>`}
    </li>`;
}
