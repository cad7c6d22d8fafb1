// One document, as it is in the repository: a lesson, a page of the documentation, or a file to which one of them points.

import { render } from './vendor/preact.js';
import { html, useLoad, useEffect, useRef, useTitle, followWithin, Link, Problem, Title } from './ui.js';
import { get, hasToken } from './api.js';
import { Block } from './commands.js';

export function Document({ path, unknown: Unknown }) {
  const { value, error } = useLoad(async () => {
    try {
      return await get(`/api/documents/${path}`);
    } catch (error) {
      if (error.status === 404) return { unknown: true };
      throw error;
    }
  }, [path]);
  if (value?.unknown) return html`<${Unknown} path=${path} />`;
  return html`
    <div class="reading">
      <p class="back"><${Link} href="/learn">← Learn<//> <span class="hint mono">${path}</span></p>
      <${Problem} error=${error} />
      ${value && (value.html ? html`<${Text} key=${path} document=${value} />` : html`<${Source} key=${path} document=${value} />`)}
    </div>`;
}

function Text({ document: d }) {
  const article = useRef();
  useTitle(d.title);
  useEffect(() => {
    const blocks = [...article.current.querySelectorAll('pre')].map((pre, block) => show(pre, block, d)).filter(Boolean);
    const heading = article.current.querySelector('h1');
    heading?.setAttribute('tabindex', '-1');
    const ends = arrive(heading);
    return () => {
      ends();
      blocks.forEach(block => render(null, block)); // its components end, too
    };
  }, []);
  const sections = d.headings.filter(h => h.level === 2);
  return html`
    ${sections.length > 3 && html`
      <nav class="contents" aria-label="Contents"><details open=${matchMedia('(min-width: 1100px)').matches}>
        <summary>Contents</summary>
        <ol>${sections.map(s => html`<li><a href="#${s.id}">${s.title}</a></li>`)}</ol>
      </details></nav>`}
    <article ref=${article} class="text-page" onClick=${followWithin} dangerouslySetInnerHTML=${{ __html: d.html }} />
    ${d.commands.length > 0 && !hasToken() && html`<p class="hint">The commands are run from here in the page whose address
      <code>clew up</code> prints: it has the token.</p>`}
    ${(d.previous || d.next) && html`
      <nav class="neighbours row" aria-label="Lessons">
        ${d.previous && html`<${Link} class="button" href="/learn/${d.previous.path}">← ${d.previous.title}<//>`}
        <span class="grow"></span>
        ${d.next && html`<${Link} class="button" href="/learn/${d.next.path}">${d.next.title} →<//>`}
      </nav>`}`;
}

// show puts buttons on a code block of commands. What is wider than the page moves within itself, by keyboard too.
function show(pre, block, { path, commands }) {
  pre.tabIndex = 0;
  if (!pre.querySelector('.language-sh')) return null;
  const place = document.createElement('div');
  render(html`<${Block} path=${path} block=${block} text=${pre.textContent} commands=${commands.filter(c => c.block === block)} />`, place);
  pre.replaceWith(place);
  return place;
}

// arrive goes where the address points in a document, or back to where the reader was when the way back leads here, and gives
// the keyboard to what is there. It returns what ends it.
function arrive(heading) {
  const place = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)).replace(/^(L\d+)-L\d+$/, '$1'));
  (place || heading)?.setAttribute('tabindex', '-1');
  (place || heading)?.focus({ preventScroll: true });
  if (history.state?.at) scrollTo(0, history.state.at);
  else if (place) place.scrollIntoView();
  else scrollTo(0, 0);
  const here = location.pathname;
  const remember = () => location.pathname === here && history.replaceState({ at: scrollY }, '');
  addEventListener('scrollend', remember);
  return () => removeEventListener('scrollend', remember);
}

// Source shows a file with the numbers of its lines, and those that the address names, as in #L7 or #L7-L9.
function Source({ document: d }) {
  useEffect(() => arrive(document.querySelector('.reading h1')), []);
  const [, from = 0, to = from] = location.hash.match(/^#L(\d+)(?:-L(\d+))?$/) ?? [];
  const isNamed = line => line >= Number(from) && line <= Number(to);
  return html`
    <${Title} text=${d.title} />
    <pre class="source" tabindex="0">${d.text.replace(/\n$/, '').split('\n').map((line, i) => html`
      <code key=${i} id="L${i + 1}" data-line=${i + 1} class=${isNamed(i + 1) ? 'named' : null}>${line}\n</code>`)}</pre>`;
}
