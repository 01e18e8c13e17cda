"""A published page of widgets in miniature: stored states and the book's widget host, no kernel."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ipywidgets import Widget
from ipywidgets.embed import embed_data
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / "book" / "_assets" / "widget_host.js"


def write_page(
    folder: Path, widgets: Sequence[Widget], theme: str = "light", changes: Sequence[dict[str, Any]] = ()
) -> Path:
    """Write ``folder/index.html`` with the widgets, in order, and return its path.

    ``changes`` overwrites entries of each widget's stored state, to see what a widget makes of a state
    that Python would have refused. None removes the entry.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HOST, folder)
    data = embed_data(views=list(widgets), drop_defaults=False)
    for widget, change in zip(widgets, changes, strict=False):
        state = data["manager_state"]["state"][widget.model_id]["state"]
        state.update(change)
        for name in [name for name, value in change.items() if value is None]:
            del state[name]
    parts = [
        f'<script type="application/vnd.jupyter.widget-view+json">{_json(spec)}</script>'
        for spec in data["view_specs"]
    ]
    paper = "#121212" if theme == "dark" else "#fff"
    page = folder / "index.html"
    page.write_text(
        f'<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Widgets</title>'
        '<link rel="icon" href="data:,">'
        f"<style>body{{margin:12px;background:{paper}}}</style></head><body>"
        f"{''.join(parts)}"
        f'<script type="application/vnd.jupyter.widget-state+json">{_json(data["manager_state"])}</script>'
        f'<script defer src="{HOST.name}"></script></body></html>',
        encoding="utf-8",
    )
    return page


def _json(value: object) -> str:
    return json.dumps(value).replace("</", "<\\/")


START = """async ([state, css, broken]) => {
  const values = {...state, ...eval(`(${broken})`)}, listeners = new Map();
  const each = name => listeners.get(name) ?? listeners.set(name, new Set()).get(name);
  const model = {
    get: name => values[name],
    set(name, value) {
      const changed = !Object.is(values[name], value);
      values[name] = value;
      if (changed) for (const callback of [...each(`change:${name}`)]) callback();
    },
    save_changes() {}, send() {},
    on: (name, callback) => each(name).add(callback),
    off: (name, callback) => each(name).delete(callback),
  };
  document.body.replaceChildren();
  const el = document.body.appendChild(document.createElement("div"));
  const module = await import(URL.createObjectURL(new Blob([state._esm], {type: "text/javascript"})));
  document.head.appendChild(document.createElement("style")).textContent = css;
  window.model = model;
  window.listening = () => [...listeners.values()].reduce((sum, set) => sum + set.size, 0);
  window.stop = module.default.render({model, el});
}"""


def start(page: Page, widget: Widget, broken: str = "{}") -> None:
    """Run the widget alone in an empty page, with a model of our own.

    ``broken`` is a JavaScript object that overwrites settings with what Python would never send (NaN,
    undefined). The page gets ``model``, ``stop`` (the clean-up) and ``listening`` (number of listeners).
    """
    state = {name: value for name, value in widget.get_state().items() if name != "layout"}
    page.evaluate(START, [state, widget._css, broken])
