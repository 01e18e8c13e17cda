// A budget along a logarithmic axis.
import { h, uid, whole } from "./dom.js";

const STEPS = 200;

// The budget of one plot: a logarithmic slider under it, and a field for exact values. `range`: () => the axis' range.
export function budgetControl(kit, name, label, range) {
  const id = uid(name);
  const slider = h("input", { type: "range", id, min: 0, max: STEPS, step: 1, "data-name": name });
  const field = h("input", { type: "number", step: "any", "data-name": name, "aria-describedby": `${id}-why` });
  const unit = h("span", { class: "efx-unit", "aria-hidden": true });
  const why = h("span", { class: "efx-why", id: `${id}-why`, "aria-live": "polite" });
  const track = h("div", { class: "efx-budget" }, slider);
  const put = (value) => {
    const { scale, whole: counted } = range();
    kit.set({ [name]: counted ? Math.round(value * scale) : +(value * scale).toFixed(9) });
  };
  kit.on(slider, "input", () => {
    const { low, high } = range();
    const [t, value] = [slider.valueAsNumber, low * (high / low) ** (slider.valueAsNumber / STEPS)];
    put(t === 0 ? low : t === STEPS ? high : +value.toPrecision(3));
  });
  const settle = (value) => {
    field.value = +value.toPrecision(6);
    field.removeAttribute("aria-invalid");
    why.textContent = "";
  };
  kit.on(field, "input", () => {
    const { low, high } = range();
    const good = field.valueAsNumber >= low && field.valueAsNumber <= high;
    field.setAttribute("aria-invalid", String(!good));
    why.textContent = good ? "" : `A number from ${low} to ${high}, please.`;
    if (good) put(field.valueAsNumber);
  });
  kit.on(field, "change", () => {
    if (field.getAttribute("aria-invalid") === "true") settle(control.value() / range().scale);
  });
  const control = {
    field: h(
      "div",
      { class: "efx-knob efx-spend" },
      h("label", { for: id }, label),
      h("span", { class: "efx-exact" }, field, unit),
      why,
    ),
    track,
    value() {
      const given = kit.model.get(name);
      if (typeof given === "number" && Number.isFinite(given) && given >= 0) return given;
      kit.problem(name, `${name} must be a number from 0 up, got ${String(given)}; showing ${whole(range().start)}.`);
      return range().start;
    },
    show(said) {
      const { low, high, scale, unit: word } = range();
      const value = control.value() / scale;
      const part = Math.log(Math.max(value, low * 1e-3) / low) / Math.log(high / low);
      slider.value = Number.isFinite(part) ? Math.round(STEPS * part) : STEPS;
      slider.setAttribute("aria-valuetext", said);
      unit.textContent = word;
      field.setAttribute("aria-label", `${label}, ${word}, exact value`);
      [field.min, field.max] = [low, high];
      if (field.valueAsNumber !== +value.toPrecision(6)) settle(value);
    },
  };
  return control;
}
