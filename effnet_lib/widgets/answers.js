// What the reader has answered, kept by the browser, and the cover that waits for it.
import { h, s } from "./dom.js";

// get(id), set(id, value), clear(id): JSON under "effnet:<id>", in memory where storage is refused. Every change is
// told to all widgets of the page by the window event "effnet:answered" with detail {id, value}.
const memory = () => (window.__effnet_answers ??= new Map());
export const answers = {
  get(id) {
    try {
      const text = window.localStorage.getItem(`effnet:${id}`);
      if (text !== null) return JSON.parse(text);
    } catch {
      /* storage refused, or not ours: memory below */
    }
    return memory().get(id) ?? null;
  },
  set(id, value) {
    memory().set(id, value);
    try {
      window.localStorage.setItem(`effnet:${id}`, JSON.stringify(value));
    } catch {
      /* memory has it */
    }
    window.dispatchEvent(new CustomEvent("effnet:answered", { detail: { id, value } }));
  },
  clear(id) {
    memory().delete(id);
    try {
      window.localStorage.removeItem(`effnet:${id}`);
    } catch {
      /* memory has it */
    }
    window.dispatchEvent(new CustomEvent("effnet:answered", { detail: { id, value: null } }));
  },
};
// Calls back with (id) whenever an answer changes, on this page or in another tab.
export function onAnswer(signal, callback) {
  window.addEventListener("effnet:answered", (event) => callback(event.detail?.id), { signal });
  window.addEventListener(
    "storage",
    (event) => {
      if (event.key === null) callback(undefined);
      else if (event.key.startsWith("effnet:")) callback(event.key.slice(7));
    },
    { signal },
  );
}

// Hides the body until the prediction `id` has been answered. A Predict's root has the DOM id "effnet-predict-<id>".
export function lock(kit, id) {
  const go = h("button", { type: "button" }, "Go to the question");
  const open = h("button", { type: "button", hidden: true }, "Open it anyway");
  const text = h("p", {}, "This opens as soon as you have committed to an answer.");
  const padlock = s(
    "svg",
    { viewBox: "0 0 20 22", "aria-hidden": "true" },
    s("rect", { x: 2, y: 9, width: 16, height: 12, rx: 2 }),
    s("path", { d: "M6 10V6a4 4 0 0 1 8 0v4" }),
  );
  const cover = h(
    "div",
    { class: "efx-cover" },
    padlock,
    h("p", { class: "efx-cover-title" }, "Make your prediction above first"),
    text,
    h("p", {}, go, open),
  );
  kit.root.insertBefore(cover, kit.body);
  let skipped = false;
  const show = (told) => {
    const locked = !skipped && answers.get(id) === null;
    if (told && !locked && kit.body.hidden) kit.say(`${kit.root.getAttribute("aria-label")} is now open.`);
    kit.body.hidden = locked;
    cover.hidden = !locked;
  };
  kit.on(go, "click", () => {
    const question = document.getElementById(`effnet-predict-${id}`);
    if (question) {
      question.scrollIntoView({ block: "center" });
      question.querySelector("input, button, select")?.focus();
    } else {
      text.textContent = "The question is not on this page.";
      open.hidden = false;
      open.focus();
      go.hidden = true;
    }
  });
  kit.on(open, "click", () => {
    skipped = true;
    show(true);
    kit.body.querySelector("input, button, select")?.focus();
  });
  kit.onAnswer((changed) => {
    if (changed === id || changed === undefined) {
      show(true);
    }
  });
  show(false);
}
