// What all widgets share: elements, controls with units, messages, the lock, storage. Text only, never HTML.

const SVG = "http://www.w3.org/2000/svg";
let count = 0;
export const uid = (word) => `efx-${word}-${Date.now().toString(36)}-${++count}`;

// ---- elements -------------------------------------------------------------------------------------------------

function fill(node, props, children) {
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "style") for (const [name, word] of Object.entries(value)) node.style.setProperty(name, word);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// h("p", {class: "x", hidden: true}, "text", node, [more]): an HTML element. Strings become text.
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
// The same for SVG.
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);
// Text in which `backticks` mark code.
export const prose = (text) =>
  String(text ?? "").split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));

// ---- numbers --------------------------------------------------------------------------------------------------

const grouped = new Intl.NumberFormat("en-US");
export const whole = (n) => grouped.format(n);
const three = (n) => (n >= 999.5 ? grouped.format(Math.round(n)) : String(+n.toPrecision(3)));
export function short(n) {
  for (const [size, word] of [[1e12, "\u00a0T"], [1e9, "\u00a0G"], [1e6, "\u00a0M"], [1e3, "\u00a0k"]])
    if (Math.abs(n) >= size * 0.9995) return three(n / size) + word;
  return three(n);
}
export function bytes(n) {
  for (const [power, word] of [[3, "\u00a0GiB"], [2, "\u00a0MiB"], [1, "\u00a0KiB"]])
    if (n >= 1024 ** power) return three(n / 1024 ** power) + word;
  return `${whole(n)}\u00a0B`;
}
export const percent = (part, all) => {
  const p = all > 0 ? (100 * part) / all : 0;
  return p > 0 && p < 0.1 ? "<0.1\u00a0%" : `${p < 9.95 ? p.toFixed(1) : Math.round(p)}\u00a0%`;
};
// A number in the page: short to the eye, exact to machines and in the tooltip.
export const datum = (n, form = short) => h("data", { value: n, title: whole(n) }, form(n));
export const times = (ratio) => (ratio >= 9.95 ? whole(Math.round(ratio)) : String(+ratio.toFixed(1)));

// ---- tables ---------------------------------------------------------------------------------------------------

// rows of cells (string, node or list of nodes); the first cell of a row is its heading. Roles are written out, since a
// narrow page lays some tables out as blocks, which would take them away.
export function table(caption, head, rows, props = {}) {
  const heading = (cell) => h("th", { scope: "col", role: "columnheader" }, cell);
  const row = ([first, ...rest]) => h("tr", { role: "row" }, h("th", { scope: "row", role: "rowheader" }, first),
    rest.map((cell) => h("td", { role: "cell" }, cell)));
  return h("table", { role: "table", ...props }, h("caption", {}, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head.map(heading))),
    h("tbody", { role: "rowgroup" }, rows.map(row)));
}

// ---- what the reader has answered, per browser ----------------------------------------------------------------

// get(id), set(id, value), clear(id): JSON under "effnet:<id>", in memory where storage is refused. Every change is
// told to all widgets of the page by the window event "effnet:answered" with detail {id, value}.
const memory = () => (window.__effnet_answers ??= new Map());
export const answers = {
  get(id) {
    try {
      const text = window.localStorage.getItem(`effnet:${id}`);
      if (text !== null) return JSON.parse(text);
    } catch { /* storage refused, or not ours: memory below */ }
    return memory().get(id) ?? null;
  },
  set(id, value) {
    memory().set(id, value);
    try { window.localStorage.setItem(`effnet:${id}`, JSON.stringify(value)); } catch { /* memory has it */ }
    window.dispatchEvent(new CustomEvent("effnet:answered", { detail: { id, value } }));
  },
  clear(id) {
    memory().delete(id);
    try { window.localStorage.removeItem(`effnet:${id}`); } catch { /* memory has it */ }
    window.dispatchEvent(new CustomEvent("effnet:answered", { detail: { id, value: null } }));
  },
};
// Calls back with (id) whenever an answer changes, on this page or in another tab.
function onAnswer(signal, callback) {
  window.addEventListener("effnet:answered", (event) => callback(event.detail?.id), { signal });
  window.addEventListener("storage", (event) => {
    if (event.key === null) callback(undefined);
    else if (event.key.startsWith("effnet:")) callback(event.key.slice(7));
  }, { signal });
}

// ---- a widget -------------------------------------------------------------------------------------------------

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
    model, root, body, signal,
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
      timer = setTimeout(() => { if (live.textContent !== text) live.textContent = text; }, 700);
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
        kit.problem(name, `${name} must be ${isWhole ? "a whole number" : "a number"} from ${whole(low)} to ` +
          `${whole(high)}, got ${String(given)}; showing ${whole(used)}.`);
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
  window.addEventListener("keydown", (event) => {
    const ours = root.contains(event.target);
    const shortcut = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
    if (ours && !shortcut && !passed.has(event.key)) event.stopPropagation();
  }, { capture: true, signal });
}

// ---- controls -------------------------------------------------------------------------------------------------

