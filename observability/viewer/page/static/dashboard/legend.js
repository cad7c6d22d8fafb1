// The legend of a chart: names, which of them are shown, and values.

import { html, useState } from '../ui.js';
import { byUnit } from '../format.js';
import { calculations } from './fields.js';

// What is shown is {names, only}: nothing but the names, or all but them. So a series that comes later is in its place, too.
export const everything = { names: [], only: false };

export const isHidden = ({ names, only }, name) => names.includes(name) !== only;

// choose is what is shown after a click on a name: it alone, or, if it is alone already, everything. With a key, it is there or not,
// beside the others.
export function choose({ names, only }, name, withKey) {
  const has = names.includes(name), rest = names.filter(n => n !== name);
  if (!withKey) return only && has && rest.length === 0 ? everything : { names: [name], only: true };
  return only && has && rest.length === 0 ? everything : { names: has ? rest : [...rest, name], only };
}

// useLegend keeps what is shown of a panel in a map, for the time that it is shown elsewhere, or large.
export function useLegend(kept, id) {
  const [shown, set] = useState(() => kept.get(id) ?? everything);
  return { shown, choose: (name, withKey) => { const next = choose(shown, name, withKey); kept.set(id, next); set(next); } };
}

const titles = { lastNotNull: 'Last', last: 'Last', firstNotNull: 'First', min: 'Min', max: 'Max', mean: 'Mean', sum: 'Sum' };

// Legend has the values that the panel's options ask for, and a large panel those that people want to know.
export function Legend({ options = {}, lines, legend, large }) {
  const asked = (options.calcs ?? []).filter(name => calculations.has(name));
  const calcs = large && asked.length === 0 ? ['lastNotNull', 'min', 'max', 'mean'] : asked;
  const value = (line, calc) => byUnit(line.unit, calculations.get(calc)(line.values), line.field.decimals);
  const name = line => html`<${Name} line=${line} legend=${legend} />`;
  if (!large && (options.showLegend === false || options.displayMode === 'hidden')) return null;
  if (large || (options.displayMode === 'table' && calcs.length > 0)) {
    return html`
      <div class="legend-table" tabindex="0" role="group" aria-label="Legend"><table class="table">
        <thead><tr><th scope="col">Name</th>${calcs.map(c => html`<th scope="col" class="num">${titles[c]}</th>`)}</tr></thead>
        <tbody>${lines.map(line => html`<tr><td>${name(line)}</td>${calcs.map(c => html`<td class="num">${value(line, c)}</td>`)}</tr>`)}</tbody>
      </table></div>`;
  }
  return html`<ul class="legend">${lines.map(line => html`
    <li>${name(line)}${calcs.map(c => html`<span class="hint">${titles[c]}: ${value(line, c)}</span>`)}</li>`)}</ul>`;
}

function Name({ line, legend }) {
  const withKey = event => event.ctrlKey || event.metaKey;
  const choose = event => {
    event.preventDefault(); // Enter with such a key is a click in some browsers
    legend.choose(line.name, withKey(event));
  };
  return html`<button aria-pressed=${!line.hidden} onClick=${choose} onKeyDown=${event => event.key === 'Enter' && withKey(event) && choose(event)}
    title="Only this one; with Ctrl, this one or not"><i style=${{ background: line.color }} />${line.name || 'Value'}</button>`;
}
