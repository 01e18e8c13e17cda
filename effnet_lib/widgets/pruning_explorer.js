// Pruning of a real trained network: what remains of it, what that costs, and how well it still does.
import { bytes, datum, h, redraw, s, table, whole } from "./dom.js";
import { mount } from "./kit.js";
import { LOOKS, measuredOf, pruned, spread } from "./pruning.js";
import { accuracyPicture, groupStrips, layerBars, mark } from "./pruning_pictures.js";

const NAMES = ["structure", "scope", "criterion"];
const AMOUNT = { name: "amount", label: "How much of it", unit: "%", step: 5, whole: true };
const LABELS = {
  structure: { weights: "single weights", channels: "channels" },
  scope: { global: "smallest of all", layer: "the same in every layer" },
  criterion: { l1: "L1 norm", bn: "batch-norm scale", random: "at random", everywhere: "L1 norm, all groups" },
};
const GONE = {
  global: "of all weights, the smallest,",
  layer: "of the weights of every layer, the smallest,",
  l1: "of the hidden channels, those with the smallest filters,",
  bn: "of the hidden channels, those with the smallest batch-norm scales,",
  random: "of the hidden channels, drawn at random,",
  everywhere: "of the channels of every group, those with the smallest filters,",
};
const fewer = (now, before) => (before > 0 ? `${Math.round(100 * (1 - now / before))}\u00a0%` : "0\u00a0%");

function build(kit) {
  const picks = {
    scope: kit.pick({ name: "scope", label: "Which weights go", labels: LABELS.scope }),
    criterion: kit.pick({ name: "criterion", label: "Which channels go", labels: LABELS.criterion }),
  };
  const lead = h("p", { class: "efx-lead efx-meaning", "data-name": "lead" });
  const facts = h("dl", { class: "efx-stats efx-pruned" });
  const [remains, chart, key] = [h("div", {}), h("div", {}), h("div", {})];
  const title = h("figcaption", {});
  const told = h("p", { "data-name": "accuracy" });
  const jumps = h("div", { class: "efx-jumps", role: "group", "aria-label": "Amounts that were measured" });
  const about = h("p", { class: "efx-soft" });
  const pair = h(
    "div",
    { class: "efx-pair" },
    h("figure", {}, title, remains),
    h("figure", {}, h("figcaption", {}, "How well it does"), told, jumps, chart, key, about),
  );
  const numbers = h("div", { class: "efx-scroll", tabindex: "0", role: "group", "aria-label": "Accuracies" });
  const details = h("details", { class: "efx-more efx-tables" }, h("summary", {}, "Accuracies in numbers"), numbers);
  kit.body.append(
    h("p", { class: "efx-title" }, "Take a part of a trained network away"),
    h(
      "div",
      { class: "efx-knobs efx-pruning-knobs" },
      kit.pick({ name: "structure", label: "What is removed", labels: LABELS.structure }),
      h("div", {}, picks.scope, picks.criterion),
      kit.knob({ ...AMOUNT, words: (n) => `${n} percent` }),
    ),
    lead,
    facts,
    pair,
    details,
  );
  kit.on(jumps, "click", (event) => {
    const target = event.target.closest("button")?.value;
    if (target !== undefined) kit.set({ amount: Number(target) });
  });

  let width = 0;
  function update() {
    const state = Object.fromEntries(["layers", "groups", "survivors"].map((name) => [name, kit.model.get(name)]));
    for (const [name, value] of Object.entries(state))
      if (!Array.isArray(value) || value.length === 0) throw new Error(`the widget's state lacks its ${name}.`);
    const setting = Object.fromEntries(NAMES.map((name) => [name, kit.choice(name)]));
    setting.amount = kit.number("amount", true);
    const weights = setting.structure === "weights";
    picks.scope.hidden = !weights;
    picks.criterion.hidden = weights;
    const found = pruned(state, setting);
    const before = pruned(state, { ...setting, amount: 0 });
    const points = measuredOf(kit.model.get("measured"), setting);
    const here = points.find(([percent]) => percent === setting.amount)?.[1];

    const what = GONE[weights ? setting.scope : setting.criterion];
    const meaning =
      setting.amount === 0
        ? "Nothing is removed: the network as it was trained."
        : weights
          ? `${setting.amount}\u00a0% ${what} are zero now. A dense kernel multiplies by every zero: no MAC is ` +
            `saved. Bytes are saved by a form that says where the zeros are.`
          : `${setting.amount}\u00a0% ${what} are gone, from every tensor that has them. A smaller network ` +
            `remains, with ${fewer(found.params, before.params)} fewer parameters and ` +
            `${fewer(found.macs, before.macs)} fewer MACs.`;
    lead.textContent = meaning;
    redraw(facts, stats(found, before, here, weights));
    title.textContent = weights ? "Weights that are not zero, by layer" : "Channels that stay, by group";
    remains.replaceChildren(weights ? layerBars(found.layers) : groupStrips(found.groups));
    const said = judge(points, here, setting);
    if (details.open) redraw(numbers, [accuracyTable(points)]);
    kit.say(`${setting.amount} percent removed. ${whole(found.nonzero)} weights remain. ${meaning} ${said}`);
  }

  function judge(points, here, setting) {
    const known = kit.model.get("measured");
    const amounts = points.map(([percent]) => percent);
    redraw(
      jumps,
      amounts.length
        ? [
            h("span", {}, "Measured at"),
            ...amounts.map((percent) =>
              h(
                "button",
                {
                  type: "button",
                  value: percent,
                  "data-key": `at-${percent}`,
                  "aria-pressed": String(percent === setting.amount),
                },
                `${percent}\u00a0%`,
              ),
            ),
          ]
        : [],
    );
    let words = "This way of pruning has not been measured.";
    if (here) {
      const looks = Object.keys(LOOKS).filter((look) => here[look]);
      const parts = looks.map((look) => `${LOOKS[look]} ${spread(here[look])}`);
      words = `Names of the test letters right: ${parts.join("; ")}.`;
    } else if (amounts.length)
      words = `At ${setting.amount}\u00a0% it has not been measured, and nothing is made up between.`;
    told.textContent = words;
    if (width === 0) width = Math.max(280, pair.lastChild.clientWidth || 420);
    chart.replaceChildren(
      ...(points.length
        ? [accuracyPicture({ points, amount: setting.amount, most: kit.limits("amount")[1], width })]
        : []),
    );
    const looks = Object.keys(LOOKS).filter((look) => points.some(([, entry]) => entry[look]));
    redraw(key, looks.length ? [legend(looks)] : []);
    const seeds = points[0]?.[1].tuned?.[2];
    about.textContent = points.length
      ? `Means ± standard deviations of ${seeds} networks, each trained from a seed of its own. Recalibrated: ` +
        `batch-norm statistics taken anew from ${whole(known.images ?? 0)} training pictures. Fine-tuned: ` +
        `${known.epochs} epochs; full training is ${known.full}. Costs and pictures are those of the first network.`
      : "";
    return words;
  }

  kit.watch([...NAMES, "amount", "layers", "groups", "survivors", "measured"], update);
  kit.on(details, "toggle", () => details.open && kit.run());
  const watcher = new ResizeObserver(([entry]) => {
    const now = Math.max(280, Math.round(entry.contentRect.width));
    if (entry.contentRect.width > 0 && now !== width) {
      width = now;
      kit.run();
    }
  });
  watcher.observe(chart);
  kit.signal.addEventListener("abort", () => watcher.disconnect());
}

