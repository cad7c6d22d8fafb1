// The map: the system as it runs. Which service publishes to which stream, and which groups read it, comes from the newest
// traces and from Redis; how much moves, from the metrics.

import { html, useState, useLoad, useEffect, useRef, Link, Problem } from './ui.js';
import { get } from './api.js';
import { useLive } from './live.js';
import { useEvery } from './clock.js';
import { useStreams } from './streams.js';
import { colour } from './service.js';
import { Name, oneLine } from './text.js';
import { layout, wayOf } from './maplayout.js';
import { count, seconds } from './format.js';

const [stream, group] = ['messaging_destination_name', 'messaging_consumer_group_name'];
const rate = (metric, ...by) => `sum by (${by}) (rate(${metric}[30s]))`;
const p95 = (metric, ...by) => `histogram_quantile(0.95, ${rate(metric, 'le', ...by)})`;
const post = '{http_request_method="POST"}';

// questions are in PromQL; each is answered by a number for each set of labels.
const questions = {
  up: 'sum by (job) (up)',
  outbox: 'max by (job) (outbox_pending_messages)',
  posts: rate(`http_server_request_duration_seconds_count${post}`, 'job'),
  postsP95: p95(`http_server_request_duration_seconds_bucket${post}`, 'job'),
  sent: rate('messaging_client_sent_messages_total', 'job', stream),
  sentP95: p95('messaging_client_operation_duration_seconds_bucket', 'job', stream),
  processed: rate('messaging_process_duration_seconds_count', stream, group),
  processedP95: p95('messaging_end_to_end_duration_seconds_bucket', stream, group),
};

const keyOf = ({ job, [stream]: s, [group]: g }) => [job, s, g].filter(v => v !== undefined).join(' ');

// measure returns, for each question, the numbers by the values of their labels.
async function measure() {
  const answers = await Promise.all(Object.values(questions).map(query => get(`/api/v1/query?${new URLSearchParams({ query })}`)));
  return Object.fromEntries(Object.keys(questions).map((name, i) => [name, new Map(answers[i].data.result
    .map(({ metric, value }) => [keyOf(metric), Number(value[1])]).filter(([, value]) => !Number.isNaN(value)))]));
}

export function SystemMap() {
  const { items, error: away } = useStreams();
  const { value: routes, error } = useLive(() => get('/api/routes'), () => true, 5000, []);
  const { value: measured, error: unmeasured, reload } = useLoad(measure, []);
  useEvery(5000, reload);
  const box = useRef();
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const sizes = new ResizeObserver(([entry]) => setWidth(entry.contentRect.width));
    sizes.observe(box.current);
    return () => sizes.disconnect();
  }, []);
  const drawn = items && routes && measured && width > 0 && layout(graphOf(items, routes, measured), width);
  return html`
    <section class="card map" aria-label="Map of the system">
      <h2>The system <span class="hint">messages a second, and how long 95 % of them take at most</span></h2>
      <${Problem} error=${away ?? error ?? unmeasured} />
      <div class="map-box" ref=${box} style=${{ height: `${drawn ? drawn.height : 60}px` }}>
        ${drawn && (drawn.nodes.length
          ? html`<${Edges} drawn=${drawn} />${drawn.nodes.map(n => html`<${Node} key=${n.id} node=${n} />`)}`
          : html`<p class="hint">Place an order: what it passes appears here.</p>`)}
      </div>
    </section>`;
}

