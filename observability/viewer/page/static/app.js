// The shell: navigation, theme, and which page stands in it.

import { h, render } from './vendor/preact.js';
import { html, useState, useEffect, useRef, Link, Problem, Title } from './ui.js';
import { Name } from './text.js';
import { useRoute } from './router.js';
import { get, subscribe } from './api.js';
import { useEvery } from './clock.js';
import { count } from './format.js';

// What needs somebody is counted in the navigation; alerts are there only where rules are evaluated. A
// page whose count is undefined is left out.
const navigation = [
  { href: '/', title: 'Orders', is: path => path === '/' },
  { href: '/traces', title: 'Traces', is: path => /^\/(traces|compare)/.test(path) },
  { href: '/logs', title: 'Logs', is: path => path === '/logs' },
  { href: '/streams', title: 'Streams', is: path => path === '/streams', use: useDeadLetters, of: 'dead letters' },
  { href: '/dashboards', title: 'Dashboards', is: path => /^\/(d|dashboards)(\/|$)/.test(path) },
  { href: '/query', title: 'Query', is: path => path === '/query' },
  { href: '/alerts', title: 'Alerts', is: path => /^\/(alerts|runbooks)/.test(path), use: useFiring, of: 'firing' },
  { href: '/processes', title: 'Processes', is: path => path === '/processes', use: usePaused, of: 'paused' },
  { href: '/learn', title: 'Learn', is: path => /^\/learn(\/|$)/.test(path) },
];

// styled loads a page together with the style that only it has.
const styled = (page, name) => Promise.all([page, sheets[name] ??= new Promise((done, fail) => {
  const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: `/static/${name}.css`, onload: done, onerror: fail });
  document.head.append(link);
})]).then(([module]) => module);
const sheets = {};

// Each page is loaded when it is first shown. The parts of a path that are in brackets are handed to it.
const pages = [
  [/^\/$/, () => import('./orders.js')],
  [/^\/traces$/, () => import('./traces.js')],
  [/^\/traces\/([0-9a-f]+)$/i, () => styled(import('./trace.js'), 'waterfall')],
  [/^\/compare$/, () => styled(import('./compare.js'), 'waterfall')],
  [/^\/logs$/, () => styled(import('./logs.js'), 'logs')],
  [/^\/streams$/, () => import('./streams.js')],
  [/^\/dashboards$/, () => import('./dashboards.js')],
  [/^\/d\/([\w-]+)(?:\/.*)?$/, () => import('./dashboards.js')],
  [/^\/query$/, () => import('./query.js')],
  [/^\/alerts$/, () => import('./alerts.js')],
  [/^\/processes$/, () => import('./processes.js')],
  [/^\/runbooks\/(\w+)$/, () => import('./runbook.js')],
  [/^\/learn(?:\/(.*))?$/, () => styled(import('./learn.js'), 'learn')],
];

function App() {
  const { path, query } = useRoute();
  const main = useRef(), shown = useRef(path);
  const enter = event => {
    event?.preventDefault();
    main.current.focus({ preventScroll: true });
  };
  useEffect(() => { // else the keyboard would stay at a link that may be gone, and a screen reader would say nothing
    if (shown.current !== path) enter();
    shown.current = path;
  }, [path]);
  return html`
    <a class="skip" href="#main" onClick=${enter}>Skip to the page</a>
    <header class="shell">
      <${Link} href="/" class="brand"><img src="/static/icon.svg" alt="" width="22" height="22" />Clew<//>
      <nav aria-label="Pages">
        ${navigation.map(n => html`<${Entry} key=${n.href} entry=${n} path=${path} />`)}
      </nav>
      <${Connection} /><${Theme} />
    </header>
    <main id="main" tabindex="-1" ref=${main}><${Page} path=${path} query=${query} /></main>`;
}

function Entry({ entry: { href, title, is, use = () => 0, of }, path }) {
  const n = use();
  return n !== undefined && html`<${Link} href=${href} aria-current=${is(path) ? 'page' : null}>${title}
    ${n > 0 && html` <b class="tag tag-bad" title="${count(n)} ${of}">${count(n)}</b>`}<//>`;
}

function useDeadLetters() {
  const [n, set] = useState(0);
  useEffect(() => subscribe('streams', ({ items }) => set(items.reduce((sum, s) => sum + s.dead_letters, 0))), []);
  return n;
}

function useFiring() {
  const [n, set] = useState(0);
  const load = () => get('/api/v1/alerts').then(({ data }) => set(data.alerts.filter(a => a.state === 'firing').length), () => set(0));
  useEffect(() => { load(); }, []);
  useEvery(10_000, load);
  return n;
}

// Processes are known where clew up serves the page. The page of the processes tells of changes at once.
function usePaused() {
  const [n, set] = useState();
  const count = items => set(items.filter(p => p.state === 'paused').length);
  const load = () => get('/api/processes').then(({ items }) => count(items), ({ status }) => status === 404 && set(undefined));
  useEffect(() => {
    load();
    const hear = ({ detail }) => count(detail);
    addEventListener('processes', hear);
    return () => removeEventListener('processes', hear);
  }, []);
  useEvery(n === undefined ? 0 : 10_000, load);
  return n;
}

function Page({ path, query }) {
  const [loaded, set] = useState({});
  const found = pages.map(([pattern, load]) => ({ match: path.match(pattern), load })).find(p => p.match);
  useEffect(() => {
    if (!found) return;
    let current = true;
    found.load().then(
      module => current && set({ load: found.load, Component: module.default }),
      () => current && set({ load: found.load, error: new Error('A part of the page could not be loaded. Is Clew running? Load the page again.') }));
    return () => { current = false; };
  }, [found?.load]);
  if (!found) return html`<${Title} text="There is no such page" /><p><code><${Name} text=${path} /></code></p>`;
  if (loaded.load !== found.load) return null;
  if (loaded.error) return html`<${Problem} error=${loaded.error} />`;
  return h(loaded.Component, { params: found.match.slice(1), query, key: found.match[0] });
}

// Connection says when Clew went away.
function Connection() {
  const [connected, set] = useState(true);
  useEffect(() => subscribe('connected', set), []);
  return html`<span class="connection" role="status">${connected ? '' : 'not connected'}</span>`;
}

function Theme() {
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  const [theme, set] = useState(document.documentElement.dataset.theme ?? system);
  const other = theme === 'dark' ? 'light' : 'dark';
  const change = () => {
    document.documentElement.dataset.theme = other;
    localStorage.setItem('theme', other);
    set(other);
    dispatchEvent(new Event('themechange')); // what is drawn on a canvas draws itself again
  };
  return html`<button class="button quiet" onClick=${change} aria-label="Use the ${other} theme">${theme === 'dark' ? '☀' : '☾'}</button>`;
}

render(html`<${App} />`, document.getElementById('app'));
