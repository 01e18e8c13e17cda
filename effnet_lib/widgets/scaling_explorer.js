// Compound scaling: phi, alpha, beta, gamma; the network that results; its cost among the published ones.
import { compoundMultipliers, compoundScale, costOf, groups, stageOf } from "./cost.js";
import { datum, h, more, mount, s, short, table, times, whole } from "./kit.js";

const PRESETS = [["The paper's", { alpha: 1.2, beta: 1.1, gamma: 1.15 }], ["Depth alone", { alpha: 2, beta: 1, gamma: 1 }],
  ["Width alone", { alpha: 1, beta: 1.41, gamma: 1 }], ["Resolution alone", { alpha: 1, beta: 1, gamma: 1.41 }]];
const NAMES = ["phi", "alpha", "beta", "gamma"];

// Points that no other point beats in both cost and accuracy, by rising cost.
export function paretoFront(points) {
  const front = [];
  for (const point of [...points].sort((a, b) => a.macs - b.macs || b.top1 - a.top1))
    if (front.length === 0 || point.top1 > front.at(-1).top1) front.push(point);
  return front;
}

// ---- the plot -------------------------------------------------------------------------------------------------

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
const text = (x, y, words, anchor = "start", name = "") => s("text", { x, y, "text-anchor": anchor, class: name }, words);

function axes(width) {
  const box = { left: 40, right: width - 12, top: 30, bottom: 290, width, height: 332 };
  const [low, high, worst, best] = [Math.log10(0.25e9), Math.log10(60e9), 76, 85];
  box.x = (macs) => box.left + ((Math.log10(macs) - low) / (high - low)) * (box.right - box.left);
  box.y = (top1) => box.bottom - ((top1 - worst) / (best - worst)) * (box.bottom - box.top);
  return box;
}

// All that does not move: axes, published points, the front.
function backdrop(points, box) {
  const { x, y, left, right, top, bottom, width } = box;
  const narrow = width < 560;
  const ticks = narrow ? [0.5, 2, 5, 20, 50] : [0.3, 0.5, 1, 2, 5, 10, 20, 50];
  const grid = s("g", { class: "efx-grid" },
    [76, 78, 80, 82, 84].map((v) => [s("path", { d: `M${left},${y(v)}H${right}` }), text(left - 6, y(v) + 4, `${v}`, "end")]),
    ticks.map((v) => [s("path", { d: `M${x(v * 1e9)},${top}V${bottom}` }), text(x(v * 1e9), bottom + 16, `${v} G`, "middle")]),
    text((left + right) / 2, bottom + 36, "MACs for one image (logarithmic)", "middle"),
    text(2, 14, "ImageNet top-1 accuracy, %"));
  const front = paretoFront(points);
  const steps = front.map((p, i) => `${i ? "H" : "M"}${x(p.macs)}${i ? "V" : ","}${y(p.top1)}`).join("") + `H${right}`;
  const first = x(front[0]?.macs ?? 1e9);
  const shapes = [grid, s("path", { class: "efx-under", d: `${steps}V${bottom}H${first}z` }), s("path", { class: "efx-front", d: steps })];
  const at = Object.fromEntries(points.filter((p) => p.series !== "family").map((p) => [p.series, p]));
  const singles = ["resolution", "depth", "width"].map((name) => at[name]).filter(Boolean);
  if (at.baseline) for (const p of [...singles, at.compound].filter(Boolean))
    shapes.push(s("path", { class: `efx-from efx-from-${p.series}`, d: `M${x(at.baseline.macs)},${y(at.baseline.top1)}L${x(p.macs)},${y(p.top1)}` }));
  for (const p of points) shapes.push(mark(p.series, x(p.macs), y(p.top1)));
  for (const p of points.filter((q) => q.series === "family")) shapes.push(text(x(p.macs) - 8, y(p.top1) - 8, p.label, "end", "efx-label"));
  const column = x(2.5e9);
  singles.forEach((p, i) => shapes.push(mark(p.series, column, y(79.2) + 19 * i),
    text(column + 11, y(79.2) + 19 * i + 4, `${narrow ? p.series : `${p.label} alone`}: ${p.top1.toFixed(1)} %`, "start", "efx-label")));
  if (at.compound) shapes.push(mark("compound", column, y(81)),
    text(column + 11, y(81) + 4, `all three: ${at.compound.top1.toFixed(1)} %`, "start", "efx-label"));
  return shapes;
}

