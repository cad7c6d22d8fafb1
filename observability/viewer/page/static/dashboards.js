// The dashboards of grafana/dashboards, as they are: the list of them, and one.

import { html, useState, useEffect, useMemo, useLoad, Link, Problem, Empty, Title } from './ui.js';
import { get } from './api.js';
import { go } from './router.js';
import { length, ranges, refreshes } from './dashboard/time.js';
import { chosen, isUndecided, search, title } from './dashboard/variables.js';
import { newAsk, regions, values } from './dashboard/queries.js';
import { follow } from './dashboard/links.js';
import { useLatest, useTurns } from './dashboard/latest.js';
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

// useFirst asks for the first values of the variables for which a dashboard has chosen none, one after the other, because a
// later one may depend on them.
function useFirst(dashboard) {
  return useLoad(async () => {
    const first = new Map(), board = { now: Date.now() / 1000, range: length(dashboard?.time?.from) ?? 900 };
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
  const asked = length(query.get('from')) ? query.get('from') : dashboard.time?.from ?? 'now-15m';
  const refresh = query.get('refresh') ?? dashboard.refresh ?? '';
  const [now, next] = useTurns(length(refresh) ?? 0);
  const [ask] = useState(newAsk);
  const range = length(asked) ?? 900;
  const variables = useMemo(() => chosen(dashboard, query, first), [dashboard, query, first]);
  const times = useMemo(() => ({ from: asked, to: 'now' }), [asked]);
  const [marked, setMarked] = useState(true);
  const marks = useRegions(dashboard, { variables, now, range, ask });
  const board = { variables, times, now, range, ask, regions: marked ? marks.value : undefined };

  const move = changes => {
    const rest = { ...times, refresh, ...changes };
    go(`/d/${dashboard.uid}?${search(changes.variables ?? variables, { from: rest.from, to: 'now', refresh: rest.refresh })}`, { replace: true });
  };
  const choose = (name, values) => move({ variables: variables.map(v => (v.name === name ? { ...v, values, all: values.length ? undefined : v.all ?? '.+' } : v)) });

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
      <${Choice} label="Time range" value=${asked} options=${ranges.map(r => [`now-${r}`, `Last ${r.replace(/(\d+)/, '$1 ')}`])} onChange=${from => { next(); move({ from }); }} />
      <${Choice} label="Refresh" value=${refresh} options=${[['', 'Refresh: off'], ...refreshes.map(r => [r, `Every ${r.replace(/(\d+)/, '$1 ')}`])]} onChange=${r => move({ refresh: r })} />
      <button class="button" onClick=${next} aria-label="Refresh now">↻</button>
    </div>
    ${!dashboard.panels?.length && html`<${Empty} title="This dashboard has no panels">${dashboard.rows
      ? 'It has rows, the form of dashboards before Grafana 5: a newer Grafana that loads and saves it writes panels.' : ''}<//>`}
    ${sections(dashboard.panels ?? []).map(section => html`<${Section} key=${section.row?.id ?? 0} ...${section} board=${board} />`)}`;
}

// useRegions asks for the annotations.
function useRegions(dashboard, { variables, now, range, ask }) {
  const list = (dashboard.annotations?.list ?? []).filter(a => a.enable && (a.target?.expr || a.expr));
  const key = JSON.stringify([range, variables.map(v => [v.all, v.values])]);
  const load = async signal => (await Promise.all(list.map(a => regions(a, variables, { now, range }, ask, signal)))).flat();
  return useLatest(load, key, now, list.length > 0);
}

// Choice is a select. What the dashboard has chosen stands in it, even if it is none of ours.
function Choice({ label, value, options, onChange }) {
  const all = options.some(([v]) => v === value) ? options : [[value, value], ...options];
  return html`<select aria-label=${label} value=${value} onChange=${event => onChange(event.target.value)}>
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
