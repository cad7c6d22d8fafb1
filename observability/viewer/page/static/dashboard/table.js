// The panel that is a table.

import { html, Link } from '../ui.js';
import { fieldOf, display } from './fields.js';
import { css } from './colors.js';
import { clock } from './time.js';
import { transform } from './transformations.js';

// Table shows the tables of data, after the panel's transformations. link(url, value) says where a link leads.
export function Table({ panel, data, link }) {
  const columns = transform(data.tables, panel.transformations).flatMap(t => t.columns).map(c => ({ ...c, field: fieldOf(panel, c) }));
  const rows = columns[0]?.values ?? [];
  if (rows.length === 0) return html`<div class="panel-empty">${panel.fieldConfig?.defaults?.noValue ?? 'No data'}</div>`;
  const right = c => (c.type === 'number' ? 'num' : null);
  return html`
    <div class="panel-scroll" tabindex="0" role="group" aria-label=${panel.title}>
      <table class="table">
        ${panel.options?.showHeader !== false && html`
          <thead><tr>${columns.map(c => html`<th class=${right(c)} scope="col">${c.field.displayName ?? c.name}</th>`)}</tr></thead>`}
        <tbody>${rows.map((_, i) => html`<tr>${columns.map(c => html`<td class=${right(c)}><${Cell} column=${c} value=${c.values[i]} link=${link} /></td>`)}</tr>`)}</tbody>
      </table>
    </div>`;
}

function Cell({ column: { field, type }, value, link }) {
  if (value === null) return null;
  const { text, color, mapped } = type === 'time' ? { text: clock(value) } : display(field, value);
  const { cellOptions } = field.custom ?? {};
  const colored = cellOptions?.type?.startsWith('color-') || mapped;
  const style = !colored || !color ? undefined : cellOptions?.type === 'color-background' ? { background: css(color), color: 'var(--surface)' } : { color: css(color) };
  const to = (field.links ?? []).map(({ title, url }) => ({ title, href: link(url, value) })).find(l => l.href);
  return to ? html`<${Link} href=${to.href} title=${to.title} style=${style}>${text}<//>` : html`<span style=${style}>${text}</span>`;
}
