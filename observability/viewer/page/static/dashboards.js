// The dashboards of grafana/dashboards, as they are: the list of them, and one.

import { html, useState, useEffect, useMemo, useRef, useLoad, Link, Problem, Empty, Title } from './ui.js';
import { get } from './api.js';
import { go } from './router.js';
import { length, rangeOf, refreshes } from './dashboard/time.js';
import { Range, useRange, zoomOf } from './dashboard/range.js';
import { chosen, isUndecided, search, title } from './dashboard/variables.js';
import { newAsk, regions, values } from './dashboard/queries.js';
import { follow } from './dashboard/links.js';
import { oneLine } from './text.js';
import { useLatest } from './dashboard/latest.js';
import { Panel } from './dashboard/panel.js';
import { Popover } from './dashboard/popover.js';
import { Variable } from './dashboard/variable.js';

export default function Dashboards({ params, query }) {
  return params.length > 0 ? html`<${Dashboard} uid=${params[0]} query=${query} />` : html`<${List} />`;
}

const useList = () => useLoad(() => get('/api/dashboards'), []);

function List() {
  const { value, error } = useList();
  return html`
    <div class="stack">
      <${Title} text="Dashboards" />
      <${Problem} error=${error} />
      ${value?.items.length === 0 && html`<${Empty} title="There are no dashboards">Clew brings seven: grafana/dashboards holds them.<//>`}
      <div class="dashboards">
        ${value?.items.map(d => (d.problem
          ? html`<div class="card"><h2>${d.title}</h2><p class="bad">${d.problem}</p></div>`
          : html`<${Link} class="card" href="/d/${encodeURIComponent(d.uid)}"><h2>${d.title}</h2><p class="hint">${d.description}</p><//>`))}
      </div>
    </div>`;
}

function Dashboard({ uid, query }) {
  const { value, error } = useLoad(() => get(`/api/dashboards/${encodeURIComponent(uid)}`), [uid]);
  const { value: first, error: unknown } = useFirst(value);
  return html`<${Problem} error=${error ?? unknown} />${value && (first || unknown) && html`
    <${Board} dashboard=${value} query=${query} first=${first ?? new Map()} />`}`;
}

const usual = dashboard => ({ from: dashboard?.time?.from ?? 'now-15m', to: dashboard?.time?.to ?? 'now' });

// useFirst asks for the first values of the variables for which a dashboard has chosen none, one after the other, because a
// later one may depend on them.
function useFirst(dashboard) {
  return useLoad(async () => {
    const { start, end } = rangeOf({}, usual(dashboard), Date.now() / 1000);
    const first = new Map(), board = { now: end, range: end - start };
    const ask = newAsk(), never = new AbortController().signal;
    for (const v of dashboard?.templating?.list.filter(isUndecided) ?? []) {
      const variables = chosen(dashboard, new URLSearchParams(), first);
      const [value] = await values(variables.find(({ name }) => name === v.name), variables, board, ask, never);
      if (value !== undefined) first.set(v.name, value);
    }
    return dashboard && first;
  }, [dashboard]);
}

// Board shows a dashboard for the time and the variables that the address says, in Grafana's words.
function Board({ dashboard, query, first }) {
  const refresh = query.get('refresh') ?? dashboard.refresh ?? '';
  const range = useRange(query, usual(dashboard), length(refresh) ?? 0);
  const { times, next } = range;
  const [ask] = useState(newAsk), [legends] = useState(() => new Map());
  const variables = useMemo(() => chosen(dashboard, query, first), [dashboard, query, first]);
  const [marked, setMarked] = useState(true);
  const time = { now: range.end, range: range.end - range.start, times };
  const marks = useRegions(dashboard, { variables, ...time, ask });

  const address = changes => {
    const { viewPanel = query.get('viewPanel'), ...rest } = { ...times, refresh, ...changes };
    return `/d/${dashboard.uid}?${search(rest.variables ?? variables, { from: rest.from, to: rest.to, refresh: rest.refresh, ...viewPanel && { viewPanel } })}`;
  };
  const move = changes => go(address(changes), { replace: true });
  const change = times => { next(); go(address(times)); }; // the way back leads to the range before
  const choose = (name, values) => move({ variables: variables.map(v => (v.name === name ? { ...v, values, all: values.length ? undefined : v.all ?? '.+' } : v)) });
  const board = {
    ...time, variables, ask, legends, regions: marked ? marks.value : undefined,
    zoom: zoomOf(range, change), large: id => address({ viewPanel: String(id) }),
  };
  const { large, unknown } = useLarge(dashboard, query.get('viewPanel'));

  return html`
    <div class="board-head">
      <${Title} text=${dashboard.title} /><p class="hint">${dashboard.description}</p>
    </div>
    <div class="toolbar board-bar">
      ${variables.filter(v => v.type !== 'constant' && v.hide !== 2).map(v => html`
        <${Variable} variable=${v} variables=${variables} board=${board} onChange=${values => choose(v.name, values)} />`)}
      ${dashboard.annotations?.list?.filter(a => a.enable && !a.hide && a.target).slice(0, 1).map(a => html`
        <label class="row"><input type="checkbox" checked=${marked} onChange=${() => setMarked(!marked)} />${a.name}</label>`)}
      <${Problem} error=${marks.error} />
      <span class="grow" />
      <${Links} dashboard=${dashboard} variables=${variables} times=${times} />
      <${Range} range=${range} onChange=${change} />
      <${Choice} label="Refresh" value=${range.moves ? refresh : ''} disabled=${!range.moves} onChange=${r => move({ refresh: r })}
        options=${[['', range.moves ? 'Refresh: off' : 'Fixed times'], ...refreshes.map(r => [r, `Every ${r.replace(/(\d+)/, '$1 ')}`])]} />
      <button class="button" onClick=${next} aria-label="Refresh now">↻</button>
    </div>
    <${Problem} error=${range.problem ?? unknown} />
    ${!dashboard.panels?.length && html`<${Empty} title="This dashboard has no panels">${dashboard.rows
      ? 'It has rows, the form of dashboards before Grafana 5: a newer Grafana that loads and saves it writes panels.' : ''}<//>`}
    ${large ? html`<${Large} key=${large.id} panel=${large} board=${board} title=${dashboard.title} back=${address({ viewPanel: '' })} />`
      : sections(dashboard.panels ?? []).map(section => html`<${Section} key=${section.row?.id ?? 0} ...${section} board=${board} />`)}`;
}

// useLarge returns the panel that the address wants large, as 7 or panel-7, and gives the keyboard back to it afterwards.
function useLarge(dashboard, asked) {
  const id = asked?.replace(/^panel-/, ''), before = useRef();
  const large = (dashboard.panels ?? []).flatMap(p => [p, ...p.panels ?? []]).find(p => p.type !== 'row' && id && String(p.id) === id);
  useEffect(() => {
    if (!large && before.current) document.querySelector(`[data-panel="${before.current.id}"] .panel-enlarge`)?.focus();
    before.current = large;
  }, [large]);
  return { large, unknown: id && !large ? new Error(`This dashboard has no panel “${oneLine(id, 40)}”. Shown are all.`) : undefined };
}

// Large is one panel in the place of all.
function Large({ panel, board, title, back }) {
  const box = useRef();
  useEffect(() => box.current.querySelector('a').focus(), []);
  useEffect(() => {
    const leave = event => event.key === 'Escape' && !event.defaultPrevented && !document.querySelector(':popover-open') && go(back);
    addEventListener('keydown', leave);
    return () => removeEventListener('keydown', leave);
  }, [back]);
  return html`
    <div class="stack" ref=${box}>
      <p><${Link} href=${back} title="or press Escape">← ${title}<//></p>
      <${Panel} panel=${panel} board=${board} large />
    </div>`;
}

// useRegions asks for the annotations.
function useRegions(dashboard, { variables, times, now, range, ask }) {
  const list = (dashboard.annotations?.list ?? []).filter(a => a.enable && (a.target?.expr || a.expr));
  const key = JSON.stringify([times, variables.map(v => [v.all, v.values])]);
  const load = async signal => (await Promise.all(list.map(a => regions(a, variables, { now, range }, ask, signal)))).flat();
  return useLatest(load, key, now, list.length > 0);
}

// Choice is a select. What the dashboard has chosen stands in it, even if it is none of ours.
function Choice({ label, value, options, disabled, onChange }) {
  const all = options.some(([v]) => v === value) ? options : [[value, value], ...options];
  return html`<select aria-label=${label} value=${value} disabled=${disabled} onChange=${event => onChange(event.target.value)}>
    ${all.map(([v, text]) => html`<option value=${v} selected=${v === value}>${text}</option>`)}</select>`;
}

// Links are those of the dashboard to others, and to traces.
function Links({ dashboard, variables, times }) {
  const list = useList();
  const keep = ({ keepTime, includeVars }) => {
    const kept = search(includeVars ? variables : [], keepTime ? times : {});
    return kept && `?${kept}`;
  };
  return (dashboard.links ?? []).map(l => {
    if (l.type === 'dashboards') {
      return html`<${Popover} class="button" face=${l.title}>
        <ul>${list.value?.items.map(d => html`<li><${Link} href="/d/${d.uid}${keep(l)}">${d.title}<//></li>`)}</ul><//>`;
    }
    const href = follow(l.url, { times });
    return href && html`<${Link} class="button" href=${href + (href.includes('?') ? '' : keep(l))} title=${l.tooltip || null}>${title(l.title, variables)}<//>`;
  });
}

