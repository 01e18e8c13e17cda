// The exponent's slider, which gives small exponents more room, and under it which network wins where.
import { h, s, uid } from "./dom.js";
import { PAPER } from "./reward.js";

const STEPS = 100;
const partOf = (exponent) => 1 - Math.sqrt(-exponent);
// A short number for every step of the slider, and another one for each; the paper's exponent is among them.
export function exponentAt(step) {
  const exact = (1 - step / STEPS) ** 2;
  if (exact === 0) return 0;
  if (Math.abs(exact + PAPER.soft) < 0.0025) return PAPER.soft;
  if (exact < 0.1) return -exact.toPrecision(2);
  return exact < 0.25 ? -(Math.round(exact * 200) / 200) : -exact.toFixed(2);
}
export const stepOf = (exponent) => Math.round(STEPS * partOf(exponent));
export const minus = (exponent) => (exponent === 0 ? "0" : `−${+Math.abs(exponent).toPrecision(4)}`);

export function exponentControl(kit) {
  const id = uid("exponent");
  const [low, high] = kit.limits("exponent");
  const slider = h("input", { type: "range", id, min: 0, max: STEPS, step: 1, "data-name": "exponent" });
  const field = h("input", {
    type: "number",
    min: low,
    max: high,
    step: "any",
    "data-name": "exponent",
    "aria-label": "Exponent w, exact value",
    "aria-describedby": `${id}-why`,
  });
  const why = h("span", { class: "efx-why", id: `${id}-why`, "aria-live": "polite" });
  const strip = s("svg", { class: "efx-plot efx-strip", "aria-hidden": "true" });
  kit.on(slider, "input", () => kit.set({ exponent: exponentAt(slider.valueAsNumber) }));
  const settle = (value) => {
    field.value = value;
    field.removeAttribute("aria-invalid");
    why.textContent = "";
  };
  kit.on(field, "input", () => {
    const good = field.valueAsNumber >= low && field.valueAsNumber <= high;
    field.setAttribute("aria-invalid", String(!good));
    why.textContent = good ? "" : `A number from ${low} to ${high}, please.`;
    if (good) kit.set({ exponent: field.valueAsNumber });
  });
  kit.on(field, "change", () => {
    if (field.getAttribute("aria-invalid") === "true") settle(kit.number("exponent"));
  });
  return {
    root: h(
      "div",
      { class: "efx-exponent" },
      h("label", { for: id }, "Exponent w"),
      h("span", { class: "efx-exact" }, field),
      why,
      h("div", { class: "efx-track-of" }, slider, strip),
    ),
    // exponent: the one used; found: contenders; words: what a screen reader hears
    show(exponent, found, mode, width, words) {
      slider.value = stepOf(exponent);
      slider.setAttribute("aria-valuetext", words);
      if (field.valueAsNumber !== exponent) settle(exponent);
      const [left, right] = [8, width - 8]; // where the middle of the slider's thumb goes
      const x = (value) => left + partOf(value) * (right - left);
      strip.setAttribute("viewBox", `0 0 ${width} 40`);
      const tick = (value, name, anchor) => [
        s("path", { class: "efx-tick", d: `M${x(value)},16v6` }),
        s("text", { x: x(value), y: 35, "text-anchor": anchor }, name),
      ];
      const paper = PAPER[mode];
      const marks = width > 500 ? [-0.6, -0.3, -0.15] : [-0.3];
      strip.replaceChildren(
        ...found.map(({ start, end }, n) => {
          const [a, b] = [x(end), x(start)];
          const now = exponent <= start && (exponent > end || end === low);
          const name = `efx-span efx-span-${n % 2}${now ? " efx-span-now" : ""}`;
          return s("rect", { class: name, x: a, y: 2, width: Math.max(0.5, b - a - 1), height: 12 });
        }),
        ...tick(-1, `−1${paper === -1 ? ": the paper’s" : ""}`, "start"),
        ...tick(0, width > 500 ? "0: accuracy alone" : "0", "end"),
        ...marks.flatMap((value) => tick(value, minus(value), "middle")),
        ...tick(-0.07, paper === -0.07 ? "−0.07: the paper’s" : "−0.07", "middle"),
      );
    },
  };
}
