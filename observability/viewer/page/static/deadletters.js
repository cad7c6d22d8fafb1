// Dead letters: what was given up, why, and what can be done about it.

import { html, useState, useLoad, useRef, useEffect, Link, Problem, Empty, Dialog, NeedsToken } from './ui.js';
import { get, post, hasToken } from './api.js';
import { go } from './router.js';
import { Name, Text, oneLine } from './text.js';
import { useNow } from './clock.js';
import { ago, count as spaced } from './format.js';

// deadLettersOf returns the dead letters about one order.
export const deadLettersOf = async id =>
  (await get(`/api/dead-letters?${new URLSearchParams({ text: id })}`)).items.filter(d => d.message.subject === id);

// Actions are the buttons of dead letters, of one or of several. onDone is told {letters, action, trace}: those with which it was
// done, and the trace of the last redrive.
export function Actions({ letters, onDone }) {
  const [asked, ask] = useState('');
  const several = letters.length > 1;
  const act = async () => {
    const done = [];
    let trace;
    try {
      for (const letter of letters) {
        trace = (await post(`/api/dead-letters/${letter.stream}/${letter.partition}/${letter.id}/${asked}`))?.trace_id;
        done.push(letter);
      }
    } finally {
      if (done.length) onDone({ letters: done, action: asked, trace });
    }
  };
  const button = (action, title) => html`
    <button class="button" onClick=${() => ask(action)}>${title}${several && ` these ${letters.length}`}…</button>`;
  return html`
    <div class="row">${button('redrive', 'Redrive')}${button('discard', 'Discard')}</div>
    ${asked && !hasToken() && html`<${NeedsToken} />`}
    ${asked && hasToken() && html`
      <${Dialog} title="${asked === 'redrive' ? 'Redrive' : 'Discard'} ${several ? `these ${letters.length} messages` : 'this message'}?"
          action=${asked === 'redrive' ? 'Redrive' : 'Discard'} onClose=${() => ask('')} onConfirm=${act}>
        ${asked === 'redrive'
          ? html`<p>${several ? 'Each' : 'It'} goes back to its stream, for the group that gave it up only, with all its attempts again.
              If its cause is not mended, it comes back here.</p>`
          : html`<p>${several ? 'They are' : 'It is'} deleted for good, and what ${several ? 'they tell' : 'it tells'} is never processed:
              ${several ? ' their orders stay as they are' : ' its order stays as it is'}.</p>`}
        ${letters.slice(0, 5).map(({ id, stream, group, message }) => html`
          <p class="hint">${stream} for <${Name} text=${group} />: <${Name} text=${message.type || 'unreadable'} /> · <${Name} text=${message.subject || id} /></p>`)}
        ${letters.length > 5 && html`<p class="hint">and ${letters.length - 5} more</p>`}
      <//>`}`;
}

// Done says what was done, with the way on.
export function Done({ done }) {
  const [letter, another] = done?.letters ?? [];
  return html`
    <div role="status" aria-live="polite">${done && html`<p class="done">
      ${another ? `${done.letters.length} messages: ` : ''}${done.action === 'redrive' ? 'Redriven.' : 'Discarded.'}
      ${done.trace && !another && html` <${Link} href="/traces/${done.trace}">Trace of the redrive<//>`}
      ${letter.trace_id && !another && html` · <${Link} href="/traces/${letter.trace_id}">trace of the message<//>`}
      ${letter.message.subject && !another && html` · <${Link} href="/?order=${encodeURIComponent(letter.message.subject)}">its order<//>`}
    </p>`}</div>`;
}

// What dead letters are found by, in the address under the same names.
const fields = ['reason', 'type', 'text'];
const reasons = ['permanent', 'exhausted', 'undecodable', 'unknown_version'];

