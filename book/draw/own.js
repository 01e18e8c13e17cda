// A picture of the reader's own.
import { h } from "./dom.js";
import { fromFile, inverted } from "./picture.js";
import { words } from "./trouble.js";

export function ownPicture({ signal, chosen, failed }) {
  const input = h("input", { type: "file", accept: "image/*" });
  const invert = h("input", { type: "checkbox" });
  const why = "Invert it (the networks know light letters only)";
  const turn = h("label", { class: "efx-toggle", hidden: true }, invert, why);
  let loaded;
  const show = () => {
    const size = `${loaded.width} × ${loaded.height} pixels`;
    chosen(invert.checked ? inverted(loaded.planes) : loaded.planes, `${loaded.name}, the middle square of ${size}`);
  };
  input.addEventListener(
    "change",
    async () => {
      const [file] = input.files;
      if (!file) return;
      failed.say();
      try {
        loaded = { ...(await fromFile(file)), name: file.name };
        turn.hidden = false;
        show();
      } catch (error) {
        failed.say(words(error));
      }
      input.value = ""; // the same file may be chosen again
    },
    { signal },
  );
  invert.addEventListener("change", show, { signal });
  return h("div", { class: "dl-own" }, h("label", {}, h("span", {}, "Or load a picture of a letter"), input), turn);
}
