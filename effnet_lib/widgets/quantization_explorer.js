// Quantization of real weights and activations: levels, error, and what the whole network loses by it.
import { more } from "./controls.js";
import { h, redraw } from "./dom.js";
import { mount } from "./kit.js";
import { decodeHalf, quantized } from "./quantization.js";
import { accuracyKey, accuracyPicture, measuredOf, pointOf, spread } from "./quantization_accuracy.js";
import { accuracyTable, channelTable, LABELS, stats } from "./quantization_facts.js";
import { channelKey, channelPicture, levelsKey, levelsPicture } from "./quantization_picture.js";
import { db, meaning } from "./quantization_words.js";

const NAMES = ["tensor", "scales", "form", "observer"];

// Affine activations are unsigned, all else is signed.
export function schemeOf(row, { bits, scales, form, observer, percentile }) {
  const weights = row.kind === "weights";
  const symmetric = form === "symmetric";
  const perChannel = weights && scales === "channel";
  return { bits, symmetric, perChannel, signed: weights || symmetric, observer, percentile };
}

function build(kit) {
  const rows = kit.model.get("tensors");
  if (!Array.isArray(rows) || rows.length === 0) throw new Error("the widget's state lacks its tensors.");
  const titles = Object.fromEntries(rows.map((row) => [row.name, `${row.label}: ${row.kind}`]));
  const picks = {
    scales: kit.pick({ name: "scales", label: "Scales", labels: LABELS.scales }),
    form: kit.pick({ name: "form", label: "Range", labels: LABELS.form }),
  };
  const keep = kit.knob({ name: "percentile", label: "Values to keep", unit: "%", step: 0.1 });
  const [inView, folded] = [h("div", {}), h("div", {})];
  const lead = h("p", { class: "efx-lead efx-meaning" });
  const [drawing, bars, chart, barsKey, chartKey] = Array.from({ length: 5 }, () => h("div", {}));
  const figure = (title, ...parts) => h("figure", {}, h("figcaption", {}, title), parts);
  const spans = figure("The levels that each channel gets", bars, barsKey);
  const levels = figure("Its values and their levels", drawing, levelsKey());
  const pair = h("div", { class: "efx-quant" }, levels, spans);
  const facts = h("dl", { class: "efx-stats" });
  const kept = h("p", { class: "efx-lead" });
  const about = h("p", { class: "efx-soft" });
  const network = h(
    "div",
    { class: "efx-quant" },
    figure("What the network keeps", chart, chartKey),
    h("div", {}, kept, about),
  );
  const scroll = (label) => h("div", { class: "efx-scroll", tabindex: "0", role: "group", "aria-label": label });
  const [accuracy, channels] = [scroll("Accuracies"), scroll("Channels")];
  const details = h(
    "details",
    { class: "efx-more efx-tables" },
    h("summary", {}, "All in numbers"),
    accuracy,
    channels,
  );
  kit.body.append(
    h("p", { class: "efx-title" }, "What a few bits make of a tensor, and of the network"),
    h(
      "div",
      { class: "efx-knobs efx-quant-knobs" },
      kit.pick({ name: "tensor", label: "Tensor of glyph_lite (batch norms folded)", list: true, labels: titles }),
      kit.knob({ name: "bits", label: "Bits", whole: true, words: (n) => `${n} bits` }),
      inView,
      kit.pick({ name: "observer", label: "Clipping", labels: LABELS.observer }),
    ),
    more("More settings", folded, keep),
    lead,
    pair,
    facts,
    network,
    details,
  );

  let [stored, width] = [undefined, 0];
  const [tensors, cache] = [new Map(), new Map()];
  function numbersOf(row, setting) {
    const scheme = schemeOf(row, setting);
    const key = JSON.stringify([row.name, scheme]);
    if (!tensors.has(row.name)) tensors.set(row.name, decodeHalf(row.values));
    if (cache.size > 80) cache.clear();
    if (!cache.has(key))
      cache.set(key, quantized(tensors.get(row.name), row.kind === "weights" ? row.shape[0] : 1, scheme));
    return cache.get(key);
  }

  function update() {
    if (kit.model.get("tensors") !== stored) {
      stored = kit.model.get("tensors");
      tensors.clear();
      cache.clear();
    }
    const setting = Object.fromEntries(NAMES.map((name) => [name, kit.choice(name)]));
    setting.bits = kit.number("bits", true);
    setting.percentile = kit.number("percentile");
    const row = stored.find(({ name }) => name === setting.tensor);
    if (!row) throw new Error(`the widget's state lacks the tensor "${setting.tensor}".`);
    const weights = row.kind === "weights";
    const [first, second] = weights ? ["scales", "form"] : ["form", "scales"];
    if (picks[first].parentNode !== inView) {
      inView.append(picks[first]);
      folded.append(picks[second]);
    }
    picks.scales.hidden = !weights;
    keep.hidden = setting.observer !== "percentile";
    const found = numbersOf(row, setting);
    // Beside a scale a channel stands what one scale would give.
    const shared = weights && setting.scales === "channel" && numbersOf(row, { ...setting, scales: "tensor" });
    const other = shared ? shared.spans : null;
    const said = meaning(row, found, setting, other);
    lead.textContent = said;
    draw(weights, found, other);
    redraw(facts, stats(row, found, setting));
    const measured = judge(row.kind, setting);
    if (details.open) {
      redraw(accuracy, accuracyTable(row.kind, kit.model.get("accuracies")?.measured ?? {}));
      redraw(channels, weights ? [channelTable(found)] : []);
    }
    kit.say(`${setting.bits} bits: ${db(found.sqnr)} signal to quantization noise. ${said} ${measured}`);
  }

  function draw(weights, found, other) {
    const perChannel = found.scale.length > 1;
    if (width === 0) width = Math.max(290, kit.body.clientWidth || 640);
    const two = weights && width >= 640;
    const wide = two ? Math.round((width - 24) * 0.62) : width;
    spans.hidden = !weights;
    pair.classList.toggle("efx-two", two);
    drawing.replaceChildren(levelsPicture({ found, perChannel, width: wide }));
    if (!weights) return;
    const place = two ? { width: width - 24 - wide, foot: 58 } : { width, foot: 28 };
    bars.replaceChildren(channelPicture({ found, other, ...place }));
    redraw(barsKey, [channelKey(perChannel)]);
  }

  // The accuracy of the whole network with this setting, drawn and said.
  function judge(kind, setting) {
    const known = kit.model.get("accuracies");
    const weights = kind === "weights";
    const turned = weights
      ? { scales: setting.scales === "tensor" ? "channel" : "tensor" }
      : { form: setting.form === "symmetric" ? "affine" : "symmetric" };
    const [shown, other] = [measuredOf(known, kind, setting), measuredOf(known, kind, { ...setting, ...turned })];
    const names = weights ? LABELS.scales : LABELS.form;
    const [mine, theirs] = weights ? [setting.scales, turned.scales] : [setting.form, turned.form];
    const [here, there] = [pointOf(shown, setting.bits), pointOf(other, setting.bits)];
    const whole = known?.float;
    const wide = width >= 640 ? Math.round((width - 24) * 0.62) : width;
    network.classList.toggle("efx-two", width >= 640);
    chart.replaceChildren(accuracyPicture({ shown, other, whole, bits: setting.bits, width: wide }));
    redraw(chartKey, [accuracyKey(names[mine], other && names[theirs])]);
    const words = here
      ? `With all ${kind} like this the network names ${spread(here)} of the test letters right, in float32 ` +
        `${spread(whole)}${there ? `; ${names[theirs]} it would be ${spread(there)}` : ""}.`
      : "The whole network has not been measured with this setting.";
    kept.textContent = words;
    about.textContent = known?.about ?? "";
    return words;
  }

  kit.watch([...NAMES, "bits", "percentile", "tensors", "accuracies"], update);
  kit.on(details, "toggle", () => details.open && kit.run());
  const watcher = new ResizeObserver(([entry]) => {
    const now = Math.max(290, Math.round(entry.contentRect.width));
    if (entry.contentRect.width > 0 && now !== width) {
      width = now;
      kit.run();
    }
  });
  watcher.observe(kit.body);
  kit.signal.addEventListener("abort", () => watcher.disconnect());
}

function render(context) {
  return mount(context, "Quantization explorer", build);
}
export default { render };
