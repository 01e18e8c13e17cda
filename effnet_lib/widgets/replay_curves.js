// Regret against evaluations: the searches shown, among all searches of their strategies.
import { s } from "./dom.js";
import { evenTicks } from "./tradeoff.js";

const at = (n) => n.toFixed(1);
const text = (x, y, words, anchor = "start", name = "") =>
  s("text", { x: at(x), y: at(y), "text-anchor": anchor, class: name }, words);

export function layout(width, budget, shown) {
  const box = { width, height: 190, left: 38, right: width - 14, top: 26, bottom: 148, budget };
  // The first evaluations of unlucky searches would press all others to the ground: they run along the upper edge.
  const usual = shown.flatMap((regrets) => regrets.slice(Math.min(2, budget - 1))).sort((a, b) => a - b);
  box.most = Math.max(0.005, 1.06 * (usual[Math.floor(0.98 * (usual.length - 1))] ?? 0));
  box.x = (step) => box.left + (step / budget) * (box.right - box.left);
  box.y = (regret) => box.bottom - (Math.min(regret, box.most) / box.most) * (box.bottom - box.top);
  return box;
}

// Stairs: a regret holds from its evaluation to the next.
const curve = (box, regrets, name) =>
  s("path", {
    class: name,
    d: regrets
      .map((regret, i) => `${i ? "H" : "M"}${at(box.x(i + 1))}${i ? "V" : ","}${at(box.y(regret))}`)
      .join(""),
  });

// series: [{which, all: regrets of every search, own: of the one shown}]
export function backdrop(box, series) {
  const { x, y, left, right, top, bottom, budget } = box;
  const size = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000].find((n) => budget / n <= Math.max(3, (right - left) / 60));
  const steps = Array.from({ length: Math.floor(budget / (size ?? budget)) + 1 }, (_, i) => i * (size ?? budget));
  return [
    s(
      "g",
      { class: "efx-grid" },
      evenTicks(0, box.most, 4).map((v) => [
        s("path", { d: `M${left},${at(y(v))}H${right}` }),
        text(left - 6, y(v) + 4, `${+(100 * v).toFixed(1)}`, "end"),
      ]),
      steps.map((n) => text(x(n), bottom + 16, String(n), "middle")),
      text((left + right) / 2, bottom + 34, "evaluations", "middle"),
      text(2, 12, "regret, points of test accuracy"),
    ),
    ...series.flatMap(({ which, all }) => all.map((regrets) => curve(box, regrets, `efx-thin efx-${which}`))),
    ...series.map(({ which, own }) => curve(box, own, `efx-bold efx-${which}`)),
  ];
}

// What is still to come lies under a veil.
export function foreground(box, series, step) {
  const { x, y, top, bottom, right } = box;
  const here = x(step);
  return [
    s("path", { class: "efx-veil", d: `M${at(here)},${top - 6}H${right + 14}V${bottom + 1}H${at(here)}z` }),
    s("path", { class: "efx-now", d: `M${at(here)},${top - 6}V${bottom}` }),
    ...(step ? series : []).map(({ which, own }) =>
      s("circle", { class: `efx-head efx-${which}`, cx: at(here), cy: at(y(own[step - 1])), r: 5.5 }),
    ),
  ];
}
