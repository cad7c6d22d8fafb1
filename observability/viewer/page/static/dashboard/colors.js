// Grafana's names of colours as ours (dashboards.css), which fit both themes.

const names = ['green', 'yellow', 'blue', 'orange', 'red', 'purple', 'text'];

// The order in which series get theirs.
const palette = ['green', 'yellow', 'blue', 'orange', 'red', 'purple', 'teal', 'pink', 'olive', 'slate', 'brown', 'sky'];

// css writes a colour of a dashboard (green, dark-green, #73bf69) for a style.
export function css(color) {
  const name = color?.replace(/^(super-light|light|semi-dark|dark)-/, '');
  return names.includes(name) ? `var(--c-${name})` : color;
}

export const ofSeries = i => `var(--c-${palette[i % palette.length]})`;

// onCanvas returns what a style's colour is now, inside of an element: a canvas knows no variables.
export function onCanvas(element, color, alpha = 1) {
  const probe = document.createElement('span');
  probe.style.color = color;
  element.append(probe);
  const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g);
  probe.remove();
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}
