// The commands of a lesson: what they are, what runs them, and what they printed.

import { html, useState, useEffect, Link } from './ui.js';
import { post, hasToken } from './api.js';

// What was printed, and the ids that were printed last, {ID, LETTER}, by document: they are there again after a look at a trace.
const printed = new Map(), ids = new Map();
const changed = new EventTarget();

// run runs a command of a document, and returns what it printed and its exit status.
export async function run(path, { block, line, asks }) {
  const answer = await post('/api/commands', { path, block, line, ...(asks && { id: ids.get(path)[asks] }) });
  const [, ID = ids.get(path)?.ID] = answer.output.match(/^order (\S+) /m) ?? [];
  const [, shown, listed] = answer.output.match(new RegExp(`clew dlq show (\\S+)|^(\\S+) .*\\n +${ID}`, 'm')) ?? [];
  if (ID) ids.set(path, { ID, LETTER: shown ?? listed ?? ids.get(path)?.LETTER });
  return answer;
}

let busy = false; // one runs at a time, and those beside it that a shell would not wait for, with & at their end

function useCommands() {
  const [, set] = useState(0);
  useEffect(() => {
    const again = () => set(n => n + 1);
    changed.addEventListener('change', again);
    return () => changed.removeEventListener('change', again);
  }, []);
}
const tell = () => changed.dispatchEvent(new Event('change'));

async function doIt(path, command, key) {
  const waits = !command.text.endsWith(' &');
  busy ||= waits;
  printed.set(key, { busy: true });
  tell();
  printed.set(key, await run(path, command).catch(error => ({ error })));
  busy &&= !waits;
  tell();
}

// Block is a code block of a lesson, with a button for each line that can be run, and one that copies it all.
export function Block({ path, block, text, commands }) {
  useCommands();
  return html`
    <div class="commands">
      <${Copy} text=${text} />
      ${text.trimEnd().split('\n').map((line, i) => {
        const command = hasToken() && commands.find(c => c.line === i);
        return html`<${Line} key=${i} path=${path} place=${`${path} ${block} ${i}`} text=${line} command=${command} />`;
      })}
    </div>`;
}

function Line({ path, place, text, command }) {
  const result = printed.get(place), { asks } = command ?? {}, id = asks && ids.get(path)?.[asks];
  const words = command?.check ? 'Check' : 'Do it';
  return html`
    <div class="command">
      <code>${id ? text.replace(asks, id) : text || ' '}</code>
      ${command && html`<button class="button" disabled=${busy || result?.busy || (asks && !id)} aria-label="${words}: ${command.text}"
        title=${asks && !id ? `A step before this prints the ${asks}` : null} onClick=${() => doIt(path, command, place)}>${words}</button>`}
    </div>
    <div role="status">${result && html`<${Result} result=${result} check=${command?.check} />`}</div>`;
}

function Copy({ text }) {
  const [copied, set] = useState(false);
  const copy = () => navigator.clipboard.writeText(text.trimEnd()).then(() => set(true), () => set(false));
  return html`<button class="button quiet copy" onClick=${copy} aria-label="Copy: ${text.trimEnd()}">${copied ? 'Copied' : 'Copy'}</button>`;
}

function Result({ result: { busy, error, output, status }, check }) {
  if (busy) return html`<p class="hint">It runs …</p>`;
  if (error) return html`<p class="problem">${error.message}</p>`;
  const tag = check
    ? html`<p><span class="tag ${status ? 'tag-warn' : 'tag-good'}">${status ? 'not done' : 'done'}</span></p>`
    : status !== 0 && html`<p><span class="tag tag-bad">${status < 0 ? 'stopped' : `exit status ${status}`}</span></p>`;
  return html`${tag}<pre class="output" tabindex="0" aria-label="What it printed">${linked(output.trimEnd())}</pre>`;
}

// linked leads the addresses of traces, which commands print, to their pages.
const linked = text => text.split(/(http:\/\/[\w.:[\]-]+\/traces\/[0-9a-f]+)/).map((part, i) =>
  (i % 2 ? html`<${Link} href=${new URL(part).pathname}>${part}<//>` : part));
