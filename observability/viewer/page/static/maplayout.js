// Where the boxes and ways of the map stand. Pure functions, no DOM.

const gap = 18; // between the boxes of a layer
const line = 19; // height of one line of text
const pad = 8;

const share = [0.1, 0.18, 0.23, 0.18]; // of the width, of a box of each layer when layers stand beside each other

// layout places the boxes: layers from left to right, or, where that is too narrow, from top to bottom. Boxes get x, y, width
// and height; edges two ends and a place for their label.
export function layout({ nodes, edges }, width) {
  const upright = width < 640;
  const layers = [0, 1, 2, 3].map(layer => nodes.filter(n => n.layer === layer)).filter(list => list.length);
  for (const n of nodes) n.height = 2 * pad + line * (1 + n.lines.length + (n.letters > 0 ? 1.3 : 0));
  const height = upright ? downwards(layers, width) : sidewards(layers, width);
  const byId = new Map(nodes.map(n => [n.id, n]));
  const drawn = edges.map(e => ({ ...e, id: `${e.from} ${e.to} ${e.group ?? ''}`, upright, ends: [byId.get(e.from), byId.get(e.to)] }));
  attach(drawn, upright);
  spread(drawn);
  return { nodes, edges: drawn, width, height };
}

function sidewards(layers, width) {
  const tall = Math.max(...layers.map(list => list.reduce((sum, n) => sum + n.height + gap, -gap)));
  const used = layers.reduce((sum, [first]) => sum + share[first.layer] * width, 0);
  const apart = layers.length > 1 ? (width - used) / (layers.length - 1) : 0;
  let x = 0;
  for (const list of layers) {
    const own = list.reduce((sum, n) => sum + n.height + gap, -gap);
    const spread = list.length > 1 ? (tall - own) / (list.length - 1) : 0;
    let y = list.length > 1 ? 0 : (tall - own) / 2;
    for (const n of list) {
      Object.assign(n, { x, y, width: share[n.layer] * width });
      y += n.height + gap + spread;
    }
    x += share[list[0].layer] * width + apart;
  }
  return tall;
}

const apartDown = 58; // between layers: room for a label

function downwards(layers, width) {
  let y = 0;
  for (const list of layers) {
    const each = Math.min(width, (width + gap) / list.length - gap);
    list.forEach((n, i) => Object.assign(n, { x: i * (each + gap), y, width: each }));
    y += Math.max(...list.map(n => n.height)) + apartDown;
  }
  return y - apartDown;
}

// attach finds where edges begin and end: at the sides of two boxes that face each other, each at a place of its own.
function attach(edges, upright) {
  const [at, size, across, length] = upright ? ['y', 'height', 'x', 'width'] : ['x', 'width', 'y', 'height'];
  const sides = new Map(); // of a box -> its edges, and which end of each
  for (const edge of edges) {
    edge.points = [];
    edge.ends.forEach((box, end) => {
      const after = box[at] < edge.ends[1 - end][at];
      const side = `${box.id} ${after}`;
      if (!sides.has(side)) sides.set(side, []);
      sides.get(side).push({ edge, end, box, after, other: edge.ends[1 - end][across] });
    });
  }
  for (const list of sides.values()) {
    list.sort((a, b) => a.other - b.other);
    list.forEach(({ edge, end, box, after }, i) => {
      edge.points[end] = { [at]: box[at] + (after ? box[size] : 0), [across]: box[across] + box[length] * (i + 1) / (list.length + 1) };
    });
  }
}

// spread places the labels at the middles of their edges, below each other where they would cover each other.
function spread(edges) {
  const placed = [];
  const middle = ({ points: [a, b] }) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  for (const edge of edges.toSorted((a, b) => middle(a).y - middle(b).y)) {
    const label = middle(edge);
    for (const other of placed) if (Math.abs(other.x - label.x) < 80 && Math.abs(other.y - label.y) < line) label.y = other.y + line;
    edge.label = label;
    placed.push(label);
  }
}

// wayOf is the path of an edge, for SVG.
export function wayOf({ points: [first, last], upright }) {
  const half = upright ? { x: 0, y: (last.y - first.y) / 2 } : { x: (last.x - first.x) / 2, y: 0 };
  return `M${first.x},${first.y} C${first.x + half.x},${first.y + half.y} ${last.x - half.x},${last.y - half.y} ${last.x},${last.y}`;
}
