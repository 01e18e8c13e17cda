// What the numbers of a quantized tensor mean, in sentences.
import { whole } from "./dom.js";
import { median } from "./quantization.js";
import { tidy } from "./quantization_picture.js";

export const db = (value) => (Number.isFinite(value) ? `${value.toFixed(1)}\u00a0dB` : "no error");
const share = (part, all) => {
  const p = (100 * part) / all;
  return p > 0 && p < 0.1 ? "under 0.1\u00a0%" : `${p < 10 ? +p.toFixed(1) : Math.round(p)}\u00a0%`;
};
const half = (n) => (Number.isInteger(n) ? `${n}` : n.toFixed(1));

// How many levels the middle 90 % of the values lie on.
export function middleLevels(q) {
  const rising = Int32Array.from(q).sort();
  const cut = Math.floor(rising.length * 0.05);
  return rising[rising.length - 1 - cut] - rising[cut] + 1;
}

function ofWeights(row, { levels, spans, largest }, other) {
  const widest = Math.max(...largest);
  const ratio = widest / median(largest);
  const apart = `${ratio >= 10 ? Math.round(ratio) : ratio.toFixed(1)} times the median`;
  const count = spans.length;
  const poor = spans.filter((n) => n <= 3).length;
  const middle = `${half(median(spans))} of ${levels} levels`;
  const dead = row.dead?.find((channel) => largest[channel] === widest);
  return [
    other
      ? `A scale for each of ${count} channels: the median channel’s values span ${middle}, with one scale ` +
        `${half(median(other))}. The widest reaches ±${tidy(widest)}, ${apart}.`
      : `One scale for ${count} channels: the widest reaches ±${tidy(widest)}, ${apart} channel, whose values span ` +
        `${middle}.`,
    !other && poor > 0 && `${poor} channel${poor === 1 ? " spans" : "s span"} three or fewer.`,
    dead !== undefined &&
      `The widest, channel ${dead}, is dead: its input was 0 in all ${row.pictures} pictures tried. Its weights ` +
        "change nothing but the scale.",
  ];
}

function ofActivations({ low, high, pictures }, { levels, used, q, qmin, ranges }) {
  const idle = levels - used;
  return [
    ranges[0][0] >= 0 &&
      qmin < 0 &&
      `No value is negative, but a symmetric range spends ${-qmin} of its ${levels} levels on negative ones.`,
    `90\u00a0% of the values share ${middleLevels(q)} of ${levels} levels; ` +
      `${idle === 0 ? "every level is used" : `${idle} ${idle === 1 ? "is" : "are"} not used at all`}.`,
    `${whole(q.length)} values are shown; all values in ${pictures} pictures reach from ${tidy(low)} to ${tidy(high)}.`,
  ];
}

// Sentences about one tensor. other: with a scale a channel, the channels' spans with one scale for all.
export function meaning(row, found, setting, other) {
  const { clipped, clipping, rounding, q } = found;
  const said = row.kind === "weights" ? ofWeights(row, found, other) : ofActivations(row, found);
  if (clipped > 0)
    said.push(
      `${whole(clipped)} value${clipped === 1 ? " is" : "s are"} clipped (${share(clipped, q.length)}): ` +
        `${share(clipping, clipping + rounding)} of the squared error.`,
    );
  else if (setting.observer === "percentile" && setting.percentile < 100)
    said.push(`${setting.percentile}\u00a0% of so few values is all of them: nothing is clipped.`);
  return said.filter(Boolean).join(" ");
}
