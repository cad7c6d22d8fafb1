// A chart over time: uPlot, and around it what a mouse, a keyboard and a theme need.

import { html, useState, useEffect, useRef, Link } from '../ui.js';
import { timeAxis } from './axes.js';
import { css, onCanvas } from './colors.js';
import { clock } from './time.js';

const { uPlot } = globalThis;

// useTheme draws again when the theme changes, by the button or the system.
function useTheme() {
  const [turn, set] = useState(0);
  useEffect(() => {
    const changed = () => set(t => t + 1);
    const system = matchMedia('(prefers-color-scheme: dark)');
    addEventListener('themechange', changed);
    system.addEventListener('change', changed);
    return () => {
      removeEventListener('themechange', changed);
      system.removeEventListener('change', changed);
    };
  }, []);
  return turn;
}

// Chart draws data ([times, values…]) from one time to another.
//   label            what it shows, for those who do not see it
//   shape            a text: when it changes, the chart is made anew with what options(element) returns for uPlot
//   read(u)          what to say at the cursor: {time, rows: [{name, color, text}]}, or undefined
//   regions          annotations: [{from, to, title, text, color}]
//   marks, place(u, mark)   exemplars, {time, value, trace, text}, and where each stands, {x, y} in pixels
//   zoom             if there is one: to(start, end) for what is dragged over, in(middle) and out(), by the keys + and -
export function Chart(props) {
  const box = useRef(), plot = useRef(), latest = useRef(props), active = useRef(false);
  const [spot, setSpot] = useState();
  const [, drawn] = useState(0);
  const theme = useTheme();
  latest.current = props;

  useEffect(() => {
    const element = box.current;
    const { hooks = {}, scales = {}, cursor, axes, ...options } = latest.current.options(element);
    const u = new uPlot({
      width: element.clientWidth,
      height: element.clientHeight,
      padding: [8, 16, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: Boolean(props.zoom), y: false, setScale: false, dist: 5 },
        // What is dragged over in one chart is not in the others.
        sync: { key: 'dashboard', filters: { pub: event => /^mouse(move|leave)$/.test(event) } },
        bind: { dblclick: () => () => latest.current.zoom?.out() },
        points: { size: 6 },
        ...cursor,
      },
      ...options,
      axes: [timeAxis(element), ...axes],
      scales: { x: { time: true, range: () => [latest.current.from, latest.current.to] }, ...scales },
      hooks: {
        drawClear: [u => shade(u, element, latest.current.regions), ...(hooks.drawClear ?? [])],
        draw: [...(hooks.draw ?? []), () => drawn(n => n + 1)],
        setSelect: [u => drag(u, latest.current.zoom)],
        setCursor: [u => setSpot(active.current && u.cursor.left >= 0 ? { left: u.cursor.left, top: u.cursor.top } : undefined)],
      },
    }, latest.current.data, element);
    plot.current = u;
    const resized = new ResizeObserver(() => {
      const width = element.clientWidth, height = element.clientHeight;
      if (width !== u.width || height !== u.height) u.setSize({ width, height });
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      u.destroy();
      plot.current = undefined;
    };
  }, [props.shape, theme]);
  useEffect(() => plot.current.setData(props.data), [props.data, props.from]);
  useEffect(() => plot.current.redraw(false), [props.regions]);

  const at = isIn => () => {
    active.current = isIn;
    if (!isIn) setSpot();
  };
  const u = plot.current;
  return html`
    <div class="chart" onMouseEnter=${at(true)} onMouseLeave=${at(false)}>
      <div class="chart-plot" ref=${box} tabindex="0" role="group" aria-roledescription="chart"
        aria-label="${props.label}. The left and right arrow keys read its values${props.zoom ? ', plus and minus zoom' : ''}."
        onFocus=${at(true)} onBlur=${at(false)} onKeyDown=${event => step(event, plot.current) || zoomed(event, plot.current, props.zoom)}></div>
      ${u && props.marks?.length > 0 && html`<${Marks} u=${u} marks=${props.marks} place=${props.place} />`}
      ${u && spot && html`<${Tooltip} u=${u} spot=${spot} said=${props.read(u)} regions=${props.regions} />`}
    </div>`;
}

