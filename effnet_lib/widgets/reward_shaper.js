// MnasNet's reward on a measured space: what an exponent and a target choose, and what no exponent ever chooses.
import { datum, h, redraw, s, short, table as tableOf, whole } from "./dom.js";
import { mount } from "./kit.js";
import { contenders, exponentsOf, EXPONENTS, PAPER, reward, winnerOf } from "./reward.js";
import { exponentControl, minus } from "./reward_exponent.js";
import { axes, bar, callout, COSTS, dots, followWidth, layout, mark, stairs, thread } from "./search_plane.js";
import { nameOf } from "./search_names.js";
import { micro, percent, readPoints, spreadOf } from "./search_points.js";
import { budgetControl } from "./tradeoff_budget.js";

const MODES = { soft: "on both sides of it (soft)", hard: "only beyond it (hard)" };
const three = (value) => value.toFixed(4);

// Accuracies that give `value`, at costs along the axis: where this curve runs, all networks have the same reward.
function curve(box, value, accuracyOf, name) {
  const found = [];
  const steps = 240;
  for (let k = 0; k <= steps; k++) {
    const share = accuracyOf(box.low * (box.high / box.low) ** (k / steps), value);
    if (share < box.worst) continue;
    const px = box.left + (k / steps) * (box.right - box.left);
    found.push(`${px.toFixed(1)},${Math.max(box.top - 6, box.y(share)).toFixed(1)}`);
    if (share > box.best) break;
  }
  return s("path", { class: name, d: found.length > 1 ? `M${found.join("L")}` : "" });
}

