// What a panel asks, what to do when it is bad, and where to look next.

import { html, Link } from '../ui.js';
import { builtIn, query, title } from './variables.js';
import { rateInterval } from './time.js';
import { Popover } from './popover.js';
import { Markdown } from './markdown.js';

// aboutOf returns {description, links, asked}, or undefined if there is nothing to say of a panel.
function aboutOf(panel, board, link) {
  const links = (panel.links ?? []).map(l => ({ title: title(l.title, board.variables), href: link(l.url) })).filter(l => l.href);
  const time = builtIn(board.range, 15, rateInterval(15));
  const asked = (panel.targets ?? []).filter(t => t.expr).map(t => query(t.expr, board.variables, time));
  const description = title(panel.description, board.variables);
  return description || links.length + asked.length > 0 ? { description, links, asked } : undefined;
}

// About is a button that shows it; in a large panel, it is shown at once.
export function About({ panel, board, link, large }) {
  const about = aboutOf(panel, board, link);
  if (!about) return null;
  const { description, links, asked } = about;
  const said = html`
    <${Markdown} text=${description} link=${link} />
    ${links.length > 0 && html`<ul>${links.map(l => html`<li><${Link} href=${l.href}>${l.title}<//></li>`)}</ul>`}
    ${asked.length > 0 && html`<ul>${asked.map(q => html`
      <li><${Link} href=${`/query?${new URLSearchParams({ query: q, ...board.times })}`}>Open in query<//> <code>${large ? q : q.slice(0, 200)}</code></li>`)}</ul>`}`;
  return large
    ? html`<section class="card panel-said" aria-label="About this panel">${said}</section>`
    : html`<${Popover} class="panel-button panel-about" label=${`About ${panel.title}`} face="i">${said}<//>`;
}
