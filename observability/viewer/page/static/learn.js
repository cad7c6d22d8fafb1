// Lessons and documents: their list, and one that is read.

import { html, useLoad, useState, useEffect, Link, Problem, Title } from './ui.js';
import { get, hasToken } from './api.js';
import { Name } from './text.js';
import { Document } from './document.js';
import { run } from './commands.js';

export default ({ params: [path] }) => (path ? html`<${Document} path=${path} unknown=${Unknown} />` : html`<${Learn} />`);

const Unknown = ({ path }) => html`
  <p class="problem" role="alert">There is no document <code><${Name} text=${path} /></code>. These there are:</p>
  <${Learn} />`;

function Learn() {
  const { value, error } = useLoad(() => get('/api/documents'), []);
  return html`
    <div class="learn stack">
      <${Title} text="Learn" />
      <${Problem} error=${error} />
      ${value && html`
        <section aria-labelledby="lessons"><h2 id="lessons">Lessons</h2><${Lessons} lessons=${value.lessons} /></section>
        <${List} title="Documents" items=${value.documents} />
        <${List} title="Decisions" items=${value.decisions} />`}
    </div>`;
}

const List = ({ title, items }) => items.length > 0 && html`
  <section aria-label=${title}><h2>${title}</h2>
    <ul class="documents">${items.map(d => html`<li key=${d.path}><${Link} href="/learn/${d.path}">${d.title}<//> <span class="hint mono">${d.path}</span></li>`)}</ul>
  </section>`;

// Lessons are checked one after the other, once.
function Lessons({ lessons }) {
  const [checks, set] = useState({});
  useEffect(() => {
    let left = false;
    (async () => {
      for (const { path, check } of hasToken() ? lessons : []) {
        if (!check || left) continue;
        const result = await run(path, check).catch(error => ({ error }));
        if (!left) set(before => ({ ...before, [path]: result }));
      }
    })();
    return () => { left = true; };
  }, []);
  return html`
    <ol class="lessons">
      ${lessons.map(l => html`
        <li key=${l.path}>
          <${Link} href="/learn/${l.path}">${l.title}<//> <${Done} result=${checks[l.path]} />
          <p class="hint">${l.about}</p>
        </li>`)}
    </ol>
    ${!hasToken() && html`<p class="hint">Whether a lesson was done is shown, and its commands are run, in the page whose address
      <code>clew up</code> prints: it has the token.</p>`}`;
}

const Done = ({ result }) => result && (result.error
  ? html`<span class="tag tag-warn" title=${result.error.message}>not checked</span>`
  : html`<span class="tag ${result.status === 0 ? 'tag-good' : ''}" title=${result.output}>${result.status === 0 ? 'done' : 'not done'}</span>`);
