// The transformations of tables: each takes a list of tables, {columns: [{name, type, values}]}, and returns one.

export const known = new Map(Object.entries({ merge, organize }));

// transform does what a panel says, in its order. All of it must be known.
export function transform(tables, transformations = []) {
  return transformations.filter(t => !t.disabled).reduce((before, { id, options = {} }) => known.get(id)(before, options), tables);
}

// merge makes one table of all. Rows that agree in the columns which all tables have become one, unless both have a
// value in another column.
export function merge(tables) {
  const full = tables.filter(t => t.columns[0]?.values.length > 0);
  if (full.length < 2) return full.length === 1 ? full : tables.slice(0, 1);
  const columns = new Map(full.flatMap(t => t.columns.map(c => [c.name, { ...c, values: [] }])));
  const shared = [...columns.keys()].filter(name => full.every(t => t.columns.some(c => c.name === name)));
  const rows = new Map(); // shared values -> rows
  for (const { columns: own } of full) {
    for (let i = 0; i < own[0].values.length; i++) {
      const row = new Map(own.map(c => [c.name, c.values[i]]));
      const key = JSON.stringify(shared.map(name => row.get(name)));
      const same = rows.get(key) ?? rows.set(key, []).get(key);
      const free = same.find(other => own.every(c => shared.includes(c.name) || (other.get(c.name) ?? null) === null));
      if (free) row.forEach((value, name) => free.set(name, value));
      else same.push(row);
    }
  }
  for (const row of [...rows.values()].flat()) columns.forEach((c, name) => c.values.push(row.get(name) ?? null));
  return [{ columns: [...columns.values()] }];
}

// organize leaves columns out, orders and renames them. Those that it does not order come last.
export function organize(tables, { excludeByName = {}, includeByName = {}, indexByName = {}, renameByName = {} }) {
  const only = Object.values(includeByName).some(Boolean);
  const place = c => indexByName[c.name] ?? Infinity;
  return tables.map(({ columns }) => ({
    columns: columns
      .filter(c => !excludeByName[c.name] && (!only || includeByName[c.name]))
      .sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)))
      .map(c => ({ ...c, name: renameByName[c.name] || c.name })),
  }));
}
