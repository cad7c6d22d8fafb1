// Dead letters: what was given up, why, and what can be done about it.

import { html, useState, useLoad, useRef, useEffect, Link, Problem, Empty, Dialog } from './ui.js';
import { get, post, hasToken } from './api.js';
import { Name, Text } from './text.js';
import { useNow } from './clock.js';
import { ago } from './format.js';

// deadLettersOf returns the dead letters about one order.
export const deadLettersOf = async id =>
  (await get('/api/dead-letters')).items.filter(d => d.message.subject === id);

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
    ${asked && !hasToken() && html`<p class="hint" role="alert">
      This page was opened without the token that allows it to act. Open the address that <code>clew up</code> prints,
      ${' '}<code>…/#token=…</code>. Then press the button again.</p>`}
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

// DeadLetters lists them all. count changes when there are more or fewer.
export function DeadLetters({ count }) {
  const { value, error, reload } = useLoad(() => get('/api/dead-letters'), []);
  const [done, setDone] = useState();
  const [sought, seek] = useState('');
  const shown = useRef(count);
  useNow();
  useEffect(() => {
    if (shown.current !== count) reload();
    shown.current = count;
  }, [count]);
  const found = value?.items.filter(d => has(d, sought.trim().toLowerCase())) ?? [];
  const finished = what => { setDone(what); reload(); };
  return html`
    <section class="card" aria-label="Dead letters">
      <h2>Dead letters ${value && html`<span class="tag ${value.total ? 'tag-bad' : ''}">${value.total}</span>`}</h2>
      <${Problem} error=${error} />
      <${Done} done=${done} />
      ${value?.items.length === 0 && html`<${Empty} title="No dead letters">
        An order of <code>test-invalid</code> leaves one at once, <code>test-poison</code> after five attempts.${' '}
        <${Link} href="/">Place one<//>.<//>`}
      ${value?.items.length > 1 && html`
        <div class="toolbar">
          <input type="search" aria-label="Find dead letters" placeholder="Find: reason, type, SKU, order, error" value=${sought} onInput=${e => seek(e.target.value)} />
          ${sought.trim() && html`<span class="hint" role="status">${found.length} of ${value.items.length}</span>`}
          ${found.length > 1 && html`<${Actions} letters=${found} onDone=${finished} />`}
        </div>`}
      ${found.map(d => html`<${Letter} key=${`${d.stream} ${d.partition} ${d.id}`} letter=${d} onDone=${finished} />`)}
      ${value?.total > value?.items.length && html`<p class="hint">The newest ${value.items.length} of ${value.total}.</p>`}
    </section>`;
}

// has tells whether something that is shown of a dead letter has a text.
const has = ({ reason, group, error, message }, text) =>
  [reason, group, error, message.type, message.subject, message.data].some(value => (value ?? '').toLowerCase().includes(text));

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
  <div class="scroll"><table class="table fields"><tbody>
    ${fields.map(([name, value]) => html`
      <tr class=${name === marked ? 'marked' : ''}>
        <th scope="row" class="mono"><${Name} text=${name} /></th>
        <td class="mono"><${Text} value=${value} /></td>
      </tr>`)}
  </tbody></table></div>`;
