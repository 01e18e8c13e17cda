// Cost of one layer: four ways from the same input to the same output, and the chosen one's formulas.
import { more } from "./controls.js";
import { blockLayers, conv, kindOf, KINDS, total } from "./cost.js";
import { bytes, datum, h, redraw, short, table, times, whole } from "./dom.js";
import { mount } from "./kit.js";

const NAMES = {
  conv: "Standard convolution",
  separable: "Depthwise separable",
  mbconv: "MBConv",
  fused: "Fused-MBConv",
};
const WORDS = {
  conv: "Convolution",
  expand: "Expand",
  depthwise: "Depthwise",
  squeeze: "Squeeze",
  excite: "Excite",
  project: "Project",
  fused: "Full convolution",
};
const METRICS = [
  ["macs", "MACs", short],
  ["params", "Parameters", short],
  ["activation_bytes", "Activations", bytes],
];

// {conv, separable, mbconv, fused}: lists of layers.
export function layersOf({ channels, kernel, expand, se, resolution, out_channels, stride }) {
  const out = out_channels || channels;
  const squeeze = se ? Math.max(1, Math.floor(channels * 0.25)) : 0;
  const block = (type, ratio, width) =>
    blockLayers(
      {
        name: "block",
        block: type,
        kernel,
        stride,
        expand: ratio,
        in_channels: channels,
        out_channels: out,
        squeeze: width,
      },
      resolution,
    );
  return {
    conv: [conv("conv", "conv", channels, out, kernel, resolution, stride)],
    separable: block("mbconv", 1, 0),
    mbconv: block("mbconv", expand, squeeze),
    fused: block("fused", expand, squeeze),
  };
}

const sup = (n) => `${n}²`;
const symbol = (text) => text.split(/_(\w+)/).map((part, i) => (i % 2 ? h("sub", {}, part) : part));

// The formulas of one sub-layer: [symbols, numbers] for MACs and parameters.
function formulas({ kernel, groups, in_shape: [cin], out_shape: [cout, size], norm }) {
  const linear = norm === 0;
  const symbols = [!linear && "H²", kernel > 1 && "k²", groups === 1 ? "C_in · C_out" : "C_in"].filter(Boolean);
  const position = linear ? [] : [sup(size)];
  const weights = [kernel > 1 && sup(kernel), groups === 1 && cin, cout].filter(Boolean);
  return {
    macs: [symbols.join(" · "), [...position, ...weights].join(" · ")],
    params: [
      [...symbols.filter((word) => word !== "H²")].join(" · ") + (linear ? " + C_out" : " + 2 C_out"),
      `${weights.join(" · ")} + ${linear ? cout : `2 · ${cout}`}`,
    ],
  };
}

function compare(n, reference) {
  if (n === reference) return "the same";
  return n < reference ? `${times(reference / n)}× fewer` : `${times(n / reference)}× more`;
}

function track(parts, metric, most) {
  const share = (layer) => (100 * total([layer])[metric]) / most;
  return h(
    "div",
    { class: "efx-track", "aria-hidden": "true" },
    parts.map((layer) => h("span", { class: `efx-${kindOf(layer)}`, style: { width: `${share(layer)}%` } })),
  );
}

function card(layer, separable) {
  const { macs, params } = formulas(layer);
  const [c, height, width] = layer.out_shape;
  const line = (label, [symbols, numbers], result, unit) => [
    h("dt", {}, label, " ", h("i", {}, symbol(symbols))),
    h("dd", {}, `${numbers} = `, h("b", {}, datum(result, whole)), unit),
  ];
  const kernel = layer.norm === 0 ? "on the pooled vector" : `${layer.kernel} × ${layer.kernel}`;
  return h(
    "li",
    {},
    h(
      "p",
      { class: "efx-card-title" },
      h("i", { class: `efx-${kindOf(layer)}`, "aria-hidden": "true" }),
      `${separable && layer.kind === "project" ? "Pointwise" : WORDS[layer.kind]} `,
      h("small", {}, kernel),
    ),
    h(
      "dl",
      {},
      line("MACs", macs, layer.macs, " MACs"),
      line("Parameters", params, layer.params, ""),
      line(
        "Output",
        ["C_out · H · W", `${c} · ${height} · ${width}`],
        c * height * width,
        ` values, ${bytes(4 * c * height * width)}`,
      ),
    ),
  );
}