// graphOf returns nodes, each in a layer, and edges between their ids. Layers: 0 who calls from outside, 1 services that are
// called, 2 streams, 3 the services of all other groups.
function graphOf(items, routes, m) {
  const streams = Map.groupBy(items, s => s.stream);
  const consumes = [...streams].flatMap(([name, partitions]) => [...new Set(partitions.flatMap(p => p.groups.map(g => g.name)))].map(g => ({
    stream: name, group: g, service: routes.consumes.find(c => c.stream === name && c.group === g)?.service ?? g,
    live: Math.max(...partitions.map(p => p.groups.find(other => other.name === g)?.consumers ?? 0)),
  })));
  const serves = routes.serves.filter(s => routes.publishes.some(p => p.service === s) && m.posts.has(s));
  const services = [...new Set([...serves, ...routes.publishes.map(p => p.service), ...consumes.map(c => c.service)])];
  if (!routes.publishes.length) return { nodes: [], edges: [] };
  const nodes = [
    ...(serves.length ? [{ id: 'client', layer: 0, kind: 'client', lines: [] }] : []),
    ...services.map(name => {
      const dead = consumes.some(c => c.service === name && c.live === 0) || m.up.get(name) === 0;
      return {
        id: `service ${name}`, layer: serves.includes(name) ? 1 : 3, kind: 'service', name, bad: dead,
        lines: [
          dead ? 'does not run' : m.up.has(name) ? `${m.up.get(name)} ${m.up.get(name) === 1 ? 'process' : 'processes'}` : '',
          m.outbox.has(name) ? `outbox: ${count(m.outbox.get(name))} wait` : '',
        ].filter(Boolean),
      };
    }),
    ...[...streams].map(([name, partitions]) => ({
      id: `stream ${name}`, layer: 2, kind: 'stream', title: name, letters: sum(partitions, p => p.dead_letters),
      lines: partitions.length > 4
        ? [`${partitions.length} partitions: ${backlog(partitions)}`]
        : partitions.map(p => (partitions.length > 1 ? `${name}/${p.partition}: ` : '') + backlog([p])),
    })),
  ];
  const edges = [
    ...serves.map(s => ({ from: 'client', to: `service ${s}`, rate: m.posts.get(s), p95: m.postsP95.get(s), href: '/d/clew-services' })),
    ...routes.publishes.filter(p => streams.has(p.stream)).map(p => ({
      from: `service ${p.service}`, to: `stream ${p.stream}`, href: '/d/clew-streams',
      rate: m.sent.get(`${p.service} ${p.stream}`), p95: m.sentP95.get(`${p.service} ${p.stream}`),
    })),
    ...consumes.map(c => ({
      from: `stream ${c.stream}`, to: `service ${c.service}`, bad: c.live === 0, group: c.group, href: '/d/clew-streams',
      rate: m.processed.get(`${c.stream} ${c.group}`), p95: m.processedP95.get(`${c.stream} ${c.group}`),
    })),
  ];
  return { nodes, edges };
}

const sum = (list, of) => list.reduce((total, item) => total + of(item), 0);

// backlog says what lies in partitions, for the group that is furthest behind.
function backlog(partitions) {
  const most = of => Math.max(0, ...partitions.flatMap(p => p.groups.map(of)));
  const lag = most(g => g.lag), pending = most(g => g.pending);
  return lag + pending ? `${count(lag)} wait, ${count(pending)} in work` : 'empty';
}

function Node({ node: n }) {
  const href = { service: `/traces?service=${encodeURIComponent(n.name)}`, stream: '/streams', client: '/traces' }[n.kind];
  return html`
    <${Link} href=${href} class="map-node map-${n.kind} ${n.bad ? 'map-bad' : ''}" data-node=${oneLine(n.id)}
      style=${{ left: `${n.x}px`, top: `${n.y}px`, width: `${n.width}px`, height: `${n.height}px`, ...(n.name && { '--of': colour(n.name) }) }}>
      <b>${n.kind === 'client' ? 'clients' : html`<${Name} text=${n.name ?? n.title} />`}</b>
      ${n.lines.map(line => html`<span>${line}</span>`)}
      ${n.letters > 0 && html`<span class="tag tag-bad">${count(n.letters)} dead ${n.letters === 1 ? 'letter' : 'letters'}</span>`}
    <//>`;
}

// Edges draws the ways, and a dot for each message that passes, at most six at a time. A dot that moves keeps to the way that
// it began on, so another width makes new ones.
const passing = 2; // seconds that a dot takes

function Edges({ drawn: { edges, width, height } }) {
  return html`
    <svg width=${width} height=${height} aria-hidden="true">
      <defs><marker id="map-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
        <path d="M0,0 L8,4 L0,8 z" /></marker></defs>
      ${edges.map(e => html`
        <g key=${`${e.id} ${width}`} class=${e.bad ? 'map-edge map-bad' : 'map-edge'}>
          <path d=${wayOf(e)} marker-end="url(#map-arrow)" />
          ${Array.from({ length: Math.min(6, Math.ceil((e.rate ?? 0) * passing)) }, (_, i, n = Math.min(6, Math.ceil(e.rate * passing))) => html`
            <circle r="3.5"><animateMotion dur="${passing}s" begin="${-i * passing / n}s" repeatCount="indefinite" path=${wayOf(e)} /></circle>`)}
        </g>`)}
    </svg>
    ${edges.filter(e => e.rate > 0 || e.bad).map(e => html`
      <${Link} key=${e.id} href=${e.href} class="map-label ${e.bad ? 'bad' : ''}" style=${{ left: `${e.label.x}px`, top: `${e.label.y}px` }}
        title="${oneLine(e.from)} to ${oneLine(e.to)}">${e.rate > 0 ? `${rateText(e.rate)}/s` : 'nobody reads'}${
        e.rate > 0 && e.p95 > 0 && html`<i> ${seconds(e.p95)}</i>`}<//>`)}`;
}

const rateText = r => (r < 10 ? r.toFixed(1) : count(r));
