"""What a stored chapter must never hold, and how a chapter is built: rules that return what is wrong.

:func:`faults` are reasons not to store a run; :func:`anatomy_faults` are reasons why a chapter is not
finished.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from colab_cell import TAGS as COLAB_TAGS
from colab_cell import is_colab_cell
from notebook_form import MACHINE_DEPENDENT, RUN_TIME, WIDGET_STATE, image_descriptions

MOST_BYTES = 1_500_000
MOST_LINES = 25
SECTIONS = [
    "What you will be able to do",
    "Before you start",
    "A surprising fact",
    "Predict",
    "Build it",
    "Break it",
    "Exercises",
    "Quiz",
    "What to take away",
    "Further reading",
]

_ABSOLUTE = re.compile(
    r"(?<![\w.:/~-])/(?:home|root|work|tmp|Users|usr|opt|mnt|var|private|content|kaggle|app)/[\w.]|\b[A-Z]:\\\w"
)
_ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)?)\)")
_CARD = re.compile(r"^(ch\d\d)\.(\w+)$", re.MULTILINE)


def faults(notebook: Any) -> list[str]:
    """What makes a run unfit to be stored."""
    found = []
    for number, cell in enumerate(notebook.cells):
        where = f"cell {number} ({(cell.source.strip() or 'empty').splitlines()[0][:60]})"
        if not cell.source.strip():
            found.append(f"{where}: the cell is empty")
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{where}: raised {output.ename}: {output.evalue}")
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"{where}: wrote to stderr: {output.text.strip()[:300]}")
            for text in _texts(output):
                if match := _ABSOLUTE.search(text):
                    found.append(f"{where}: an output holds an absolute path: {text[match.start() :][:80]!r}")
                if match := _ADDRESS.search(text):
                    found.append(f"{where}: an output holds a memory address: {text[: match.end()][-80:]!r}")
        descriptions = image_descriptions(cell)
        if len(descriptions) > 1:
            found.append(
                f"{where}: shows {len(descriptions)} images; one a cell, so that each has its own description"
            )
        if any(text.startswith("<") or len(text.split()) < 5 for text in descriptions):
            found.append(
                f"{where}: shows an image without a description: end the cell with figures.show(fig, alt=...)"
            )
    size = len(json.dumps(notebook, indent=1).encode())
    if size > MOST_BYTES:
        found.append(f"the notebook has {size:,} bytes, more than {MOST_BYTES:,}")
    return found


def _texts(output: Any) -> list[str]:
    if output.output_type == "stream":
        return [output.text]
    data = output.get("data", {})
    return [text for kind, text in data.items() if kind.startswith("text/") and isinstance(text, str)]


def headings(notebook: Any) -> list[tuple[int, str]]:
    """Level and text of every Markdown heading."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL)
            found += [(len(m[1]), m[2].strip()) for m in re.finditer(r"^(#{1,6}) (.*)$", prose, re.MULTILINE)]
    return found


