// The arithmetic of the trade-off explorer, which Python has too (tradeoff_table.py, figures.pareto_front), and
// how its numbers are written.
import { bytes, short } from "./dom.js";

const time = (s) => {
  const [n, word] = s >= 0.9995 ? [s, "s"] : s >= 0.9995e-3 ? [s * 1e3, "ms"] : [s * 1e6, "µs"];
  return `${+n.toPrecision(3)}\u00a0${word}`;
};
// key of a cost in a row: its name on the axis, on the button, in a sentence, and how its values are written
export const AXES = {
  macs: { title: "MACs for one image", label: "MACs", word: "MACs", form: short, said: (n) => `${short(n)}\u00a0MACs` },
  params: {
    title: "parameters",
    label: "Parameters",
    word: "parameters",
    form: short,
    said: (n) => `${short(n)}\u00a0parameters`,
  },
  bytes: {
    title: "bytes of the stored network",
    label: "Stored size",
    word: "stored size",
    form: bytes,
    said: (n) => `${bytes(n)} stored`,
  },
  cpu: {
    title: "time for one image on the CPU",
    label: "CPU latency",
    word: "CPU latency",
    form: time,
    said: (n) => `${time(n)} on the CPU`,
  },
  cuda: {
    title: "time for one image on the GPU",
    label: "GPU latency",
    word: "GPU latency",
    form: time,
    said: (n) => `${time(n)} on the GPU`,
  },
  memory: {
    title: "most bytes of activations alive at once (analytic)",
    label: "Memory",
    word: "peak memory",
    form: bytes,
    said: (n) => `${bytes(n)} of memory`,
  },
};
export const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
// [mean, deviation or null, runs] as words
export const spread = ([mean, deviation]) =>
  deviation === null ? percent(mean) : `${(100 * mean).toFixed(1)} ± ${(100 * deviation).toFixed(1)}\u00a0%`;
export const known = (rows, axis) => rows.filter((row) => row[axis] !== null && row[axis] !== undefined);

// What a choice goes by: accuracy on validation, or what was published.
export const score = (row) => (row.validation ?? row.test)[0];

// The best row whose cost is at most the budget, or null; of equals the cheapest, of equally cheap ones the first.
export function bestWithin(rows, axis, budget) {
  let best = null;
  for (const row of known(rows, axis)) {
    if (row[axis] > budget) continue;
    const gain = best === null ? 1 : score(row) - score(best) || best[axis] - row[axis];
    if (gain > 0) best = row;
  }
  return best;
}

// Indices of the points [x, y] that no other beats, by rising x.
export function paretoFront(points) {
  const front = [];
  const order = points.map((_, i) => i).sort((i, j) => points[i][0] - points[j][0] || points[j][1] - points[i][1]);
  for (const i of order) if (front.length === 0 || points[i][1] > points[front.at(-1)][1]) front.push(i);
  return front;
}

// ---- axes -----------------------------------------------------------------------------------------------------

const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
// Marks at most `most` in number from low to high on an even scale.
export function evenTicks(low, high, most) {
  const step = STEPS.find((size) => (high - low) / size <= most) ?? 0.5;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i++) found.push(+(i * step).toFixed(6));
  return found;
}
// Round numbers from low to high on a logarithmic scale; powers of two for bytes.
export function logTicks(low, high, most, binary) {
  const base = binary ? 2 : 10;
  const first = Math.floor(Math.log(low) / Math.log(base));
  const sets = binary ? [[1]] : [[1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]];
  let found = [];
  for (const steps of sets) {
    found = [];
    for (let power = base ** first, i = first; power <= high; power = base ** ++i)
      found.push(...steps.map((step) => +(step * power).toPrecision(12)).filter((v) => v >= low && v <= high));
    if (found.length <= most) return found;
  }
  const skip = Math.ceil(found.length / most);
  return found.filter((_, i) => i % skip === 0);
}

// Moves points of almost equal x apart where their error bars would lie on one another. points: [{px, top, bottom}] in
// pixels; returns px of each.
export function apart(points, gap) {
  const places = points.map((point) => point.px);
  const order = places.map((_, i) => i).sort((i, j) => places[i] - places[j] || i - j);
  const touch = (a, b) => Math.abs(a.px - b.px) < gap && a.top < b.bottom && b.top < a.bottom;
  const left = new Set(order);
  for (const i of order) {
    if (!left.delete(i)) continue;
    const group = [i];
    for (let n = 0; n < group.length; n++)
      for (const j of left)
        if (touch(points[group[n]], points[j])) {
          left.delete(j);
          group.push(j);
        }
    group.sort((a, b) => points[a].px - points[b].px || a - b);
    const middle = group.reduce((sum, j) => sum + points[j].px, 0) / group.length;
    if (group.length > 1) group.forEach((j, k) => (places[j] = middle + gap * (k - (group.length - 1) / 2)));
  }
  return places;
}
