// What somebody must look at: the alerting rules, and how each of them stands.

import { html, useLoad, Link, Problem, Empty, Title } from './ui.js';
import { get } from './api.js';
import { Name, Text } from './text.js';
import { useEvery } from './clock.js';
import { ago, byUnit } from './format.js';

const kinds = { firing: 'tag-bad', pending: 'tag-warn', inactive: 'tag-good' };
const order = ['firing', 'pending', 'inactive'];
const rank = rules => Math.min(...rules.map(r => order.indexOf(r.state)));

export default function Alerts() {
  const { value, error, reload } = useLoad(() => get('/api/v1/rules'), []);
  useEvery(5000, reload);
  const groups = value?.data.groups
    .map(g => ({ name: g.name, rules: g.rules.filter(r => r.type === 'alerting').sort((a, b) => rank([a]) - rank([b])) }))
    .filter(g => g.rules.length)
    .sort((a, b) => rank(a.rules) - rank(b.rules));
  const count = state => groups.flatMap(g => g.rules).filter(r => r.state === state).length;
  return html`
    <div class="stack alerts">
      <div class="row"><${Title} text="Alerts" />${groups && html`<span role="status">
        ${order.map(state => html`<span class="tag ${count(state) ? kinds[state] : ''}">${count(state)} ${state}</span> `)}</span>`}</div>
      <${Problem} error=${error} />
      ${groups?.length === 0 && html`<${Empty} title="No alerting rules">
        They are in <code>observability/prometheus/rules/alerts.yml</code>.<//>`}
      ${groups?.map(g => html`
        <section class="card" key=${g.name}>
          <h2>${g.name}</h2>
          ${g.rules.map(r => html`<${Rule} key=${`${r.name} ${r.query}`} rule=${r} />`)}
        </section>`)}
    </div>`;
}

function Rule({ rule }) {
  const { labels, annotations, alerts, state } = rule;
  const runbook = annotations.runbook?.match(/(\w+)\.md$/)?.[1];
  return html`
    <article class="rule" data-alert=${rule.name} data-state=${state}>
      <div class="row">
        <span class="tag ${kinds[state] ?? ''}">${state}</span>
        <h3><${Name} text=${rule.name} /></h3>
        ${labels.severity && html`<span class="tag">${labels.severity}</span>`}
        <span class="grow"></span>
        ${runbook && html`<${Link} href="/runbooks/${runbook}">runbook<//>`}
        ${annotations.dashboard?.startsWith('/d/') && html`<${Link} href=${annotations.dashboard}>dashboard<//>`}
      </div>
      ${alerts.length ? html`<ul>${alerts.map(a => html`
          <li><${Text} value=${a.annotations.summary ?? ''} /> <span class="hint">
            ${a.state} since ${ago(Date.parse(a.activeAt)).replace(' ago', '')} · value ${byUnit('none', Number(a.value))}
            ${own(a.labels).map(([k, v]) => html` · <${Name} text=${`${k}=${v}`} />`)}</span></li>`)}</ul>`
        : html`<p class="hint"><${Text} value=${described(annotations)} /></p>`}
      ${rule.lastError && html`<${Problem} error=${new Error(rule.lastError)} />`}
      <details><summary>query</summary><code><${Text} value=${rule.query} most=${2000} /></code>
        ${rule.duration > 0 && html`<p class="hint">for ${rule.duration} s before it fires</p>`}</details>
    </article>`;
}

// own are the labels that tell one alert of a rule from another.
const own = labels => Object.entries(labels).filter(([k]) => !['alertname', 'severity'].includes(k));

// The summary of a rule that is not active is a template: what would stand in its holes is not known.
const described = ({ summary = '' }) =>
  summary.replace(/\{\{-?\s*(if|else|end|with|range)\b[^}]*\}\}/g, '').replace(/\{\{[^}]*\}\}/g, '…');
