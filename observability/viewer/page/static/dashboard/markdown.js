// The little Markdown that panels have: headings, paragraphs, lists, tables, code, bold, links. It makes elements, never
// HTML, and what it does not know stands there as it was written.

import { html, Link } from '../ui.js';

// Markdown shows text; link(url) says where a link leads, or undefined.
export function Markdown({ text, link }) {
  return text.trim().split(/\n\s*\n/).map(block => show(block.split('\n'), link));
}

function show(lines, link) {
  const words = text => inline(text, link);
  const heading = /^(#{1,4})\s+(.*)$/.exec(lines[0]);
  if (heading) return html`<h3>${words(heading[2])}</h3>${lines.length > 1 && show(lines.slice(1), link)}`;
  const items = pattern => lines.map(line => html`<li>${words(line.replace(pattern, ''))}</li>`);
  if (lines.every(line => /^\s*[-*]\s/.test(line))) return html`<ul>${items(/^\s*[-*]\s+/)}</ul>`;
  if (lines.every(line => /^\s*\d+\.\s/.test(line))) return html`<ol>${items(/^\s*\d+\.\s+/)}</ol>`;
  if (lines.length > 1 && /^\|[\s:|-]+\|$/.test(lines[1])) {
    const [head, , ...rows] = lines.map(line => line.replace(/^\||\|$/g, '').split('|').map(cell => cell.trim()));
    return html`<div class="scroll"><table class="table">
      <thead><tr>${head.map(cell => html`<th>${words(cell)}</th>`)}</tr></thead>
      <tbody>${rows.map(row => html`<tr>${row.map(cell => html`<td>${words(cell)}</td>`)}</tr>`)}</tbody></table></div>`;
  }
  return html`<p>${words(lines.join(' '))}</p>`;
}

const marks = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]*)\]\(((?:[^()\s]|\([^()\s]*\))*)\)/g;

function inline(text, link) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(marks)) {
    const [whole, code, bold, label, url] = found;
    parts.push(text.slice(at, found.index));
    if (code) parts.push(html`<code>${code}</code>`);
    else if (bold) parts.push(html`<strong>${inline(bold, link)}</strong>`);
    else parts.push(link(url) ? html`<${Link} href=${link(url)}>${label}<//>` : label);
    at = found.index + whole.length;
  }
  return [...parts, text.slice(at)];
}
