// The keys that the waterfall knows.

import { html } from './ui.js';
import { Popover } from './dashboard/popover.js';

const keys = [
  ['↑ ↓', 'select a span'], ['← →', 'close and open it'], ['Esc', 'close the details'],
  ['+ −', 'zoom in, on the selected span, and out'], ['0', 'the whole trace'], ['Shift ← →', 'earlier and later'],
];

export const Keys = () => html`
  <${Popover} class="button quiet" label="Keys" face="Keys">
    <p class="hint">While the list of spans has the focus:</p>
    <dl class="keys">${keys.map(([key, does]) => html`<div><dt>${key.split(' ').map(k => html`<kbd>${k}</kbd> `)}</dt><dd>${does}</dd></div>`)}</dl>
  <//>`;
