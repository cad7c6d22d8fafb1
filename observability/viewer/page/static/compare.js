// Two traces side by side: parent against link, whole against broken, before and after a fix.

import { html, Link, Problem, Empty, useState, Title } from './ui.js';
import { ns, count } from './format.js';
import { useStory } from './live.js';
import { useRelated } from './related.js';
import { Waterfall } from './waterfall.js';
import { useTraces, TraceList } from './traces.js';
import { Facts } from './trace.js';
import { Badge } from './service.js';
import { Name } from './text.js';

const whole = id => (/^[0-9a-f]{1,32}$/i.test(id ?? '') ? id.toLowerCase().padStart(32, '0') : null);
const address = (a, b) => `/compare?${new URLSearchParams(Object.entries({ a, b }).filter(([, id]) => id))}`;

export default function ComparePage({ query }) {
  const a = whole(query.get('a')), b = whole(query.get('b'));
  if (a && b) return html`<${Both} key=${a + b} a=${a} b=${b} />`;
  return html`<${Picker} a=${a} b=${b} />`;
}

// Picker asks for the trace that is missing.
function Picker({ a, b }) {
  const { value, error } = useTraces({});
  const have = a ?? b;
  const others = value?.filter(t => t.id !== have);
  return html`
    <div class="stack">
      <${Title} text="Compare two traces" />
      <p>${have ? html`Choose the trace to put beside <${Link} class="mono" href="/traces/${have}">${have.slice(0, 8)}<//>.` : 'Choose the first of the two.'}</p>
      <${Problem} error=${error} />
      ${others?.length > 0 && html`<${TraceList} traces=${others} href=${t => (a ? address(a, t.id) : address(t.id, b))} />`}
      ${others?.length === 0 && html`<${Empty} title="There is no other trace yet"><p><${Link} href="/">Place an order<//>: its trace appears here.</p><//>`}
    </div>`;
}

function Both({ a, b }) {
  const sides = [useSide(a), useSide(b)];
  const [same, setSame] = useState(true);
  const length = same ? Math.max(...sides.map(s => s.model?.total ?? 0)) : undefined;
  return html`
    <div class="stack">
      <div class="toolbar">
        <${Title} text="Compare two traces" class="grow" />
        <label class="row"><input type="checkbox" checked=${same} onChange=${e => setSame(e.target.checked)} /> same time scale</label>
        <${Link} class="button" href=${address(b, a)}>Swap<//>
      </div>
      <div class="compare">
        ${sides.map((side, i) => html`
          <section class="stack" aria-label="Trace ${'AB'[i]}">
            <${Problem} error=${side.error} />
            ${side.empty && html`<${Empty} title="No spans of trace ${side.id.slice(0, 8)} are here"><p>If it is new, wait. If it is old, choose another.</p><//>`}
            ${side.model && html`<${Side} letter=${'AB'[i]} model=${side.model} length=${length} />`}
            <p><${Link} href=${i ? address(a) : address(null, b)}>Choose another trace<//></p>
          </section>`)}
      </div>
      ${sides.every(s => s.model) && html`<${Differences} sides=${sides} />`}
    </div>`;
}

function useSide(id) {
  const { value: story, error } = useStory(id);
  const empty = story?.roots.length === 0;
  return { id, error, model: empty ? null : story, empty };
}

function Side({ letter, model, length }) {
  const [selected, select] = useState('');
  const [view, zoom] = useState(null);
  const [sought, seek] = useState('');
  return html`
    <${Facts} model=${model}>
      <span class="letter">${letter}</span>
      <${Link} class="button" href="/traces/${model.id}${selected && `?span=${selected}`}">Open<//>
    <//>
    <${Waterfall} model=${model} selected=${selected} onSelect=${select} length=${length}
      zoom=${view} onZoom=${zoom} sought=${sought} seek=${seek} />`;
}

// Differences is what a comparison is for: a few numbers, and what only one of them did, or did more often.
function Differences({ sides }) {
  const [s, t] = sides.map(side => side.model.summary);
  const [r, q] = [useRelated(sides[0].model), useRelated(sides[1].model)];
  const lines = [
    ['Duration', ns(sides[0].model.total), ns(sides[1].model.total)],
    ['Spans', s.spans, t.spans],
    ['Services', s.services.toSorted().join(', '), t.services.toSorted().join(', ')],
    ['Attempts at one message', s.attempts, t.attempts],
    ['Failed spans', s.errors, t.errors],
    ['Waiting in the outbox', ns(s.waits.outbox ?? 0), ns(t.waits.outbox ?? 0)],
    ['Waiting in the stream', ns(s.waits.stream ?? 0), ns(t.waits.stream ?? 0)],
    ['Waiting among the dead letters', ns(s.waits['dead letters'] ?? 0), ns(t.waits['dead letters'] ?? 0)],
    ['Links', s.links, t.links],
    ['Traces of the same order', ...[r, q].map(({ value }) => (value ? 1 + value.length : '…'))],
  ];
  const rows = differences(s, t).sort((a, b) => Math.abs(b.a - b.b) - Math.abs(a.a - a.b));
  return html`
    <section class="card scroll" tabindex="0" aria-label="What differs">
      <h2>What differs</h2>
      <table class="table differences">
        <thead><tr><td /><th>A</th><th>B</th></tr></thead>
        <tbody>
          ${lines.map(([name, a, b]) => html`<tr class=${a === b ? 'same' : ''}><th>${name}</th><td>${shown(a)}</td><td>${shown(b)}</td></tr>`)}
          ${rows.slice(0, 50).map(({ service, name, a, b }) => html`
            <tr><th><${Badge} service=${service} /> <${Name} text=${name} /></th><td>${times(a)}</td><td>${times(b)}</td></tr>`)}
        </tbody>
      </table>
      ${rows.length > 50 && html`<p class="hint">and ${count(rows.length - 50)} more</p>`}
    </section>`;
}

// shown is a value of a line; services have names that anybody gave them.
const shown = value => (typeof value === 'string' ? html`<${Name} text=${value} />` : value);

const times = n => (n === 0 ? 'none' : n === 1 ? 'once' : `${n} times`);

// differences returns the operations that one trace has more often than the other: [{service, name, a: times, b: times}].
function differences(a, b) {
  const counts = new Map();
  for (const [side, { operations }] of [['a', a], ['b', b]]) {
    for (const { service, name, times } of operations) {
      const key = `${service} ${name}`;
      counts.set(key, { service, name, a: 0, b: 0, ...counts.get(key), [side]: times });
    }
  }
  return [...counts.values()].filter(c => c.a !== c.b);
}
