// The board of the space explorer: the network from its stem to its head, with the choices where they belong. Every
// option that is not chosen leads to a neighbour, and says what the move gains.
import { groups, stageOf } from "./cost.js";
import { h, percent, short, uid } from "./dom.js";
import { CHOICES, SETTINGS, wordOf } from "./search_names.js";
import { points } from "./search_points.js";

function choice(kit, name) {
  const [title, words] = CHOICES[name];
  const group = uid(name);
  const options = kit.limits(name).map((value) => {
    const input = h("input", { type: "radio", name: group, value, "data-name": name });
    const gain = h("small", {});
    return { value, input, gain, label: h("label", {}, input, h("span", {}, words[value] ?? String(value), gain)) };
  });
  const root = h(
    "fieldset",
    { class: "efx-choice" },
    h("legend", {}, title),
    h("div", {}, options.map(({ label }) => label)),
  );
  kit.on(root, "change", (event) =>
    kit.set({ [name]: options.find(({ input }) => input === event.target).value }),
  );
  return { root, options };
}

// One part of the network: its name, what it does to the picture, and how much of the MACs it takes.
function part(title, ...children) {
  const facts = h("span", { class: "efx-facts" });
  const fill = h("span", {});
  const share = h("span", { class: "efx-share" }, h("span", { class: "efx-track", "aria-hidden": "true" }, fill));
  const words = h("span", {});
  share.append(words);
  const name = `efx-part${children.length ? "" : " efx-fixed"}`;
  return {
    root: h("div", { class: name }, title && h("b", {}, title), children, facts, share),
    show(text, macs, all, most) {
      facts.textContent = text;
      fill.style.width = `${((100 * macs) / most).toFixed(1)}%`;
      words.textContent = `${percent(macs, all)} of MACs`;
    },
  };
}

export function board(kit) {
  const choices = Object.fromEntries(SETTINGS.map((name) => [name, choice(kit, name)]));
  const first = part("Stem, stage 0");
  const stages = [1, 2, 3].map((i) => part("", choices[`stage${i}`].root));
  const last = part("Head");
  const row = h("div", { class: "efx-chain" }, [first, ...stages, last].map(({ root }) => root));
  const whole = h("div", { class: "efx-whole" }, SETTINGS.slice(3).map((name) => choices[name].root));
  return {
    root: h("div", { class: "efx-board", role: "group", "aria-label": "The network, choice by choice" }, row, whole),
    // here: values of the settings; moves: [{name, value, gain, macs}] for all neighbours; best: one of them or
    // undefined; noise: gains up to it say little, or null
    show({ arch, cost, here, moves, best, noise }) {
      const sums = Object.fromEntries(groups(cost.layers, 2).map(({ name, macs }) => [name, macs]));
      const shares = [
        sums.stem + sums["stages.0"],
        ...[1, 2, 3].map((i) => sums[`stages.${i}`]),
        sums.head + sums.classifier,
      ];
      const most = Math.max(...shares);
      const size = (name) => cost.layers.find((layer) => layer.name.startsWith(name)).in_shape[1];
      const list = arch.stages.map(stageOf);
      first.show(`${arch.resolution} px in, ${size("stages.1")} px out; fixed`, shares[0], cost.macs, most);
      stages.forEach((stage, k) => {
        const { channels, depth } = list[k + 1];
        const blocks = `${depth} block${depth > 1 ? "s" : ""}`;
        const out = size(k < 2 ? `stages.${k + 2}` : "head");
        stage.show(`${blocks}, ${channels} channels, ${out} px out`, shares[k + 1], cost.macs, most);
      });
      last.show(`${arch.head} channels, ${arch.classes} classes; fixed`, shares[4], cost.macs, most);
      for (const [name, { options }] of Object.entries(choices))
        for (const { value, input, gain, label } of options) {
          const chosen = value === here[name];
          const move = moves.find((found) => found.name === name && found.value === value);
          const starred = move !== undefined && move === best;
          input.checked = chosen;
          label.classList.toggle("efx-best-move", starred);
          gain.className = !move ? "" : move.gain > (noise ?? 0) ? "efx-gain" : "efx-loss";
          gain.textContent = chosen ? "✓" : `${starred ? "★ " : ""}${points(move.gain)}`;
          const cheaper = move?.macs < 0;
          input.setAttribute(
            "aria-label",
            chosen
              ? wordOf(name, value)
              : `${wordOf(name, value)}, validation ${points(move.gain)} points, ` +
                  `${short(Math.abs(move.macs))} MACs ${cheaper ? "less" : "more"}` +
                  (starred ? ", the best single change" : ""),
          );
        }
    },
  };
}
