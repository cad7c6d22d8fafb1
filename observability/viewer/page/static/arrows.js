// The links between spans of one trace, drawn over the waterfall.

import { html } from './ui.js';

// Arrows draws a curve from each linking span to the one linked to, where either is among rows, those in view. A link to the
// parent is drawn only for the selected span: in our traces each attempt has one. A click leads to the other end.
export function Arrows({ rows, index, height, x, width, total, selected, onSelect }) {
  const links = new Map();
  const add = (from, to, toParent) => {
    const chosen = from.id === selected || to.id === selected;
    if (!index.has(from.id) || !index.has(to.id) || (toParent && !chosen)) return;
    links.set(`${from.id} ${to.id}`, { from, to, chosen });
  };
  for (const { node } of rows) {
    for (const l of node.links) if (l.node) add(node, l.node, l.to_parent);
    for (const from of node.linkedFrom) add(from, node, from.parent === node);
  }
  const at = t => Math.max(0, Math.min(width, (x(t) / 100) * width));
  const middle = node => index.get(node.id) * height + height / 2;
  return html`
    <svg class="wf-arrows" width=${width} height=${total} aria-hidden="true">
      ${[...links.values()].slice(0, 200).map(({ from, to, chosen }) => {
        const x1 = at(from.from), y1 = middle(from), x2 = at(to.to), y2 = middle(to);
        const bend = Math.min(40, 12 + Math.abs(x1 - x2) / 2);
        const path = `M${x1},${y1} C${x1 - bend},${y1} ${x2 + bend},${y2} ${x2},${y2}`;
        const other = to.id === selected ? from : to;
        return html`
          <g class=${chosen ? 'wf-arrow wf-arrow-chosen' : 'wf-arrow'} onClick=${() => onSelect(other.id)}>
            <title>a link: click to follow it</title>
            <path d=${path} /><path class="wf-arrow-area" d=${path} /><circle cx=${x2} cy=${y2} r="3.5" />
          </g>`;
      })}
    </svg>`;
}
