// Ask the metrics: a query in PromQL, drawn over time and as a table of now.

import { html, useState, useLoad, Title } from './ui.js';
import { get } from './api.js';
import { go } from './router.js';
import { length, ranges } from './dashboard/time.js';
import { newAsk } from './dashboard/queries.js';
import { useTurns } from './dashboard/latest.js';
import { Panel } from './dashboard/panel.js';

export default function QueryPage({ query }) {
  const asked = query.get('query') ?? '', from = length(query.get('from')) ? query.get('from') : 'now-15m';
  const [text, setText] = useState(asked);
  const [now, next] = useTurns(0);
  const [ask] = useState(newAsk);
  const names = useLoad(async () => (await get('/api/v1/label/__name__/values')).data, []);
  const show = changes => {
    next();
    go(`/query?${new URLSearchParams({ query: text.trim(), from, ...changes })}`);
  };
  const board = { variables: [], times: { from, to: 'now' }, now, range: length(from), ask };
  const panel = (id, title, type, target) => html`
    <${Panel} key=${`${id} ${asked}`} panel=${{ id, title, type, targets: [{ refId: 'A', expr: asked, ...target }] }} board=${board}
      style=${{ '--x': 1, '--y': id, '--w': 24, '--h': 9 }} />`;
  return html`
    <div class="stack">
      <${Title} text="Query" />
      <form class="card row" onSubmit=${event => { event.preventDefault(); show({}); }}>
        <label class="field grow"><span>PromQL</span>
          <input class="mono" name="query" list="metrics" required spellcheck="false" autocomplete="off" value=${text} onInput=${e => setText(e.target.value)} /></label>
        <datalist id="metrics">${(names.value ?? []).map(name => html`<option value=${name} />`)}</datalist>
        <label class="field"><span>Time range</span>
          <select value=${from} onChange=${e => show({ from: e.target.value })}>
            ${ranges.map(r => html`<option value=${`now-${r}`} selected=${from === `now-${r}`}>Last ${r.replace(/(\d+)/, '$1 ')}</option>`)}
          </select></label>
        <button class="button button-primary">Ask</button>
      </form>
      ${asked && html`<div class="board-grid">
        ${panel(1, 'Over time', 'timeseries', {})}
        ${panel(2, 'Now', 'table', { instant: true })}
      </div>`}
    </div>`;
}
