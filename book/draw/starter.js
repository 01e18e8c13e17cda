// Loading, when the reader asks for it.
import { h } from "./dom.js";
import { loader } from "./pieces.js";
import { lacking } from "./network.js";
import { Trouble, complaint, words } from "./trouble.js";

// The button that loads, and what becomes of it. `act` gets the loaded files and throws what the reader must know.
export function starter(manifest, base, call, { signal, act }) {
  const size = (bytes) => `${(bytes / 1e6).toFixed(1)}\u00a0MB`;
  const bar = h("progress", { "aria-label": "Loading" });
  const count = h("span", {});
  const moving = h("p", { class: "dl-moving", hidden: true }, bar, " ", count);
  const progress = (done, all) => {
    bar.max = all;
    bar.value = done;
    count.textContent = `${(done / 1e6).toFixed(1)} of ${size(all)}`;
  };
  const load = loader(manifest.assets, base, call, { progress, signal });
  const button = h("button", { type: "button", class: "dl-load" }, `Load the networks (${size(load.size)})`);
  const failed = complaint();
  const asked = h(
    "p",
    {},
    `The board works at once. The answers need ${manifest.runtime}, two networks and `,
    `${manifest.gallery.labels.length} test pictures: ${size(load.size)} that lie beside this page and come only when `,
    "you ask. Nothing you draw or load leaves this page.",
  );
  const node = h("div", { class: "dl-start dl-box" }, asked, button, moving, failed.node);
  button.addEventListener(
    "click",
    async () => {
      failed.say();
      button.disabled = true;
      try {
        const lack = lacking();
        if (lack) throw new Trouble(lack);
        moving.hidden = false;
        const files = await load.load();
        count.textContent = "Starting …";
        await act(files);
        const what = "Loaded. Draw a letter, choose a test picture, or load a picture.";
        const done = h("p", { tabindex: -1, class: "dl-loaded" }, what);
        node.replaceChildren(done);
        done.focus();
      } catch (error) {
        if (signal.aborted) return;
        button.textContent = "Try again";
        button.disabled = false;
        moving.hidden = true;
        failed.say(words(error));
      }
    },
    { signal },
  );
  return node;
}