// A slider with a field beside it for exact values. {name, label, unit, step, low, high: the slider's range, inside
// the limits, whole, words: (n) => what a screen reader hears}
function knob(kit, { name, label, unit = "", step = 1, low, high, whole: isWhole = false, words }) {
  const [least, most] = kit.limits(name);
  const id = uid(name);
  const range = h("input", { type: "range", id, min: low ?? least, max: high ?? most, step, "data-name": name });
  const field = h("input", { type: "number", min: least, max: most, step: isWhole ? 1 : "any", "data-name": name,
    "aria-label": `${label}${unit ? `, ${unit}` : ""}, exact value`, "aria-describedby": `${id}-why` });
  const why = h("span", { class: "efx-why", id: `${id}-why`, "aria-live": "polite" });
  const legal = (n) => Number.isFinite(n) && n >= least && n <= most && (!isWhole || Number.isInteger(n));
  const put = (n) => { kit.set({ [name]: n }); };
  kit.on(range, "input", () => put(Number(range.value)));
  kit.on(field, "input", () => {
    const n = field.valueAsNumber;
    const good = legal(n);
    field.setAttribute("aria-invalid", String(!good));
    why.textContent = good ? "" : `${isWhole ? "A whole number" : "A number"} from ${whole(least)} to ${whole(most)}, please.`;
    if (good) put(n);
  });
  const settle = () => {
    const n = kit.number(name, isWhole);
    range.value = n;
    field.value = n;
    field.removeAttribute("aria-invalid");
    why.textContent = "";
  };
  kit.on(field, "change", () => { if (field.getAttribute("aria-invalid") === "true") settle(); });
  kit.watch([name], () => {
    const n = kit.number(name, isWhole);
    range.value = n;
    range.setAttribute("aria-valuetext", words?.(n) ?? `${n}${unit ? ` ${unit}` : ""}`);
    if (field.valueAsNumber !== n) settle();
  });
  return h("div", { class: "efx-knob" }, h("label", { for: id }, prose(label)), range,
    h("span", { class: "efx-exact" }, field, unit && h("span", { class: "efx-unit", "aria-hidden": true }, unit)), why);
}

// One of a few: buttons in a row (radio inputs), or a list with {list: true}. labels: value -> text; also: value ->
// further settings that go with it.
function pick(kit, { name, label, labels = {}, list = false, options = kit.limits(name), also }) {
  const id = uid(name);
  const text = (value) => labels[value] ?? String(value);
  const put = (word) => {
    const value = options.find((option) => String(option) === word);
    kit.set({ [name]: value, ...also?.(value) });
  };
  if (list) {
    const select = h("select", { id, "data-name": name }, options.map((value) => h("option", { value }, text(value))));
    kit.on(select, "change", () => put(select.value));
    kit.watch([name], () => { select.value = String(kit.choice(name)); });
    return h("div", { class: "efx-knob" }, h("label", { for: id }, label), select);
  }
  const radio = (value) => h("input", { type: "radio", name: id, value, "data-name": name });
  const radios = options.map(radio);
  const group = h("fieldset", { class: "efx-pick" }, h("legend", {}, label), h("div", {}, radios.map((input, i) =>
    h("label", {}, input, h("span", {}, prose(text(options[i])))))));
  kit.on(group, "change", (event) => put(event.target.value));
  kit.watch([name], () => { for (const input of radios) input.checked = input.value === String(kit.choice(name)); });
  return group;
}

function toggle(kit, { name, label }) {
  const box = h("input", { type: "checkbox", "data-name": name });
  kit.on(box, "change", () => kit.set({ [name]: box.checked }));
  kit.watch([name], () => { box.checked = kit.model.get(name) === true; });
  return h("label", { class: "efx-toggle" }, box, prose(label));
}

export const more = (label, ...children) =>
  h("details", { class: "efx-more" }, h("summary", {}, label), h("div", { class: "efx-knobs" }, children));

// Makes the content of `node` equal to `children`, changing as little as possible: what stays keeps its focus.
export function redraw(node, children) {
  const key = node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const next = node.cloneNode(false);
  next.append(...children);
  align(node, next);
  if (key && !node.contains(document.activeElement))
    [...node.querySelectorAll("[data-key]")].find((found) => found.dataset.key === key)?.focus();
}
function align(old, next) {
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const fresh = [...next.childNodes];
  while (old.childNodes.length > fresh.length) old.lastChild.remove();
  fresh.forEach((child, i) => {
    const there = old.childNodes[i];
    if (!there) old.append(child);
    else if (there.nodeName !== child.nodeName || there.dataset?.key !== child.dataset?.key) there.replaceWith(child);
    else if (child.nodeType !== Node.TEXT_NODE) align(there, child);
    else if (there.data !== child.data) there.data = child.data;
  });
}

// ---- the lock -------------------------------------------------------------------------------------------------

// Hides the body until the prediction `id` has been answered. A Predict's root has the DOM id "effnet-predict-<id>".
function lock(kit, id) {
  const go = h("button", { type: "button" }, "Go to the question");
  const open = h("button", { type: "button", hidden: true }, "Open it anyway");
  const text = h("p", {}, "This opens as soon as you have committed to an answer.");
  const padlock = s("svg", { viewBox: "0 0 20 22", "aria-hidden": "true" }, s("rect", { x: 2, y: 9, width: 16, height: 12, rx: 2 }),
    s("path", { d: "M6 10V6a4 4 0 0 1 8 0v4" }));
  const cover = h("div", { class: "efx-cover" }, padlock, h("p", { class: "efx-cover-title" }, "Make your prediction above first"),
    text, h("p", {}, go, open));
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
  kit.onAnswer((changed) => { if (changed === id || changed === undefined) { show(true); } });
  show(false);
}
