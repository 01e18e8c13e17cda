"""Hides the code of predictions and quizzes in the pages: it holds the answers.

The widgets themselves stay, and so does the code in the notebooks that readers download.
"""

import json
import re

QUESTIONS = re.compile(r"^\s*(?:\w+ = )?(?:Predict|Quiz)\(|\bquestion=|\"question\":", re.MULTILINE)


def hide(notebook: dict) -> dict:
    """The notebook with a tag that hides the input of every cell that asks the reader something."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and QUESTIONS.search("".join(cell["source"])):
            tags = cell["metadata"].setdefault("tags", [])
            tag = "remove-input" if cell["outputs"] else "remove-cell"
            if tag not in tags:
                tags.append(tag)
    return notebook


def read(app, docname: str, source: list[str]) -> None:
    if app.env.doc2path(docname).endswith(".ipynb"):
        source[0] = json.dumps(hide(json.loads(source[0])))


def setup(app):
    app.connect("source-read", read)
    return {"parallel_read_safe": True}
