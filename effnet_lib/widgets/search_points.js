// A measured table of networks: what the widget's state holds of it (search_points.py), and what follows from that.

const column = (values, n) => Array.isArray(values) && values.length === n;

// {count, seeds, epochs, sizes, macs, params, latency (microseconds or null), unit, validation, test: mean accuracy in
// [0, 1], spread: {validation, test}: sample standard deviation or null, rank: {validation, test}: 1 is the best,
// bySeed: {validation, test}: a list for every seed, in units}
export function readPoints(stored) {
  const n = stored?.macs?.length;
  const seeds = stored?.validation?.length;
  const good =
    n > 0 &&
    seeds > 0 &&
    stored.unit > 0 &&
    Array.isArray(stored.sizes) &&
    stored.sizes.reduce((a, b) => a * b, 1) === n &&
    ["macs", "params", "latency"].every((name) => column(stored[name], n)) &&
    ["validation", "test"].every((name) => column(stored[name], seeds) && stored[name].every((v) => column(v, n)));
  if (!good) throw new Error("the widget's state lacks its table.");
  const { sizes, macs, params, latency, unit, epochs } = stored;
  const table = { count: n, seeds, epochs, sizes, macs, params, latency, unit, spread: {}, rank: {}, bySeed: {} };
  for (const split of ["validation", "test"]) {
    const bySeed = stored[split];
    const sums = macs.map((_, i) => bySeed.reduce((sum, values) => sum + values[i], 0));
    table.bySeed[split] = bySeed;
    table[split] = sums.map((sum) => sum / (seeds * unit));
    table.spread[split] = sums.map((sum, i) => {
      if (seeds < 2) return null;
      const squares = bySeed.reduce((all, values) => all + (values[i] - sum / seeds) ** 2, 0);
      return Math.sqrt(squares / (seeds - 1)) / unit;
    });
    const first = new Map();
    [...sums].sort((a, b) => b - a).forEach((sum, i) => first.has(sum) || first.set(sum, i + 1));
    table.rank[split] = sums.map((sum) => first.get(sum));
  }
  return table;
}

// ---- places in the space: a genotype has one place a dimension; the last dimension turns fastest -----------------

export const indexOf = (sizes, genotype) => genotype.reduce((found, place, d) => found * sizes[d] + place, 0);

export function genotypeOf(sizes, index) {
  const places = [];
  for (const size of [...sizes].reverse()) {
    places.unshift(index % size);
    index = Math.floor(index / size);
  }
  return places;
}

// All that differ in exactly one dimension: [{dimension, place, index}], in order of dimension and place.
export const neighbours = (sizes, genotype) =>
  sizes.flatMap((size, dimension) =>
    Array.from({ length: size }, (_, place) => place)
      .filter((place) => place !== genotype[dimension])
      .map((place) => {
        const other = genotype.map((old, d) => (d === dimension ? place : old));
        return { dimension, place, index: indexOf(sizes, other) };
      }),
  );

// ---- how numbers are written ---------------------------------------------------------------------------------

export const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
export const spreadOf = (table, split, i) => {
  const deviation = table.spread[split][i];
  return deviation === null
    ? percent(table[split][i])
    : `${(100 * table[split][i]).toFixed(1)} ± ${(100 * deviation).toFixed(1)}\u00a0%`;
};
// A difference of accuracies in percentage points, with its sign.
export const points = (difference) => {
  const text = Math.abs(100 * difference).toFixed(1);
  return text === "0.0" ? "±0.0" : `${difference > 0 ? "+" : "−"}${text}`;
};
export function micro(us) {
  if (us === null) return "not measured";
  return us >= 999.5 ? `${+(us / 1000).toPrecision(3)}\u00a0ms` : `${+us.toPrecision(3)}\u00a0µs`;
}
