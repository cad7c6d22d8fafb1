// Text that was written by anybody: span names, attributes, payloads. It is shown as it is, and harms nothing.

import { html, useState } from './ui.js';
import { byUnit } from './format.js';

// What would be invisible, or turn the text around it, is spelled out: ␛, \u202e.
const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const spell = c => (c < ' ' ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
const visible = text => text.replace(hidden, spell);

// oneLine is for a name, which has one line of the page.
export const oneLine = (text, most = 160) =>
  visible(text.length > most ? `${text.slice(0, most)}…` : text).replace(/[\n\t]/g, c => (c === '\n' ? '␊' : ' '));

export const Name = ({ text }) => html`<bdi>${oneLine(text)}</bdi>`;

// written is a value as text; a list or a map is written as JSON.
export const written = value => {
  if (typeof value !== 'object' || value === null) return String(value);
  return JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? String(v) : v), 1);
};

// Text shows a value, long ones cut until one asks for all.
export function Text({ value, most = 400 }) {
  const [all, set] = useState(false);
  const text = written(value);
  const cut = text.length > most && !all;
  return html`
    <bdi class="text ${all ? 'text-all' : ''}">${visible(cut ? text.slice(0, most) : text)}${cut && '…'}</bdi>
    ${text.length > most && html` <button class="button quiet text-more" onClick=${() => set(!all)}>
      ${all ? 'show less' : `show all ${byUnit('bytes', text.length)}`}</button>`}`;
}
