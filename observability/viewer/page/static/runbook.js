// What to do about an alert.

import { html, useLoad, useEffect, useRef, useTitle, followWithin, Link, Problem } from './ui.js';
import { get } from './api.js';

export default function Runbook({ params: [alert] }) {
  const { value, error } = useLoad(() => get(`/api/runbooks/${alert}`), [alert]);
  const article = useRef();
  useEffect(() => article.current?.querySelectorAll('pre').forEach(pre => { pre.tabIndex = 0; }), [value]); // a long query is scrolled
  useTitle(alert); // its heading is the runbook's own
  return html`
    <div class="stack">
      <p><${Link} href="/alerts">← Alerts<//></p>
      <${Problem} error=${error} />
      ${value && html`<article ref=${article} class="card runbook" onClick=${followWithin} dangerouslySetInnerHTML=${{ __html: value.html }} />`}
    </div>`;
}
