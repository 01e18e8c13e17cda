// A searched space, network by network: choices, what they cost and gain, and where that lies among all networks.
import { costOf } from "./cost.js";
import { datum, h, redraw, s, short, table as tableOf, whole } from "./dom.js";
import { mount } from "./kit.js";
import {
  axes,
  bar,
  callout,
  dots,
  followWidth,
  layout,
  mark,
  nearest,
  placeOf,
  stairs,
  thread,
} from "./search_plane.js";
import { changeOf, SETTINGS } from "./search_names.js";
import { genotypeOf, indexOf, micro, neighbours, percent, points, readPoints, spreadOf } from "./search_points.js";
import { archOf } from "./search_space.js";
import { board } from "./space_board.js";

// The neighbour that gains most validation accuracy, of equals the cheapest, then the first; undefined if none gains.
export function bestMove(table, index) {
  const near = neighbours(table.sizes, genotypeOf(table.sizes, index));
  const { validation: share, macs } = table;
  const better = (a, b) => share[b.index] - share[a.index] || macs[a.index] - macs[b.index];
  const [best] = near.sort(better); // stable: of equals the first stays first
  return share[best.index] > share[index] ? best : undefined;
}

// Standard error of the difference of two networks' mean validation accuracies, pooled over all; null from one seed.
export function noiseOf({ seeds, count, spread }) {
  if (seeds < 2) return null;
  return Math.sqrt((2 * spread.validation.reduce((sum, sd) => sum + sd * sd, 0)) / count / seeds);
}

const item = (label, value, small) => h("div", {}, h("dt", {}, label), h("dd", {}, value, h("small", {}, small)));
const more = (macs) => `${short(Math.abs(macs))}\u00a0MACs ${macs < 0 ? "less" : "more"}`;

