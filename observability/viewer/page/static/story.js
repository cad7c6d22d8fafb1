// A story is the model of one trace, as /api/stories/{id} answers it (package story has the rules): a flat list of nodes. Here
// it becomes the tree that the waterfall draws. Pure functions, no DOM.

// plant hangs up the nodes and returns the story with roots and nodes by id. Each node gets parent, children, the list links
// with the node that each leads to, and linkedFrom.
export function plant(story) {
  const list = story.nodes.map(n => ({
    reasons: [], path: [], events: [], waits: [], ...n, children: [], resource: story.resources[n.resource], attributes: n.attributes ?? {},
    links: n.links ?? [], linkedFrom: [],
  }));
  const nodes = new Map(list.map(n => [n.id, n]));
  const roots = [];
  for (const node of list) {
    node.parent = list[node.parent] ?? null;
    (node.parent?.children ?? roots).push(node);
    node.links = node.links.map(l => ({ ...l, node: l.here ? nodes.get(l.span) : undefined }));
    node.linkedFrom = (node.linked_from ?? []).map(id => nodes.get(id));
  }
  return { ...story, roots, nodes };
}

const called = n => (n.attempt ? `${n.name} #${n.attempt}` : n.name);

// linksOf returns all links of a node, in both directions: [{sign, span, trace if it is another, text, note, attributes}].
// elsewhere are those that come from other traces.
export const linksOf = (node, elsewhere = []) => [
  ...node.links.map(l => ({
    sign: l.to_parent ? '↖' : '↗', span: l.span, trace: l.trace, attributes: l.attributes,
    text: l.node ? called(l.node) : l.trace ? `trace ${l.trace}` : `span ${l.span}`,
    note: l.to_parent ? 'its parent, where its message was created' : l.trace || l.node ? '' : 'not in this trace',
  })),
  ...node.linkedFrom.map(n => ({ sign: '↙', span: n.id, text: called(n), note: '' })),
  ...elsewhere.map(l => ({ sign: '↙', span: l.from, trace: l.trace, text: `${l.name} in trace ${l.trace}`, note: '' })),
];

// rows returns the nodes that are shown, with their depth: [{node, depth, open}]. toggled holds the ids of nodes that were
// opened or closed: statements are closed at first, all else is open.
export function rows(roots, toggled) {
  const out = [];
  const stack = roots.map(node => [node, 0]).reverse();
  while (stack.length) {
    const [node, depth] = stack.pop();
    const open = node.children.length > 0 && toggled.has(node.id) === node.fold;
    out.push({ node, depth, open });
    if (open) for (const child of node.children.toReversed()) stack.push([child, depth + 1]);
  }
  return out;
}
