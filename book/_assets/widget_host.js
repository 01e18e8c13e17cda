// Runs the page's widgets without a kernel: reads the widget state stored in the page and gives each widget's module
// (anywidget's "_esm") a model and an element, as JupyterLab does through anywidget. Also works from file://.
(function () {
  "use strict";

  /** What a widget's module sees of its state: anywidget's model, without a kernel behind it. */
  class Model {
    #state;
    #listeners = new Map();

    constructor(state) {
      this.#state = state;
    }
    get(name) {
      return this.#state[name];
    }
    set(nameOrValues, value) {
      const values = typeof nameOrValues === "string" ? { [nameOrValues]: value } : nameOrValues;
      const changed = Object.entries(values).filter(([name, next]) => this.#state[name] !== next);
      Object.assign(this.#state, Object.fromEntries(changed));
      for (const [name, next] of changed) this.#emit(`change:${name}`, next);
      if (changed.length) this.#emit("change");
    }
    save_changes() {} // the state lives in the page alone
    send() {}
    on(events, callback) {
      for (const event of events.split(/\s+/)) {
        if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
        this.#listeners.get(event).add(callback);
      }
    }
    off(events, callback) {
      const named = events ? events.split(/\s+/) : [...this.#listeners.keys()];
      for (const event of named) {
        if (callback) this.#listeners.get(event)?.delete(callback);
        else this.#listeners.delete(event);
      }
    }
    #emit(event, value) {
      for (const callback of [...(this.#listeners.get(event) ?? [])]) callback(this, value);
    }
  }

  const scripts = (kind) =>
    [...document.querySelectorAll(`script[type="application/vnd.jupyter.widget-${kind}+json"]`)];

  // Widgets of one class share their code and their style: each text is loaded once.
  const modules = new Map();
  function load(text) {
    if (!modules.has(text)) {
      const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      modules.set(text, import(url).finally(() => URL.revokeObjectURL(url)));
    }
    return modules.get(text);
  }
  const styles = new Set();
  function dress(text) {
    if (!text || styles.has(text)) return;
    styles.add(text);
    const style = document.createElement("style");
    style.textContent = text;
    document.head.append(style);
  }

  async function show(place, state) {
    const element = document.createElement("div");
    element.className = "book-widget";
    place.after(element);
    try {
      if (!state?._esm) throw new Error("its state is not stored in this page");
      const model = new Model(state);
      dress(state._css);
      let widget = (await load(state._esm)).default;
      if (typeof widget === "function") widget = await widget();
      await widget.initialize?.({ model });
      await widget.render?.({ model, el: element });
      element.dataset.ready = "true";
    } catch (error) {
      element.textContent = `This widget could not start: ${error.message}`;
      console.error(error);
    }
  }

  function start() {
    const states = {};
    for (const script of scripts("state")) {
      for (const [id, model] of Object.entries(JSON.parse(script.textContent).state)) states[id] = model.state;
    }
    for (const script of scripts("view")) show(script, states[JSON.parse(script.textContent).model_id]);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
