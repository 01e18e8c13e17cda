// Two pictures of a pruned network: what remains of every layer or group, and accuracy against the amount removed.
import { h, s, whole } from "./dom.js";
import { spread } from "./pruning.js";

const KIND = {
  stem: "dense",
  depthwise: "depthwise",
  squeeze: "se",
  excite: "se",
  classifier: "fc",
};

// "stages.1.0.se.squeeze" is said "1.0 squeeze": stage and block, then what it is in the block.
const said = (name) => name.replace(/^stages\.(\d+\.\d+)\.(se\.)?/, "$1 ").replace(/^stages\.(\d+)$/, "stage $1");

const row = (name, track, kept, of) =>
  h(
    "li",
    {},
    h("span", { class: "efx-of", title: name }, said(name)),
    track,
    h("span", { class: "efx-left" }, h("b", {}, whole(kept)), ` of ${whole(of)}`),
  );

// Bars: weights of every layer that are not zero.
export function layerBars(layers) {
  return h(
    "ul",
    { class: "efx-remains", "aria-label": "Weights that every layer keeps" },
    layers.map(({ name, kind, weights, nonzero }) => {
      const bar = h("span", {
        class: `efx-${KIND[kind] ?? "pointwise"}`,
        style: { width: `${((100 * nonzero) / weights).toFixed(2)}%` },
      });
      const track = h("span", { class: "efx-track", "aria-hidden": "true" }, bar);
      return row(name.replace(/\.conv$/, ""), track, nonzero, weights);
    }),
  );
}

// Strips: the channels of every group, in their own order; those that stay are filled.
export function groupStrips(groups) {
  return h(
    "ul",
    { class: "efx-remains", "aria-label": "Channels that every group keeps" },
    groups.map(({ name, size, kept, stays, touched }) => {
      const cells = stays.map((stay, i) => (stay ? `M${i + 0.08},0h0.84v1h-0.84z` : "")).join("");
      const strip = s(
        "svg",
        { class: "efx-strip", viewBox: `0 0 ${size} 1`, preserveAspectRatio: "none", "aria-hidden": "true" },
        s("path", { class: touched ? "efx-stay" : "efx-whole-group", d: cells }),
      );
      return row(name, strip, kept, size);
    }),
  );
}

// ---- accuracy -------------------------------------------------------------------------------------------------

const at = (n) => Math.round(10 * n) / 10;
const text = (x, y, words, anchor = "start", name = undefined) =>
  s("text", { x: at(x), y: at(y), "text-anchor": anchor, class: name }, words);
const MARKS = {
  before: "M-4,-4H4V4H-4z",
  recalibrated: "M-4.5,0a4.5,4.5 0 1 0 9,0a4.5,4.5 0 1 0 -9,0z",
  tuned: "M0,-6L6,0L0,6L-6,0z",
  gradual: "M0,-6L6,5H-6z",
  short: "M0,6L6,-5H-6z",
  scratch: "M-6,-2H-2V-6H2V-2H6V2H2V6H-2V2H-6z",
};
const LINES = ["before", "recalibrated", "tuned"];

export function mark(look, x = 0, y = 0) {
  return s("path", { class: `efx-mark efx-look-${look}`, d: MARKS[look], transform: `translate(${at(x)},${at(y)})` });
}

// points: [[percent, {look: [mean, deviation, seeds]}]]
export function accuracyPicture({ points, amount, most, width, height = 250 }) {
  const box = { left: 36, right: width - 10, top: 26, bottom: height - 38 };
  const x = (percent) => box.left + 6 + (percent / most) * (box.right - box.left - 12);
  const y = (share) => box.bottom - share * (box.bottom - box.top);
  const shapes = [
    s("path", { class: "efx-now", d: `M${at(x(amount))},${box.top - 6}V${box.bottom}` }),
    s(
      "g",
      { class: "efx-grid" },
      [0, 0.25, 0.5, 0.75, 1].map((v) => [
        s("path", { d: `M${box.left},${at(y(v))}H${box.right}` }),
        text(box.left - 6, y(v) + 4, `${100 * v}`, "end"),
      ]),
      [0, 20, 40, 60, 80].map((v) => text(x(v), box.bottom + 16, `${v}`, "middle")),
      text((box.left + box.right) / 2, box.bottom + 33, "removed, %", "middle"),
      text(2, 12, "test accuracy, %"),
    ),
  ];
  const looks = Object.keys(MARKS).filter((look) => points.some(([, entry]) => entry[look]));
  for (const look of looks) {
    const seen = points.filter(([, entry]) => entry[look]).map(([percent, entry]) => [percent, entry[look]]);
    if (LINES.includes(look))
      shapes.push(
        s("path", {
          class: `efx-course efx-look-${look}`,
          d: seen.map(([percent, [mean]], i) => `${i ? "L" : "M"}${at(x(percent))},${at(y(mean))}`).join(""),
        }),
      );
    for (const [percent, [mean, deviation]] of seen) {
      if (deviation)
        shapes.push(
          s("path", {
            class: `efx-course efx-error efx-look-${look}`,
            d: `M${at(x(percent))},${at(y(Math.max(0, mean - deviation)))}V${at(y(Math.min(1, mean + deviation)))}`,
          }),
        );
      shapes.push(mark(look, x(percent), y(mean)));
    }
  }
  const here = points.find(([percent]) => percent === amount)?.[1].tuned;
  if (here) {
    const right = x(amount) > (box.left + box.right) / 2;
    shapes.push(
      text(x(amount) + (right ? -10 : 10), y(here[0]) - 9, spread(here), right ? "end" : "start", "efx-callout"),
    );
  }
  return s(
    "svg",
    {
      class: "efx-plot",
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": "Measured test accuracy against the amount removed; the numbers are in the table below",
    },
    shapes,
  );
}
