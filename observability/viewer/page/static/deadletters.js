// Dead letters: what was given up, why, and what can be done about it.

import { html, useState, useLoad, useRef, useEffect, Link, Problem, Empty, Dialog } from './ui.js';
import { get, post, hasToken } from './api.js';
import { Name, Text } from './text.js';
import { useNow } from './clock.js';
import { ago } from './format.js';

// deadLettersOf returns the dead letters about one order.
export const deadLettersOf = async id =>
  (await get('/api/dead-letters')).items.filter(d => d.message.subject === id);

// Actions are the buttons of one dead letter. onDone is told {letter, action, trace}.
export function Actions({ letter, onDone }) {
  const [asked, ask] = useState('');
  const act = async () => {
    const path = `/api/dead-letters/${letter.stream}/${letter.partition}/${letter.id}/${asked}`;
    onDone({ letter, action: asked, trace: (await post(path))?.trace_id });
  };
  const button = (action, title) => html`
    <button class="button" onClick=${() => ask(action)}>${title}</button>`;
  return html`
    <div class="row">${button('redrive', 'Redrive…')}${button('discard', 'Discard…')}</div>
    ${asked && !hasToken() && html`<p class="hint" role="alert">
      This page was opened without the token that allows it to act. Open the address that <code>clew up</code> prints,
      ${' '}<code>…/#token=…</code>. Then press the button again.</p>`}
    ${asked && hasToken() && html`
      <${Dialog} title=${asked === 'redrive' ? 'Redrive this message?' : 'Discard this message?'}
          action=${asked === 'redrive' ? 'Redrive' : 'Discard'} onClose=${() => ask('')} onConfirm=${act}>
        ${asked === 'redrive'
          ? html`<p>It goes back to the stream <b>${letter.stream}</b>, for the group <b><${Name} text=${letter.group} /></b> only, with
              all its attempts again. If its cause is not mended, it comes back here.</p>`
          : html`<p>It is deleted for good, and what it tells is never processed: its order stays as it is.</p>`}
        <p class="hint"><${Name} text=${letter.message.type || 'unreadable'} /> · <${Name} text=${letter.message.subject || letter.id} /></p>
      <//>`}`;
}

// Done says what was done, with the way on.
export const Done = ({ done }) => html`
  <div role="status" aria-live="polite">${done && html`<p class="done">
    ${done.action === 'redrive' ? 'Redriven.' : 'Discarded.'}
    ${done.trace && html` <${Link} href="/traces/${done.trace}">Trace of the redrive<//>`}
    ${done.letter.trace_id && html` · <${Link} href="/traces/${done.letter.trace_id}">trace of the message<//>`}
    ${done.letter.message.subject && html` · <${Link} href="/?order=${encodeURIComponent(done.letter.message.subject)}">its order<//>`}
  </p>`}</div>`;

// DeadLetters lists them all. count changes when there are more or fewer.
export function DeadLetters({ count }) {
  const { value, error, reload } = useLoad(() => get('/api/dead-letters'), []);
  const [done, setDone] = useState();
  const shown = useRef(count);
  useNow();
  useEffect(() => {
    if (shown.current !== count) reload();
    shown.current = count;
  }, [count]);
  return html`
    <section class="card" aria-label="Dead letters">
      <h2>Dead letters ${value && html`<span class="tag ${value.total ? 'tag-bad' : ''}">${value.total}</span>`}</h2>
      <${Problem} error=${error} />
      <${Done} done=${done} />
      ${value?.items.length === 0 && html`<${Empty} title="No dead letters">
        An order of <code>test-invalid</code> leaves one at once, <code>test-poison</code> after five attempts.${' '}
        <${Link} href="/">Place one<//>.<//>`}
      ${value?.items.map(d => html`<${Letter} key=${`${d.stream} ${d.partition} ${d.id}`} letter=${d}
        onDone=${what => { setDone(what); reload(); }} />`)}
      ${value?.total > value?.items.length && html`<p class="hint">The newest ${value.items.length} of ${value.total}.</p>`}
    </section>`;
}

function Letter({ letter, onDone }) {
  const { message } = letter;
  return html`
    <article class="dead-letter" data-letter=${letter.id}>
      <header class="row">
        <span class="tag tag-bad"><${Name} text=${letter.reason} /></span>
        <b><${Name} text=${message.type || 'unreadable'} /></b>
        <span class="hint">${letter.stream}:{${letter.partition}} · group <${Name} text=${letter.group} /> ·
          ${' '}${letter.attempts} ${letter.attempts === 1 ? 'attempt' : 'attempts'} · ${ago(Date.parse(letter.time))}
          ${letter.redrives > 0 && html` · redriven ${letter.redrives === 1 ? 'once' : `${letter.redrives} times`} before`}</span>
      </header>
      <p class="dead-letter-error"><${Text} value=${letter.error} /></p>
      <div class="row">
        ${message.subject && html`<${Link} href="/?order=${encodeURIComponent(message.subject)}">order<//>`}
        ${letter.trace_id && html`<${Link} href="/traces/${letter.trace_id}">trace<//>`}
        <${Actions} letter=${letter} onDone=${onDone} />
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