def anatomy_faults(notebook: Any, path: Path) -> list[str]:
    """What a chapter (stored at ``path``) lacks of a chapter's anatomy."""
    cells = notebook.cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    found = _section_faults(notebook)
    if not (cells and cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")):
        found.append("the first cell must hold the title, '# ...'")
    if not (len(cells) > 1 and cells[1].cell_type == "code" and is_colab_cell(cells[1])):
        found.append(f"the second cell must be the Colab cell (tags {COLAB_TAGS})")
    first = next((cell.source for cell in cells if cell.cell_type == "markdown"), "")
    if not RUN_TIME.search(first):
        found.append("the first Markdown cell must hold <!-- run-time --> ... <!-- /run-time -->")
    elif "measured on" not in RUN_TIME.search(first)[2]:
        found.append("the run time has not been measured: run run_notebooks.py")
    source = "\n".join(cell.source for cell in code)
    for widget in ("Predict", "Quiz"):
        if f"{widget}(" not in source:
            found.append(f"there is no {widget}(...)")
    cards = set(_CARD.findall(source))
    if len(cards) < 4:
        found.append(
            f"at least four exercises must be shown (a cell that ends with chNN.name), found {len(cards)}"
        )
    found += [
        f"the exercise {chapter}.{name} is shown, but never checked"
        for chapter, name in sorted(cards)
        if f"{chapter}.{name}.check(" not in source
    ]
    for cell in code:
        length = len(cell.source.splitlines())
        if length > MOST_LINES:
            found.append(
                f"a code cell has {length} lines, more than {MOST_LINES}: {cell.source.splitlines()[0]!r}"
            )
        if cell.source.rstrip().endswith(";"):
            found.append(f"a code cell ends with a semicolon: {cell.source.splitlines()[-1]!r}")
    ignored = sum(MACHINE_DEPENDENT in cell.metadata.get("tags", []) for cell in code)
    if ignored > len(code) / 2:
        found.append(f"{ignored} of {len(code)} code cells are tagged {MACHINE_DEPENDENT}: more than half")
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("the notebook has not been executed once in order")
    return found + link_faults(notebook, path) + quiz_faults(notebook)


def _section_faults(notebook: Any) -> list[str]:
    found, order = [], []
    for level, text in headings(notebook):
        if level != 2:
            continue
        name = next((one for one in SECTIONS if text == one or text.startswith(f"{one}:")), None)
        if name is None:
            found.append(f"the section {text!r} is none of the anatomy's; use '###' inside one of them")
        else:
            order.append(SECTIONS.index(name))
    found += [f"the section {name!r} is missing" for i, name in enumerate(SECTIONS) if i not in order]
    if order != sorted(order):
        found.append(f"the sections are not in order: {[SECTIONS[i] for i in order]}")
    if sum(level == 1 for level, _ in headings(notebook)) != 1:
        found.append("there must be exactly one title ('# ...')")
    return found


def links(notebook: Any) -> list[tuple[bool, str, str]]:
    """Every Markdown link outside code: whether it is an image, its text, its target."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"```.*?```|`[^`\n]*`", "code", cell.source, flags=re.DOTALL)
            found += [(bool(m[1]), m[2], m[3]) for m in _LINK.finditer(prose)]
    return found


def link_faults(notebook: Any, path: Path) -> list[str]:
    """Relative links that lead nowhere (generated API pages aside) and images without alternative text."""
    found = []
    root = path.resolve().parent.parent
    for is_image, text, target in links(notebook):
        if is_image and not text.strip():
            found.append(f"an image has no alternative text: {target}")
        if re.match(r"[a-z]+:|#", target):
            continue
        file = (path.resolve().parent / unquote(target.split("#")[0])).resolve()
        generated = root / "book" / "api" in file.parents
        if not file.exists() and not generated:
            found.append(f"a link leads nowhere: {target}")
    return found


def citation_faults(notebook: Any, bibliography: str) -> list[str]:
    """arXiv and DOI links that the bibliography (text of the .bib file) does not list."""
    known = bibliography.lower()
    found = []
    for _, text, target in links(notebook):
        match = re.search(
            r"arxiv\.org/(?:abs|pdf)/([\w.-]+/\d+|\d+\.\d+)|doi\.org/(10\..+)", target, re.IGNORECASE
        )
        if match and (match[1] or match[2]).lower().rstrip("/") not in known:
            found.append(f"[{text}]({target}) is not in the bibliography")
    return found


def quiz_faults(notebook: Any) -> list[str]:
    """Options of stored quizzes that are not explained."""
    found = []
    for model in widget_models(notebook):
        for question in model.get("questions") or []:
            for option in question["options"]:
                if not option["explanation"].strip():
                    found.append(
                        f"the option {option['text']!r} of {question['question']!r} is not explained"
                    )
    return found


def widget_models(notebook: Any) -> list[dict[str, Any]]:
    """The stored state of every anywidget model."""
    state = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    return [entry["state"] for entry in state.values() if "_esm" in entry["state"]]


def stale_scripts(notebook: Any) -> list[str]:
    """Stored widgets whose JavaScript or style sheet is not the library's present one."""
    from importlib import import_module

    found = []
    for state in widget_models(notebook):
        module, _, name = state["_anywidget_id"].rpartition(".")
        current = getattr(import_module(module), name)
        for key in ("_esm", "_css"):
            if str(getattr(current, key, "")) != state.get(key, ""):
                found.append(f"{name}: the stored {key} is not the library's; run run_notebooks.py")
    return found