function build(kit) {
  const controls = h(
    "div",
    { class: "efx-knobs" },
    kit.knob({ name: "channels", label: "Input channels", low: 8, high: 512, step: 8, whole: true }),
    kit.pick({ name: "kernel", label: "Kernel, k × k pixels" }),
    kit.knob({ name: "expand", label: "Expansion ratio", low: 1, high: 8, whole: true, unit: "×" }),
  );
  const further = more(
    "More settings",
    kit.toggle({ name: "se", label: "Squeeze-and-excitation in MBConv and Fused-MBConv" }),
    kit.knob({
      name: "resolution",
      label: "Input height and width",
      unit: "px",
      low: 7,
      high: 224,
      step: 7,
      whole: true,
    }),
    kit.knob({
      name: "out_channels",
      label: "Output channels (0: as many as the input)",
      low: 0,
      high: 512,
      step: 8,
      whole: true,
    }),
    kit.pick({ name: "stride", label: "Stride, in pixels" }),
  );
  const lead = h("p", { class: "efx-lead" });
  const bars = h("div", {});
  const chosen = h("div", { class: "efx-formula" });
  const key = h(
    "ul",
    { class: "efx-key", "aria-label": "Key to the bars" },
    ["dense", "depthwise", "pointwise", "se"].map((kind) => h("li", {}, h("i", { class: `efx-${kind}` }), KINDS[kind])),
  );
  kit.body.append(
    h("p", { class: "efx-title" }, "Cost of one layer: four ways from the same input to the same output"),
    controls,
    further,
    lead,
    bars,
    key,
    h("div", { class: "efx-knobs" }, kit.pick({ name: "layer", label: "Formulas of", labels: NAMES })),
    chosen,
  );

  kit.watch(["channels", "kernel", "expand", "se", "resolution", "out_channels", "stride", "layer"], () => {
    const setting = {
      channels: kit.number("channels", true),
      kernel: kit.choice("kernel"),
      expand: kit.number("expand", true),
      se: kit.model.get("se") === true,
      resolution: kit.number("resolution", true),
      out_channels: kit.number("out_channels", true),
      stride: kit.choice("stride"),
    };
    const name = kit.choice("layer");
    const all = layersOf(setting);
    const sums = Object.fromEntries(Object.entries(all).map(([type, parts]) => [type, total(parts)]));
    const most = Object.fromEntries(
      METRICS.map(([metric]) => [metric, Math.max(...Object.values(sums).map((sum) => sum[metric]))]),
    );
    const [cout, after] = all.conv[0].out_shape;
    const cell = (type, [metric, label, form]) => [
      h("b", {}, datum(sums[type][metric], form)),
      " ",
      type !== "conv" && h("small", {}, compare(sums[type][metric], sums.conv[metric])),
      track(all[type], metric, most[metric]),
    ];
    const size = `${setting.channels} × ${setting.resolution} × ${setting.resolution}`;
    redraw(bars, [
      table(
        `From ${size} to ${cout} × ${after} × ${after}`,
        ["Layer", ...METRICS.map(([, label]) => label)],
        Object.keys(NAMES).map((type) => [NAMES[type], ...METRICS.map((metric) => cell(type, metric))]),
        { class: "efx-layers" },
      ),
    ]);
    const against = (type) => `${NAMES[type]} ${compare(sums[type].macs, sums.conv.macs)}`;
    const text =
      `A standard convolution takes ${short(sums.conv.macs)} MACs here. ${against("separable")}; ` +
      `${against("mbconv")}; ${against("fused")}.`;
    lead.textContent = text;
    kit.say(
      `${text} ${NAMES[name]}: ${whole(sums[name].macs)} MACs, ${whole(sums[name].params)} parameters, ` +
        `${bytes(sums[name].activation_bytes)} of activations.`,
    );
    const sum = sums[name];
    chosen.replaceChildren(
      h(
        "ol",
        { class: "efx-cards" },
        all[name].map((layer) => card(layer, name === "separable")),
      ),
      h(
        "p",
        {},
        `${NAMES[name]} together: `,
        h("b", {}, datum(sum.macs, whole), " MACs"),
        ", ",
        h("b", {}, datum(sum.params, whole), " parameters"),
        ", ",
        h("b", {}, bytes(sum.activation_bytes)),
        " of activations. ",
        h(
          "span",
          { class: "efx-soft" },
          symbol(
            "H: output height and width; k: kernel; 2 C_out : batch norm's scale and shift; " +
              "activations: float32 outputs of all sub-layers.",
          ),
        ),
      ),
    );
  });
}

function render(context) {
  return mount(context, "Cost of one layer", build);
}
export default { render };