function build(kit) {
  const range = () => kit.model.get("ranges")?.[kit.choice("cost")];
  const start = (cost) => ({ target: kit.model.get("ranges")[cost].start });
  const target = budgetControl(kit, "target", "Target T", range);
  const exponent = exponentControl(kit);
  const lead = h("p", { class: "efx-lead efx-chosen" });
  const [still, moving] = [s("g", {}), s("g", {})];
  const plot = s("svg", { class: "efx-plot", role: "img" }, still, moving);
  const why = h("p", {});
  const numbers = h("div", { class: "efx-scroll", tabindex: "0", role: "group", "aria-label": "Winners" });
  const spans = h("div", { class: "efx-scroll", tabindex: "0", role: "group", "aria-label": "The front" });
  const sample = (shape, words) =>
    h("li", {}, s("svg", { width: 18, height: 14, "aria-hidden": "true", viewBox: "-9 -7 18 14" }, shape), words);
  kit.body.append(
    h("p", { class: "efx-title" }, "Reward = accuracy × (cost / T)", h("sup", {}, "w"), ": who gets the most of it?"),
    h(
      "div",
      { class: "efx-knobs efx-aims" },
      kit.pick({
        name: "mode",
        label: "Against the target, the exponent counts",
        labels: MODES,
        also: (mode) => ({ exponent: PAPER[mode] }),
      }),
      kit.pick({ name: "cost", label: "Cost", labels: { macs: "MACs", latency: "Latency" }, also: start }),
    ),
    exponent.root,
    lead,
    h("div", { class: "efx-stage" }, plot),
    target.track,
    target.field,
    h(
      "ul",
      { class: "efx-key", "aria-label": "Key to the picture" },
      sample(s("path", { class: "efx-iso", d: "M-9,4L9,-4" }), "same reward as the winner"),
      sample(s("path", { class: "efx-spot efx-able", d: "M0,-6l6,6l-6,6l-6,-6z" }), "wins at some exponent"),
      sample(
        s("path", { class: "efx-spot efx-unable", d: "M-4,0a4,4 0 1 0 8,0a4,4 0 1 0 -8,0z" }),
        "on the front, never wins",
      ),
      sample(s("path", { class: "efx-dots efx-cloud", d: "M0,0h0" }), "all others"),
    ),
    why,
    numbers,
    h("details", { class: "efx-more efx-tables" }, h("summary", {}, "The whole front: who wins when"), spans),
    h(
      "p",
      { class: "efx-soft" },
      "Accuracy in the reward: mean on validation over all seeds, better known than a search knows it. " +
        "Test accuracy is shown and chooses nothing.",
    ),
  );

  let [stored, table, box, was] = [];
  const width = followWidth(kit, kit.body, () => kit.run());
  kit.watch(["mode", "exponent", "cost", "target", "points", "ranges"], () => {
    if (kit.model.get("points") !== stored || !table) {
      table = readPoints(kit.model.get("points"));
      stored = kit.model.get("points");
      box = undefined;
    }
    const mode = kit.choice("mode");
    const cost = kit.choice("cost");
    if (!range()) throw new Error(`the widget's state lacks the range of "${cost}".`);
    const w = kit.number("exponent");
    let most = target.value();
    if (most < kit.limits("target")[0]) {
      most = range().start;
      kit.problem("target", `target must be a positive number, got ${kit.model.get("target")}; showing ${most}.`);
    }
    // The plane counts latency in microseconds, the target is in seconds, as in Python.
    const unit = cost === "latency" ? 1e6 : 1;
    const costs = table[cost].map((value) => value / unit);
    const shares = table.validation;
    const form = (value) => COSTS[cost].form(value * unit);
    const said = (value) => COSTS[cost].said(value * unit);
    const rewardsAt = (value) => {
      const pair = exponentsOf(mode, value);
      return shares.map((share, i) => reward(share, costs[i], most, pair));
    };
    const rewards = rewardsAt(w);
    const best = winnerOf(rewards, costs);
    const able = contenders(costs, shares, most, mode);
    const pair = exponentsOf(mode, w);

    if (!box || box.width !== width() || was !== cost) {
      was = cost;
      box = layout(table, { cost, width: width() });
      plot.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
      still.replaceChildren(axes(box), dots(box, box.known), stairs(box, box.front, "efx-front efx-faint"));
      const padding = (pixels) => `${(100 * Math.max(0, pixels - 8)) / box.width}%`; // the thumb is 16 wide
      target.track.style.paddingLeft = padding(Math.min(...box.px));
      target.track.style.paddingRight = padding(box.width - Math.max(...box.px));
    }
    plot.setAttribute(
      "aria-label",
      `Validation accuracy against ${cost === "macs" ? "MACs" : "latency"} of all ${table.count} networks, ` +
        `with the curve of equal reward through the winner; the numbers are in the table below`,
    );
    const winning = new Set(able.map(({ index }) => index));
    const idle = box.front.filter((i) => !winning.has(i));
    const accuracyOf = (value, level) => level / reward(1, value / unit, most, pair);
    const at = Math.min(box.right, Math.max(box.left, box.x(Math.max(most * unit, box.low))));
    const late = at > (box.left + box.right) / 2;
    const top = rewards[best];
    moving.replaceChildren(
      ...[0.98, 0.96, 0.94, 0.92, 0.9].map((part) => curve(box, part * top, accuracyOf, "efx-iso-less")),
      s("path", { class: "efx-yours", d: `M${at},${box.top - 4}V${box.bottom}` }),
      s(
        "text",
        { x: at + (late ? -5 : 5), y: box.bottom - 7, "text-anchor": late ? "end" : "start", class: "efx-limit" },
        "target T",
      ),
      ...idle.map((i) => mark(box, i, "circle", 4.5, "efx-unable")),
      thread(box, able.map(({ index }) => index), "efx-way efx-hull"),
      curve(box, top, accuracyOf, "efx-iso"),
      ...able.map(({ index }) => mark(box, index, "diamond", 5.5, "efx-able")),
      ...[bar(box, best)].filter(Boolean),
      mark(box, best, "diamond", 10, "efx-winner"),
      callout(box, best, `wins at w = ${minus(w)}`),
    );

    const worth = `${(100 * (2 ** -w - 1)).toFixed(1)}\u00a0%`;
    lead.replaceChildren(
      `With w = ${minus(w)} the most, ${three(top)}, goes to a network with `,
      h("b", { "data-best": best }, said(costs[best])),
      `: ${spreadOf(table, "validation", best)} on validation (rank ${table.rank.validation[best]} of ` +
        `${table.count}), ${spreadOf(table, "test", best)} on the test set.`,
    );
    const price =
      w === 0
        ? "At w = 0 cost counts nothing."
        : `${mode === "soft" ? "Twice" : "Beyond the target, twice"} the cost is worth it from ${worth} more ` +
          "accuracy (relative).";
    const aim =
      mode === "soft"
        ? "The target multiplies all rewards by the same number, so moving it changes no winner."
        : "Up to the target accuracy alone counts: here " +
          `${costs[best] <= most ? "the winner is within it" : "going beyond it pays"}.`;
    const inward =
      mode === "soft"
        ? "there the front bends inward, and a curve of equal reward cannot touch it"
        : "within the target only the most accurate can, beyond it only where the front does not bend inward";
    const never = idle.length
      ? `the other ${idle.length} never ${idle.length === 1 ? "does" : "do"}: ${inward}.`
      : "none is left out.";
    why.textContent =
      `${price} ${aim} Of the ${box.front.length} networks on the Pareto front, ${winning.size} ` +
      `win${winning.size === 1 ? "s" : ""} at some exponent from 0 to −1; ${never}`;
    exponent.show(w, able, mode, width(), `${minus(w)}: the winner has ${said(costs[best])}`);
    target.show(said(most));

    redraw(numbers, [
      tableOf(
        `Winners at a target of ${said(most)}${mode === "hard" ? ", exponent 0 up to it" : ""}`,
        ["w", COSTS[cost].label, "Validation", "Test", "Reward", "Network"],
        EXPONENTS.map((value) => {
          const found = rewardsAt(value);
          const i = winnerOf(found, costs);
          return [
            `${minus(value)}${value === PAPER[mode] ? " (the paper’s)" : ""}`,
            datum(costs[i], form),
            spreadOf(table, "validation", i),
            spreadOf(table, "test", i),
            three(found[i]),
            nameOf(table.sizes, i),
          ];
        }),
        { class: "efx-winners" },
      ),
    ]);
    redraw(spans, [
      tableOf(
        "Pareto front of cost and validation accuracy, the cheapest first",
        [COSTS[cost].label, "Validation", "Test", "Wins for w"],
        box.front.map((i) => {
          const span = able.find(({ index }) => index === i);
          return [
            datum(costs[i], form),
            spreadOf(table, "validation", i),
            spreadOf(table, "test", i),
            span ? `${minus(+span.start.toFixed(3))} to ${minus(+span.end.toFixed(3))}` : "never",
          ];
        }),
        { class: "efx-spans" },
      ),
    ]);
    kit.say(
      `Exponent ${minus(w)}, target ${said(most)}: the winner has ${whole(table.macs[best])} MACs, ` +
        `${whole(table.params[best])} parameters and ${percent(shares[best])} on validation.`,
    );
  });
}

function render(context) {
  return mount(context, "Reward shaper", build);
}
export default { render };
