// Grafana's names of colours as ours (dashboards.css), which fit both themes.

import { colour } from '../service.js';

const names = ['green', 'yellow', 'blue', 'orange', 'red', 'purple', 'text'];

// The order in which series get theirs that are not of services.
const palette = ['green', 'yellow', 'blue', 'orange', 'red', 'purple', 'teal', 'pink', 'olive', 'slate', 'brown', 'sky'];

// css writes a colour of a dashboard (green, dark-green, #73bf69) for a style.
export function css(color) {
  const name = color?.replace(/^(super-light|light|semi-dark|dark)-/, '');
  return names.includes(name) ? `var(--c-${name})` : color;
}

// ofSeries is a service's colour where each of all series is of another one, else the next of the palette.
export function ofSeries(i, all) {
  const services = all.map(({ labels }) => labels.job ?? labels.service ?? labels.messaging_consumer_group_name);
  if (!services.includes(undefined) && new Set(services).size === all.length) return colour(services[i]);
  return `var(--c-${palette[i % palette.length]})`;
}

// onCanvas returns what a style's colour is now, inside of an element: a canvas knows no variables.
export function onCanvas(element, color, alpha = 1) {
  const probe = document.createElement('span');
  probe.style.color = color;
  element.append(probe);
  const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g);
  probe.remove();
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}
