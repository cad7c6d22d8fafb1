// The choice of a time range: quick ones, from and to, earlier and later, closer and further away.

import { html, useState, useEffect, useMemo } from '../ui.js';
import { seconds } from '../format.js';
import { around, at, editable, length, rangeOf, ranges, wrong, written } from './time.js';
import { useTurns } from './latest.js';
import { Popover } from './popover.js';

// useRange is rangeOf for a query of the page's address, with next: it moves on at a call of that, and every so many seconds.
export function useRange(query, usual, refresh) {
  const asked = { from: query.get('from'), to: query.get('to') };
  const { moves } = rangeOf(asked, usual, Date.now() / 1000);
  const [now, next] = useTurns(moves ? refresh : 0);
  const range = rangeOf(asked, usual, now);
  const times = useMemo(() => range.times, [range.times.from, range.times.to]);
  useEffect(() => { if (Date.now() / 1000 - now > 1) next(); }, [times]); // what is shown again shall not end when it was left
  return { ...range, times, next };
}

// zoomOf is how a chart, or a button, changes a range: change is told {from, to} for the address.
export function zoomOf({ start, end }, change) {
  const length = end - start, middle = (start + end) / 2, to = (middle, length) => change(around(middle, length, Date.now() / 1000));
  return {
    to: (start, end) => to((start + end) / 2, end - start),
    in: (about = middle) => to(about, length / 2),
    out: () => to(middle, length * 2),
    move: share => to(middle + length * share, length),
  };
}

// Range shows a range of rangeOf.
export function Range({ range, onChange }) {
  const zoom = zoomOf(range, onChange);
  const button = (label, face, act, rest) => html`<button class="button" aria-label=${label} title=${label} onClick=${act} ...${rest}>${face}</button>`;
  const text = written(range), face = text[0].toUpperCase() + text.slice(1);
  return html`
    <div class="range" role="group" aria-label="Time range">
      ${button('Earlier', '‹', () => zoom.move(-.5))}
      <${Popover} class="button" label="Time range: ${text}" face=${`${face} ▾`}><${Fields} key=${JSON.stringify(range.times)} times=${range.times} onChange=${onChange} /><//>
      ${button('Later', '›', () => zoom.move(.5), { disabled: range.times.to === 'now' || range.end > Date.now() / 1000 - 1 })}
      ${button('Zoom out', '−', zoom.out)}
      ${button('Zoom in', '+', () => zoom.in())}
    </div>`;
}

function Fields({ times, onChange }) {
  const now = Date.now() / 1000;
  const [written, write] = useState(() => ({ from: editable(times.from, now), to: editable(times.to, now) }));
  const [problem, setProblem] = useState();
  const finish = (event, times) => {
    event.target.closest('[popover]').hidePopover();
    onChange(times);
  };
  const apply = event => {
    event.preventDefault();
    const trimmed = { from: written.from.trim(), to: written.to.trim() };
    const mistake = wrong(trimmed, Date.now() / 1000);
    setProblem(mistake);
    const inAddress = text => (/^now/.test(text) ? text : String(Math.round(at(text) * 1000)));
    if (!mistake) finish(event, { from: inAddress(trimmed.from), to: inAddress(trimmed.to) });
  };
  const field = (name, title) => html`<label class="field"><span>${title}</span>
    <input name=${name} spellcheck="false" autocomplete="off" value=${written[name]} onInput=${e => write({ ...written, [name]: e.target.value })} /></label>`;
  return html`
    <div class="range-choice">
      <form onSubmit=${apply}>
        ${field('from', 'From')}${field('to', 'To')}
        ${problem && html`<p class="problem" role="alert">${problem}</p>`}
        <button class="button button-primary">Apply</button>
      </form>
      <ul>${ranges.map(r => html`<li><button class="button quiet" aria-current=${times.from === `now-${r}` && times.to === 'now' ? 'true' : null}
        onClick=${event => finish(event, { from: `now-${r}`, to: 'now' })}>Last ${seconds(length(r))}</button></li>`)}</ul>
    </div>`;
}