// DeadLetters lists them, or those that the address asks for. count changes when there are more or fewer.
export function DeadLetters({ count, query }) {
  const asked = new URLSearchParams(fields.filter(f => query.get(f)).map(f => [f, query.get(f)])).toString();
  const latest = useRef(), shown = useRef();
  latest.current = asked;
  const { value, error, reload } = useLoad(() => get(`/api/dead-letters?${latest.current}`), []); // what was found before stays until then
  const [done, setDone] = useState();
  useNow();
  useEffect(() => {
    if (shown.current !== undefined) reload();
    shown.current = true;
  }, [count, asked]);
  const found = value?.items ?? [], { sought, total } = value ?? {};
  const finished = what => { setDone(what); reload(); };
  return html`
    <section class="card" aria-label="Dead letters">
      <h2>Dead letters ${value && html`<span class="tag ${total ? 'tag-bad' : ''}">${spaced(total)}</span>`}</h2>
      <${Problem} error=${error} />
      <${Done} done=${done} />
      ${total === 0 && html`<${Empty} title="No dead letters">
        An order of <code>test-invalid</code> leaves one at once, <code>test-poison</code> after five attempts.${' '}
        <${Link} href="/">Place one<//>.<//>`}
      ${(total > 1 || asked) && value && html`
        <div class="toolbar">
          <${Filter} query=${query} types=${value.types ?? []} />
          ${asked && html`<span class="hint" role="status">${found.length} found${sought < total ? ` among the newest ${spaced(sought)} of ${spaced(total)}` : ` of ${spaced(total)}`}</span>`}
          ${found.length > 1 && html`<${Actions} letters=${found} onDone=${finished} />`}
        </div>`}
      ${found.map(d => html`<${Letter} key=${`${d.stream} ${d.partition} ${d.id}`} letter=${d} onDone=${finished} />`)}
      ${!asked && total > found.length && html`<p class="hint">The newest ${found.length} of ${spaced(total)}.</p>`}
    </section>`;
}

// Filter changes the address: at once by a choice, and by a text when nothing was typed for a moment.
function Filter({ query, types }) {
  const [text, type] = useState(query.get('text') ?? '');
  const latest = useRef();
  latest.current = query;
  const ask = (name, value) => {
    const next = new URLSearchParams(latest.current);
    if (value.trim()) next.set(name, value.trim());
    else next.delete(name);
    go(`/streams?${next}`.replace(/\?$/, ''), { replace: true });
  };
  useEffect(() => {
    if (text.trim() === (query.get('text') ?? '')) return;
    const timer = setTimeout(() => ask('text', text), 300);
    return () => clearTimeout(timer);
  }, [text]);
  const choice = (name, title, values) => html`
    <label class="field"><span>${title}</span>
      <select name=${name} value=${query.get(name) ?? ''} onChange=${e => ask(name, e.target.value)}>
        <option value="">any</option>
        ${[...new Set([...values, query.get(name) ?? ''])].filter(Boolean).map(v => html`<option value=${v}>${oneLine(v)}</option>`)}
      </select></label>`;
  return html`
    ${choice('reason', 'Reason', reasons)}${choice('type', 'Event', types)}
    <label class="field"><span>SKU, order or error</span>
      <input type="search" name="text" value=${text} onInput=${e => type(e.target.value)} /></label>`;
}

function Letter({ letter, onDone }) {
  const { message } = letter;
  return html`
    <article class="dead-letter" data-letter=${letter.id}>
      <header class="row">
        <span class="tag tag-bad"><${Name} text=${letter.reason} /></span>
        <b><${Name} text=${message.type || 'unreadable'} /></b>
        <span class="hint">${letter.stream}/${letter.partition} · group <${Name} text=${letter.group} /> ·
          ${' '}${letter.attempts} ${letter.attempts === 1 ? 'attempt' : 'attempts'} · ${ago(Date.parse(letter.time))}
          ${letter.redrives > 0 && html` · redriven ${letter.redrives === 1 ? 'once' : `${letter.redrives} times`} before`}</span>
      </header>
      <p class="dead-letter-error"><${Text} value=${letter.error} /></p>
      <div class="row">
        ${message.subject && html`<${Link} href="/?order=${encodeURIComponent(message.subject)}">order …<${Name} text=${message.subject.slice(-6)} /><//>`}
        ${letter.trace_id && html`<${Link} href="/traces/${letter.trace_id}">trace<//>`}
        <${Actions} letters=${[letter]} onDone=${onDone} />
      </div>
      <details><summary>Payload and fields</summary>
        <pre class="payload"><${Text} value=${pretty(message.data)} most=${4000} /></pre>
        <${Fields} fields=${message.fields.filter(([name]) => name !== 'data')} />
      </details>
    </article>`;
}

// pretty writes JSON with a line a value; anything else is left as it is.
function pretty(data) {
  try {
    return JSON.stringify(JSON.parse(data), null, 2);
  } catch {
    return data ?? '';
  }
}

// Fields are those of a stream's entry, as redis-cli shows them, but one a row.
export const Fields = ({ fields, marked }) => html`
  <div class="scroll" tabindex="0"><table class="table fields"><tbody>
    ${fields.map(([name, value]) => html`
      <tr class=${name === marked ? 'marked' : ''}>
        <th scope="row" class="mono"><${Name} text=${name} /></th>
        <td class="mono"><${Text} value=${value} /></td>
      </tr>`)}
  </tbody></table></div>`;
