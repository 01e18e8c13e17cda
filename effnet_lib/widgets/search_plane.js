// The plane of accuracy against cost, on which all networks of a searched space are points. Pure: a layout says where
// everything lies, each of the other functions gives SVG for one thing, in the order in which they may be painted.
import { s, short } from "./dom.js";
import { micro } from "./search_points.js";
import { evenTicks, logTicks, paretoFront } from "./tradeoff.js";

// cost: a column of the table -> its button, its axis, its word in a sentence, how its values are written
export const COSTS = {
  macs: { label: "MACs", title: "MACs for one picture", form: short, said: (n) => `${short(n)}\u00a0MACs` },
  latency: { label: "Latency", title: "time for one picture on one CPU thread", form: micro, said: micro },
};

const text = (x, y, words, anchor = "start", name = "") =>
  s("text", { x, y, "text-anchor": anchor, class: name }, words);
const at = (n) => n.toFixed(1);

// Where everything lies, for a table as readPoints gives it. {x, y: cost and accuracy to pixels, px, py: of every
// network, front: indices of the Pareto front by rising cost, known: indices of the networks whose cost is known, ...}
export function layout(table, { cost = "macs", split = "validation", width, height, room = {} }) {
  const [costs, shares] = [table[cost], table[split]];
  const known = costs.map((_, i) => i).filter((i) => costs[i] !== null);
  if (known.length === 0) throw new Error(`no network of the table has a ${cost}.`);
  const tall = height ?? Math.round(Math.min(400, Math.max(300, width * 0.62)));
  const box = { table, cost, split, costs, shares, known, width, height: tall };
  Object.assign(box, { left: 38, right: width - 14, top: 30, bottom: tall - 42 }, room);
  const ends = (values) => values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const [cheap, dear] = ends(known.map((i) => costs[i]));
  const [worst, best] = ends(known.map((i) => shares[i]));
  const margin = Math.max(0.004, 0.06 * (best - worst));
  [box.worst, box.best] = [Math.max(-0.001, worst - margin), Math.min(1.001, best + margin)];
  const span = Math.max(Math.log(dear / cheap), 0.2);
  const [low, high] = [Math.log(cheap) - 0.04 * span, Math.log(dear) + 0.04 * span];
  [box.low, box.high] = [Math.exp(low), Math.exp(high)];
  box.x = (value) => box.left + ((Math.log(value) - low) / (high - low)) * (box.right - box.left);
  box.y = (share) => box.bottom - ((share - box.worst) / (box.best - box.worst)) * (box.bottom - box.top);
  box.px = costs.map((value) => (value === null ? NaN : box.x(value)));
  box.py = shares.map(box.y);
  box.front = paretoFront(known.map((i) => [costs[i], shares[i]])).map((k) => known[k]);
  return box;
}

// ---- what stands still ----------------------------------------------------------------------------------------

// Both axes with their units.
export function axes(box) {
  const { x, y, left, right, top, bottom, cost, split, table, width } = box;
  const runs = table.seeds > 1 ? `, mean of ${table.seeds} seeds` : "";
  const ticks = logTicks(box.low, box.high, Math.max(3, Math.floor((right - left) / 62)), false);
  return s(
    "g",
    { class: "efx-grid" },
    evenTicks(box.worst, box.best, 7).map((v) => [
      s("path", { d: `M${left},${at(y(v))}H${right}` }),
      text(left - 6, at(y(v) + 4), `${+(100 * v).toFixed(1)}`, "end"),
    ]),
    ticks.map((v) => [
      s("path", { d: `M${at(x(v))},${top}V${bottom}` }),
      text(at(x(v)), bottom + 16, COSTS[cost].form(v), "middle"),
    ]),
    text((left + right) / 2, bottom + 34, `${COSTS[cost].title}${width > 420 ? " (logarithmic)" : ""}`, "middle"),
    text(2, 13, `${split} accuracy, %${runs}`),
  );
}

// The networks `indices` as dots of one element: quick to redraw, however many.
export const dots = (box, indices, name = "efx-cloud") =>
  s("path", {
    class: `efx-dots ${name}`,
    d: indices.filter((i) => box.costs[i] !== null).map((i) => `M${at(box.px[i])},${at(box.py[i])}h0`).join(""),
  });

