// Ask the metrics: a query in PromQL, drawn over time and as a table of now.

import { html, useState, useEffect, useLoad, Problem, Title } from './ui.js';
import { get } from './api.js';
import { go } from './router.js';
import { newAsk } from './dashboard/queries.js';
import { Range, useRange, zoomOf } from './dashboard/range.js';
import { Panel } from './dashboard/panel.js';

export default function QueryPage({ query }) {
  const asked = query.get('query') ?? '';
  const [text, setText] = useState(asked);
  useEffect(() => setText(asked), [asked]); // the way back leads to another
  const range = useRange(query, { from: 'now-15m', to: 'now' }, 0);
  const [ask] = useState(newAsk), [legends] = useState(() => new Map());
  const names = useLoad(async () => (await get('/api/v1/label/__name__/values')).data, []);
  const show = changes => {
    range.next();
    go(`/query?${new URLSearchParams({ query: text.trim(), ...range.times, ...changes })}`);
  };
  const board = { variables: [], times: range.times, now: range.end, range: range.end - range.start, ask, legends, zoom: zoomOf(range, show) };
  const panel = (id, title, type, target) => html`
    <${Panel} key=${`${id} ${asked}`} panel=${{ id, title, type, targets: [{ refId: 'A', expr: asked, ...target }] }} board=${board}
      style=${{ '--x': 1, '--y': id * 9 - 8, '--w': 24, '--h': 9 }} />`;
  return html`
    <div class="stack">
      <${Title} text="Query" />
      <form class="card row" onSubmit=${event => { event.preventDefault(); show({}); }}>
        <label class="field grow"><span>PromQL</span>
          <input class="mono" name="query" list="metrics" required spellcheck="false" autocomplete="off" value=${text} onInput=${e => setText(e.target.value)} /></label>
        <datalist id="metrics">${(names.value ?? []).map(name => html`<option value=${name} />`)}</datalist>
        <button class="button button-primary">Ask</button>
      </form>
      <div class="row end"><${Range} range=${range} onChange=${show} /></div>
      <${Problem} error=${range.problem} />
      ${asked && html`<h2 class="visually-hidden">Its answer</h2><div class="board-grid">
        ${panel(1, 'Over time', 'timeseries', {})}
        ${panel(2, range.moves ? 'Now' : 'At the end', 'table', { instant: true })}
      </div>`}
    </div>`;
}
