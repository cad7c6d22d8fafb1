// Streams as Redis has them now: how long, who reads them, what waits, and what was given up.

import { html, useState, useLoad, useEffect, Link, Problem, Empty, Title } from './ui.js';
import { get, subscribe } from './api.js';
import { loadPending } from './live.js';
import { Name } from './text.js';
import { useEvery } from './clock.js';
import { DeadLetters } from './deadletters.js';
import { LagChart } from './lagchart.js';
import { count, seconds } from './format.js';

export default function Streams({ query }) {
  const { items, error, when } = useStreams();
  const letters = items?.map(s => s.dead_letters).join();
  return html`
    <div class="stack streams">
      <${Title} text="Streams" />
      <${Problem} error=${error} />
      ${items && html`
        <section class="card scroll" tabindex="0" aria-label="Streams and groups">
          ${items.length ? html`<${Table} items=${items} />` : html`<${Empty} title="No streams yet">
            The first order makes them. <${Link} href="/">Place one<//>.<//>`}
        </section>
        <div class="lag-charts">
          <${LagChart} items=${items} when=${when} title="Lag, seconds" unit="s"
            metric="stream_group_partition:messaging_stream_lag_seconds:max" of=${g => g.lag_seconds} />
          <${LagChart} items=${items} when=${when} title="Lag, messages" unit="none"
            metric="stream_group_partition:messaging_stream_lag_messages:max" of=${g => g.lag} />
        </div>
        <${Pending} />
        <${DeadLetters} count=${letters} query=${query} />`}
    </div>`;
}

// useStreams returns what Redis says, and when it said so: at first, and with every event. While Redis is away, that is what
// events tell.
export function useStreams() {
  const { value, error } = useLoad(async () => ({ items: (await get('/api/streams')).items, when: Date.now() }), []);
  const [live, setLive] = useState();
  useEffect(() => {
    const ends = [
      subscribe('streams', ({ items }) => setLive({ items, when: Date.now() })),
      subscribe('problem', ({ detail }) => setLive(before => ({ ...before, error: new Error(detail) }))),
    ];
    return () => ends.forEach(end => end());
  }, []);
  return { error, ...value, ...live };
}

const Table = ({ items }) => html`
  <table class="table">
    <thead><tr>
      <th>Stream</th><th class="num">Messages</th><th>Group</th><th class="num">Consumers</th>
      <th class="num" title="not yet delivered to the group">Lag</th><th class="num" title="age of the oldest that was not delivered">Lag, time</th>
      <th class="num" title="delivered, not acknowledged">Pending</th><th class="num">Oldest pending</th><th class="num">Dead letters</th>
    </tr></thead>
    <tbody>${items.flatMap(s => {
      const rows = s.groups.length ? s.groups : [null];
      return rows.map((g, i) => html`
        <tr key=${`${s.stream} ${s.partition} ${g?.name}`}>
          ${i === 0 && html`
            <td rowspan=${rows.length}><b>${s.stream}</b><span class="hint">/${s.partition}${s.master && html`<br />${s.master}`}</span></td>
            <td rowspan=${rows.length} class="num">${count(s.messages)}</td>`}
          ${g ? html`<${Group} group=${g} />` : html`<td colspan="6" class="hint">nobody reads it</td>`}
          ${i === 0 && html`<td rowspan=${rows.length} class="num">
            <span class=${s.dead_letters ? 'tag tag-bad' : ''}>${count(s.dead_letters)}</span></td>`}
        </tr>`);
    })}</tbody>
  </table>`;

const Group = ({ group: g }) => html`
  <td><${Name} text=${g.name} /></td>
  <td class="num">${g.consumers || html`<span class="tag tag-bad">0</span>`}</td>
  <td class="num">${g.lag_capped ? '≥ ' : ''}${count(g.lag)}</td>
  <td class="num"><span class=${g.lag_seconds > 5 ? 'tag tag-warn' : ''}>${seconds(g.lag_seconds)}</span></td>
  <td class="num">${count(g.pending)}</td>
  <td class="num">${g.pending ? seconds(g.oldest_pending_seconds) : '–'}</td>`;

// A consumer of one of our services is called after its process and the number of that.
const Owner = ({ name }) => (/^(order|inventory)-\d+-\d+$/.test(name)
  ? html`<${Link} href="/processes"><${Name} text=${name} /><//>`
  : html`<${Name} text=${name} />`);

function Pending() {
  const { value, error, reload } = useLoad(loadPending, []);
  useEvery(1000, reload);
  return html`
    <section class="card" aria-label="Pending entries">
      <h2>Pending <span class="hint">delivered, not acknowledged: being processed, or waiting for the next attempt</span></h2>
      <${Problem} error=${error} />
      ${value?.length === 0 && html`<p class="hint">Nothing is pending. An order of <code>test-slow</code> is for 2 s, one of${' '}
        <code>test-poison</code> for about 8 s.</p>`}
      ${value?.length > 0 && html`<div class="scroll" tabindex="0"><table class="table">
        <thead><tr><th>Entry</th><th>Event</th><th>Order</th><th>Group</th><th>Owner</th><th class="num">Attempts</th><th class="num">Idle</th></tr></thead>
        <tbody>${value.map(p => html`
          <tr key=${`${p.stream} ${p.partition} ${p.group} ${p.id}`}>
            <td class="mono">${p.stream}/${p.partition} <${Name} text=${p.id} /></td>
            <td><${Name} text=${p.type} /></td>
            <td>${p.subject && html`<${Link} href="/?order=${encodeURIComponent(p.subject)}" class="mono"><${Name} text=${p.subject.slice(-12)} /><//>`}</td>
            <td><${Name} text=${p.group} /></td>
            <td>${p.retry ? html`<span class="tag tag-warn" title="a pseudo-consumer that owns messages until their next attempt">retry</span>`
              : html`<${Owner} name=${p.consumer} />`}</td>
            <td class="num">${p.deliveries} of ${p.deliveries_most}</td>
            <td class="num">${p.retry ? `due in ${seconds(p.due_seconds)}` : seconds(p.idle_seconds)}</td>
          </tr>`)}</tbody>
      </table></div>`}
    </section>`;
}