// The stairs of the Pareto front: below and to the right of them lies what is beaten.
export function stairs(box, indices = box.front, name = "efx-front") {
  const steps = indices.map((i, n) => `${n ? "H" : "M"}${at(box.px[i])}${n ? "V" : ","}${at(box.py[i])}`).join("");
  return s("path", { class: name, d: `${steps}H${box.right}` });
}

// ---- what may move --------------------------------------------------------------------------------------------

const SHAPES = {
  circle: (r) => `M${-r},0a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0z`,
  square: (r) => `M${-0.9 * r},${-0.9 * r}h${1.8 * r}v${1.8 * r}h${-1.8 * r}z`,
  diamond: (r) => `M0,${-1.25 * r}l${1.25 * r},${1.25 * r}l${-1.25 * r},${1.25 * r}l${-1.25 * r},${-1.25 * r}z`,
  up: (r) => `M${-r},${r * 0.9}h${2 * r}l${-r},${-1.9 * r}z`,
  down: (r) => `M${-r},${-0.9 * r}h${2 * r}l${-r},${1.9 * r}z`,
  cross: (r) => `M${-r},${-r}L${r},${r}M${-r},${r}L${r},${-r}`,
  star: (r) =>
    `${Array.from({ length: 10 }, (_, k) => {
      const [length, turn] = [(k % 2 ? 0.48 : 1.2) * r, (Math.PI * k) / 5];
      return `${k ? "L" : "M"}${at(length * Math.sin(turn))},${at(-length * Math.cos(turn))}`;
    }).join("")}z`,
};
// One mark, at a network's place or anywhere: shape is a key of SHAPES.
export const markAt = (shape, px, py, r = 6, name = "") =>
  s("path", { class: `efx-spot ${name}`, d: SHAPES[shape](r), transform: `translate(${at(px)},${at(py)})` });
export const mark = (box, i, shape = "circle", r = 6, name = "") => markAt(shape, box.px[i], box.py[i], r, name);

// From network to network.
export const thread = (box, indices, name = "efx-way") =>
  s("path", { class: name, d: indices.map((i, n) => `${n ? "L" : "M"}${at(box.px[i])},${at(box.py[i])}`).join("") });

// Plus and minus one standard deviation over the seeds.
export function bar(box, i, name = "efx-bar") {
  const deviation = box.table.spread[box.split][i];
  if (!deviation) return null;
  const [a, b, px] = [box.y(box.shares[i] + deviation), box.y(box.shares[i] - deviation), box.px[i]];
  const ends = [a, b].map((y) => `M${at(px - 4)},${at(y)}h8`).join("");
  return s("path", { class: name, d: `M${at(px)},${at(a)}V${at(b)}${ends}` });
}

// Words beside a network, on the side where there is room; `before` asks for its left.
export function callout(box, i, words, name = "efx-callout", before = false) {
  const [px, py] = [box.px[i], box.py[i]];
  const part = (px - box.left) / (box.right - box.left);
  const end = part > (before ? 0.3 : 0.55);
  const under = py < box.top + 26;
  return text(at(px + (end ? -9 : 9)), at(py + (under ? 20 : -10)), words, end ? "end" : "start", name);
}

// ---- choosing -------------------------------------------------------------------------------------------------

// The network nearest to a place in pixels of the layout, or -1 if none of `among` is near.
export function nearest(box, px, py, limit = 22, among = box.known) {
  let [best, found] = [limit, -1];
  for (const i of among) {
    const distance = Math.hypot(box.px[i] - px, box.py[i] - py);
    if (distance < best) [best, found] = [distance, i];
  }
  return found;
}

// Where in the layout an event of the mouse or a finger was. plot: the drawn <svg>.
export function placeOf(event, plot, box) {
  const { left, top, width } = plot.getBoundingClientRect();
  const scale = box.width / width;
  return [(event.clientX - left) * scale, (event.clientY - top) * scale];
}

// Calls redraw(width) for every new width of `node` that is on the screen, and gives a function that says it.
export function followWidth(kit, node, redraw, least = 290) {
  let width = 0;
  const observer = new ResizeObserver(([entry]) => {
    const now = Math.max(least, Math.round(entry.contentRect.width));
    if (entry.contentRect.width > 0 && now !== width) {
      width = now;
      redraw();
    }
  });
  observer.observe(node);
  kit.signal.addEventListener("abort", () => observer.disconnect());
  return () => {
    if (width === 0) width = Math.max(least, Math.round(node.clientWidth) || 640);
    return width;
  };
}
