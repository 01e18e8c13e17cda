// All test pictures of the gallery through both networks: how often each is right, and where they part.
import { h, table } from "./dom.js";
import { KINDS, best } from "./network.js";
import { percent } from "./answers.js";
import { draw, small } from "./picture.js";

const BREATH = 10; // pictures between two looks at the page
const LISTED = 5; // pictures with the largest differences, where there is nothing else to list
const DIGITS = 9; // significant digits that tell any two 32-bit floats apart

export async function answerAll(networks, pictures, { signal, told }) {
  const found = [];
  for (const picture of pictures) {
    if (found.length % BREATH === 0) {
      told(found.length / pictures.length);
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
    }
    const answers = {};
    for (const kind of KINDS) answers[kind] = (await networks[kind].run(picture.planes)).probabilities;
    const apart = Math.max(...answers.float.map((p, i) => Math.abs(p - answers.int8[i])));
    found.push({ picture, answers, apart });
  }
  told(1);
  return found;
}

export const right = (rows, kind) => rows.filter(({ picture, answers }) => best(answers[kind]) === picture.label).length;
const parted = ({ answers }) => best(answers.float) !== best(answers.int8);
const missed = ({ picture, answers }) => KINDS.some((kind) => best(answers[kind]) !== picture.label);

export function csv(rows, classes) {
  const head = ["picture", "shows", "network", ...classes].join(",");
  const lines = rows.flatMap(({ picture, answers }) =>
    KINDS.map((kind) =>
      [picture.index, picture.name, kind, ...answers[kind].map((p) => p.toPrecision(DIGITS))].join(","),
    ),
  );
  return [head, ...lines].join("\n") + "\n";
}

export function compare(networks, pictures, classes, { signal, busy, chosen, heard }) {
  const start = h("button", { type: "button", class: "dl-all" }, `Run all ${pictures.length} test pictures`);
  const save = h("button", { type: "button", hidden: true }, "Save all probabilities (CSV)");
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Test pictures done", hidden: true });
  const place = h("div", { class: "dl-found" });
  let rows = [];
  const on = (node, act) => node.addEventListener("click", act, { signal });

  function row({ picture, answers, apart }) {
    const look = h(
      "button",
      { type: "button", class: "dl-look", "aria-label": `Look at this ${picture.name}` },
      draw(small({ "aria-hidden": "true" }), picture.planes),
      h("span", {}, picture.name),
    );
    on(look, () => chosen(picture));
    const said = (kind) => {
      const p = answers[kind];
      const wrong = best(p) !== picture.label;
      return [`${classes[best(p)]}, ${percent(Math.max(...p))}`, wrong && h("strong", { class: "dl-wrong" }, " wrong")];
    };
    return [look, said("float"), said("int8"), `${(100 * apart).toFixed(1)} points`];
  }

  function show() {
    const n = rows.length;
    const apart = rows.filter(parted);
    const most = [...rows].sort((a, b) => b.apart - a.apart);
    const listed = most.filter((found) => parted(found) || missed(found));
    const summary =
      `Of ${n} test pictures float names ${right(rows, "float")} right and int8 ${right(rows, "int8")}. ` +
      (apart.length ? `They disagree about ${apart.length}.` : "They never disagree about the class.") +
      ` The largest difference of a probability is ${(100 * most[0].apart).toFixed(1)} points.`;
    const caption = listed.length
      ? "Where they disagree, or one is wrong"
      : "Nothing wrong; where their probabilities differ most";
    const shown = listed.length ? listed : most.slice(0, LISTED);
    place.replaceChildren(
      h("p", { class: "efx-lead dl-summary" }, summary),
      h("div", { class: "efx-scroll" }, table(caption, ["Picture", "float", "int8", "Largest difference"], shown.map(row))),
    );
    heard(summary);
  }

  on(start, () =>
    busy(async () => {
      start.disabled = true;
      bar.hidden = false;
      try {
        const told = (part) => {
          bar.value = part;
        };
        rows = await answerAll(networks, pictures, { signal, told });
        show();
        save.hidden = false;
      } finally {
        bar.hidden = true;
        start.disabled = false;
      }
    }),
  );
  on(save, () => {
    const url = URL.createObjectURL(new Blob([csv(rows, classes)], { type: "text/csv" }));
    h("a", { href: url, download: "float_and_int8.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
  return h("div", { class: "dl-box" }, h("div", { class: "dl-buttons" }, start, bar, save), place);
}
