// What the two networks say of one picture: a sentence, and the probabilities as bars and numbers.
import { h, table } from "./dom.js";
import { KINDS, best } from "./network.js";

const SHOWN = 5;
const LETTERS = 3;

export const percent = (p) => {
  if (p > 0 && p < 0.001) return "<0.1\u00a0%";
  if (p < 1 && p > 0.999) return ">99.9\u00a0%";
  return `${(100 * p).toFixed(1)}\u00a0%`;
};
const chance = (kind, p) => {
  const bar = h("span", { class: `dl-bar dl-${kind}`, style: { width: `${100 * p}%` } });
  const track = h("span", { class: "efx-track", "aria-hidden": "true" }, bar);
  return h("data", { value: p, title: p, class: "dl-chance" }, track, percent(p));
};

// The probability of every letter: its classes' together. Names are "A sans", "A serif", ...
export function letters(probabilities, classes) {
  const sums = new Map();
  classes.forEach((name, i) => {
    const letter = name.split(" ")[0];
    sums.set(letter, (sums.get(letter) ?? 0) + probabilities[i]);
  });
  return sums;
}

export function sentence(answers, classes) {
  const [float, int8] = KINDS.map((kind) => answers[kind].probabilities);
  const said = (p) => `${classes[best(p)]} (${percent(Math.max(...p))})`;
  const apart = Math.max(...float.map((p, i) => Math.abs(p - int8[i])));
  const points = `No probability differs by more than ${(100 * apart).toFixed(1)} points.`;
  const [p, q] = [float, int8].map((values) => percent(Math.max(...values)));
  if (best(float) !== best(int8)) return `They disagree: float says ${said(float)}, int8 says ${said(int8)}.`;
  const sure = Math.max(...float) < 0.5 ? " Neither is sure." : "";
  return `Both say ${classes[best(float)]}: float ${p}, int8 ${q}.${sure} ${points}`;
}

export function answerTables(answers, classes) {
  const [float, int8] = KINDS.map((kind) => answers[kind].probabilities);
  const top = classes
    .map((name, i) => ({ name, i, p: float[i] + int8[i] }))
    .sort((a, b) => b.p - a.p || a.i - b.i)
    .slice(0, SHOWN);
  const sums = KINDS.map((kind) => letters(answers[kind].probabilities, classes));
  const spelled = [...sums[0].keys()]
    .map((letter) => ({ letter, p: sums[0].get(letter) + sums[1].get(letter) }))
    .sort((a, b) => b.p - a.p)
    .slice(0, LETTERS);
  const head = (what) => [what, ...KINDS];
  return [
    table(
      "Most probable of the 40 classes",
      head("Class"),
      top.map(({ name, i }) => [name, chance("float", float[i]), chance("int8", int8[i])]),
      { class: "dl-classes" },
    ),
    table(
      "Letters, both styles together",
      head("Letter"),
      spelled.map(({ letter }) => [letter, ...KINDS.map((kind, k) => chance(kind, sums[k].get(letter)))]),
      { class: "dl-letters" },
    ),
  ];
}
