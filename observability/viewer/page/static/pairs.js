// Names and their values, such as the attributes of a span: each can be copied, and looked for.

import { html, Link, useEffect, useState } from './ui.js';
import { Text, oneLine, written } from './text.js';

const icons = {
  copy: html`<path d="M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z" />`,
  copied: html`<path d="M3 8.5l3.5 3.5L13 4.5" />`,
  search: html`<circle cx="7" cy="7" r="4.2" /><path d="M10.2 10.2 14 14" />`,
};
const Icon = ({ name }) => html`<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">${icons[name]}</svg>`;

// Pairs lists an object. search, if it is given, returns where a name and its value are looked for, or nothing.
export const Pairs = ({ of, search = () => null, searches }) => html`
  <dl class="pairs">${Object.entries(of).filter(([, v]) => v !== undefined).map(([k, v]) => html`
    <div><dt>${oneLine(k).split(/(?<=[._])/).map(part => html`<bdi>${part}</bdi><wbr />`)}</dt>
      <dd><span class="mono"><${Text} value=${v} /></span>
        <span class="pair-acts"><${Copy} name=${k} value=${v} />${search(k, v) && html`
          <${Link} class="pair-act" href=${search(k, v)} aria-label="${searches} ${oneLine(k)}" title="${searches} ${oneLine(k)}"><${Icon} name="search" /><//>`}</span></dd></div>`)}</dl>`;

function Copy({ name, value }) {
  const [said, say] = useState('');
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(say, 2000, '');
    return () => clearTimeout(timer);
  }, [said]);
  const copy = () => (navigator.clipboard?.writeText(written(value)) ?? Promise.reject()).then(() => say('copied'), () => say('the browser does not allow it'));
  return html`
    <button class="pair-act" aria-label="Copy ${oneLine(name)}" title="Copy ${oneLine(name)}" onClick=${copy}><${Icon} name=${said === 'copied' ? said : 'copy'} /></button>
    <span class=${said === 'copied' ? 'visually-hidden' : 'bad'} role="status">${said}</span>`;
}
