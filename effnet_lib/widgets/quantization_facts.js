// The numbers of a quantized tensor: the row of figures, and the tables of all accuracies and all channels.
import { h, table, whole } from "./dom.js";
import { byWidth, bytesOf, median } from "./quantization.js";
import { percent, pointOf, spread } from "./quantization_accuracy.js";
import { tidy } from "./quantization_picture.js";
import { db } from "./quantization_words.js";

export const LABELS = {
  scales: { tensor: "per tensor", channel: "per channel" },
  form: { symmetric: "symmetric", affine: "affine" },
  observer: { minmax: "none", percentile: "percentile", mse: "least error" },
};
const minus = (n) => String(n).replace("-", "−");
// 0.0142, 1.42 × 10⁻⁵
function small(n) {
  if (n === 0 || n >= 1e-3) return `${+n.toPrecision(3)}`;
  const [digits, power] = n.toExponential(2).split("e-");
  return [`${digits}\u00a0×\u00a010`, h("sup", {}, `−${power}`)];
}
const ends = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];

// What stands in the list of figures.
export function stats(row, found, { bits, form }) {
  const count = row.shape.reduce((a, b) => a * b);
  const weights = row.kind === "weights";
  const mse = found.rounding + found.clipping;
  const part = mse > 0 ? found.clipping / mse : 0;
  const [[least, most], [lowest, highest]] = [ends(found.scale), ends(found.zero)];
  const item = (name, label, value, words, remark, bar) =>
    h(
      "div",
      {},
      h("dt", {}, label),
      h("dd", {}, h("data", { value, "data-name": name }, words), bar, h("small", {}, remark)),
    );
  const piece = (name, share) => share > 0 && h("span", { class: name, style: { width: `${100 * share}%` } });
  const parts = [piece("efx-rounding", 1 - part), piece("efx-clipping", part)];
  const size = bytesOf(count, bits, found.scale.length, form === "symmetric");
  return [
    item(
      "sqnr",
      "SQNR",
      found.sqnr,
      db(found.sqnr),
      weights ? `median channel ${db(median(found.own))}` : "one more bit: 6 dB",
    ),
    item(
      "mse",
      "Mean squared error",
      mse,
      small(mse),
      part > 0 ? `rounding ${percent(1 - part)} %, clipping ${percent(part)} %` : "by rounding alone",
      h("span", { class: "efx-track efx-parts", "aria-hidden": "true" }, parts),
    ),
    item(
      "scale",
      "Scale",
      most,
      least < most ? `${tidy(least)} to ${tidy(most)}` : tidy(most),
      "between two levels",
    ),
    item(
      "zero",
      "Zero point",
      lowest,
      lowest < highest ? `${minus(lowest)} to ${minus(highest)}` : minus(lowest),
      `of the integers ${minus(found.qmin)} to ${minus(found.qmax)}`,
    ),
    item("bytes", "Bytes", size, whole(size), `${whole(4 * count)} in float32${weights ? "" : ", for one picture"}`),
  ];
}

export function accuracyTable(kind, known) {
  const bits = [8, 7, 6, 5, 4, 3, 2];
  const rows = Object.entries(known).filter(([key]) => key.startsWith(kind));
  if (rows.length === 0) return [];
  const title = ([, form, scales, observer]) =>
    [form, kind === "weights" && LABELS.scales[scales], `clipping: ${LABELS.observer[observer]}`];
  return [
    table(
      `Test accuracy with all ${kind} quantized, mean ± standard deviation over the seeds`,
      ["Setting", ...bits.map((b) => `${b} bits`)],
      rows.map(([key, measured]) => [
        title(key.split("/")).filter(Boolean).join(", "),
        ...bits.map((b) => (measured[b] ? spread(pointOf(measured, b)) : "–")),
      ]),
      { class: "efx-wide" },
    ),
  ];
}

export function channelTable(found) {
  const scaleOf = (c) => (found.scale.length > 1 ? c : 0);
  return table(
    "Channels, the widest first",
    ["Channel", "Largest magnitude", "Scale", "Zero point", "Levels spanned", "SQNR"],
    byWidth(found).map((c) => [
      `${c}`,
      tidy(found.largest[c]),
      tidy(found.scale[scaleOf(c)]),
      minus(found.zero[scaleOf(c)]),
      `${found.spans[c]} of ${found.levels}`,
      db(found.own[c]),
    ]),
  );
}
