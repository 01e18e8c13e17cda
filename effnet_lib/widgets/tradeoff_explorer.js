// Accuracy against cost: what was measured here and what was published, side by side on axes of their own.
import { h } from "./dom.js";
import { mount } from "./kit.js";
import { AXES, bestWithin, known } from "./tradeoff.js";
import { architecture, numbers, provenance, stats } from "./tradeoff_card.js";
import { measuring } from "./tradeoff_measure.js";
import { panel } from "./tradeoff_panel.js";
import { marks } from "./tradeoff_plot.js";

function build(kit) {
  const options = kit.limits("axis");
  const starts = (axis) => {
    const { rows, networks } = kit.model.get("ranges")[axis];
    return { budget: rows.start, ...(networks && { published_budget: networks.start }) };
  };
  const labels = Object.fromEntries(options.map((axis) => [axis, AXES[axis].label]));
  const title = kit.model.get("about")?.title ?? "";
  const ours = panel(kit, {
    key: "rows",
    name: "budget",
    heading: "Measured here",
    subject: title,
    ylabel: "test accuracy, %",
    label: "Our budget",
  });
  const theirs = panel(kit, {
    key: "networks",
    name: "published_budget",
    heading: "Published",
    subject: "EfficientNets on ImageNet",
    ylabel: "ImageNet top-1 accuracy, %",
    label: "Budget among the published",
  });
  const panels = h("div", { class: "efx-halves" }, ours.root, theirs.root);
  const name = h("p", { class: "efx-card-title" });
  const back = h("button", { type: "button" }, "Follow the budget again");
  const facts = h("dl", { class: "efx-stats" });
  const stages = h("div", { class: "efx-scroll", tabindex: "0", role: "group", "aria-label": "Architecture" });
  const origin = h("dl", { class: "efx-origin" });
  const measure = measuring(kit);
  const tasks = h("span", {}, "Two tasks, two plots: heights in one say nothing about heights in the other. ");
  const card = h(
    "div",
    { class: "efx-card", role: "group", "aria-label": "The network chosen" },
    h("div", { class: "efx-card-head" }, name, back),
    facts,
    measure.root,
    h(
      "div",
      { class: "efx-card-more" },
      stages,
      h("div", {}, h("p", { class: "efx-caption" }, "Where the numbers come from"), origin),
    ),
  );
  const scroll = (label) => h("div", { class: "efx-scroll", tabindex: "0", role: "group", "aria-label": label });
  const [ourNumbers, theirNumbers] = [scroll("Measured networks"), scroll("Published networks")];
  kit.body.append(
    h("p", { class: "efx-title" }, "What does accuracy cost?"),
    h("div", { class: "efx-knobs" }, kit.pick({ name: "axis", label: "Cost", labels, also: starts })),
    panels,
    h(
      "p",
      { class: "efx-soft efx-apart" },
      tasks,
      "Line: Pareto front. Choose a point to see its network.",
    ),
    card,
    h("details", { class: "efx-more efx-tables" }, h("summary", {}, "All numbers"), ourNumbers, theirNumbers),
  );
  kit.on(back, "click", () => {
    kit.set({ selected: "" });
    kit.root.querySelector(".efx-point:checked")?.focus();
  });

  let width = 0;
  let shownRows = [];
  let shownCard;
  const update = () => {
    const [rows, networks, ranges] = ["rows", "networks", "ranges"].map((key) => kit.model.get(key));
    if (!Array.isArray(rows) || rows.length === 0 || !Array.isArray(networks) || !ranges)
      throw new Error("the widget's state lacks its table.");
    const axis = kit.choice("axis");
    if (!ranges[axis]?.rows) throw new Error(`the widget's state lacks the range of "${axis}".`);
    if (width === 0) width = Math.max(300, kit.body.clientWidth || 640);
    theirs.root.hidden = tasks.hidden = networks.length === 0;
    const two = networks.length > 0 && width >= 640;
    panels.classList.toggle("efx-two", two);
    const each = Math.floor(two ? (width - 28) / 2 : width);

    let chosen = kit.model.get("selected");
    const all = [...rows, ...networks];
    let row = all.find((found) => found.name === chosen);
    if (chosen !== "" && !row)
      kit.problem("selected", `selected must be the name of a network, got ${String(chosen)}; showing the best.`);
    back.hidden = !row;
    row ??= bestWithin(rows, axis, ours.budget());
    chosen = row?.name;
    ours.draw(rows, marks(rows), each, chosen);
    theirs.draw(networks, marks(networks), each, chosen);
    card.hidden = !row;
    if (row && shownCard !== row) {
      shownCard = row;
      facts.replaceChildren(...stats(row));
      stages.replaceChildren(architecture(row));
      origin.replaceChildren(...provenance(row, kit.model.get("about") ?? {}));
      measure.about(row.name, !row.form);
    }
    if (row) name.textContent = back.hidden ? `Best within the budget: ${row.label}` : `${row.label} (${row.family})`;
    if (shownRows[0] !== rows || shownRows[1] !== networks) {
      shownRows = [rows, networks];
      ourNumbers.replaceChildren(numbers(title || "Measured networks", rows, true));
      theirNumbers.replaceChildren(
        ...(networks.length
          ? [numbers("Published networks (accuracy published, costs counted)", networks, false)]
          : []),
      );
    }
    kit.say([ours.said, networks.length && known(networks, axis).length && theirs.said].filter(Boolean).join(" "));
  };
  kit.watch(["axis", "budget", "published_budget", "selected", "rows", "networks", "ranges"], update);
  const observer = new ResizeObserver(([entry]) => {
    const now = Math.max(300, Math.round(entry.contentRect.width));
    if (entry.contentRect.width > 0 && now !== width) {
      width = now;
      kit.run();
    }
  });
  observer.observe(kit.body);
  kit.signal.addEventListener("abort", () => observer.disconnect());
}

function render(context) {
  return mount(context, "Accuracy against cost", build);
}
export default { render };
