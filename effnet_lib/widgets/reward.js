// MnasNet's reward over a table of networks, which Python has too (effnet_lib.search.objective, reward_points.py).

export const EXPONENTS = [0, -0.03, -0.07, -0.15, -0.3, -1];
export const PAPER = { soft: -0.07, hard: -1 };
const TIE = 1e-12;

export const exponentsOf = (mode, exponent) => (mode === "soft" ? [exponent, exponent] : [0, exponent]);

export function reward(share, cost, target, [within, beyond]) {
  const ratio = cost / target;
  return share * ratio ** (ratio <= 1 ? within : beyond);
}

// Index of the highest reward; of equals the cheapest, of equally cheap ones the first.
export function winnerOf(rewards, costs) {
  const most = rewards.reduce((a, b) => Math.max(a, b));
  let best = -1;
  rewards.forEach((value, i) => {
    if (value >= most * (1 - TIE) && (best < 0 || costs[i] < costs[best])) best = i;
  });
  return best;
}

// Those with the highest reward at some exponent from 0 to -steepest: [{index, start, end}] from 0 downwards.
export function contenders(costs, shares, target, mode, steepest = 1) {
  const x = costs.map((cost) => (mode === "hard" ? Math.max(0, Math.log(cost / target)) : Math.log(cost / target)));
  const y = shares.map((share) => Math.log(share));
  let at = 0;
  y.forEach((value, i) => {
    if (value > y[at] || (value === y[at] && costs[i] < costs[at])) at = i;
  });
  const found = [];
  for (let start = 0; ;) {
    let [slope, after] = [Infinity, -1];
    x.forEach((value, i) => {
      if (value >= x[at]) return;
      const steep = (y[at] - y[i]) / (x[at] - value);
      const order = steep - slope || (after < 0 ? -1 : value - x[after] || costs[i] - costs[after]);
      if (order < 0) [slope, after] = [steep, i];
    });
    if (!(slope <= steepest)) return [...found, { index: at, start, end: -steepest }];
    if (-slope < start) found.push({ index: at, start, end: -slope });
    [at, start] = [after, -slope];
  }
}
