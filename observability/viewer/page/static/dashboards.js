// The dashboards of grafana/dashboards, as they are: the list of them, and one.

import { html, useState, useEffect, useMemo, useLoad, Link, Problem, Empty } from './ui.js';
import { get } from './api.js';
import { go } from './router.js';
import { length, ranges, refreshes } from './dashboard/time.js';
import { chosen, search, title } from './dashboard/variables.js';
import { newAsk, regions } from './dashboard/queries.js';
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
      <h1>Dashboards</h1>
      <${Problem} error=${error} />
      ${value?.items.length === 0 && html`<${Empty} title="There are no dashboards">Clew brings seven: grafana/dashboards holds them.<//>`}
      <div class="dashboards">
        ${value?.items.map(d => html`<${Link} class="card" href="/d/${d.uid}"><h2>${d.title}</h2><p class="hint">${d.description}</p><//>`)}
      </div>
    </div>`;
}

function Dashboard({ uid, query }) {
  const { value, error } = useLoad(() => get(`/api/dashboards/${uid}`), [uid]);
  return html`<${Problem} error=${error} />${value && html`<${Board} dashboard=${value} query=${query} />`}`;
}

// Board shows a dashboard for the time and the variables that the address says, in Grafana's words.
function Board({ dashboard, query }) {
  const asked = length(query.get('from')) ? query.get('from') : dashboard.time?.from ?? 'now-15m';
  const refresh = query.get('refresh') ?? dashboard.refresh ?? '';
  const [now, next] = useTurns(length(refresh) ?? 0);
  const [ask] = useState(newAsk);
  const range = length(asked) ?? 900;
  const variables = useMemo(() => chosen(dashboard, query), [dashboard, query]);
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
      <h1>${dashboard.title}</h1><p class="hint">${dashboard.description}</p>
    </div>
    <div class="toolbar board-bar">
      ${variables.filter(v => v.type === 'query' && v.hide !== 2).map(v => html`
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
    ${sections(dashboard.panels).map(section => html`<${Section} key=${section.row?.id ?? 0} ...${section} board=${board} />`)}`;
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
  for (const panel of panels) {
    if (panel.type === 'row') found.push({ row: panel, panels: [...panel.panels ?? []] });
    else found.at(-1).panels.push(panel);
  }
  return found.filter(s => s.row || s.panels.length > 0);
}

function Section({ row, panels, board }) {
  const [open, setOpen] = useState(!row?.collapsed);
  useEffect(() => setOpen(!row?.collapsed), [row]);
  const top = Math.min(...panels.map(p => p.gridPos.y));
  const place = ({ x, y, w, h }) => ({ '--x': x + 1, '--y': y - top + 1, '--w': w, '--h': h });
  return html`
    ${row && html`<h2 class="board-row"><button aria-expanded=${open} onClick=${() => setOpen(!open)}>${title(row.title, board.variables)}</button></h2>`}
    ${open && html`<div class="board-grid">${panels.map(p => html`<${Panel} key=${p.id} panel=${p} board=${board} style=${place(p.gridPos)} />`)}</div>`}`;
}
