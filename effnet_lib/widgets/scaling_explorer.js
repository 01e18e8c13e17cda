// Compound scaling: phi, alpha, beta, gamma; the network that results; its cost among the published ones.
import { more } from "./controls.js";
import { compoundMultipliers, compoundScale, costOf, groups } from "./cost.js";
import { datum, h, s, short, table, times, whole } from "./dom.js";
import { mount } from "./kit.js";
import { axes, backdrop, silhouette, yours } from "./scaling_plot.js";

const PRESETS = [
  ["The paper's", { alpha: 1.2, beta: 1.1, gamma: 1.15 }],
  ["Depth alone", { alpha: 2, beta: 1, gamma: 1 }],
  ["Width alone", { alpha: 1, beta: 1.41, gamma: 1 }],
  ["Resolution alone", { alpha: 1, beta: 1, gamma: 1.41 }],
];
const NAMES = ["phi", "alpha", "beta", "gamma"];

// Points that no other point beats in both cost and accuracy, by rising cost.
export function paretoFront(points) {
  const front = [];
  for (const point of [...points].sort((a, b) => a.macs - b.macs || b.top1 - a.top1))
    if (front.length === 0 || point.top1 > front.at(-1).top1) front.push(point);
  return front;
}

function build(kit) {
  const factor = h("p", { class: "efx-soft" });
  const presets = h(
    "div",
    { class: "efx-presets", role: "group", "aria-label": "Sets of coefficients" },
    PRESETS.map(([label, values]) => {
      const button = h("button", { type: "button" }, label);
      kit.on(button, "click", () => kit.set(values));
      return button;
    }),
  );
  const stats = h("dl", { class: "efx-stats" });
  const lead = h("p", { class: "efx-lead" });
  const picture = h("div", {});
  const moving = s("g", {});
  const still = s("g", {});
  const plot = s(
    "svg",
    {
      class: "efx-plot",
      role: "img",
      "aria-label": "Accuracy against MACs of published networks; the numbers are in the table below",
    },
    still,
    moving,
  );
  const scroll = (label) => h("div", { class: "efx-scroll", tabindex: "0", role: "group", "aria-label": label });
  const stages = scroll("Its stages");
  const published = scroll("Published networks");
  const finding = h("p", { class: "efx-lead" });
  kit.body.append(
    h("p", { class: "efx-title" }, "Compound scaling of EfficientNet-B0"),
    h(
      "div",
      { class: "efx-knobs" },
      kit.knob({ name: "phi", label: "φ, the compound coefficient", low: 0, high: 7, step: 0.1 }),
    ),
    more(
      "The coefficients α, β, γ",
      kit.knob({ name: "alpha", label: "α, depth for each step of φ", unit: "×", step: 0.01 }),
      kit.knob({ name: "beta", label: "β, width for each step of φ", unit: "×", step: 0.01 }),
      kit.knob({ name: "gamma", label: "γ, resolution for each step of φ", unit: "×", step: 0.01 }),
      presets,
      factor,
    ),
    stats,
    lead,
    picture,
    h("p", { class: "efx-soft" }, "Square: the input image. Bars: the blocks in order, as tall as they have channels."),
    finding,
    plot,
    h(
      "p",
      { class: "efx-soft" },
      "Accuracies are published (Tan & Le 2019, Tables 2 and 7); MACs are counted from the networks. Step line: Pareto front. " +
        "Your network has a cost here and no accuracy: only training it would tell.",
    ),
    h(
      "details",
      { class: "efx-more efx-tables" },
      h("summary", {}, "Its stages, and the plotted numbers"),
      stages,
      published,
    ),
  );

  let width = 0;
  let shownPoints;
  const update = () => {
    const [phi, alpha, beta, gamma] = NAMES.map((name) => kit.number(name));
    const base = kit.model.get("base");
    const points = kit.model.get("points");
    if (!base?.stages || !Array.isArray(points))
      throw new Error("the widget's state lacks its base network or the published points.");
    const m = compoundMultipliers(phi, alpha, beta, gamma);
    const power = alpha * beta ** 2 * gamma ** 2;
    factor.textContent = `αβ²γ² = ${power.toFixed(3)}: what one step of φ multiplies the MACs by, if nothing were rounded. The paper asks for about 2.`;
    PRESETS.forEach(([, values], i) =>
      presets.children[i].setAttribute(
        "aria-pressed",
        String(values.alpha === alpha && values.beta === beta && values.gamma === gamma),
      ),
    );
    const arch = compoundScale(base, phi, alpha, beta, gamma);
    const cost = costOf(arch);
    if (!cost.exact)
      throw new Error(
        `this network would take about ${short(cost.macs)} MACs, more than can be counted exactly here (2^53). Lower φ or the coefficients.`,
      );
    const first = costOf(base);
    const ratio = cost.macs / first.macs;

    const stat = (label, value, small) => h("div", {}, h("dt", {}, label), h("dd", {}, value, h("small", {}, small)));
    const powered = (letter, n) => [`${letter}`, h("sup", {}, "φ"), ` = ${n}`, h("sup", {}, String(phi))];
    stats.replaceChildren(
      stat("Depth", `×${m.depth.toFixed(2)}`, powered("α", alpha)),
      stat("Width", `×${m.width.toFixed(2)}`, powered("β", beta)),
      stat("Resolution", `×${m.resolution.toFixed(2)}`, [powered("γ", gamma), ` → ${arch.resolution} px`]),
      stat("MACs", datum(cost.macs), whole(cost.macs)),
      stat("Parameters", datum(cost.params), whole(cost.params)),
    );
    const growth = ` = ${phi}: ${times(ratio)}× the MACs of B0 and ${times(cost.params / first.params)}× its parameters. `;
    lead.replaceChildren(
      ...(phi === 0
        ? ["φ = 0 is B0 itself: move φ to make it deeper, wider and larger in resolution at once."]
        : [
            `φ${growth}The formula (αβ²γ²)`,
            h("sup", {}, "φ"),
            ` says ${times(power ** phi)}× the MACs; ` +
              "it does not know that blocks come in whole numbers and channels in eights.",
          ]),
    );
    kit.say(`φ${growth}${whole(cost.macs)} MACs, ${whole(cost.params)} parameters, input ${arch.resolution} pixels.`);
    if (width === 0) width = Math.max(300, kit.body.clientWidth || 640);
    picture.replaceChildren(silhouette(arch, base, width));

    const box = axes(width);
    if (shownPoints !== points || still.dataset.width !== String(width)) {
      shownPoints = points;
      still.dataset.width = String(width);
      plot.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
      still.replaceChildren(...backdrop(points, paretoFront(points), box));
      published.replaceChildren(
        table(
          "Published networks",
          ["Network", "MACs", "Top-1, %"],
          points.map((p) => [
            p.series === "family" ? p.label : `B0, ${p.label} (Table 7)`,
            datum(p.macs, whole),
            p.top1.toFixed(1),
          ]),
        ),
      );
      const single = points.filter((p) => ["depth", "width", "resolution"].includes(p.series));
      const all = points.find((p) => p.series === "compound");
      finding.textContent =
        single.length && all
          ? `Published: all three dimensions together reached ${(all.top1 - Math.max(...single.map((p) => p.top1))).toFixed(1)} ` +
            `points more than the best single one, for ${Math.round(100 * (all.macs / Math.max(...single.map((p) => p.macs)) - 1))} to ` +
            `${Math.round(100 * (all.macs / Math.min(...single.map((p) => p.macs)) - 1))} % more MACs.`
          : "";
    }
    moving.replaceChildren(...yours(cost.macs, box));
    const shares = groups(cost.layers, 2);
    const from = (old, now) => (old === now ? `${now}` : `${old} → ${now}`);
    stages.replaceChildren(
      table(
        "Stages of B0 → of your network",
        ["Stage", "Channels", "Blocks", "MACs", "Parameters"],
        arch.stages.map((stage, i) => {
          const share = shares.find((found) => found.name === `stages.${i}`);
          const [, , , , channels, depth] = base.stages[i];
          return [
            h("code", {}, `stages.${i}`),
            from(channels, stage.channels),
            from(depth, stage.depth),
            datum(share.macs, whole),
            datum(share.params, whole),
          ];
        }),
      ),
    );
  };
  kit.watch([...NAMES, "base", "points"], update);
  const observer = new ResizeObserver(([entry]) => {
    const now = Math.max(300, Math.round(entry.contentRect.width));
    if (entry.contentRect.width > 0 && now !== width) {
      width = now;
      kit.run();
    }
  });
  observer.observe(kit.body);
  kit.signal.addEventListener("abort", () => observer.disconnect());
}

function render(context) {
  return mount(context, "Compound scaling", build);
}
export default { render };
