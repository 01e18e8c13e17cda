// Two pictures: accuracy against MACs, and a network as a row of blocks.
import { stageOf } from "./cost.js";
import { s, short, whole } from "./dom.js";

const MARKS = {
  family: (x, y) => s("circle", { cx: x, cy: y, r: 5 }),
  baseline: (x, y) => s("circle", { cx: x, cy: y, r: 4 }),
  depth: (x, y) => s("rect", { x: x - 5, y: y - 5, width: 10, height: 10 }),
  width: (x, y) => s("path", { d: `M${x - 6},${y + 5}h12l-6,-11z` }),
  resolution: (x, y) => s("path", { d: `M${x - 6},${y - 5}h12l-6,11z` }),
  compound: (x, y) => s("path", { d: `M${x},${y - 7}l7,7l-7,7l-7,-7z` }),
};
const mark = (series, x, y) => {
  const shape = MARKS[series](x, y);
  shape.setAttribute("class", `efx-mark efx-mark-${series}`);
  return shape;
};
const text = (x, y, words, anchor = "start", name = "") =>
  s("text", { x, y, "text-anchor": anchor, class: name }, words);

export function axes(width) {
  const box = { left: 40, right: width - 12, top: 30, bottom: 290, width, height: 332 };
  const [low, high, worst, best] = [Math.log10(0.25e9), Math.log10(60e9), 76, 85];
  box.x = (macs) => box.left + ((Math.log10(macs) - low) / (high - low)) * (box.right - box.left);
  box.y = (top1) => box.bottom - ((top1 - worst) / (best - worst)) * (box.bottom - box.top);
  return box;
}

// All that does not move: axes, published points, the front.
export function backdrop(points, front, box) {
  const { x, y, left, right, top, bottom, width } = box;
  const narrow = width < 560;
  const ticks = narrow ? [0.5, 2, 5, 20, 50] : [0.3, 0.5, 1, 2, 5, 10, 20, 50];
  const grid = s(
    "g",
    { class: "efx-grid" },
    [76, 78, 80, 82, 84].map((v) => [
      s("path", { d: `M${left},${y(v)}H${right}` }),
      text(left - 6, y(v) + 4, `${v}`, "end"),
    ]),
    ticks.map((v) => [
      s("path", { d: `M${x(v * 1e9)},${top}V${bottom}` }),
      text(x(v * 1e9), bottom + 16, `${v} G`, "middle"),
    ]),
    text((left + right) / 2, bottom + 36, "MACs for one image (logarithmic)", "middle"),
    text(2, 14, "ImageNet top-1 accuracy, %"),
  );
  const steps = front.map((p, i) => `${i ? "H" : "M"}${x(p.macs)}${i ? "V" : ","}${y(p.top1)}`).join("") + `H${right}`;
  const first = x(front[0]?.macs ?? 1e9);
  const shapes = [
    grid,
    s("path", { class: "efx-under", d: `${steps}V${bottom}H${first}z` }),
    s("path", { class: "efx-front", d: steps }),
  ];
  const at = Object.fromEntries(points.filter((p) => p.series !== "family").map((p) => [p.series, p]));
  const singles = ["resolution", "depth", "width"].map((name) => at[name]).filter(Boolean);
  if (at.baseline)
    for (const p of [...singles, at.compound].filter(Boolean))
      shapes.push(
        s("path", {
          class: `efx-from efx-from-${p.series}`,
          d: `M${x(at.baseline.macs)},${y(at.baseline.top1)}L${x(p.macs)},${y(p.top1)}`,
        }),
      );
  for (const p of points) shapes.push(mark(p.series, x(p.macs), y(p.top1)));
  for (const p of points.filter((q) => q.series === "family"))
    shapes.push(text(x(p.macs) - 8, y(p.top1) - 8, p.label, "end", "efx-label"));
  const column = x(2.5e9);
  singles.forEach((p, i) =>
    shapes.push(
      mark(p.series, column, y(79.2) + 19 * i),
      text(
        column + 11,
        y(79.2) + 19 * i + 4,
        `${narrow ? p.series : `${p.label} alone`}: ${p.top1.toFixed(1)} %`,
        "start",
        "efx-label",
      ),
    ),
  );
  if (at.compound)
    shapes.push(
      mark("compound", column, y(81)),
      text(column + 11, y(81) + 4, `all three: ${at.compound.top1.toFixed(1)} %`, "start", "efx-label"),
    );
  return shapes;
}

export function yours(macs, box) {
  const edge = macs > 60e9;
  const x = edge ? box.right : box.x(macs);
  const left = x > (box.left + box.right) / 2;
  const words = edge ? `your network: ${short(macs)} MACs, beyond the plot →` : `your network: ${short(macs)} MACs`;
  return [
    s("path", { class: "efx-yours", d: `M${x},${box.top - 8}V${box.bottom}` }),
    s("path", { class: "efx-yours-foot", d: `M${x - 7},${box.bottom + 1}h14l-7,-11z` }),
    text(left ? x - 6 : x + 6, box.top - 1, words, left ? "end" : "start", "efx-yours-label"),
  ];
}

// The network as a picture: image side = resolution, bars = blocks, bar height = channels.
export function silhouette(arch, base, width) {
  const nets = [
    ["B0", base],
    ["yours", arch],
  ].map(([name, net]) => ({
    name,
    pixels: net.resolution,
    blocks: net.stages.map(stageOf).flatMap((stage) => Array(stage.depth).fill(stage.channels)),
  }));
  const most = (least, values) => Math.max(least, ...values);
  const tall = 64;
  const start = tall + 60;
  const unit = {
    px:
      tall /
      most(
        360,
        nets.map((net) => net.pixels),
      ),
    channels:
      tall /
      most(
        480,
        nets.flatMap((net) => net.blocks[net.blocks.length - 1]),
      ),
  };
  const slot =
    (width - start) /
    most(
      34,
      nets.map((net) => net.blocks.length),
    );
  const gap = slot > 4 ? 1.5 : 0;
  const row = ({ name, pixels, blocks }, i) => {
    const floor = tall + i * (tall + 24);
    const side = pixels * unit.px;
    const bars = blocks
      .map(
        (channels, j) =>
          `M${(start + j * slot).toFixed(2)},${floor}v${(-channels * unit.channels).toFixed(2)}` +
          `h${(slot - gap).toFixed(2)}V${floor}z`,
      )
      .join("");
    return s(
      "g",
      { class: `efx-net-${name}` },
      s("rect", { x: 46, y: floor - side, width: side, height: side }),
      s("path", { d: bars }),
      text(0, floor - 4, name, "start", "efx-yours-label"),
      text(46, floor + 15, `${pixels} px`),
      text(start, floor + 15, `${blocks.length} blocks, up to ${whole(most(0, blocks))} channels`),
    );
  };
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${2 * (tall + 24)}`, class: "efx-silhouette", "aria-hidden": "true" },
    nets.map(row),
  );
}
