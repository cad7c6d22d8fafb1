// One panel: its frame, and in it what the queries answered.

import { html, useRef, useCallback, Link, Problem } from '../ui.js';
import { load } from './queries.js';
import { follow } from './links.js';
import { title } from './variables.js';
import { useLatest, useSight } from './latest.js';
import { useLegend } from './legend.js';
import { About } from './about.js';
import { calculations, mappings, matchers } from './fields.js';
import { known } from './transformations.js';
import { Markdown } from './markdown.js';
import { Timeseries } from './timeseries.js';
import { Heatmap } from './heatmap.js';
import { Stat, Gauge, BarGauge } from './stat.js';
import { Table } from './table.js';

const kinds = { timeseries: Timeseries, heatmap: Heatmap, stat: Stat, gauge: Gauge, bargauge: BarGauge, table: Table };
const still = ['text', 'logs', 'traces'];
const overTime = ['timeseries', 'heatmap'];

// Panel draws a panel of board: {variables, times, range, now, ask, regions, zoom, legends, large}, of the dashboard as it is shown
// now. large(id), if there is one, is the address where a panel is shown large.
export function Panel({ panel, board, style, large }) {
  const ref = useRef();
  const sight = useSight(ref);
  const name = title(panel.title, board.variables), unknown = unknownIn(panel);
  const link = useCallback((url, value) => follow(url, { times: board.times, value }), [board.times]);
  const enlarge = !large && panel.id !== undefined && board.large?.(panel.id);
  const legend = useLegend(board.legends, panel.id);
  return html`
    <section class="panel ${large ? 'panel-large' : ''}" ref=${ref} style=${style} aria-label=${name} data-panel=${panel.id}>
      <header><${large ? 'h2' : 'h3'} title=${name}>${name}<//>
        ${!large && html`<${About} panel=${panel} board=${board} link=${link} />`}
        ${enlarge && html`<${Link} class="panel-button panel-enlarge" href=${enlarge} aria-label="Show ${name} large" title="Show large">⤢<//>`}
      </header>
      ${unknown
        ? html`<div class="panel-empty">This page does not ${unknown}.</div>`
        : kinds[panel.type] ? html`<${Answers} panel=${panel} board=${board} sight=${sight} link=${link} legend=${legend} large=${large} />`
        : html`<${Still} panel=${panel} board=${board} link=${link} />`}
    </section>
    ${large && html`<${About} panel=${panel} board=${board} link=${link} large />`}`;
}

// unknownIn returns what a panel wants that the page cannot do: better named than drawn wrongly.
function unknownIn(panel) {
  const { type, transformations = [], options, fieldConfig: { defaults = {}, overrides = [] } = {} } = panel;
  if (!kinds[type] && !still.includes(type)) return `draw panels of type ${type}`;
  if (panel.repeat) return `repeat a panel for each value of ${panel.repeat}`;
  if (kinds[type]) {
    const source = [panel, ...panel.targets ?? []].map(sourceOf).find(s => s && s !== 'prometheus' && s !== 'mixed');
    if (source) return `ask a data source of type ${source}`;
    if (panel.targets?.some(t => !t.hide && !t.expr)) return 'know a query that is not PromQL';
  }
  if (panel.timeShift) return `shift the time of a panel (by ${panel.timeShift})`;
  if (panel.timeFrom) return `give a panel a time range of its own (${panel.timeFrom})`;
  const styles = [defaults.custom?.stacking, ...overrides.flatMap(o => o.properties ?? []).filter(p => p.id === 'custom.stacking').map(p => p.value)];
  const stacking = styles.find(s => s && !['none', 'normal'].includes(s.mode));
  if (stacking) return `stack by ${stacking.mode}`;
  const matcher = overrides.find(o => !matchers.has(o.matcher?.id));
  if (matcher) return `know the matcher ${matcher.matcher?.id} of an override`;
  const mapping = defaults.mappings?.find(m => !mappings.has(m.type));
  if (mapping) return `know value mappings of type ${mapping.type}`;
  const transformation = transformations.find(t => !known.has(t.id));
  if (transformation) return `know the transformation ${transformation.id}`;
  const calculation = options?.reduceOptions?.calcs?.find(name => !calculations.has(name));
  return calculation && `know the calculation ${calculation}`;
}

// sourceOf returns the type of a data source, if it is said. Grafana writes expressions on the server as a source of their own.
function sourceOf({ datasource }) {
  if (datasource?.uid === '__expr__') return '__expr__';
  if (datasource?.uid === '-- Mixed --') return 'mixed';
  return datasource?.type;
}

// Still is a panel that asks nothing.
function Still({ panel, board, link }) {
  if (panel.type === 'text') {
    return html`<div class="panel-scroll panel-text" tabindex="0" role="group" aria-label=${panel.title}>
      <${Markdown} text=${title(panel.options?.content, board.variables)} link=${link} /></div>`;
  }
  const q = panel.targets?.find(t => t.queryType === 'traceql')?.query;
  return html`<div class="panel-empty"><${Link} href=${q ? `/traces?${new URLSearchParams({ q })}` : '/traces'}>
    ${panel.type === 'logs' ? 'Logs stand beside the spans of their trace' : 'Traces'}<//></div>`;
}

function Answers({ panel, board, sight, ...rest }) {
  const { variables, times, now, range, ask, regions, zoom } = board;
  const key = JSON.stringify([times, sight.width, variables.map(v => [v.all, v.values])]);
  const { value, error } = useLatest(signal => load(panel, variables, { now, range }, sight.width, ask, signal), key, now, sight.seen && sight.width > 0);
  return html`
    ${error && html`<${Problem} error=${error} />`}
    ${value
      ? html`<${Drawn} panel=${panel} data=${value} regions=${regions} zoom=${zoom} ...${rest} />`
      : !error && html`<div class="panel-waiting" role="status"><span class="visually-hidden">Asking…</span></div>`}`;
}

// Drawn says so where nothing was answered.
function Drawn(props) {
  const { panel, data } = props;
  const empty = overTime.includes(panel.type) && !data.series.some(s => s.values.some(Number.isFinite));
  if (empty) return html`<div class="panel-empty">${panel.fieldConfig?.defaults?.noValue ?? 'No data'}</div>`;
  return html`<${kinds[panel.type]} ...${props} />`;
}
