// What a trace spent its time on: its spans by service and operation.

import { html, useMemo, useState } from './ui.js';
import { Badge, colour } from './service.js';
import { Name } from './text.js';
import { exactly } from './find.js';
import { count, ns } from './format.js';

// operations returns [{service, name, times, total, self, average, longest, share}]. Self is what no child took; share is the
// part of that in the self time of all. Attempts that left no span are not counted.
export function operations(model) {
  const all = new Map();
  for (const n of model.nodes.values()) {
    if (n.fold || n.killed) continue;
    const key = `${n.service}\n${n.name}`, took = n.to - n.from;
    const o = all.get(key) ?? { service: n.service, name: n.name, times: 0, total: 0, self: 0, longest: 0 };
    all.set(key, { ...o, times: o.times + 1, total: o.total + took, self: o.self + took - taken(n), longest: Math.max(o.longest, took) });
  }
  const sum = [...all.values()].reduce((total, o) => total + o.self, 0);
  return [...all.values()].map(o => ({ ...o, average: o.total / o.times, share: sum ? o.self / sum : 0 }));
}

// taken is how much of a node's time its children take, each moment once.
function taken(node) {
  const parts = node.children.flatMap(c => (c.fold ? c.children : [c])).filter(c => !c.killed)
    .map(c => [Math.max(c.from, node.from), Math.min(c.to, node.to)]).filter(([from, to]) => from < to).sort((a, b) => a[0] - b[0]);
  let sum = 0, end = 0;
  for (const [from, to] of parts) {
    sum += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return sum;
}

const columns = [
  ['times', 'Spans', count, ''], ['total', 'Total', ns, ''], ['self', 'Self', ns, 'without the time of their children'],
  ['average', 'Average', ns, ''], ['longest', 'Longest', ns, ''],
];

// Statistics is the table. A click on an operation calls seek with what finds its spans.
export function Statistics({ model, seek }) {
  const [by, sort] = useState('self');
  const list = useMemo(() => operations(model).sort((a, b) => b[by] - a[by]), [model, by]);
  const Head = ({ of, name, title }) => html`
    <th class="num" aria-sort=${by === of ? 'descending' : null}><button title=${title} onClick=${() => sort(of)}>${name}${by === of ? ' ↓' : ''}</button></th>`;
  return html`
    <details class="card statistics">
      <summary><h2>Statistics by operation</h2></summary>
      <div class="scroll" tabindex="0"><table class="table">
        <thead><tr><th>Operation</th>${columns.map(([of, name, , title]) => html`<${Head} of=${of} name=${name} title=${title} />`)}
          <${Head} of="share" name="Share" title="of the self time of all spans" /></tr></thead>
        <tbody>${list.map(o => html`
          <tr key=${exactly(o)}><td><button class="operation" title="Find its spans" onClick=${() => seek(exactly(o))}>
              <${Badge} service=${o.service} /> <${Name} text=${o.name} /></button></td>
            ${columns.map(([of, , write]) => html`<td class="num">${write(o[of])}</td>`)}
            <td class="num share"><i style=${{ width: `${o.share * 100}%`, background: colour(o.service) }} />${(o.share * 100).toFixed(1)} %</td></tr>`)}
        </tbody>
      </table></div>
    </details>`;
}
