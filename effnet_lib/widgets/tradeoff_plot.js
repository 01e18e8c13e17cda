// One picture of accuracy against a cost: points with error bars, their Pareto front, a budget.
import { s } from "./dom.js";
import { apart, AXES, evenTicks, known, logTicks, paretoFront } from "./tradeoff.js";

const SHAPES = [
  (r) => `M${-r},0a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0z`, // circle
  (r) => `M${-r},${r * 0.9}h${2 * r}l${-r},${-1.9 * r}z`, // up
  (r) => `M${-0.9 * r},${-0.9 * r}h${1.8 * r}v${1.8 * r}h${-1.8 * r}z`, // square
  (r) => `M${-r},${-0.9 * r}h${2 * r}l${-r},${1.9 * r}z`, // down
  (r) => `M0,${-1.25 * r}l${1.25 * r},${1.25 * r}l${-1.25 * r},${1.25 * r}l${-1.25 * r},${-1.25 * r}z`, // diamond
  (r) => `M${-0.55 * r},${-r}h${1.1 * r}l${0.6 * r},${r}l${-0.6 * r},${r}h${-1.1 * r}l${-0.6 * r},${-r}z`, // hexagon
  (r) => {
    const [a, b] = [0.42 * r, 1.1 * r];
    return `M${-a},${-b}h${2 * a}v${b - a}h${b - a}v${2 * a}h${a - b}v${b - a}h${-2 * a}v${a - b}h${a - b}v${-2 * a}h${b - a}z`;
  }, // plus
];
const USUAL = ["base", "width", "depth", "resolution", "paper", "own", "own mixed"];

// family -> the number of its mark: the same for a family of the same name in every table
export function marks(rows) {
  const families = [...new Set(rows.map((row) => row.family))];
  const free = SHAPES.map((_, i) => i).filter((i) => !families.includes(USUAL[i]));
  const found = new Map();
  let others = 0;
  for (const family of families)
    found.set(family, USUAL.includes(family) ? USUAL.indexOf(family) : (free[others++] ?? others % SHAPES.length));
  return found;
}
export const mark = (number, x, y, r = 6.5, name = "") =>
  s("path", { class: `efx-dot efx-dot-${number} ${name}`, d: SHAPES[number](r), transform: `translate(${x},${y})` });

const text = (x, y, words, anchor = "start", name = "") =>
  s("text", { x, y, "text-anchor": anchor, class: name }, words);
const log = Math.log;

// Where everything lies: {x, y: cost and accuracy to pixels, spots: name -> {row, px, py}, ...}
export function layout(rows, axis, width) {
  const shown = known(rows, axis);
  const height = Math.round(Math.min(340, Math.max(270, width * 0.62)));
  const box = { width, height, left: 40, right: width - 16, top: 36, bottom: height - 40, axis, shown };
  const costs = shown.map((row) => row[axis]);
  const edges = shown.flatMap(({ test: [mean, deviation] }) => [mean - (deviation ?? 0), mean + (deviation ?? 0)]);
  const margin = Math.max(0.005, 0.07 * (Math.max(...edges) - Math.min(...edges)));
  [box.worst, box.best] = [Math.min(...edges) - margin, Math.min(1.001, Math.max(...edges) + margin)];
  const span = Math.max(log(Math.max(...costs) / Math.min(...costs)), 0.2);
  const [low, high] = [log(Math.min(...costs)) - 0.07 * span, log(Math.max(...costs)) + 0.07 * span];
  [box.low, box.high] = [Math.exp(low), Math.exp(high)];
  box.x = (cost) => box.left + ((log(cost) - low) / (high - low)) * (box.right - box.left);
  box.y = (share) => box.bottom - ((share - box.worst) / (box.best - box.worst)) * (box.bottom - box.top);
  const points = shown.map(({ [axis]: cost, test: [mean, deviation] }) => ({
    px: box.x(cost),
    top: box.y(mean + (deviation ?? 0)) - 7,
    bottom: box.y(mean - (deviation ?? 0)) + 7,
  }));
  box.measured = shown.some((row) => row.validation);
  const places = box.measured ? apart(points, Math.min(13, Math.max(9, width / 40))) : points.map((point) => point.px);
  box.spots = new Map(
    shown.map((row, i) => [
      row.name,
      { row, px: Math.min(box.right, Math.max(box.left, places[i])), py: box.y(row.test[0]) },
    ]),
  );
  box.moved = box.measured && places.some((px, i) => Math.abs(px - points[i].px) > 1);
  return box;
}