// step moves the cursor to the next point or the one before; Escape takes it away. It tells whether the key was for that.
function step(event, u) {
  const last = u.data[0].length - 1;
  const { idx } = u.cursor;
  const to = { ArrowLeft: (idx ?? last + 1) - 1, ArrowRight: (idx ?? last - 1) + 1, Home: 0, End: last, Escape: u.cursor.left >= 0 ? null : undefined }[event.key];
  if (to === undefined) return false;
  event.preventDefault();
  if (to === null) u.setCursor({ left: -10, top: -10 });
  else u.setCursor({ left: Math.max(0, u.valToPos(u.data[0][Math.min(Math.max(to, 0), last)], 'x')), top: u.over.clientHeight / 2 }, true, true);
  return true;
}

// zoomed zooms in on the cursor, or out.
function zoomed({ key }, u, zoom) {
  if (key === '+' || key === '=') zoom?.in(u.cursor.left >= 0 ? u.posToVal(u.cursor.left, 'x') : undefined);
  if (key === '-') zoom?.out();
}

// drag zooms to what was dragged over, and takes its mark away.
function drag(u, zoom) {
  const { left, width } = u.select;
  if (width === 0) return;
  u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  zoom?.to(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'));
}

function Tooltip({ u, spot, said, regions = [] }) {
  if (!said) return null;
  const over = u.over.getBoundingClientRect();
  const x = over.left + spot.left, y = over.top + spot.top;
  const style = {
    ...(x > innerWidth / 2 ? { right: `${innerWidth - x + 14}px` } : { left: `${x + 14}px` }),
    ...(y > innerHeight / 2 ? { bottom: `${innerHeight - y + 8}px` } : { top: `${y + 8}px` }),
  };
  return html`
    <div class="chart-tooltip" role="status" style=${style}>
      <div class="hint">${clock(said.time)}</div>
      ${regions.filter(r => said.time >= r.from && said.time <= r.to).map(r => html`<div><i style=${{ background: css(r.color) }} />${r.title}: ${r.text}</div>`)}
      ${said.rows.map(row => html`<div><i style=${{ background: row.color }} /><span>${row.name}</span><b>${row.text}</b></div>`)}
    </div>`;
}

// Marks are the exemplars. Of those that would cover each other, one is there. The arrow keys go from one to the next.
function Marks({ u, marks, place }) {
  const { left, top, width, height } = u.bbox, ratio = devicePixelRatio;
  const cells = new Map();
  for (const mark of marks) {
    const { x, y } = place(u, mark);
    if (x >= 0 && x <= width / ratio) cells.set(`${Math.round(x / 14)} ${Math.round(y / 14)}`, { mark, x, y });
  }
  const shown = [...cells.values()].sort((a, b) => a.x - b.x);
  const move = event => {
    const to = { ArrowLeft: 'previousElementSibling', ArrowRight: 'nextElementSibling' }[event.key];
    if (to) event.preventDefault();
    if (to) event.target[to]?.focus();
  };
  return html`
    <div class="chart-marks" role="group" aria-label="Exemplars: each opens a trace" onKeyDown=${move}
      style=${{ left: `${left / ratio}px`, top: `${top / ratio}px` }}>
      ${shown.map(({ mark, x, y }, i) => {
        const text = `Trace of ${clock(mark.time)}: ${mark.text}`;
        const style = { left: `${x}px`, top: `${Math.min(Math.max(y, 0), height / ratio)}px` };
        return html`<${Link} key=${mark.trace} href="/traces/${encodeURIComponent(mark.trace)}" class="chart-mark" style=${style}
          title=${text} aria-label=${text} tabindex=${i === 0 ? 0 : -1} />`;
      })}
    </div>`;
}

// shade draws annotations beneath everything.
function shade(u, element, regions = []) {
  u.ctx.save();
  for (const { from, to, color } of regions) {
    const clamp = time => Math.min(Math.max(u.valToPos(time, 'x', true), u.bbox.left), u.bbox.left + u.bbox.width);
    if (to < u.scales.x.min || from > u.scales.x.max) continue;
    const left = clamp(from), right = clamp(to);
    u.ctx.fillStyle = onCanvas(element, css(color), .14);
    u.ctx.fillRect(left, u.bbox.top, Math.max(2, right - left), u.bbox.height);
    if (right - left < 8) continue; // the edges would be all that is seen
    u.ctx.fillStyle = onCanvas(element, css(color), .45);
    u.ctx.fillRect(left, u.bbox.top, devicePixelRatio, u.bbox.height);
    u.ctx.fillRect(right, u.bbox.top, devicePixelRatio, u.bbox.height);
  }
  u.ctx.restore();
}
