// What the choices of the tabular space are called.
import { genotypeOf } from "./search_points.js";

const OPERATIONS = { mbconv3: "MBConv 3×3", mbconv5: "MBConv 5×5", fused3: "Fused 3×3" };
// setting -> its title and what its values are called; both in the order of the space
export const CHOICES = {
  stage1: ["Stage 1", OPERATIONS],
  stage2: ["Stage 2", OPERATIONS],
  stage3: ["Stage 3", OPERATIONS],
  expand: ["Expansion", { 2: "×2", 4: "×4" }],
  se_ratio: ["Squeeze-and-excitation", { 0: "none", 0.25: "ratio ¼" }],
  width: ["Width", { 1: "×1", 1.4: "×1.4" }],
  blocks: ["Blocks", { 5: "5 (1, 1, 2, 1)", 7: "7 (1, 2, 2, 2)" }],
};
export const SETTINGS = Object.keys(CHOICES);
export const wordOf = (name, value) => CHOICES[name][1][value];
// "Stage 1: MBConv 5×5"
export const changeOf = (name, value) => `${CHOICES[name][0]}: ${wordOf(name, value)}`;

// A whole network in one line: "MB3, F3, MB5 · ×4 · SE · width ×1.4 · 7 blocks".
const SHORT = ["MB3", "MB5", "F3"];
export function nameOf(sizes, index) {
  const [a, b, c, expand, se, width, blocks] = genotypeOf(sizes, index);
  const operations = [a, b, c].map((place) => SHORT[place]).join(", ");
  const rest = [`×${[2, 4][expand]}`, se ? "SE" : "no SE", `width ×${[1, 1.4][width]}`, `${[5, 7][blocks]} blocks`];
  return [operations, ...rest].join(" · ");
}
