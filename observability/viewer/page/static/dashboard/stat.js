// The panels of single values: stat, gauge and bar gauge.

import { html } from '../ui.js';
import { fieldOf, display, reduce, steps } from './fields.js';
import { css } from './colors.js';

// valuesOf returns {name, field, value, text, color} for each series.
function valuesOf(panel, data) {
  return data.series.map(series => {
    const field = fieldOf(panel, series);
    const value = reduce(panel, series.values);
    return { name: field.displayName ?? series.name, field, value, ...display(field, value) };
  });
}

// nothing is what is shown if a query returned no series.
const nothing = panel => [{ name: '', field: panel.fieldConfig?.defaults ?? {}, value: null, text: panel.fieldConfig?.defaults?.noValue ?? 'No data' }];

export function Stat({ panel, data }) {
  const values = data.series.length ? valuesOf(panel, data) : nothing(panel);
  const { colorMode = 'value', textMode = 'auto' } = panel.options ?? {};
  const named = /name/.test(textMode) || (textMode === 'auto' && values.length > 1);
  const valued = textMode !== 'name' && textMode !== 'none';
  return html`
    <div class="stats">
      ${values.map(v => html`
        <div class=${`stat ${colorMode}`} style=${{ '--color': css(v.color) ?? 'var(--dim)', '--letters': Math.max(v.text.length, 4) }}>
          ${named && v.name && html`<div class="stat-name">${v.name}</div>`}
          ${valued && html`<div class="stat-value">${v.text}</div>`}
        </div>`)}
    </div>`;
}

// A gauge goes over 240 degrees, from the lower left to the lower right.
const point = (share, radius) => {
  const angle = (150 + 240 * share) * Math.PI / 180;
  return `${(50 + radius * Math.cos(angle)).toFixed(2)} ${(46 + radius * Math.sin(angle)).toFixed(2)}`;
};
const arc = (from, to, radius) => `M ${point(from, radius)} A ${radius} ${radius} 0 ${to - from > .75 ? 1 : 0} 1 ${point(to, radius)}`;

export function Gauge({ panel, data }) {
  const values = data.series.length ? valuesOf(panel, data) : nothing(panel);
  return html`
    <div class="stats">
      ${values.map(v => {
        const { min = 0, max = 100 } = v.field;
        const share = value => Math.min(1, Math.max(0, (value - min) / (max - min))) || 0;
        const color = css(v.color) ?? 'var(--dim)';
        return html`
          <svg class="gauge" viewBox="0 0 100 72" role="img" aria-label=${`${v.name || panel.title}: ${v.text}`}>
            <path d=${arc(0, 1, 36)} stroke="var(--raised)" stroke-width="10" fill="none" />
            ${share(v.value) > 0 && html`<path d=${arc(0, share(v.value), 36)} stroke=${color} stroke-width="10" fill="none" />`}
            ${panel.options?.showThresholdMarkers !== false && steps(v.field).map((s, i, all) => html`
              <path d=${arc(share(Math.max(s.value, min)), share(all[i + 1]?.value ?? max), 43)} stroke=${css(s.color)} stroke-width="2" fill="none" />`)}
            <text x="50" y="52" text-anchor="middle" fill=${color} font-size=${v.text.length > 5 ? 11 : 15}>${v.text}</text>
            ${values.length > 1 && html`<text x="50" y="70" text-anchor="middle" fill="var(--dim)" font-size="8">${v.name}</text>`}
          </svg>`;
      })}
    </div>`;
}

export function BarGauge({ panel, data }) {
  const values = valuesOf(panel, data);
  if (values.length === 0) return html`<div class="panel-empty">${nothing(panel)[0].text}</div>`;
  const most = Math.max(...values.map(v => v.value ?? 0));
  return html`
    <div class="bars">
      ${values.map(v => {
        const { min = 0, max = most } = v.field;
        const share = max > min ? Math.min(1, Math.max(0, (v.value - min) / (max - min))) : 0;
        return html`
          <div class="bar">
            <span class="bar-name">${v.name}</span>
            <span class="bar-line"><i style=${{ width: `${share * 100}%`, background: css(v.color) ?? 'var(--dim)' }} /></span>
            <b style=${{ color: css(v.color) }}>${v.text}</b>
          </div>`;
      })}
    </div>`;
}
