// What the whole network keeps: measured accuracy for every number of bits, and the setting's place in it.
import { s } from "./dom.js";
import { at, key, lines, path, text } from "./quantization_picture.js";

export const percent = (share) => (100 * share).toFixed(1);

// Mean and sample standard deviation (null from one) of a few accuracies.
export function meanOf(values) {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return [mean, values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null];
}
export function spread(values) {
  const [mean, deviation] = meanOf(values);
  return `${percent(mean)}${deviation === null ? "" : ` ± ${percent(deviation)}`}\u00a0%`;
}

const numbers = (words) => words.split(" ").map(Number);
// What was measured of a setting: from bits to accuracies, one a seed, in a string; undefined if nothing was.
export function measuredOf(known, kind, { form, scales, observer, percentile }) {
  if (observer === "percentile" && percentile !== known?.percentile) return undefined;
  return known?.measured?.[`${kind}/${form}/${kind === "weights" ? scales : "tensor"}/${observer}`];
}
const pointsOf = (measured) => Object.entries(measured).map(([bits, words]) => [Number(bits), numbers(words)]);
// Accuracies, one a seed, or undefined.
export const pointOf = (measured, bits) => measured?.[bits] && numbers(measured[bits]);

// shown: what was measured of the setting; other: of the one to compare with; whole: in floats. All may be missing.
export function accuracyPicture({ shown, other, whole, bits, width, height = 208 }) {
  const box = { left: 34, right: width - 8, top: 28, bottom: height - 38 };
  const x = (b) => box.left + 16 + ((b - 2) / 6) * (box.right - box.left - 32);
  const y = (share) => box.bottom - share * (box.bottom - box.top);
  const through = (points) =>
    points.map(([b, values], i) => `${i ? "L" : "M"}${at(x(b))},${at(y(meanOf(values)[0]))}`).join("");
  const dots = (points, each) =>
    points.flatMap(([b, values]) => each(values).map((v) => `M${at(x(b))},${at(y(v))}h0`)).join("");
  const here = pointOf(shown, bits);
  const shapes = [
    path("efx-column", `M${at(x(bits))},${box.top - 6}V${box.bottom}`),
    s(
      "g",
      { class: "efx-grid" },
      lines([0, 0.25, 0.5, 0.75, 1], y, box, (v) => `${100 * v}`),
      [2, 3, 4, 5, 6, 7, 8].map((b) => text(x(b), box.bottom + 16, `${b}`, "middle")),
      text((box.left + box.right) / 2, box.bottom + 33, "bits", "middle"),
      text(2, 12, "test accuracy of the whole network, %"),
    ),
  ];
  if (whole) shapes.push(path("efx-all", `M${box.left},${at(y(meanOf(whole)[0]))}H${box.right}`));
  if (other) shapes.push(path("efx-line efx-other", through(pointsOf(other))));
  if (shown) {
    const points = pointsOf(shown);
    shapes.push(
      path("efx-line", through(points)),
      path("efx-points", dots(points, (values) => [meanOf(values)[0]])),
      path("efx-seeds", dots(points, (values) => values)),
    );
  }
  if (here) {
    const mean = meanOf(here)[0];
    const late = bits > 5;
    shapes.push(
      s("circle", { class: "efx-ring", cx: at(x(bits)), cy: at(y(mean)), r: 9 }),
      text(
        x(bits) + (late ? -13 : 13),
        y(mean) + (mean > 0.15 ? 20 : -12),
        spread(here),
        late ? "end" : "start",
        "efx-callout",
      ),
    );
  }
  return s(
    "svg",
    {
      class: "efx-plot",
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": "Measured accuracy of the whole network against bits; the numbers are in the table below",
    },
    shapes,
  );
}

export const accuracyKey = (mine, other) =>
  key("Key to the accuracies", [
    [[path("efx-line", "M0,7H20"), path("efx-points", "M10,7h0")], mine],
    [path("efx-seeds", "M3,10h0M10,4h0M17,7h0"), "its seeds"],
    ...(other ? [[path("efx-line efx-other", "M0,7H20"), other]] : []),
    [path("efx-all", "M0,7H20"), "in float32"],
  ]);
