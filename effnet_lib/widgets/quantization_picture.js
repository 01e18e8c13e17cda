// Two pictures of a quantized tensor: its values with the levels they are rounded to, and what of the levels each
// channel gets. Pure: numbers in, SVG out.
import { h, s } from "./dom.js";
import { byWidth } from "./quantization.js";

export const text = (x, y, words, anchor = "start", name = "") =>
  s("text", { x: +x.toFixed(1), y: +y.toFixed(1), "text-anchor": anchor, class: name }, words);
export const at = (n) => n.toFixed(1);
export const path = (name, d) => s("path", { class: name, d });
export const tidy = (v) => `${+v.toPrecision(3) || 0}`.replace("-", "−");

// Round numbers from low to high, at most so many.
function evenTicks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((size) => size * power >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
  return found;
}

// Lines across the picture, each with its value.
export const lines = (values, y, { left, right }, words = String) =>
  values.map((v) => [path("", `M${left},${at(y(v))}H${right}`), text(left - 5, y(v) + 4, words(v), "end")]);

// found: as quantized() gives it. perChannel: the axis has no single value.
export function levelsPicture({ found, perChannel, width, height = 250 }) {
  const { at: places, q, qmin, qmax, levels } = found;
  const box = { left: 34, right: width - 8, top: 34, bottom: height - 58 };
  let [low, high] = [qmin - 0.5, qmax + 0.5];
  for (const place of places) {
    if (place < low) low = place;
    if (place > high) high = place;
  }
  const rough = (box.right - box.left) / (high - low);
  const bin = rough >= 6 ? 1 / Math.round(rough / 5) : Math.ceil(4 / rough);
  // whole bins to both sides of the levels
  low = qmin - 0.5 - Math.ceil((qmin - 0.5 - low) / bin - 1e-6) * bin;
  high = low + Math.ceil((high - low) / bin - 1e-6) * bin;
  const step = (box.right - box.left) / (high - low);
  const x = (place) => box.left + (place - low) * step;
  const counts = new Array(Math.round((high - low) / bin)).fill(0);
  for (const place of places) counts[Math.min(counts.length - 1, Math.floor((place - low) / bin))] += 1;
  const taken = new Map();
  for (const level of q) taken.set(level, (taken.get(level) ?? 0) + 1);
  const most = Math.max(...counts, ...taken.values());
  const y = (count) => box.bottom - (Math.log1p(count) / Math.log1p(most)) * (box.bottom - box.top);

  const bars = { in: "", out: "" };
  counts.forEach((count, i) => {
    if (!count) return;
    const middle = low + (i + 0.5) * bin;
    const side = middle < qmin - 0.5 || middle > qmax + 0.5 ? "out" : "in";
    const w = Math.max(0.8, bin * step - (bin * step > 3 ? 0.8 : 0));
    bars[side] += `M${at(x(low + i * bin))},${box.bottom}V${at(y(count))}h${at(w)}V${box.bottom}z`;
  });
  let [stems, tops, used, idle] = ["", "", "", ""];
  for (let level = qmin; level <= qmax; level++) {
    const px = at(x(level));
    const count = taken.get(level);
    if (count) {
      stems += `M${px},${box.bottom}V${at(y(count))}`;
      tops += `M${px},${at(y(count))}h0`;
      used += `M${px},${box.bottom + 4}v9`;
    } else idle += `M${px},${box.bottom + 4}v9`;
  }
  const zone = (from, to) =>
    found.clipped > 0 && path("efx-cut", `M${at(from)},${box.top}H${at(to)}V${box.bottom}H${at(from)}z`);
  const marks = [1, 10, 100, 1000, 10000].filter((v) => v <= most);
  const grid = s(
    "g",
    { class: "efx-grid" },
    lines(marks, y, box),
    path("", `M${box.left},${box.bottom}H${box.right}`),
    text(2, 12, "values in a bin, or at a level (log.)"),
  );
  const axis = s("g", { class: "efx-grid" });
  if (perChannel)
    for (const level of new Set([qmin, 0, qmax])) axis.append(text(x(level), box.bottom + 30, tidy(level), "middle"));
  else {
    const [scale, zero] = [found.scale[0], found.zero[0]];
    const [a, b] = [(low - zero) * scale, (high - zero) * scale];
    for (const v of evenTicks(a, b, Math.max(3, Math.floor((box.right - box.left) / 70))))
      axis.append(
        path("", `M${at(x(v / scale + zero))},${box.bottom}v3`),
        text(x(v / scale + zero), box.bottom + 30, tidy(v), "middle"),
      );
  }
  const name = perChannel ? "value, in steps of its own channel’s scale" : "value";
  axis.append(text((box.left + box.right) / 2, box.bottom + 48, name, "middle"));
  const [cutLow, cutHigh] = [x(qmin - 0.5), x(qmax + 0.5)];
  const dense = step < 3;
  return s(
    "svg",
    {
      class: "efx-plot",
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label":
        `Histogram of ${places.length} values, with the ${levels} levels that they are rounded to: ${found.used} ` +
        `occur, and ${found.clipped} values lie beyond the range`,
    },
    grid,
    zone(box.left, cutLow),
    zone(cutHigh, box.right),
    path("efx-values", bars.in),
    path("efx-values efx-beyond-range", bars.out),
    path(`efx-stem ${dense ? "efx-many" : ""}`, stems),
    !dense && path("efx-stem-top", tops),
    path(`efx-comb efx-idle ${dense ? "efx-many" : ""}`, idle),
    path("efx-comb", used),
    axis,
    found.clipped > 0 && text(box.right, box.top - 6, `${found.clipped} clipped`, "end", "efx-cut-label"),
  );
}