// sections are the rows: {row, panels}. A collapsed row holds its panels itself.
function sections(panels) {
  const found = [{ panels: [] }];
  const add = ({ panels }, panel) => panels.push(panel.gridPos ? panel : { ...panel, gridPos: { x: 0, y: below(panels), w: 24, h: 8 } });
  for (const panel of panels) {
    if (panel.type !== 'row') {
      add(found.at(-1), panel);
      continue;
    }
    found.push({ row: panel, panels: [] });
    for (const folded of panel.panels ?? []) add(found.at(-1), folded);
  }
  return found.filter(s => s.row || s.panels.length > 0);
}

// below is the first line under panels: the place of one that does not say where it stands.
const below = panels => panels.reduce((most, { gridPos: { y, h } }) => Math.max(most, y + h), 0);

function Section({ row, panels, board }) {
  const [open, setOpen] = useState(!row?.collapsed);
  useEffect(() => setOpen(!row?.collapsed), [row]);
  const top = Math.min(...panels.map(p => p.gridPos.y));
  const place = ({ x, y, w, h }) => ({ '--x': x + 1, '--y': y - top + 1, '--w': w, '--h': h });
  return html`
    ${row && html`<h2 class="board-row"><button aria-expanded=${open} onClick=${() => setOpen(!open)}>${title(row.title, board.variables)}</button></h2>`}
    ${open && html`<div class="board-grid">${panels.map(p => html`<${Panel} key=${p.id} panel=${p} board=${board} style=${place(p.gridPos)} />`)}</div>`}`;
}
