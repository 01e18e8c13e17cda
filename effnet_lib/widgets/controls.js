// Controls bound to settings, each with its label and unit.
import { h, prose, uid, whole } from "./dom.js";

// A slider with a field beside it for exact values. {name, label, unit, step, low, high: the slider's range, inside
// the limits, whole, words: (n) => what a screen reader hears}
export function knob(kit, { name, label, unit = "", step = 1, low, high, whole: isWhole = false, words }) {
  const [least, most] = kit.limits(name);
  const id = uid(name);
  const range = h("input", { type: "range", id, min: low ?? least, max: high ?? most, step, "data-name": name });
  const field = h("input", {
    type: "number",
    min: least,
    max: most,
    step: isWhole ? 1 : "any",
    "data-name": name,
    "aria-label": `${label}${unit ? `, ${unit}` : ""}, exact value`,
    "aria-describedby": `${id}-why`,
  });
  const why = h("span", { class: "efx-why", id: `${id}-why`, "aria-live": "polite" });
  const legal = (n) => Number.isFinite(n) && n >= least && n <= most && (!isWhole || Number.isInteger(n));
  const put = (n) => {
    kit.set({ [name]: n });
  };
  kit.on(range, "input", () => put(Number(range.value)));
  kit.on(field, "input", () => {
    const n = field.valueAsNumber;
    const good = legal(n);
    field.setAttribute("aria-invalid", String(!good));
    why.textContent = good
      ? ""
      : `${isWhole ? "A whole number" : "A number"} from ${whole(least)} to ${whole(most)}, please.`;
    if (good) put(n);
  });
  const settle = () => {
    const n = kit.number(name, isWhole);
    range.value = n;
    field.value = n;
    field.removeAttribute("aria-invalid");
    why.textContent = "";
  };
  kit.on(field, "change", () => {
    if (field.getAttribute("aria-invalid") === "true") settle();
  });
  kit.watch([name], () => {
    const n = kit.number(name, isWhole);
    range.value = n;
    range.setAttribute("aria-valuetext", words?.(n) ?? `${n}${unit ? ` ${unit}` : ""}`);
    if (field.valueAsNumber !== n) settle();
  });
  return h(
    "div",
    { class: "efx-knob" },
    h("label", { for: id }, prose(label)),
    range,
    h("span", { class: "efx-exact" }, field, unit && h("span", { class: "efx-unit", "aria-hidden": true }, unit)),
    why,
  );
}

// One of a few: buttons in a row (radio inputs), or a list with {list: true}. labels: value -> text; also: value ->
// further settings that go with it.
export function pick(kit, { name, label, labels = {}, list = false, options = kit.limits(name), also }) {
  const id = uid(name);
  const text = (value) => labels[value] ?? String(value);
  const put = (word) => {
    const value = options.find((option) => String(option) === word);
    kit.set({ [name]: value, ...also?.(value) });
  };
  if (list) {
    const select = h(
      "select",
      { id, "data-name": name },
      options.map((value) => h("option", { value }, text(value))),
    );
    kit.on(select, "change", () => put(select.value));
    kit.watch([name], () => {
      select.value = String(kit.choice(name));
    });
    return h("div", { class: "efx-knob" }, h("label", { for: id }, label), select);
  }
  const radio = (value) => h("input", { type: "radio", name: id, value, "data-name": name });
  const radios = options.map(radio);
  const group = h(
    "fieldset",
    { class: "efx-pick" },
    h("legend", {}, label),
    h(
      "div",
      {},
      radios.map((input, i) => h("label", {}, input, h("span", {}, prose(text(options[i]))))),
    ),
  );
  kit.on(group, "change", (event) => put(event.target.value));
  kit.watch([name], () => {
    for (const input of radios) input.checked = input.value === String(kit.choice(name));
  });
  return group;
}

export function toggle(kit, { name, label }) {
  const box = h("input", { type: "checkbox", "data-name": name });
  kit.on(box, "change", () => kit.set({ [name]: box.checked }));
  kit.watch([name], () => {
    box.checked = kit.model.get(name) === true;
  });
  return h("label", { class: "efx-toggle" }, box, prose(label));
}

export const more = (label, ...children) =>
  h("details", { class: "efx-more" }, h("summary", {}, label), h("div", { class: "efx-knobs" }, children));