const stat = (label, value, small) => h("div", {}, h("dt", {}, label), h("dd", {}, value, h("small", {}, small)));

function stats(found, before, here, weights) {
  const of = (now, then, form = whole) => (now === then ? "as before" : `of ${form(then)}`);
  const size = (form, label) =>
    stat(label, datum(found.bytes[form], bytes), of(found.bytes[form], before.bytes.dense, bytes));
  const rows = [
    weights
      ? stat("Weights not zero", datum(found.nonzero), of(found.nonzero, before.nonzero))
      : stat("Parameters", datum(found.params), of(found.params, before.params)),
    stat("MACs executed", datum(found.macs), of(found.macs, before.macs)),
    size("dense", "Stored, dense"),
  ];
  if (weights) rows.push(size("bitmask", "With a bit mask"), size("csr", "As sparse rows"));
  if (here?.ms) rows.push(stat("Latency, measured", `${here.ms.toFixed(2)}\u00a0ms`, "one picture, one thread"));
  return rows;
}

function legend(looks) {
  return h(
    "ul",
    { class: "efx-key", "aria-label": "Key to the accuracies" },
    looks.map((look) =>
      h(
        "li",
        {},
        s("svg", { width: 18, height: 14, viewBox: "-9 -7 18 14", "aria-hidden": "true" }, mark(look)),
        LOOKS[look],
      ),
    ),
  );
}

function accuracyTable(points) {
  const looks = Object.keys(LOOKS).filter((look) => points.some(([, entry]) => entry[look]));
  return table(
    "Test accuracy by amount removed",
    ["Removed", ...looks.map((look) => LOOKS[look])],
    points.map(([percent, entry]) => [
      `${percent}\u00a0%`,
      ...looks.map((look) => (entry[look] ? spread(entry[look]) : h("span", { class: "efx-soft" }, "–"))),
    ]),
    { class: "efx-measured" },
  );
}

function render(context) {
  return mount(context, "Pruning explorer", build);
}
export default { render };
