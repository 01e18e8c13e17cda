// What a search has come to after some evaluations, which Python has too (search_moment.py).
import { paretoFront } from "./tradeoff.js";

// Area that points [x, y], lower x and higher y being better, dominate within the corner [most x, least y].
export function hypervolume(points, [right, bottom]) {
  let area = 0;
  let floor = bottom;
  for (const i of paretoFront(points)) {
    const [x, y] = points[i];
    if (x >= right || y <= floor) continue;
    area += (right - x) * (y - floor);
    floor = y;
  }
  return area;
}

// After every evaluation, the index that looked best so far; of equals the first.
export function incumbents(found, values) {
  let best = -1;
  return found.map((index) => {
    if (best < 0 || values[index] > values[best]) best = index;
    return best;
  });
}

// What judges a search: {worth: regret of every network, all: hypervolume of the whole space, ...}
export function judge({ macs, test }) {
  const most = test.reduce((a, b) => Math.max(a, b), 0);
  const corner = [macs.reduce((a, b) => Math.max(a, b), 0), test.reduce((a, b) => Math.min(a, b), 1)];
  const points = macs.map((x, i) => [x, test[i]]);
  return { points, corner, all: hypervolume(points, corner), lost: test.map((share) => most - share) };
}

// One search as it goes: {seen: accuracies that it can see, in [0, 1], best: incumbents, regrets: after every evaluation}
export function history(table, judged, found, seed) {
  const seen = table.bySeed.validation[seed % table.seeds].map((count) => count / table.unit);
  const best = incumbents(found, seen);
  return { found, seen, best, regrets: best.map((index) => judged.lost[index]), seed: seed % table.seeds };
}

// The same after `step` evaluations, of which the last `last` count as recent; see the properties of Moment in Python.
export function moment(table, judged, { found, seen, best, regrets }, step, last) {
  const sofar = found.slice(0, step);
  const recent = sofar.slice(-last);
  const distinct = [...new Set(sofar)];
  const front = paretoFront(distinct.map((i) => [table.macs[i], seen[i]])).map((k) => distinct[k]);
  const area = hypervolume(
    front.map((i) => judged.points[i]),
    judged.corner,
  );
  return {
    step,
    found: sofar,
    recent,
    front,
    newest: sofar.at(-1) ?? null,
    level: step ? recent.reduce((sum, i) => sum + seen[i], 0) / recent.length : null,
    incumbent: step ? best[step - 1] : null,
    regret: step ? regrets[step - 1] : null,
    distinct: distinct.length,
    hypervolume: judged.all ? area / judged.all : 1,
  };
}

// [mean, sample standard deviation or null]
export function summary(values) {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return [mean, values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null];
}
