// One search in the plane of accuracy and MACs: what it has evaluated, and what it holds to be best.
import { h, s } from "./dom.js";
import { axes, dots, layout, mark, stairs } from "./search_plane.js";
import { percent, points } from "./search_points.js";

const at = (n) => n.toFixed(1);
const text = (x, y, words, anchor, name) => s("text", { x: at(x), y: at(y), "text-anchor": anchor, class: name }, words);

// Two passes, so that dots keep an edge of their own where they lie on one another.
const rimmed = (box, indices, name) => [dots(box, indices, `${name} efx-rim`), dots(box, indices, name)];

// Beside the plane: how far the mean of the latest lies above or below the mean of all networks.
function gauge(box, mean, level) {
  const [low, high, x] = [box.y(mean), box.y(level), box.right + 15];
  const up = high < low;
  const long = Math.abs(high - low);
  const head = Math.min(9, long);
  const tip = `M${x},${at(high)}l-6,${at(up ? head : -head)}h12z`;
  return [
    s("path", { class: "efx-level", d: `M${box.left},${at(high)}H${box.right + 22}` }),
    s("path", { class: "efx-rise", d: `M${x},${at(low)}V${at(high + (up ? head : -head))}` }),
    s("path", { class: "efx-tip", d: tip }),
    text(x + 10, high + (up ? -5 : 15), points(level - mean), "start", "efx-rise-words"),
  ];
}

// {root, draw({table, past: a history, now: its moment, strategy, population, optimum, mean, width, height})}
export function plane(which) {
  const name = h("span", { class: "efx-own" });
  const more = h("span", { class: "efx-soft" });
  const lead = h("p", { class: "efx-seen" });
  const [still, moving] = [s("g", {}), s("g", {})];
  const plot = s("svg", { class: "efx-plot", role: "img" }, still, moving);
  const root = h(
    "div",
    { class: `efx-plane efx-${which}`, "data-panel": which },
    h("p", { class: "efx-plane-title" }, name, more),
    lead,
    plot,
  );
  let box;
  let was = [];
  return {
    root,
    draw({ table, past, now, strategy, population, optimum, mean, width, height }) {
      const { seen } = past;
      const given = [table, seen, width, height];
      if (given.some((value, i) => value !== was[i])) {
        was = given;
        box = layout({ ...table, seeds: 1, validation: seen }, { width, height, room: { right: width - 56 } });
        plot.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
        const line = s("path", { class: "efx-mean", d: `M${box.left},${at(box.y(mean))}H${box.right + 22}` });
        still.replaceChildren(axes(box), dots(box, box.known), line);
      }
      name.textContent = strategy;
      const { recent, newest, incumbent, front, level, found } = now;
      const few = recent.length;
      const mostly = population ? `${few} alive` : `last ${few}`;
      more.textContent = now.step
        ? `${mostly}: mean ${percent(level)}; all networks: ${percent(mean)}`
        : "nothing evaluated yet";
      const regret = now.regret === null ? "" : `${(100 * now.regret).toFixed(1)} points`;
      lead.replaceChildren(
        ...(now.step
          ? ["Best so far ", h("b", {}, percent(seen[incumbent])), ", regret ", h("b", {}, regret)]
          : ["Best so far –"]),
      );
      plot.setAttribute(
        "aria-label",
        `${strategy}: ${now.distinct} of ${table.count} networks evaluated, validation accuracy against MACs` +
          (now.step ? `; the mean of the ${mostly} is ${percent(level)}` : ""),
      );
      const old = found.slice(0, found.length - few);
      moving.replaceChildren(
        ...(now.step
          ? [
              dots(box, old, "efx-old"),
              stairs(box, front, "efx-found"),
              ...gauge(box, mean, level),
              ...rimmed(box, recent, "efx-recent"),
            ]
          : []),
        mark(box, optimum, "diamond", incumbent === optimum ? 13 : 6, "efx-optimum"), // found: the star lies in it
        ...(now.step
          ? [
              s("circle", { class: "efx-newest", cx: at(box.px[newest]), cy: at(box.py[newest]), r: 10 }),
              mark(box, incumbent, "star", 10, "efx-leader"),
            ]
          : []),
      );
    },
  };
}