// A bar a channel, the widest first: how many of the levels its values span. Logarithmic: twice as many is one bit.
// other: the spans with one scale for all, drawn as an outline. foot: the room below the bars.
export function channelPicture({ found, other, width, foot }) {
  const order = byWidth(found);
  const box = { left: 34, right: width - 4, top: 34, bottom: 192 };
  const [{ levels, spans }, count] = [found, order.length];
  const slot = (box.right - box.left) / count;
  const y = (n) => box.bottom - 6 - (Math.log2(n) / Math.log2(levels)) * (box.bottom - 6 - box.top);
  const x = (i) => at(box.left + i * slot);
  const marks = [1, 2, 4, 8, 16, 32, 64, 128].filter((v) => v < 0.8 * levels);
  const bars = { rich: "", poor: "" };
  order.forEach((channel, i) => {
    const n = spans[channel];
    const w = at(slot > 3 ? slot - 1 : slot);
    bars[n <= 3 ? "poor" : "rich"] += `M${x(i)},${box.bottom}V${at(y(n))}h${w}V${box.bottom}z`;
  });
  const ghost = other ? order.map((channel, i) => `${i ? "V" : `M${x(0)},`}${at(y(other[channel]))}H${x(i + 1)}`) : [];
  return s(
    "svg",
    {
      class: "efx-plot",
      viewBox: `0 0 ${width} ${box.bottom + foot}`,
      role: "img",
      "aria-label":
        `Levels that the values of each of ${count} channels span, of ${levels}: from ${Math.max(...spans)} down to ` +
        `${Math.min(...spans)}; the numbers are in the table below`,
    },
    s(
      "g",
      { class: "efx-grid" },
      lines(marks, y, box),
      text(box.left - 5, y(levels) + 4, `${levels}`, "end"),
      text(2, 12, "levels that its values span (log.)"),
      text((box.left + box.right) / 2, box.bottom + 20, `${count} channels, the widest first`, "middle"),
    ),
    path("efx-all", `M${box.left},${at(y(levels))}H${box.right}`),
    path("efx-span", bars.rich),
    path("efx-span efx-poor", bars.poor),
    path("efx-ghost", ghost.join("")),
  );
}

// entries: [shape in 20 by 14, words]
export const key = (label, entries) =>
  h(
    "ul",
    { class: "efx-key", "aria-label": label },
    entries.map(([shape, words]) =>
      h("li", {}, s("svg", { width: 20, height: 14, "aria-hidden": "true", viewBox: "0 0 20 14" }, shape), words),
    ),
  );
export const levelsKey = () =>
  key("Key to the histogram", [
    [path("efx-values", "M2,14V6h5V14zM8,14V2h5V14zM14,14V8h5V14z"), "the values"],
    [[path("efx-stem", "M10,14V4"), path("efx-stem-top", "M10,4h0")], "what they become"],
    [path("efx-comb efx-idle", "M5,3v9M10,3v9M15,3v9"), "levels in vain"],
    [path("efx-cut", "M0,0H20V14H0z"), "clipped"],
  ]);
export const channelKey = (perChannel) =>
  key("Key to the channels", [
    [path("efx-all", "M0,7H20"), "all levels"],
    perChannel
      ? [path("efx-ghost", "M0,4H10V10H20"), "with one scale"]
      : [path("efx-span efx-poor", "M4,14V5h5V14zM11,14V5h5V14z"), "three or fewer"],
  ]);
