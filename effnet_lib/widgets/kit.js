// What every widget is: a place in the page whose settings are watched, checked, said and cleaned up.
import { lock, onAnswer } from "./answers.js";
import { knob, pick, toggle } from "./controls.js";
import { h, whole } from "./dom.js";

// mount({model, el}, label, build): makes the root, calls build(kit) and returns the clean-up that anywidget wants.
// kit: root, model, signal (aborted on clean-up), on, watch, set, say, note, number, choice, flag, knob, pick, toggle,
// onAnswer. `build` appends to kit.body.
export function mount({ model, el }, label, build) {
  const controller = new AbortController();
  const { signal } = controller;
  const live = h("p", { class: "efx-hidden", role: "status" });
  const note = h("p", { class: "efx-note", role: "alert", hidden: true });
  const body = h("div", { class: "efx-body" });
  const root = h("section", { class: "efx", "aria-label": label }, note, body, live);
  const refresh = new Set();
  const watched = new Set();
  const problems = new Map();
  let timer = 0;
  let batch = false;

  function run() {
    if (batch) return;
    problems.clear();
    try {
      for (const update of refresh) update();
    } catch (error) {
      problems.set("error", `This cannot be drawn: ${error.message}`);
    }
    const text = [...problems.values()].join(" ");
    if (note.textContent !== text) note.textContent = text;
    note.hidden = text === "";
    body.classList.toggle("efx-failed", problems.has("error"));
  }

  const kit = {
    model,
    root,
    body,
    signal,
    on: (target, type, callback) => target.addEventListener(type, callback, { signal }),
    onAnswer: (callback) => onAnswer(signal, callback),
    // Calls update now and whenever one of the named settings changes, here or in Python.
    watch(names, update) {
      refresh.add(update);
      for (const name of names) {
        if (watched.has(name)) continue;
        watched.add(name);
        model.on(`change:${name}`, run);
        signal.addEventListener("abort", () => model.off(`change:${name}`, run));
      }
    },
    // Sets several settings at once: one redraw, one message to Python.
    set(values) {
      batch = true;
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      batch = false;
      model.save_changes();
      run();
    },
    run,
    // Told to screen readers once the reader pauses.
    say(text) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (live.textContent !== text) live.textContent = text;
      }, 700);
    },
    // A visible message about an input; gone with the next redraw.
    problem: (name, text) => problems.set(name, text),
    limits: (name) => {
      const found = model.get("limits")?.[name];
      if (!Array.isArray(found)) throw new Error(`the widget's state lacks the limits of "${name}"`);
      return found;
    },
    // A setting as a number that can be used: what is none, or out of range, is replaced and said.
    number(name, isWhole = false) {
      const [low, high, usual] = kit.limits(name);
      const given = model.get(name);
      const n = typeof given === "number" ? given : NaN;
      let used = Number.isNaN(n) ? usual : Math.min(high, Math.max(low, n));
      if (isWhole) used = Math.round(used);
      if (used !== given)
        kit.problem(
          name,
          `${name} must be ${isWhole ? "a whole number" : "a number"} from ${whole(low)} to ` +
            `${whole(high)}, got ${String(given)}; showing ${whole(used)}.`,
        );
      return used;
    },
    // A setting that must be one of the limits' options.
    choice(name) {
      const options = kit.limits(name);
      const given = model.get(name);
      if (options.includes(given)) return given;
      kit.problem(name, `${name} must be one of ${options.join(", ")}, got ${String(given)}; showing ${options[0]}.`);
      return options[0];
    },
    knob: (options) => knob(kit, options),
    pick: (options) => pick(kit, options),
    toggle: (options) => toggle(kit, options),
  };

  guardKeys(root, signal);
  el.append(root);
  try {
    build(kit);
    const id = model.get("locked_by");
    if (typeof id === "string" && id !== "") lock(kit, id);
  } catch (error) {
    problems.clear();
    body.replaceChildren();
    kit.watch([], () => kit.problem("error", `This widget cannot be drawn: ${error.message}`));
  }
  run();
  return () => {
    clearTimeout(timer);
    controller.abort();
    root.remove();
  };
}

// JupyterLab's command mode takes letters, arrows and Enter in a capturing listener on the document. Ours, on the
// window, comes first. Widgets therefore listen to input, change and click, never to keydown.
function guardKeys(root, signal) {
  const passed = new Set(["Tab", "Escape"]);
  window.addEventListener(
    "keydown",
    (event) => {
      const ours = root.contains(event.target);
      const shortcut = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
      if (ours && !shortcut && !passed.has(event.key)) event.stopPropagation();
    },
    { capture: true, signal },
  );
}
