// Where a network's MACs, parameters and activations go: stages, their blocks, the blocks' layers.
import { costOf, groups, kindOf, KINDS, stageOf, total, totalStride } from "./cost.js";
import { bytes, datum, h, percent, redraw, short, table, whole } from "./dom.js";
import { mount } from "./kit.js";

const METRICS = {
  macs: ["macs", "MACs", short],
  params: ["params", "Parameters", short],
  activations: ["activation_bytes", "Activations", bytes],
};
const KIND_ORDER = Object.keys(KINDS);
export const title = (name) =>
  name
    .replace(/^efficientnet_/, "EfficientNet-")
    .replace("-v2_", "V2-")
    .replace(/-(lite|[a-z])/, (match) => match.toUpperCase().replace("-LITE", "-Lite"))
    .replace(/V2-[a-z]$/, (match) => match.toUpperCase());

function describeStage(stage, layers) {
  const [, from] = layers[0].in_shape;
  const [, to] = layers.at(-1).out_shape;
  const name = `${stage.block === "fused" ? "Fused-MBConv" : "MBConv"}${stage.expand}`;
  return (
    `${name}, ${stage.kernel}×${stage.kernel} · ${stage.channels} channels · ${stage.depth} ` +
    `block${stage.depth > 1 ? "s" : ""} · ${from === to ? from : `${from} → ${to}`} px`
  );
}

function describeBlock(layers) {
  const [cin, from] = layers[0].in_shape;
  const [cout, to] = layers.at(-1).out_shape;
  return `${cin} → ${cout} channels · ${from === to ? from : `${from} → ${to}`} px`;
}

function describeEnd({ kernel, kind, in_shape: [cin, from], out_shape: [cout, to] }) {
  if (kind === "classifier") return `${cin} → ${cout} classes`;
  return `${kernel}×${kernel} convolution · ${cin} → ${cout} channels · ${from === to ? from : `${from} → ${to}`} px`;
}

function bar(layers, metric, most) {
  const sums = Object.fromEntries(KIND_ORDER.map((kind) => [kind, 0]));
  for (const layer of layers)
    sums[kindOf(layer)] += metric === "activation_bytes" ? total([layer])[metric] : layer[metric];
  return h(
    "div",
    { class: "efx-track", "aria-hidden": "true" },
    KIND_ORDER.filter((kind) => sums[kind] > 0).map((kind) =>
      h("span", { class: `efx-${kind}`, style: { width: `${((100 * sums[kind]) / most).toFixed(2)}%` } }),
    ),
  );
}

const layerTable = (name, layers) =>
  h(
    "div",
    { class: "efx-scroll", tabindex: "0", role: "group", "aria-label": `Layers of ${name}` },
    table(
      `Layers of ${name}`,
      ["Layer", "Output", "MACs", "Parameters", "Activations"],
      layers.map((layer) => [
        [
          h("i", { class: `efx-${kindOf(layer)} efx-swatch`, "aria-hidden": "true" }),
          h("code", {}, layer.name.replace(`${name}.`, "")),
        ],
        layer.out_shape.join(" × "),
        datum(layer.macs, whole),
        datum(layer.params, whole),
        datum(total([layer]).activation_bytes, bytes),
      ]),
      { class: "efx-numbers" },
    ),
  );

// One line of the picture: a button that opens it, what it is, its bar and its numbers.
function line({ name, layers, ...sums }, text, [metric, , form], most, all, open) {
  const button = h(
    "button",
    { type: "button", class: "efx-open", "data-key": name, "aria-expanded": String(open) },
    h("span", { "aria-hidden": "true" }, open ? "▾ " : "▸ "),
    name,
  );
  return h(
    "tr",
    { role: "row", "data-row": name },
    h("th", { scope: "row", role: "rowheader" }, button, h("span", { class: "efx-soft" }, text)),
    h("td", { role: "cell", class: "efx-bar" }, bar(layers, metric, most)),
    h("td", { role: "cell", class: "efx-right" }, h("b", {}, datum(sums[metric], form))),
    h("td", { role: "cell", class: "efx-right" }, percent(sums[metric], all)),
  );
}

const inside = (...children) =>
  h("tr", { role: "row", class: "efx-inside" }, h("td", { colspan: 4, role: "cell" }, children));
const picture = (caption, lines) =>
  h(
    "table",
    { role: "table", class: "efx-stages" },
    h("caption", {}, caption[0]),
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        [caption[1], ["Share by kind of layer", "efx-bar"], [caption[2], "efx-right"], ["Of all", "efx-right"]].map(
          (cell) =>
            h(
              "th",
              { scope: "col", role: "columnheader", class: Array.isArray(cell) && cell[1] },
              Array.isArray(cell) ? cell[0] : cell,
            ),
        ),
      ),
    ),
    h("tbody", { role: "rowgroup" }, lines),
  );