// Axes, error bars, the front, and a thin line through each family.
export function backdrop(box, families, ylabel) {
  const { x, y, left, right, top, bottom, shown, axis, width } = box;
  const ticks = logTicks(box.low, box.high, Math.max(3, Math.floor((right - left) / 62)), axis === "memory" || axis === "bytes");
  const heights = evenTicks(box.worst, box.best, 6);
  const grid = s(
    "g",
    { class: "efx-grid" },
    heights.map((v) => [
      s("path", { d: `M${left},${y(v)}H${right}` }),
      text(left - 6, y(v) + 4, `${+(100 * v).toFixed(1)}`, "end"),
    ]),
    ticks.map((v) => [
      s("path", { d: `M${x(v)},${top}V${bottom}` }),
      text(x(v), bottom + 16, AXES[axis].form(v), "middle"),
    ]),
    text((left + right) / 2, bottom + 34, `${AXES[axis].title}${width > 420 ? " (logarithmic)" : ""}`, "middle"),
    text(2, 12, ylabel),
  );
  const points = shown.map((row) => [row[axis], row.test[0]]);
  const order = paretoFront(points);
  const front = order.map((i) => points[i]);
  box.front = new Set(order.map((i) => shown[i].name));
  const steps =
    front.map(([cost, share], i) => `${i ? "H" : "M"}${x(cost)}${i ? "V" : ","}${y(share)}`).join("") + `H${right}`;
  const spots = [...box.spots.values()];
  const base = spots.filter(({ row }) => row.family === "base");
  const lines = [...families].map(([family, number]) => {
    const own = spots.filter(({ row }) => row.family === family).sort((a, b) => a.row[axis] - b.row[axis]);
    const through = base.length === 1 && family !== "base" ? [...base, ...own] : own;
    const d = through.map(({ px, py }, i) => `${i ? "L" : "M"}${px},${py}`).join("");
    return s("path", { class: `efx-thread efx-stroke-${number}`, d });
  });
  const bars = spots
    .filter(({ row }) => row.test[1])
    .map(
      ({
        row: {
          family,
          test: [mean, deviation],
        },
        px,
      }) => {
        const [a, b] = [y(mean + deviation), y(mean - deviation)];
        const d = `M${px},${a}V${b}M${px - 4},${a}h8M${px - 4},${b}h8`;
        return s("path", { class: `efx-error efx-stroke-${families.get(family)}`, d });
      },
    );
  return [
    grid,
    s("path", { class: "efx-under", d: `${steps}V${bottom}H${x(front[0][0])}z` }),
    s("path", { class: "efx-front", d: steps }),
    lines,
    bars,
  ].flat();
}

// What moves with the budget: its line, the points inside and beyond it, the best one and the one shown in the card.
export function foreground(box, families, budget, best, chosen) {
  const { left, right, top, bottom, axis } = box;
  const at = Math.min(right, Math.max(left, box.x(Math.max(budget, box.low))));
  const late = at > (left + right) / 2;
  const shapes = [
    s("path", { class: "efx-beyond", d: `M${at},${top}H${right}V${bottom}H${at}z` }),
    s("path", { class: "efx-yours", d: `M${at},${top - 2}V${bottom}` }),
    text(
      late ? at - 6 : at + 6,
      bottom - 7,
      late ? "← within budget" : "over budget →",
      late ? "end" : "start",
      "efx-limit",
    ),
  ];
  for (const { row, px, py } of box.spots.values())
    shapes.push(mark(families.get(row.family), px, py, 6.5, row[axis] <= budget ? "" : "efx-out"));
  if (!box.measured)
    for (const { row, px, py } of box.spots.values()) {
      if (row.name === best?.name) continue;
      const below = !box.front.has(row.name);
      shapes.push(text(px + (below ? 8 : -8), py + (below ? 14 : -7), row.label, below ? "start" : "end", "efx-name"));
    }
  const ring = (name, spot, r) => s("circle", { class: name, cx: spot.px, cy: spot.py, r });
  const picked = chosen && box.spots.get(chosen);
  if (picked && chosen !== best?.name) shapes.push(ring("efx-picked", picked, 11));
  const spot = best && box.spots.get(best.name);
  if (spot) {
    shapes.push(ring("efx-best-ring", spot, 11.5));
    const end = spot.px > left + 0.4 * (right - left);
    const y = Math.max(top - 8, spot.py - 19);
    shapes.push(text(spot.px + (end ? 4 : -4), y, best.label, end ? "end" : "start", "efx-callout"));
  }
  return shapes;
}
