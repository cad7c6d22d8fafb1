// Lag over the last minutes: from the recording rule at first, then from what each event says.

import { html, useLoad, useMemo, useRef, Problem } from './ui.js';
import { get } from './api.js';
import { byUnit } from './format.js';
import { Chart } from './dashboard/chart.js';
import { unitAxis } from './dashboard/axes.js';
import { onCanvas } from './dashboard/colors.js';
import { colour } from './service.js';
import { Name, oneLine } from './text.js';

const seconds = 600, step = 2; // of what is shown, and between two points of the history

const colorOf = name => colour(name.split(' → ')[1]);
const nameOf = (stream, partition, group) => `${stream}/${partition} → ${group}`;

export function LagChart({ items, when, title, unit, metric, of }) {
  const live = useRef([]); // [name, time in s, value]
  const { value: history, error } = useLoad(async () => {
    const end = Math.floor(Date.now() / 1000);
    const query = new URLSearchParams({ query: metric, start: end - seconds, end, step });
    return (await get(`/api/v1/query_range?${query}`)).data.result.flatMap(({ metric: m, values }) => values.map(([time, value]) => [
      nameOf(m.messaging_destination_name, m.messaging_destination_partition_id, m.messaging_consumer_group_name), time, Number(value)]));
  }, [metric]);
  const to = when / 1000;
  const [names, data] = useMemo(() => {
    live.current.push(...items.flatMap(s => s.groups.map(g => [nameOf(s.stream, s.partition, g.name), to, of(g)])));
    live.current = live.current.filter(([, time]) => time > to - seconds);
    const since = live.current[0]?.[1] ?? to;
    const points = [...(history ?? []).filter(([, time]) => time < since), ...live.current];
    const series = [...Map.groupBy(points, ([name]) => name)].sort(([a], [b]) => (a < b ? -1 : 1));
    return [series.map(([name]) => name),
      series.length ? uPlot.join(series.map(([, list]) => [list.map(p => p[1]), list.map(p => p[2])])) : [[]]];
  }, [history, when]);
  const read = ({ cursor: { idx } }) => (idx === null || idx === undefined ? undefined : {
    time: data[0][idx],
    rows: names.map((name, i) => ({ name: oneLine(name), color: colorOf(name), text: byUnit(unit, data[i + 1][idx]) })),
  });
  const options = element => ({
    axes: [unitAxis(element, unit)],
    scales: { y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] } },
    series: [{}, ...names.map(name => ({ label: oneLine(name), width: 2, spanGaps: true, points: { show: false }, stroke: onCanvas(element, colorOf(name)) }))],
  });
  return html`
    <figure class="card lag-chart">
      <figcaption>${title} <span class="hint">last ${seconds / 60} minutes</span></figcaption>
      <${Problem} error=${error} />
      <${Chart} label=${title} shape=${names.join()} data=${data} from=${to - seconds} to=${to} options=${options} read=${read} />
      <p class="hint">${names.map(name => html`<span><i style=${{ background: colorOf(name) }} /><${Name} text=${name} /> </span>`)}</p>
    </figure>`;
}
