// effnet_lib.compress in JavaScript: what remains of each layer and group, and what that costs. The same integers.

// Python's round: halves to the even neighbour.
export function roundEven(x) {
  const below = Math.floor(x);
  const part = x - below;
  if (part !== 0.5) return part < 0.5 ? below : below + 1;
  return below % 2 ? below + 1 : below;
}

// Channels of a group of `size` that stay when `percent` are removed: at least one.
export const keptCount = (size, percent) =>
  Math.min(size, Math.max(1, Math.floor(size * (1 - percent / 100) + 0.5 + 1e-9)));

const numbers = (words) => words.split(" ").map(Number);
// Weights that a layer keeps at `percent`, from the words of the widget's state: its size, then what goes at each.
const keptAt = (words, percent) => {
  const [size, ...gone] = numbers(words);
  return gone.slice(0, percent).reduce((left, n) => left - n, size);
};

// Every group with how many channels stay, and which (true) of them in their own order.
export function groupsLeft(groups, criterion, percent) {
  return groups.map(({ name, kind, size, orders }) => {
    const order = orders[criterion];
    const kept = order ? keptCount(size, percent) : size;
    const stays = new Array(size).fill(!order);
    if (order) for (const channel of numbers(order).slice(0, kept)) stays[channel] = true;
    return { name, kind, size, kept, stays, touched: order !== undefined };
  });
}

// Layers with their channels: {name, kind, weights, nonzero, rest, macs, out}; rest: biases and batch norm's scale and
// shift. widths: group name -> channels; missing: as many as there were.
function layersOf(rows, widths) {
  return rows.map(({ name, kind, into, out, shape, kernel, depthwise, pixels, norm }) => {
    const outs = widths.get(out) ?? shape[0];
    const ins = depthwise ? 1 : (widths.get(into) ?? shape[1]);
    const weights = outs * ins * kernel;
    const rest = norm ? 2 * outs : outs;
    return { name, kind, weights, nonzero: weights, out: outs, rest, norm, macs: pixels * weights };
  });
}

// The network of the widget's state after pruning: {layers, groups, params, weights, nonzero, macs, bytes}.
export function pruned({ layers: rows, groups, survivors }, { structure, scope, criterion, amount }) {
  const left = structure === "channels" ? groupsLeft(groups, criterion, amount) : groupsLeft(groups, "", 0);
  const layers = layersOf(rows, new Map(left.map(({ name, kept }) => [name, kept])));
  if (structure === "weights")
    layers.forEach((layer, i) => {
      layer.nonzero =
        scope === "global" ? keptAt(survivors[i], amount) : layer.weights - roundEven((amount / 100) * layer.weights);
    });
  const sum = (value) => layers.reduce((total, layer) => total + value(layer), 0);
  const others = 4 * sum(({ rest, norm, out }) => rest + (norm ? 2 * out : 0)); // with batch norm's statistics
  return {
    layers,
    groups: left,
    params: sum(({ weights, rest }) => weights + rest),
    weights: sum(({ weights }) => weights),
    nonzero: sum(({ nonzero }) => nonzero),
    macs: sum(({ macs }) => macs),
    bytes: {
      dense: others + 4 * sum(({ weights }) => weights),
      bitmask: others + sum(({ weights, nonzero }) => Math.ceil(weights / 8) + 4 * nonzero),
      csr: others + sum(({ nonzero, out }) => 8 * nonzero + 4 * (out + 1)),
    },
  };
}

// ---- what was measured ----------------------------------------------------------------------------------------

export const wayOf = ({ structure, scope, criterion }) => `${structure} ${structure === "weights" ? scope : criterion}`;

// [[percent, {before, recalibrated, tuned, ...}]] in order; 0 is the network as it was. Empty where nothing is known.
export function measuredOf(known, setting) {
  const found = Object.entries(known?.ways?.[wayOf(setting)] ?? {}).map(([percent, entry]) => [Number(percent), entry]);
  if (known?.whole) found.push([0, known.whole]);
  return found.sort(([a], [b]) => a - b);
}
export const spread = ([mean, deviation]) =>
  `${(100 * mean).toFixed(1)}${deviation === null ? "" : ` ± ${(100 * deviation).toFixed(1)}`}\u00a0%`;

export const LOOKS = {
  before: "as it is",
  recalibrated: "recalibrated",
  tuned: "fine-tuned",
  gradual: "pruned while fine-tuned",
  short: "from scratch, trained as long",
  scratch: "from scratch, full training",
};
