// Searches played again, evaluation by evaluation: two strategies side by side, their regret below.
import { h, redraw, s, table as tableOf, whole } from "./dom.js";
import { mount } from "./kit.js";
import { backdrop, foreground, layout } from "./replay_curves.js";
import { plane } from "./replay_plane.js";
import { transport } from "./replay_transport.js";
import { history, judge, moment, summary } from "./search_moment.js";
import { followWidth, placeOf } from "./search_plane.js";
import { genotypeOf, percent, readPoints } from "./search_points.js";

const RECENT = 20;
const SIDES = ["first", "second"];
const inPoints = (regret) => (100 * regret).toFixed(2);
const spread = ([mean, deviation]) => inPoints(mean) + (deviation === null ? "" : ` ± ${inPoints(deviation)}`);

// All searches of the state, with all that does not depend on the step. of(name, seed): the history of one.
export function readRuns(points, runs, names) {
  const table = readPoints(points);
  const [seeds, budget] = [runs?.[names[0]]?.length, runs?.[names[0]]?.[0]?.length];
  const index = (i) => Number.isInteger(i) && i >= 0 && i < table.count;
  const search = (found) => Array.isArray(found) && found.length === budget && found.every(index);
  const good = (list) => Array.isArray(list) && list.length === seeds && list.every(search);
  if (!seeds || !budget || !names.every((name) => good(runs[name])))
    throw new Error("the widget's state lacks its searches.");
  const judged = judge(table);
  const histories = new Map(names.map((name) => [name, runs[name].map((found, r) => history(table, judged, found, r))]));
  const optimum = judged.lost.indexOf(0);
  return { names, seeds, budget, table, judged, optimum, of: (name, r) => histories.get(name)[r] };
}

// Rounded to the eye, exact to machines.
const exact = (value, words) => h("data", { value }, words);
const nothing = "–";
const seedsOf = ({ seeds }) => `${seeds} seed${seeds === 1 ? "" : "s"}`;

function numbers(shown, table, words) {
  const choices = (index) => genotypeOf(table.sizes, index).map((place, d) => words[d][place]).join(", ");
  const cells = (label, form) => [label, ...shown.map(({ now, past }) => (now.step ? form(now, past) : nothing))];
  const share = (value) => exact(value, percent(value));
  const { step } = shown[0].now;
  return tableOf(
    `After ${whole(step)} evaluation${step === 1 ? "" : "s"}`,
    ["", ...shown.map(({ name }) => name)],
    [
      cells("Different networks", (now) => exact(now.distinct, whole(now.distinct))),
      cells("Best so far", (now) => exact(now.incumbent, choices(now.incumbent))),
      cells("its validation, as seen", (now, past) => share(past.seen[now.incumbent])),
      cells(`its test, mean of ${seedsOf(table)}`, (now) => share(table.test[now.incumbent])),
      cells("its MACs", (now) => exact(table.macs[now.incumbent], whole(table.macs[now.incumbent]))),
      cells("Regret, points", (now) => exact(now.regret, inPoints(now.regret))),
      cells("Front's hypervolume, share of the space's", (now) => share(now.hypervolume)),
    ],
    { class: "efx-sofar" },
  );
}

function everyone(all, seed, step) {
  const seeds = Array.from({ length: all.seeds }, (_, r) => r);
  return tableOf(
    `Regret of every strategy after ${whole(step)} evaluation${step === 1 ? "" : "s"}, points`,
    ["Strategy", `Search ${seed}`, all.seeds > 1 ? `Mean ± std of ${all.seeds} searches` : "Mean of one search"],
    all.names.map((name) => {
      if (!step) return [name, nothing, nothing];
      const regrets = seeds.map((r) => all.of(name, r).regrets[step - 1]);
      const [mean, deviation] = summary(regrets);
      return [name, exact(regrets[seed], inPoints(regrets[seed])), exact(mean, spread([mean, deviation]))];
    }),
    { class: "efx-everyone" },
  );
}

const sample = (shape, words) =>
  h("li", {}, s("svg", { width: 22, height: 16, viewBox: "-11 -8 22 16", "aria-hidden": "true" }, shape), words);
const STAR = "M0,-8L2.2,-2.6L7.6,-2.5L3.4,1.1L4.7,6.5L0,3.5L-4.7,6.5L-3.4,1.1L-7.6,-2.5L-2.2,-2.6z";
const key = () =>
  h(
    "ul",
    { class: "efx-key efx-first", "aria-label": "Key to the pictures" },
    sample(s("path", { class: "efx-dots efx-recent", d: "M0,0h0" }), "latest"),
    sample(s("path", { class: "efx-dots efx-old", d: "M0,0h0" }), "before"),
    sample(s("path", { class: "efx-dots efx-cloud", d: "M0,0h0" }), "not evaluated"),
    sample(s("circle", { class: "efx-newest", r: 6 }), "newest"),
    sample(s("path", { class: "efx-spot efx-leader", d: STAR }), "best so far"),
    sample(s("path", { class: "efx-found", d: "M-10,5H0V-5H10" }), "front found"),
    sample(s("path", { class: "efx-spot efx-optimum", d: "M0,-6l6,6l-6,6l-6,-6z" }), "best on test of all"),
    sample(s("path", { class: "efx-mean", d: "M-10,0H10" }), "mean of all networks; arrow: to the mean of the latest"),
  );

