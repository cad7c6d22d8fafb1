// Find: the spans of a trace whose name, service, attributes or failure has a text, or is one in quotes.

import { html } from './ui.js';
import { count } from './format.js';

// exactly is the text that finds the spans of one operation.
export const exactly = ({ service, name }) => `"${service}: ${name}"`;

// finds tells whether a node has the text, in any case; an empty text is nowhere. A text in quotes must be all of it.
export function finds(text, node) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return false;
  const whole = /^"(.+)"$/s.exec(wanted)?.[1];
  const has = value => (whole ? String(value).toLowerCase() === whole : String(value).toLowerCase().includes(wanted));
  return [node.id, node.name, node.service, `${node.service}: ${node.name}`, node.message, ...node.reasons].some(has) || Object.entries(node.attributes)
    .some(([key, value]) => has(key) || has(typeof value === 'object' ? JSON.stringify(value) : value) || has(`${key}=${value}`));
}

// Find is the field, and the way from one span that was found to the next.
export function Find({ sought, seek, found, selected, onSelect }) {
  const at = found.findIndex(n => n.id === selected);
  const step = by => found.length && onSelect(found[((at < 0 && by < 0 ? 0 : at) + by + found.length) % found.length].id);
  const press = event => {
    if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
    if (event.key === 'Escape') seek('');
  };
  return html`
    <input type="search" class="wf-find" aria-label="Find in this trace" placeholder="Find: name, service, attribute"
      value=${sought} onInput=${e => seek(e.target.value)} onKeyDown=${press} />
    ${sought.trim() && html`
      <span class="hint" role="status">${found.length ? `${at < 0 ? '' : `${count(at + 1)} of `}${count(found.length)}` : 'none'}</span>
      <button class="button" disabled=${!found.length} aria-label="Previous" onClick=${() => step(-1)}>↑</button>
      <button class="button" disabled=${!found.length} aria-label="Next" onClick=${() => step(1)}>↓</button>`}`;
}
