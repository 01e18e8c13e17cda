"""One form for a stored notebook, so that running a chapter twice gives the same file.

Cells are numbered from 1, ids follow from the source, widget state holds what is displayed and no more, and a
figure's description also stands where the page looks for an image's alternative text.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MACHINE_DEPENDENT = "nbval-ignore-output"
RUN_TIME = re.compile(r"(<!-- run-time -->)(.*?)(<!-- /run-time -->)", re.DOTALL)
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
KEPT_CELL_METADATA = ("tags", "mystnb", "slideshow", "jupyter", "cellView")
#: How JupyterLab and Colab are told to fold a cell's source; done where it gives an answer away.
FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}
_ASKS = re.compile(r"^(?:\w+ = )?(?:Predict|Quiz)\(|\bquestion=|\"question\":", re.MULTILINE)


def normalise(notebook: Any, stem: str) -> Any:
    """Bring ``notebook`` (of the file named ``stem``) into the stored form, in place, and return it."""
    widgets = notebook.metadata.get("widgets")
    notebook.metadata = type(notebook.metadata)(kernelspec=KERNEL, language_info={"name": "python"})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    number, seen = 0, {}
    for cell in notebook.cells:
        cell.id = _cell_id(cell, seen)
        cell.metadata = {key: cell.metadata[key] for key in KEPT_CELL_METADATA if cell.metadata.get(key)}
        if cell.cell_type == "code" and _ASKS.search(cell.source):
            cell.metadata = {**cell.metadata, **FOLDED}
        if "tags" in cell.metadata:
            cell.metadata["tags"] = sorted(set(cell.metadata["tags"]))
        if cell.cell_type != "code":
            continue
        number += 1
        cell.execution_count = number
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
        _copy_description(cell)
    if widgets:
        state = _displayed_state(notebook, widgets[WIDGET_STATE]["state"])
        if state:
            document = {"state": state, "version_major": 2, "version_minor": 0}
            text = json.dumps([document, notebook.cells], sort_keys=True)
            for i, model in enumerate(_order(notebook, state)):
                text = text.replace(model, hashlib.sha256(f"{stem}/{i}".encode()).hexdigest()[:32])
            document, cells = json.loads(text)
            notebook.cells = [_as_node(cell) for cell in cells]
            notebook.metadata["widgets"] = {WIDGET_STATE: document}
    return notebook


def _as_node(cell: dict) -> Any:
    import nbformat

    return nbformat.from_dict(cell)


def _cell_id(cell: Any, seen: dict[str, int]) -> str:
    digest = hashlib.sha256(RUN_TIME.sub("", cell.source).encode()).hexdigest()[:10]
    seen[digest] = seen.get(digest, 0) + 1
    return f"{digest}-{seen[digest]}" if seen[digest] > 1 else digest


def _joined(outputs: list) -> list:
    """Outputs with consecutive pieces of one stream joined: how a stream is cut depends on timing."""
    joined: list = []
    for output in outputs:
        output = {key: value for key, value in output.items() if key != "transient"}
        before = joined[-1] if joined else {}
        if output["output_type"] == "stream" and before.get("name") == output["name"]:
            before["text"] += output["text"]
        else:
            joined.append(output)
    return [_as_node(output) for output in joined]


def _copy_description(cell: Any) -> None:
    """Put the description of a cell's figure where MyST-NB reads alternative text: ``mystnb.image.alt``."""
    descriptions = image_descriptions(cell)
    options = dict(cell.metadata.get("mystnb", {}))
    image = dict(options.get("image", {}))
    image.pop("alt", None)
    if descriptions:
        image["alt"] = descriptions[0]
    options.pop("image", None)
    if image:
        options["image"] = image
    cell.metadata.pop("mystnb", None)
    if options:
        cell.metadata["mystnb"] = options


def image_descriptions(cell: Any) -> list[str]:
    """The ``text/plain`` of every image among a cell's outputs."""
    bundles = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [data.get("text/plain", "") for data in bundles if any(kind.startswith("image/") for kind in data)]


def displayed_models(notebook: Any) -> list[str]:
    """Ids of the widget models that outputs display, in order."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get(WIDGET_VIEW)
            if view and view["model_id"] not in found:
                found.append(view["model_id"])
    return found


def _order(notebook: Any, state: dict) -> list[str]:
    """Displayed models and, after each, those it refers to."""
    order: list[str] = []

    def visit(model: str) -> None:
        if model in order or model not in state:
            return
        order.append(model)
        for other in re.findall(r"IPY_MODEL_([0-9a-f-]+)", json.dumps(state[model], sort_keys=True)):
            visit(other)

    for model in displayed_models(notebook):
        visit(model)
    return order


def _displayed_state(notebook: Any, state: dict) -> dict:
    kept = {model: dict(state[model]) for model in _order(notebook, state)}
    for entry in kept.values():
        if (
            entry.get("model_module") == "@jupyter-widgets/base"
        ):  # a layout: its many null values are the defaults
            entry["state"] = {key: value for key, value in entry["state"].items() if value is not None}
    return kept


def comparable(notebook: Any) -> str:
    """The notebook as text without what may differ between runs: measured time, machine-dependent outputs."""
    copy = json.loads(json.dumps(notebook))
    for cell in copy["cells"]:
        cell["source"] = RUN_TIME.sub("", "".join(cell["source"]))
        if MACHINE_DEPENDENT in cell["metadata"].get("tags", []):
            cell["outputs"] = []
            cell["metadata"].pop("mystnb", None)
    return json.dumps(copy, sort_keys=True)


def time_sentence(seconds: float, gigabytes: float, cores: int) -> str:
    """What the reader is told of a run, rounded to what another run would give."""
    step = 5 if seconds < 60 else 10
    rounded = max(step, step * round(seconds / step))
    duration = f"{rounded} seconds" if rounded < 120 else f"{seconds / 60:.1f} minutes"
    return f"about {duration} and {gigabytes:.1f} GB of memory, as measured on {cores} CPU cores."


def set_run_time(notebook: Any, seconds: float, gigabytes: float, cores: int) -> bool:
    """Write the measured time between the marks, unless much the same stands there; False without marks."""
    for cell in notebook.cells:
        match = RUN_TIME.search(cell.source) if cell.cell_type == "markdown" else None
        if match:
            if not _much_the_same(match[2], seconds, gigabytes, cores):
                sentence = match[1] + time_sentence(seconds, gigabytes, cores) + match[3]
                cell.source = cell.source.replace(match[0], sentence, 1)
            return True
    return False


def _much_the_same(text: str, seconds: float, gigabytes: float, cores: int) -> bool:
    found = re.search(
        r"about ([\d.]+) (seconds|minutes) and ([\d.]+) GB of memory, as measured on (\d+) CPU", text
    )
    if not found:
        return False
    told = float(found[1]) * (60 if found[2] == "minutes" else 1)
    near = abs(told - seconds) <= max(5, 0.35 * told) and abs(float(found[3]) - gigabytes) <= 0.25
    return near and int(found[4]) == cores
