// The card of one network: its costs, its accuracy in every run, its architecture, where the numbers come from.
import { bytes, datum, h, table, whole } from "./dom.js";
import { AXES, percent, spread } from "./tradeoff.js";

const BLOCKS = { mbconv: "MBConv", fused: "Fused-MBConv" };
const stat = (label, value, small) =>
  h("div", {}, h("dt", {}, label), h("dd", {}, value, small && h("small", {}, small)));
const words = (value) =>
  value !== null && typeof value === "object"
    ? Object.entries(value)
        .map(([name, inner]) => (Array.isArray(value) ? words(inner) : `${name} ${words(inner)}`))
        .join(", ")
    : typeof value === "number"
      ? String(+value.toPrecision(6))
      : String(value);

export function stats(row) {
  const found = [];
  if (row.validation) {
    const runs = `${row.test[2]} run${row.test[2] === 1 ? "" : "s"}`;
    found.push(stat("Test accuracy", spread(row.test), `mean ± std, ${runs}`));
    found.push(stat("Validation", spread(row.validation), "the choice goes by it"));
  } else found.push(stat("ImageNet top-1", percent(row.test[0]), "published"));
  found.push(stat("MACs", datum(row.macs), whole(row.macs)));
  found.push(stat("Parameters", datum(row.params), whole(row.params)));
  if (row.bytes !== null) found.push(stat("Stored size", datum(row.bytes, bytes), row.form || "32-bit floats"));
  if (row.memory !== null) found.push(stat("Peak memory", datum(row.memory, bytes), "activations, analytic"));
  for (const [device, took] of Object.entries(row.latency ?? {}))
    if (AXES[device]) {
      const form = AXES[device].form;
      found.push(stat(AXES[device].label, datum(took.median, form), `${form(took.low)} to ${form(took.high)}`));
    }
  found.push(stat("Input", `${row.arch.resolution} px`, `${row.arch.resolution} × ${row.arch.resolution}`));
  return found;
}

export function architecture(row) {
  const { arch } = row;
  const stride = arch.stem_stride ?? 2;
  const empty = "–";
  const stages = arch.stages.map(([block, kernel, step, expand, channels, depth, se], i) => [
    h("code", {}, `stages.${i}`),
    BLOCKS[block] ?? block,
    `${kernel}×${kernel}`,
    String(step),
    arch.hidden?.[i] ? `to ${arch.hidden[i].join(", ")}` : `×${expand}`,
    String(channels),
    String(depth),
    se ? String(+se.toPrecision(3)) : "none",
  ]);
  return table(
    `Architecture of ${row.label}`,
    ["Stage", "Block", "Kernel", "Stride", "Expand", "Channels", "Depth", "SE"],
    [
      [h("code", {}, "stem"), "conv", "3×3", String(stride), empty, String(arch.stem), "1", empty],
      ...stages,
      [h("code", {}, "head"), "conv", "1×1", "1", empty, String(arch.head), "1", empty],
      [h("code", {}, "classifier"), "linear", empty, empty, empty, String(arch.classes), "1", empty],
    ],
    { class: "efx-arch" },
  );
}

// Pairs of a name and its text.
export function provenance(row, about) {
  const item = (name, text) => h("div", {}, h("dt", {}, name), h("dd", {}, text));
  if (!row.validation)
    return [
      item("Accuracy", `published: ${row.source}`),
      item("MACs, parameters, size, memory", "counted from the network's description, for one image"),
    ];
  const made = about.made_by ?? {};
  const found = [
    ...(row.form ? [item("Form", row.form)] : []),
    item("Every run", row.runs.map(([seed, , test], i) => `${i ? "; " : ""}seed ${seed}: ${percent(test)}`).join("")),
  ];
  if (made.command) found.push(item("Made by", h("code", {}, made.command)));
  for (const [name, key] of [
    ["Date", "date"],
    ["Hardware", "hardware"],
    ["Versions", "versions"],
  ])
    if (made[key]) found.push(item(name, words(made[key])));
  for (const [name, key] of [
    ["Data", "data"],
    ["Recipe", "recipe"],
  ])
    if (about.setting?.[key]) found.push(item(name, words(about.setting[key])));
  for (const [device, took] of Object.entries(row.latency ?? {}))
    if (AXES[device] && took.device)
      found.push(
        item(
          AXES[device].label,
          `median and quartiles of one pass, batch ${took.batch}, ${took.device}` +
            (device === "cpu" ? `, ${took.threads} thread${took.threads === 1 ? "" : "s"}` : "") +
            (took.runtime ? `, ${took.runtime}` : ""),
        ),
      );
  return found;
}

export function numbers(caption, rows, measured) {
  const cost = (row, axis) => (row[axis] === null ? "not measured" : datum(row[axis], AXES[axis].form));
  const axes = Object.keys(AXES).filter((axis) => rows.some((row) => row[axis] !== null));
  const head = ["Network", "Family", ...axes.map((axis) => AXES[axis].label)];
  const more = measured ? ["Validation", "Test", "Runs"] : ["Top-1"];
  return table(
    caption,
    [...head, ...more],
    rows.map((row) => [
      row.label,
      row.family,
      ...axes.map((axis) => cost(row, axis)),
      ...(measured ? [spread(row.validation), spread(row.test), String(row.test[2])] : [percent(row.test[0])]),
    ]),
  );
}