function build(kit) {
  const open = new Set();
  const networks = () => kit.model.get("networks") ?? {};
  const stats = h("dl", { class: "efx-stats" });
  const lead = h("p", { class: "efx-lead" });
  const view = h("div", {});
  const own = (name) => ({ resolution: networks()[name]?.resolution ?? kit.number("resolution", true) });
  kit.body.append(
    h("p", { class: "efx-title" }, "Where the MACs, the parameters and the activations go"),
    h(
      "div",
      { class: "efx-knobs" },
      kit.pick({
        name: "variant",
        label: "Network",
        list: true,
        also: own,
        labels: Object.fromEntries(kit.limits("variant").map((name) => [name, title(name)])),
      }),
      kit.knob({
        name: "resolution",
        label: "Input height and width",
        unit: "px",
        low: 32,
        high: 800,
        step: 4,
        whole: true,
      }),
      kit.pick({
        name: "show",
        label: "Bars show",
        labels: { macs: "MACs", params: "Parameters", activations: "Activations" },
      }),
    ),
    stats,
    lead,
    h(
      "ul",
      { class: "efx-key", "aria-label": "Key to the bars" },
      KIND_ORDER.map((kind) => h("li", {}, h("i", { class: `efx-${kind}` }), KINDS[kind])),
    ),
    view,
    h(
      "p",
      { class: "efx-soft" },
      "Choose a stage to see its blocks, and a block to see its layers. " +
        "Activations: float32 outputs of all convolutions and linear layers for one image.",
    ),
  );

  kit.on(view, "click", (event) => {
    const key = event.target.closest("tr")?.dataset.row;
    if (!key) return;
    if (!open.delete(key)) open.add(key);
    kit.run();
  });

  kit.watch(["variant", "resolution", "show", "networks"], () => {
    const variant = kit.choice("variant");
    const arch = networks()[variant];
    if (!arch) throw new Error(`the widget's state lacks the network "${variant}"`);
    const resolution = kit.number("resolution", true);
    const least = totalStride(arch);
    if (resolution < least)
      throw new Error(
        `resolution must be at least ${least} pixels, the total stride of ${title(variant)}, got ${resolution}.`,
      );
    const cost = costOf(arch, resolution);
    if (!cost.exact) throw new Error("this network costs more than can be counted exactly here (2^53).");
    const metric = METRICS[kit.choice("show")];
    const [field, label, form] = metric;
    const word = label === "MACs" ? label : label.toLowerCase();
    const stages = groups(cost.layers, 2);
    const most = Math.max(...stages.map((stage) => stage[field]));

    redraw(
      stats,
      Object.values(METRICS).map(([name, word, short_]) =>
        h(
          "div",
          { class: name === field && "efx-current" },
          h("dt", {}, word),
          h(
            "dd",
            {},
            datum(cost[name], short_),
            h("small", {}, ` ${whole(cost[name])}${name === "activation_bytes" ? " B" : ""}`),
          ),
        ),
      ),
    );

    const lines = stages.flatMap((stage) => {
      const [, index] = stage.name.split(".");
      const spec = index === undefined ? null : stageOf(arch.stages[index]);
      const opened = open.has(stage.name);
      const found = [
        line(
          stage,
          spec ? describeStage(spec, stage.layers) : describeEnd(stage.layers[0]),
          metric,
          most,
          cost[field],
          opened,
        ),
      ];
      if (opened && !spec) found.push(inside(layerTable(stage.name, stage.layers)));
      else if (opened) {
        const blocks = groups(stage.layers, 3);
        const largest = Math.max(...blocks.map((block) => block[field]));
        found.push(
          inside(
            picture(
              [`Blocks of ${stage.name}: bars relative to its largest block`, "Block", label],
              blocks.flatMap((block) => {
                const shown = open.has(block.name);
                const row = line(block, describeBlock(block.layers), metric, largest, cost[field], shown);
                return shown ? [row, inside(layerTable(block.name, block.layers))] : [row];
              }),
            ),
          ),
        );
      }
      return found;
    });
    redraw(view, [
      picture([`${title(variant)} at ${resolution} × ${resolution} pixels: ${word} by stage`, "Stage", label], lines),
    ]);

    const top = stages.reduce((a, b) => (b[field] > a[field] ? b : a));
    const pointwise = total(cost.layers.filter((layer) => kindOf(layer) === "pointwise"));
    lead.textContent =
      `${top.name} takes the largest share of the ${word}, ` +
      `${percent(top[field], cost[field])}; pointwise convolutions everywhere take ${percent(pointwise[field], cost[field])}.`;
    kit.say(
      `${title(variant)} at ${resolution} pixels: ${whole(cost.macs)} MACs, ${whole(cost.params)} parameters, ` +
        `${bytes(cost.activation_bytes)} of activations. ${lead.textContent}`,
    );
  });
}

function render(context) {
  return mount(context, "Where the MACs go", build);
}
export default { render };
