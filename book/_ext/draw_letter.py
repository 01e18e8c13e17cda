"""The page on which the reader draws a letter, and two networks answer in the browser.

```{draw-a-letter}     the drawing board, the gallery and the answers
```{int8-measured}     what int8 changed in this book's measurements, from results/deployment.json

The page itself is small. ONNX Runtime Web, the two networks and the gallery lie beside it in pieces
(``draw_pieces``), and the page asks for them when the reader does.
"""

import json
import os
import re
from functools import cache
from pathlib import Path
from statistics import fmean

from docutils import nodes
from docutils.statemachine import StringList
from draw_pieces import CALL, pack
from sphinx.util.docutils import SphinxDirective

from effnet_lib import results
from effnet_lib.widgets.bundle import script, style

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "effnet_lib" / "results"
SOURCES = ROOT / "book" / "draw"
VENDOR = ROOT / "book" / "_vendor"
FOLDER = "draw"  # in _static
NETWORK, TABLE = "glyph_lite_48", "deployment"
NETWORKS = {"float": f"{NETWORK}.onnx", "int8": f"{NETWORK}_int8.onnx"}
RUNTIME = "onnxruntime-web"
MARK = "draw_letter"
SOURCE_MAP = re.compile(rb"\n//# sourceMappingURL=\S+\s*\Z")  # names a file that is not shipped
WITHOUT_SCRIPTS = "Drawing needs JavaScript, which is switched off here. The rest of the page does not."
CLASSIC = """(() => {
"use strict";
const here = document.currentScript.src;
%s
const start = () => {
  for (const el of document.querySelectorAll(".draw-letter"))
    page.start(el, JSON.parse(el.querySelector("script").textContent), new URL(".", here).href, "%s");
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
})();
"""


def runtime_version(lock: Path = ROOT / "book" / "tools" / "assets.json") -> str:
    """Version of ONNX Runtime Web that assets.json pins."""
    (version,) = (name.split("@")[-1] for name in json.loads(lock.read_text("utf8")) if RUNTIME in name)
    return version


@cache
def packed() -> tuple:
    """All that is loaded when the reader asks for it."""
    version = runtime_version()
    sources = [
        ("module", f"ONNX Runtime Web {version}, its interface", VENDOR / "ort" / "ort.mjs"),
        ("wasm", f"ONNX Runtime Web {version}, WebAssembly", VENDOR / "ort" / "ort.wasm"),
        *((kind, f"the {kind} network", RESULTS / name) for kind, name in NETWORKS.items()),
        ("gallery", "the test pictures", SOURCES / "gallery.png"),
    ]
    for _, title, path in sources:
        if not path.is_file():
            raise FileNotFoundError(f"{title}: {path.relative_to(ROOT)} is missing")
    return tuple(pack(name, title, SOURCE_MAP.sub(b"", path.read_bytes())) for name, title, path in sources)


def manifest() -> dict:
    """What the page must know before it has loaded anything."""
    about = json.loads((SOURCES / "gallery.json").read_text("utf8"))
    shown = {key: about[key] for key in ("classes", "labels", "columns", "side")}
    assets = [one.entry() for one in packed()]
    return {"runtime": f"ONNX Runtime Web {runtime_version()}", "assets": assets, "gallery": shown}


def page_script() -> str:
    """The page's modules as one script that also runs from a file."""
    body = re.sub(r"^export default ", "const page = ", script("page.js", SOURCES), flags=re.MULTILINE)
    return CLASSIC % (body, CALL)


def put(path: Path, text: str) -> None:
    """Write ``text`` so that no reader ever sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf8")
    os.replace(partial, path)


class DrawALetter(SphinxDirective):
    """Puts the drawing board into a page."""

    def run(self):
        try:
            described = json.dumps(manifest()).replace("<", r"\u003c")
        except (OSError, ValueError) as error:
            raise self.error(str(error)) from error
        self.env.metadata[self.env.docname][MARK] = "yes"
        html = (
            '<div class="draw-letter book-widget">'
            f'<script type="application/json">{described}</script>'
            f'<noscript class="book-note">{WITHOUT_SCRIPTS}</noscript></div>'
        )
        return [nodes.raw("", html, format="html")]


def measured(table: results.Table) -> list[str]:
    """Markdown: float and int8 of the network of this page, side by side, as ``table`` has them."""
    rows = [table.row(f"{NETWORK} {form}") for form in ("float", "u8s8")]
    lines = ["| In ONNX Runtime, from Python | float | int8 |", "|---|---|---|"]

    def line(what: str, cells: list[str]) -> None:
        lines.append(f"| {what} | {' | '.join(cells)} |")

    line("File", [f"{row['bytes'] / 1e6:.2f} MB" for row in rows])
    seeds = len(rows[0]["runs"])
    accuracy = [f"{100 * results.mean(row):.2f} ± {100 * results.std(row):.2f} %" for row in rows]
    line(f"Test accuracy, mean ± standard deviation of {seeds} networks", accuracy)
    same = fmean(run["test_agreement"] for run in rows[1]["runs"])
    line("Test pictures with the answer of float", ["", f"{100 * same:.2f} %"])
    pictures = table.setting["data"]["test"]
    notes = [f"{pictures:,} test pictures"]
    if all(row["latency"] for row in rows):
        one = [row["latency"]["1"] for row in rows]
        times = [f"{1e3 * found['median']:.2f} ms" for found in one]
        ratio = one[1]["speedup"]["median"]
        line("One picture on one thread, median", [times[0], f"{times[1]}: {ratio:.2f} times as fast"])
        notes.append(f"times on {table.made_by['hardware']}")
    runtime = table.made_by["versions"]["onnxruntime"]
    notes.append(f"ONNX Runtime {runtime}, {table.made_by['date'][:10]}")
    return [*lines, "", f"Measured: {'; '.join(notes)}."]


class Int8Measured(SphinxDirective):
    """Puts in what int8 changed; nothing where it has not been measured."""

    def run(self):
        if TABLE not in results.available():
            return []
        self.env.note_dependency(str(RESULTS / f"{TABLE}.json"))
        container = nodes.container(classes=[self.name])
        lines = StringList(measured(results.load(TABLE)), self.env.docname)
        self.state.nested_parse(lines, 0, container)
        return [container]


def add_assets(app, pagename, templatename, context, doctree) -> None:
    if MARK in app.env.metadata.get(pagename, {}):
        app.add_css_file(f"{FOLDER}/draw.css")
        app.add_js_file(f"{FOLDER}/draw.js", defer="defer")


def write_assets(app, exception) -> None:
    if exception or app.builder.format != "html" or not any(MARK in m for m in app.env.metadata.values()):
        return
    folder = Path(app.outdir) / "_static" / FOLDER
    put(folder / "draw.css", style() + "\n" + (SOURCES / "draw.css").read_text("utf8"))
    put(folder / "draw.js", page_script())
    for one in packed():
        for name, text in one.scripts:
            put(folder / name, text)


def setup(app):
    app.add_directive("draw-a-letter", DrawALetter)
    app.add_directive("int8-measured", Int8Measured)
    app.connect("html-page-context", add_assets)
    app.connect("build-finished", write_assets)
    return {"parallel_read_safe": True}