function yours(macs, box) {
  const edge = macs > 60e9;
  const x = edge ? box.right : box.x(macs);
  const left = x > (box.left + box.right) / 2;
  const words = edge ? `your network: ${short(macs)} MACs, beyond the plot →` : `your network: ${short(macs)} MACs`;
  return [s("path", { class: "efx-yours", d: `M${x},${box.top - 8}V${box.bottom}` }),
    s("path", { class: "efx-yours-foot", d: `M${x - 7},${box.bottom + 1}h14l-7,-11z` }),
    text(left ? x - 6 : x + 6, box.top - 1, words, left ? "end" : "start", "efx-yours-label")];
}

// ---- the network as a picture: image side = resolution, bars = blocks, bar height = channels --------------------

function silhouette(arch, base, width) {
  const nets = [["B0", base], ["yours", arch]].map(([name, net]) => ({ name, pixels: net.resolution,
    blocks: net.stages.map(stageOf).flatMap((stage) => Array(stage.depth).fill(stage.channels)) }));
  const most = (least, values) => Math.max(least, ...values);
  const tall = 64;
  const start = tall + 60;
  const unit = { px: tall / most(360, nets.map((net) => net.pixels)),
    channels: tall / most(480, nets.flatMap((net) => net.blocks[net.blocks.length - 1])) };
  const slot = (width - start) / most(34, nets.map((net) => net.blocks.length));
  const gap = slot > 4 ? 1.5 : 0;
  const row = ({ name, pixels, blocks }, i) => {
    const floor = tall + i * (tall + 24);
    const side = pixels * unit.px;
    const bars = blocks.map((channels, j) => `M${(start + j * slot).toFixed(2)},${floor}v${(-channels * unit.channels).toFixed(2)}` +
      `h${(slot - gap).toFixed(2)}V${floor}z`).join("");
    return s("g", { class: `efx-net-${name}` }, s("rect", { x: 46, y: floor - side, width: side, height: side }), s("path", { d: bars }),
      text(0, floor - 4, name, "start", "efx-yours-label"), text(46, floor + 15, `${pixels} px`),
      text(start, floor + 15, `${blocks.length} blocks, up to ${whole(most(0, blocks))} channels`));
  };
  return s("svg", { viewBox: `0 0 ${width} ${2 * (tall + 24)}`, class: "efx-silhouette", "aria-hidden": "true" }, nets.map(row));
}

// ---- the widget -----------------------------------------------------------------------------------------------

