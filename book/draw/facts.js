// Size and speed of the two networks, measured in this browser.
import { h, table, whole } from "./dom.js";
import { KINDS, latency } from "./network.js";

const BLOCKS = { first: 20, again: 60 };
const RUNS = 5;

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)}\u00a0MB`;
const size = (bytes) => h("data", { value: bytes, title: `${whole(bytes)} bytes` }, megabytes(bytes));
const milliseconds = (time) => `${time.toFixed(2)}\u00a0ms`;
const times = (ratio) => `${ratio.toFixed(2)}\u00a0×`;

export function facts(networks, { signal, busy }) {
  const place = h("div", {});
  const button = h("button", { type: "button" }, "Measure again, longer");
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Measuring", hidden: true });
  const ratio = networks.float.bytes / networks.int8.bytes;

  function show(found, blocks) {
    const words = found
      ? `int8: ${times(ratio)} smaller, and one picture takes it ${times(found.ratio)} as long as float ` +
        `(medians of ${blocks} blocks of ${RUNS} runs, taking turns, one thread, this browser on this machine, just now).`
      : `int8: ${times(ratio)} smaller. Measuring how long a picture takes …`;
    place.replaceChildren(
      table(
        "Size and time",
        ["Network", "File", "One picture"],
        KINDS.map((kind) => [
          kind,
          size(networks[kind].bytes),
          found ? h("data", { value: found[kind] }, milliseconds(found[kind])) : "…",
        ]),
        { class: "dl-facts" },
      ),
      h("p", { class: "dl-ratio" }, words),
    );
  }

  // `planes` is any picture: how long one takes does not depend on what it shows.
  async function measure(planes, blocks = BLOCKS.first) {
    await busy(async () => {
      button.disabled = true;
      bar.hidden = false;
      try {
        const told = (part) => {
          bar.value = part;
        };
        show(await latency(networks, planes, { blocks, runs: RUNS, signal, told }), blocks);
      } finally {
        bar.hidden = true;
        button.disabled = false;
      }
    });
  }
  const again = (planes) => button.addEventListener("click", () => measure(planes, BLOCKS.again), { signal });
  show(null);
  return { node: h("div", { class: "dl-box" }, place, h("div", { class: "dl-buttons" }, button, bar)), measure, again };
}