function build(kit) {
  const choices = board(kit);
  const stats = h("dl", { class: "efx-stats efx-five" });
  const lead = h("p", { class: "efx-lead", "data-name": "lead" });
  const take = h("button", { type: "button", "data-name": "take" });
  const [still, moving] = [s("g", {}), s("g", {})];
  const plot = s("svg", { class: "efx-plot", role: "img" }, still, moving);
  const stage = h("div", { class: "efx-stage efx-choosable" }, plot);
  const near = h("div", { class: "efx-scroll", tabindex: "0", role: "group", "aria-label": "Neighbours" });
  const noise = h("p", { class: "efx-soft" });
  const word = h("span", {});
  const sample = (name, words) =>
    h("li", {}, s("svg", { width: 18, height: 14, "aria-hidden": "true", viewBox: "-9 -7 18 14" }, name), words);
  kit.body.append(
    h("p", { class: "efx-title" }, "One network, and all that lie one choice away"),
    choices.root,
    h("div", { class: "efx-advice" }, lead, take),
    stats,
    stage,
    h(
      "ul",
      { class: "efx-key", "aria-label": "Key to the picture" },
      sample(s("path", { class: "efx-spot efx-here", d: "M-5,0a5,5 0 1 0 10,0a5,5 0 1 0 -10,0z" }), word),
      sample(s("path", { class: "efx-dots efx-near", d: "M0,0h0" }), "one choice away"),
      sample(s("path", { class: "efx-dots efx-cloud", d: "M0,0h0" }), "all others"),
      sample(s("path", { class: "efx-front", d: "M-9,4H0V-4H9" }), "Pareto front"),
    ),
    h("details", { class: "efx-more efx-tables" }, h("summary", {}, "All neighbours in numbers"), near),
    noise,
  );

  let [stored, table, box] = [];
  let here = -1;
  let optima = 0;
  const width = followWidth(kit, kit.body, () => kit.run());
  const values = (index) =>
    Object.fromEntries(genotypeOf(table.sizes, index).map((place, d) => [SETTINGS[d], kit.limits(SETTINGS[d])[place]]));
  const go = (index) => kit.set(values(index));

  kit.on(take, "click", () => {
    const move = bestMove(table, here);
    if (move) go(move.index);
  });
  kit.on(near, "click", (event) => {
    const target = event.target.closest("button")?.value;
    if (target !== undefined) go(Number(target));
  });
  kit.on(stage, "click", (event) => {
    const found = box ? nearest(box, ...placeOf(event, plot, box)) : -1;
    if (found >= 0) go(found);
  });

  kit.watch([...SETTINGS, "points", "space"], () => {
    if (kit.model.get("points") !== stored || !table) {
      table = readPoints(kit.model.get("points"));
      stored = kit.model.get("points");
      optima = table.macs.filter((_, i) => !bestMove(table, i)).length;
      box = undefined;
    }
    const space = kit.model.get("space");
    if (!Array.isArray(space?.dimensions)) throw new Error("the widget's state lacks its space.");
    const given = SETTINGS.map((name) => kit.choice(name));
    const genotype = given.map((value, d) => kit.limits(SETTINGS[d]).indexOf(value));
    here = indexOf(table.sizes, genotype);
    const arch = archOf(space, genotype);
    const cost = costOf(arch);
    const share = table.validation;
    const best = bestMove(table, here);
    const moves = neighbours(table.sizes, genotype).map(({ dimension, place, index }) => {
      const name = SETTINGS[dimension];
      const change = { gain: share[index] - share[here], macs: table.macs[index] - table.macs[here] };
      return { name, value: kit.limits(name)[place], index, ...change };
    });
    const bestOne = moves.find(({ index }) => index === best?.index);

    const error = noiseOf(table);
    choices.show({
      arch,
      cost,
      here: Object.fromEntries(SETTINGS.map((name, d) => [name, given[d]])),
      moves,
      best: bestOne,
      noise: error,
    });
    redraw(stats, [
      item("MACs", datum(cost.macs), whole(cost.macs)),
      item("Parameters", datum(cost.params), whole(cost.params)),
      item("Latency", micro(table.latency[here]), "measured, one picture"),
      item("Validation", spreadOf(table, "validation", here), `rank ${table.rank.validation[here]} of ${table.count}`),
      item("Test", spreadOf(table, "test", here), `rank ${table.rank.test[here]} of ${table.count}`),
    ]);
    const rank = `Rank ${table.rank.validation[here]} of ${table.count} on validation. `;
    const top = share.reduce((a, b) => Math.max(a, b));
    const chance = bestOne?.gain <= error ? " (within the noise)" : "";
    let said = ["No network of the space is better: ", h("b", {}, "the optimum"), "."];
    if (bestOne)
      said = [
        "The best single change: ",
        h("b", {}, changeOf(bestOne.name, bestOne.value)),
        `, ${points(bestOne.gain)} points for ${more(bestOne.macs)}${chance}.`,
      ];
    else if (share[here] < top)
      said = [
        "No single change gains: ",
        h("b", {}, "a local optimum"),
        `, one of ${optima}. The best of all lies ${points(top - share[here])} points from here.`,
      ];
    lead.replaceChildren(rank, ...said);
    lead.dataset.index = here;
    take.textContent = bestOne ? "Make this change" : "Nothing to gain by one change";
    take.setAttribute("aria-disabled", String(!bestOne));

    if (!box || box.width !== width()) {
      box = layout(table, { width: width() });
      plot.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
      still.replaceChildren(axes(box), dots(box, box.known), stairs(box));
    }
    plot.setAttribute(
      "aria-label",
      `Validation accuracy against MACs of all ${table.count} networks; this one has rank ` +
        `${table.rank.validation[here]}.`,
    );
    const way = (index) => (index === best?.index ? "efx-way efx-best-way" : "efx-way");
    const dearer = best && table.macs[best.index] > table.macs[here];
    moving.replaceChildren(
      ...moves.map(({ index }) => thread(box, [here, index], way(index))),
      dots(box, moves.map(({ index }) => index), "efx-near"),
      ...[best && mark(box, best.index, "star", 8.5, "efx-star"), bar(box, here)].filter(Boolean),
      mark(box, here, "circle", 7.5, "efx-here"),
      callout(box, here, `rank ${table.rank.validation[here]}`, "efx-callout", dearer),
    );
    redraw(near, [
      tableOf(
        "Neighbours: networks that differ in one choice",
        ["Change", "MACs", "Latency", "Validation", "Gain, points", "Test", "Rank", ""],
        moves.map(({ name, value, index, gain }, k) => [
          `${changeOf(name, value)}${index === best?.index ? " ★" : ""}`,
          datum(table.macs[index], whole),
          micro(table.latency[index]),
          spreadOf(table, "validation", index),
          points(gain),
          spreadOf(table, "test", index),
          String(table.rank.validation[index]),
          h(
            "button",
            { type: "button", value: index, "data-key": `go-${k}`, "aria-label": `Go to ${changeOf(name, value)}` },
            "Go",
          ),
        ]),
        { class: "efx-moves" },
      ),
    ]);
    word.textContent = error === null ? "this network" : "this network, ± one std";
    noise.textContent =
      `Choose options above, or click a point. Gains are in points of validation accuracy, which a search sees; ` +
      `test accuracy only judges. ${
        error === null
          ? "Each network was trained once: how large the noise is, one seed cannot tell."
          : `Means of ${table.seeds} seeds: chance alone makes two equal networks differ by about ` +
            `${(100 * error).toFixed(1)} points (standard error, pooled over the table). ` +
            "Larger gains are printed in bold; smaller ones say little."
      }`;
    kit.say(
      `${whole(cost.macs)} MACs, ${whole(cost.params)} parameters, validation ${percent(share[here])}, ` +
        `test ${percent(table.test[here])}. ${lead.textContent}`,
    );
  });
}

function render(context) {
  return mount(context, "One network and its neighbours", build);
}
export default { render };
