// One plot of the trade-off explorer and all that belongs to it.
import { h, s, uid } from "./dom.js";
import { AXES, bestWithin, known, score, spread } from "./tradeoff.js";
import { budgetControl } from "./tradeoff_budget.js";
import { backdrop, foreground, layout, mark } from "./tradeoff_plot.js";

// One plot with its heading, sentence, points to choose from and budget. key: "rows" or "networks".
export function panel(kit, { key, name, heading, subject, ylabel, label }) {
  const range = () => kit.model.get("ranges")?.[kit.choice("axis")]?.[key];
  const budget = budgetControl(kit, name, label, range);
  const still = s("g", {});
  const moving = s("g", {});
  const plot = s("svg", { class: "efx-plot", role: "img" }, still, moving);
  const points = h("div", { class: "efx-points", role: "radiogroup", "aria-label": `${heading}: network to show` });
  const stage = h("div", { class: "efx-stage" }, plot, points);
  const lead = h("p", { class: "efx-lead efx-verdict" });
  const legend = h("ul", { class: "efx-key", "aria-label": "Families" });
  const left = h("p", { class: "efx-soft" });
  const title = h("p", { class: "efx-panel-title" }, heading, h("span", { class: "efx-soft" }, subject));
  const drawn = h("div", {}, lead, legend, stage, budget.track, budget.field);
  const root = h("div", { class: "efx-half", "data-panel": key }, title, drawn, left);
  const group = uid(key);
  let radios = new Map();
  let was = [];

  kit.on(points, "change", (event) => kit.set({ selected: event.target.value }));
  // The nearest point, since points may overlap.
  kit.on(stage, "click", (event) => {
    if (event.target.matches?.("input") || !box) return;
    const { left: x0, top: y0, width } = plot.getBoundingClientRect();
    const scale = box.width / width;
    const [x, y] = [(event.clientX - x0) * scale, (event.clientY - y0) * scale];
    const [near] = [...box.spots.values()]
      .map((spot) => [Math.hypot(spot.px - x, spot.py - y), spot.row.name])
      .sort((a, b) => a[0] - b[0]);
    if (near && near[0] < 26) {
      kit.set({ selected: near[1] });
      radios.get(near[1])?.focus({ preventScroll: true });
    }
  });

  let box;
  return {
    root,
    best: null,
    budget: budget.value,
    draw(rows, families, width, chosen) {
      const axis = kit.choice("axis");
      const shown = known(rows, axis);
      const without = rows.length - shown.length;
      drawn.hidden = shown.length === 0;
      left.classList.toggle("efx-none", drawn.hidden);
      if (shown.length === 0) {
        left.textContent =
          "No published latency can be compared with ours: those in the papers are of other devices, programs and " +
          "threads. So nothing is drawn here; MACs, parameters and memory can be compared.";
        this.best = null;
        box = undefined;
        return;
      }
      const given = [rows, axis, width];
      if (!box || given.some((value, i) => value !== was[i])) {
        was = given;
        box = layout(rows, axis, width);
        plot.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
        plot.setAttribute(
          "aria-label",
          `${heading}: accuracy against ${AXES[axis].word}; the numbers are in the tables below`,
        );
        still.replaceChildren(...backdrop(box, families, ylabel));
        legend.replaceChildren(
          ...[...families].map(([family, number]) =>
            h("li", {}, s("svg", { width: 18, height: 18, "aria-hidden": "true" }, mark(number, 9, 9)), family),
          ),
        );
        // Cheapest first: the arrow keys go to the right. Kept elements keep their focus.
        const order = [...box.spots.values()].sort((a, b) => a.row[axis] - b.row[axis]);
        radios = new Map(
          order.map(({ row, px, py }) => {
            const radio =
              radios.get(row.name) ?? h("input", { type: "radio", name: group, value: row.name, class: "efx-point" });
            const said = `${row.label}, ${AXES[axis].said(row[axis])}, accuracy ${spread(row.test)}`;
            radio.setAttribute("aria-label", said);
            radio.style.left = `${(100 * px) / box.width}%`;
            radio.style.top = `${(100 * py) / box.height}%`;
            return [row.name, radio];
          }),
        );
        points.replaceChildren(...radios.values());
        const [x0, x1] = [
          box.x(shown.reduce((m, r) => Math.min(m, r[axis]), Infinity)),
          box.x(shown.reduce((m, r) => Math.max(m, r[axis]), 0)),
        ];
        budget.track.style.paddingLeft = `${(100 * Math.max(0, x0 - 8)) / width}%`;
        budget.track.style.paddingRight = `${(100 * Math.max(0, width - x1 - 8)) / width}%`;
      }
      const most = budget.value();
      const said = AXES[axis].said(most);
      const best = bestWithin(rows, axis, most);
      const measured = key === "rows";
      const equal = (row) => row !== best && row[axis] === best?.[axis] && score(row) === score(best);
      const same = shown.filter(equal).map((row) => row.label);
      budget.show(said);
      moving.replaceChildren(...foreground(box, families, most, best, chosen));
      for (const [value, radio] of radios) radio.checked = value === chosen;
      const cheapest = shown.reduce((a, b) => (b[axis] < a[axis] ? b : a));
      lead.replaceChildren(
        ...(best
          ? [
              `Within ${said}: `,
              h("b", { "data-best": best.name }, best.label),
              `${same.length ? ` (just like ${same.join(", ")})` : ""}, ${spread(best.test)}`,
              measured ? " on the test set." : " top-1.",
            ]
          : [
              `Nothing here does with ${said}; the cheapest, ${cheapest.label}, takes ${AXES[axis].form(cheapest[axis])}.`,
            ]),
      );
      left.textContent = [
        without &&
          `${without} of ${rows.length} networks ${without === 1 ? "is" : "are"} left out: ${without === 1 ? "its" : "their"} ${AXES[axis].word} has not been measured.`,
        measured &&
          "Chosen on the validation set, shown on the test set. Bars: ± one standard deviation over the runs, where there is more than one.",
        !measured && "Chosen and shown by published accuracy, one number a network: no bars.",
        box.moved && "Points of almost equal cost stand side by side.",
      ]
        .filter(Boolean)
        .join(" ");
      this.best = best;
      this.said = best
        ? `Within ${said} the best ${measured ? "measured" : "published"} network is ${best.label}, ${spread(best.test)}.`
        : `No ${measured ? "measured" : "published"} network does with ${said}.`;
    },
  };
}