function build(kit) {
  const factor = h("p", { class: "efx-soft" });
  const presets = h("div", { class: "efx-presets", role: "group", "aria-label": "Sets of coefficients" }, PRESETS.map(([label, values]) => {
    const button = h("button", { type: "button" }, label);
    kit.on(button, "click", () => kit.set(values));
    return button;
  }));
  const stats = h("dl", { class: "efx-stats" });
  const lead = h("p", { class: "efx-lead" });
  const picture = h("div", {});
  const moving = s("g", {});
  const still = s("g", {});
  const plot = s("svg", { class: "efx-plot", role: "img", "aria-label": "Accuracy against MACs of published networks; the numbers are in the table below" }, still, moving);
  const scroll = (label) => h("div", { class: "efx-scroll", tabindex: "0", role: "group", "aria-label": label });
  const stages = scroll("Its stages");
  const published = scroll("Published networks");
  const finding = h("p", { class: "efx-lead" });
  kit.body.append(h("p", { class: "efx-title" }, "Compound scaling of EfficientNet-B0"),
    h("div", { class: "efx-knobs" }, kit.knob({ name: "phi", label: "φ, the compound coefficient", low: 0, high: 7, step: 0.1 })),
    more("The coefficients α, β, γ",
      kit.knob({ name: "alpha", label: "α, depth for each step of φ", unit: "×", step: 0.01 }),
      kit.knob({ name: "beta", label: "β, width for each step of φ", unit: "×", step: 0.01 }),
      kit.knob({ name: "gamma", label: "γ, resolution for each step of φ", unit: "×", step: 0.01 }), presets, factor),
    stats, lead, picture, h("p", { class: "efx-soft" }, "Square: the input image. Bars: the blocks in order, as tall as they have channels."),
    finding, plot,
    h("p", { class: "efx-soft" }, "Accuracies are published (Tan & Le 2019, Tables 2 and 7); MACs are counted from the networks. Step line: Pareto front. " +
      "Your network has a cost here and no accuracy: only training it would tell."),
    h("details", { class: "efx-more efx-tables" }, h("summary", {}, "Its stages, and the plotted numbers"), stages, published));

  let width = 0;
  let shownPoints;
  const update = () => {
    const [phi, alpha, beta, gamma] = NAMES.map((name) => kit.number(name));
    const base = kit.model.get("base");
    const points = kit.model.get("points");
    if (!base?.stages || !Array.isArray(points)) throw new Error("the widget's state lacks its base network or the published points.");
    const m = compoundMultipliers(phi, alpha, beta, gamma);
    const power = alpha * beta ** 2 * gamma ** 2;
    factor.textContent = `αβ²γ² = ${power.toFixed(3)}: what one step of φ multiplies the MACs by, if nothing were rounded. The paper asks for about 2.`;
    PRESETS.forEach(([, values], i) => presets.children[i].setAttribute("aria-pressed",
      String(values.alpha === alpha && values.beta === beta && values.gamma === gamma)));
    const arch = compoundScale(base, phi, alpha, beta, gamma);
    const cost = costOf(arch);
    if (!cost.exact)
      throw new Error(`this network would take about ${short(cost.macs)} MACs, more than can be counted exactly here (2^53). Lower φ or the coefficients.`);
    const first = costOf(base);
    const ratio = cost.macs / first.macs;

    const stat = (label, value, small) => h("div", {}, h("dt", {}, label), h("dd", {}, value, h("small", {}, small)));
    const powered = (letter, n) => [`${letter}`, h("sup", {}, "φ"), ` = ${n}`, h("sup", {}, String(phi))];
    stats.replaceChildren(stat("Depth", `×${m.depth.toFixed(2)}`, powered("α", alpha)), stat("Width", `×${m.width.toFixed(2)}`, powered("β", beta)),
      stat("Resolution", `×${m.resolution.toFixed(2)}`, [powered("γ", gamma), ` → ${arch.resolution} px`]),
      stat("MACs", datum(cost.macs), whole(cost.macs)), stat("Parameters", datum(cost.params), whole(cost.params)));
    const growth = ` = ${phi}: ${times(ratio)}× the MACs of B0 and ${times(cost.params / first.params)}× its parameters. `;
    lead.replaceChildren(...(phi === 0 ? ["φ = 0 is B0 itself: move φ to make it deeper, wider and larger in resolution at once."]
      : [`φ${growth}The formula (αβ²γ²)`, h("sup", {}, "φ"), ` says ${times(power ** phi)}× the MACs; ` +
        "it does not know that blocks come in whole numbers and channels in eights."]));
    kit.say(`φ${growth}${whole(cost.macs)} MACs, ${whole(cost.params)} parameters, input ${arch.resolution} pixels.`);
    if (width === 0) width = Math.max(300, kit.body.clientWidth || 640);
    picture.replaceChildren(silhouette(arch, base, width));

    const box = axes(width);
    if (shownPoints !== points || still.dataset.width !== String(width)) {
      shownPoints = points;
      still.dataset.width = String(width);
      plot.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
      still.replaceChildren(...backdrop(points, box));
      published.replaceChildren(table("Published networks", ["Network", "MACs", "Top-1, %"], points.map((p) =>
        [p.series === "family" ? p.label : `B0, ${p.label} (Table 7)`, datum(p.macs, whole), p.top1.toFixed(1)])));
      const single = points.filter((p) => ["depth", "width", "resolution"].includes(p.series));
      const all = points.find((p) => p.series === "compound");
      finding.textContent = single.length && all ? `Published: all three dimensions together reached ${(all.top1 - Math.max(...single.map((p) => p.top1))).toFixed(1)} ` +
        `points more than the best single one, for ${Math.round(100 * (all.macs / Math.max(...single.map((p) => p.macs)) - 1))} to ` +
        `${Math.round(100 * (all.macs / Math.min(...single.map((p) => p.macs)) - 1))} % more MACs.` : "";
    }
    moving.replaceChildren(...yours(cost.macs, box));
    const shares = groups(cost.layers, 2);
    const from = (old, now) => (old === now ? `${now}` : `${old} → ${now}`);
    stages.replaceChildren(table("Stages of B0 → of your network", ["Stage", "Channels", "Blocks", "MACs", "Parameters"],
      arch.stages.map((stage, i) => {
        const share = shares.find((found) => found.name === `stages.${i}`);
        const [, , , , channels, depth] = base.stages[i];
        return [h("code", {}, `stages.${i}`), from(channels, stage.channels), from(depth, stage.depth), datum(share.macs, whole), datum(share.params, whole)];
      })));
  };
  kit.watch([...NAMES, "base", "points"], update);
  const observer = new ResizeObserver(([entry]) => {
    const now = Math.max(300, Math.round(entry.contentRect.width));
    if (entry.contentRect.width > 0 && now !== width) { width = now; kit.run(); }
  });
  observer.observe(kit.body);
  kit.signal.addEventListener("abort", () => observer.disconnect());
}

function render(context) {
  return mount(context, "Compound scaling", build);
}
export default { render };
