// The processes that `clew up` runs, and the classroom's switches: what each does is undone by one click.

import { html, useState, useLoad, Link, Problem, Empty, NeedsToken, Title } from './ui.js';
import { get, post, hasToken } from './api.js';
import { Name } from './text.js';
import { useEvery } from './clock.js';
import { ago } from './format.js';

const kinds = { running: 'tag-good', paused: 'tag-warn', starting: 'tag-warn', restarting: 'tag-bad' };

// What will be seen of a pause and of a kill, and where, by service.
const shows = {
  redis: {
    pause: () => html`Orders are still accepted and wait in the outbox: <${Link} href="/">see the map<//>.`,
    kill: () => html`It comes back with all that it held: <${Link} href="/streams">see the streams<//>.`,
  },
  order: {
    pause: () => html`<${Link} href="/">Orders<//> get no answer, and results wait in the <${Link} href="/streams">stream<//> stock.`,
    kill: () => html`It is started again, and sends what its outbox still holds: <${Link} href="/">follow an order<//>.`,
  },
  inventory: {
    pause: () => html`Its messages wait in the <${Link} href="/streams">stream<//> orders, or another replica takes them over.`,
    kill: () => html`What it worked on, such as an order of <code>test-slow</code>, is taken over: see the <${Link} href="/">order’s journey<//>.`,
  },
};

export default function Processes() {
  const { value, error, reload } = useLoad(async () => {
    const { items } = await get('/api/processes');
    dispatchEvent(new CustomEvent('processes', { detail: items }));
    return items;
  }, []);
  useEvery(1000, reload);
  const switches = useSwitches(reload);
  if (error?.status === 404) {
    return html`<${Empty} title="No processes here">The page shows those that <code>clew up</code> runs, and something else serves this page.<//>`;
  }
  return html`
    <div class="stack">
      <${Title} text="Processes" />
      <${Problem} error=${error ?? switches.error} />
      ${switches.refused && html`<${NeedsToken} />`}
      ${value && html`
        <section class="card" aria-label="Processes">
          <table class="table processes">
            <thead><tr><th>Process</th><th>State</th><th class="num">PID</th><th class="num">Restarts</th><th>Switches</th></tr></thead>
            <tbody>${value.map(p => html`<${Row} key=${p.name} process=${p} switches=${switches} />`)}</tbody>
          </table>
          <div class="row">
            <${Switch} switches=${switches} path="/api/processes" title="Start another replica" />
            <span class="hint">One more inventory takes its share of the messages, and is one more consumer in the <${Link} href="/streams">streams<//>.
              Its row has the way back.</span>
          </div>
        </section>
        <${Poison} switches=${switches} />`}
    </div>`;
}

// useSwitches returns how switches are turned, and what became of the last turn.
function useSwitches(reload) {
  const [state, set] = useState({});
  const turn = async path => {
    if (!hasToken()) return set({ refused: true });
    set({ busy: true });
    try {
      await post(path);
      set({});
    } catch (error) {
      set({ error });
    }
    reload();
  };
  return { ...state, turn };
}

const Switch = ({ switches, path, title, of = '', disabled, onTurned }) => html`
  <button class="button" aria-label=${of && `${title} ${of}`} disabled=${disabled || switches.busy}
    onClick=${async () => { await switches.turn(path); onTurned?.(); }}>${title}</button>`;

function Row({ process: p, switches }) {
  const service = p.name.replace(/-\d+$/, '');
  const paused = p.state === 'paused', lives = p.state === 'running' || paused;
  const button = (act, title, disabled) => html`
    <${Switch} switches=${switches} path="/api/processes/${p.name}/${act}" title=${title} of=${p.name} disabled=${disabled} />`;
  return html`
    <tr data-process=${p.name} data-state=${p.state}>
      <th scope="row"><b><${Name} text=${p.name} /></b>
        ${p.admin && html`<div class="hint"><${Link} href="/logs?service=${service}">logs<//> · <a href="${p.admin}/readyz" rel="noreferrer">admin</a></div>`}</th>
      <td><span class="tag ${kinds[p.state] ?? ''}">${p.state}</span> <span class="hint">${ago(Date.parse(p.since)).replace(' ago', '')}</span></td>
      <td class="num">${p.pid ?? '–'}</td>
      <td class="num">${p.restarts}<span class="processes-unit"> restarts</span></td>
      <td>
        <div class="row">
          ${paused ? button('continue', 'Continue') : button('pause', 'Pause', !lives)}
          ${button('kill', 'Kill', !lives)}
          ${p.removable && button('remove', 'Remove', p.state === 'stopping')}
        </div>
        <dl class="hint">
          <div><dt>Paused</dt> <dd>${shows[service]?.pause()}</dd></div>
          <div><dt>Killed</dt> <dd>${shows[service]?.kill()}</dd></div>
        </dl>
      </td>
    </tr>`;
}

// Poison is asked for by itself, for it is in Redis, which may be paused.
function Poison({ switches }) {
  const { value, error, reload } = useLoad(() => get('/api/poison'), []);
  const turn = act => html`<${Switch} switches=${switches} path="/api/poison/${act}" onTurned=${reload}
    title=${act === 'fix' ? 'Fix poison' : 'Break poison'} />`;
  return html`
    <section class="card" aria-label="Poison">
      <h2>The product <code>test-poison</code> ${value && html`<span class="tag ${value.fixed ? 'tag-good' : 'tag-bad'}">${value.fixed ? 'fixed' : 'broken'}</span>`}</h2>
      <${Problem} error=${error} />
      ${value && html`<div class="row">${turn(value.fixed ? 'break' : 'fix')}
        <span class="hint">${value.fixed
          ? html`An <${Link} href="/">order<//> of it succeeds, and so do its <${Link} href="/streams">dead letters<//> when they are redriven.`
          : html`An <${Link} href="/">order<//> of it fails five times and becomes a <${Link} href="/streams">dead letter<//>.`}</span></div>`}
    </section>`;
}
