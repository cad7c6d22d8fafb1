// What to do about an alert.

import { html, useLoad, useEffect, useRef, follow, Link, Problem } from './ui.js';
import { get } from './api.js';

// A link in a runbook to another is no Link: it is in HTML that the viewer wrote.
const clicked = event => {
  const href = event.target.closest('a')?.getAttribute('href');
  if (href?.startsWith('/')) follow(event, href);
};

export default function Runbook({ params: [alert] }) {
  const { value, error } = useLoad(() => get(`/api/runbooks/${alert}`), [alert]);
  const article = useRef();
  useEffect(() => article.current?.querySelectorAll('pre').forEach(pre => { pre.tabIndex = 0; }), [value]); // a long query is scrolled
  useEffect(() => { document.title = `${alert} · Clew`; }, [alert]); // its heading is the runbook's own
  return html`
    <div class="stack">
      <p><${Link} href="/alerts">← Alerts<//></p>
      <${Problem} error=${error} />
      ${value && html`<article ref=${article} class="card runbook" onClick=${clicked} dangerouslySetInnerHTML=${{ __html: value.html }} />`}
    </div>`;
}