function build(kit) {
  const buttons = transport(kit);
  const planes = SIDES.map(plane);
  const halves = h("div", { class: "efx-planes" }, planes.map(({ root }) => root));
  const [still, moving] = [s("g", {}), s("g", {})];
  const plot = s("svg", { class: "efx-plot efx-curves", role: "img" }, still, moving);
  const curvesKey = h("ul", { class: "efx-key", "aria-label": "Key to the curves" });
  const facts = h("div", { class: "efx-scroll", tabindex: "0", role: "group", "aria-label": "Numbers" });
  const others = h("div", {});
  const note = h("p", { class: "efx-soft" });
  const labels = { "": "nothing" };
  const swap = (one, other) => (value) =>
    value !== "" && value === kit.model.get(other) && kit.limits(other).includes(kit.model.get(one))
      ? { [other]: kit.model.get(one) }
      : {};
  const many = kit.limits("seed").length > 8;
  kit.body.append(
    h("p", { class: "efx-title" }, "Where does a search look?"),
    h(
      "div",
      { class: "efx-knobs" },
      kit.pick({ name: "strategy", label: "Strategy", also: swap("strategy", "against") }),
      kit.pick({ name: "against", label: "Beside it", labels, also: swap("against", "strategy") }),
      kit.pick({ name: "seed", label: "Search (seed)", list: many }),
    ),
    h("div", { class: "efx-player" }, buttons.root, kit.knob({ name: "step", label: "Evaluations", whole: true })),
    halves,
    key(),
    curvesKey,
    plot,
    h("div", { class: "efx-tablets" }, facts, others),
    note,
  );
  // Whoever takes hold of the step stops the clock.
  kit.on(kit.body, "input", (event) => {
    if (event.target.dataset.name === "step" && buttons.playing()) {
      buttons.stop();
      kit.run();
    }
  });

  const width = followWidth(kit, kit.body, () => kit.run());
  let [all, box] = [];
  let was = [];
  let drawn = [];
  kit.on(plot, "click", (event) => {
    if (!box) return;
    const [x] = placeOf(event, plot, box);
    buttons.stop();
    kit.set({ step: Math.round(Math.max(0, Math.min(1, (x - box.left) / (box.right - box.left))) * all.budget) });
  });

  kit.watch(["strategy", "against", "seed", "step", "runs", "alive", "points", "words"], () => {
    const given = ["points", "runs"].map((name) => kit.model.get(name));
    if (!all || given.some((value, i) => value !== was[i])) {
      [was, drawn, all] = [given, [], readRuns(...given, kit.limits("strategy"))];
    }
    const words = kit.model.get("words");
    const { table } = all;
    if (!Array.isArray(words) || !table.sizes.every((size, d) => words[d]?.length === size))
      throw new Error("the widget's state lacks the names of its choices.");
    const [strategy, against, seed] = ["strategy", "against", "seed"].map((name) => kit.choice(name));
    const step = kit.number("step", true);
    const alive = kit.model.get("alive") ?? {};
    buttons.show(step, all.budget);

    const names = [strategy, ...(against && against !== strategy ? [against] : [])];
    const shown = names.map((name, k) => {
      const past = all.of(name, seed);
      return { name, past, which: SIDES[k], now: moment(table, all.judged, past, step, alive[name] ?? RECENT) };
    });
    planes[1].root.hidden = shown.length < 2;
    const two = shown.length > 1 && width() >= 620;
    halves.classList.toggle("efx-two", two);
    const each = two ? Math.floor((width() - 28) / 2) : width();
    const height = Math.round(Math.max(shown.length > 1 && !two ? 230 : 290, Math.min(360, each * 0.62)));
    const { seen } = shown[0].past;
    const mean = seen.reduce((sum, share) => sum + share, 0) / table.count;
    shown.forEach(({ name, past, now }, k) =>
      planes[k].draw({
        table, past, now, strategy: name, population: alive[name], optimum: all.optimum, mean, width: each, height,
      }),
    );

    const series = shown.map(({ name, past, which }) => ({
      name,
      which,
      own: past.regrets,
      all: Array.from({ length: all.seeds }, (_, r) => all.of(name, r).regrets),
    }));
    const same = [width(), strategy, against, seed];
    if (same.some((value, i) => value !== drawn[i])) {
      drawn = same;
      box = layout(width(), all.budget, series.flatMap((one) => one.all));
      plot.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
      still.replaceChildren(...backdrop(box, series));
      curvesKey.replaceChildren(
        ...series.flatMap(({ name, which }) => [
          sample(s("path", { class: `efx-bold efx-${which}`, d: "M-11,0H11" }), `${name}, search ${seed}`),
          all.seeds > 1 && sample(s("path", { class: `efx-thin efx-${which}`, d: "M-11,0H11" }), "its other searches"),
        ].filter(Boolean)),
      );
      note.textContent =
        `Search ${seed} sees the validation accuracy of training seed ${seed % table.seeds}, and that is what the ` +
        `planes show. Regret is judged by what it cannot see: mean test accuracy over ${seedsOf(table)}, ` +
        `below that of the best of all ${table.count} networks.`;
    }
    moving.replaceChildren(...foreground(box, series, step));
    const ends = shown.map(({ name, now }) => {
      if (!now.step) return name;
      return `${name}: best so far ${percent(seen[now.incumbent])} on validation, regret ${inPoints(now.regret)} points`;
    });
    plot.setAttribute("aria-label", `Regret against evaluations. ${step ? ends.join("; ") : "Nothing evaluated yet"}.`);
    redraw(facts, [numbers(shown, table, words)]);
    redraw(others, [everyone(all, seed, step)]);
    const said = `After ${whole(step)} of ${whole(all.budget)} evaluations.`;
    if (!buttons.playing()) kit.say(step ? `${said} ${ends.join(". ")}.` : said);
  });
}

function render(context) {
  return mount(context, "Search replay", build);
}
export default { render };
