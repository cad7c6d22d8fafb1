// The choice of a variable's values.

import { html, useState, Problem } from '../ui.js';
import { values } from './queries.js';
import { useLatest } from './latest.js';
import { Popover } from './popover.js';

const known = ['query', 'custom', 'interval', 'constant', 'textbox'];

// Variable asks for the values when it is opened. None chosen means all, where the dashboard has an "all".
export function Variable({ variable, variables, board, onChange }) {
  const [opened, setOpened] = useState(0);
  const key = JSON.stringify([board.times, variables.map(v => [v.all, v.values])]);
  const { value, error } = useLatest(signal => values(variable, variables, board, board.ask, signal), key, opened, opened > 0);
  const { label, all, multi, includeAll, type } = variable;
  if (type === 'textbox') {
    return html`<label class="field"><span class="hint">${label}</span>
      <input value=${variable.values[0] ?? ''} onChange=${event => onChange([event.target.value])} /></label>`;
  }
  if (!known.includes(type)) return html`<span class="hint">This page does not know variables of type ${type}: ${label}.</span>`;
  const text = name => variable.options.find(o => o.value === name)?.text ?? name;
  const offered = [...new Set([...variable.values, ...value ?? []])].sort();
  const toggle = name => {
    const rest = variable.values.filter(v => v !== name);
    if (!multi) return onChange([name]);
    onChange(rest.length < variable.values.length ? rest : [...rest, name]);
  };
  const box = (face, checked, change) => html`
    <label><input type=${multi ? 'checkbox' : 'radio'} checked=${checked} onChange=${change} />${face}</label>`;
  return html`
    <${Popover} class="button" face=${html`<span class="hint">${label}</span> ${all ? 'All' : variable.values.map(text).join(', ')} ▾`} onOpen=${() => setOpened(opened + 1)}>
      <fieldset class="choices"><legend class="hint">${label}</legend>
        ${includeAll && box('All', Boolean(all), () => onChange([]))}
        ${offered.map(name => box(text(name), variable.values.includes(name), () => toggle(name)))}
        ${value?.length === 0 && html`<p class="hint">There are none in this time range.</p>`}
        <${Problem} error=${error} />
      </fieldset>
    <//>`;
}
