"""The first code cell of every chapter: in Colab it installs the library, elsewhere it does nothing."""

from __future__ import annotations

import re
from typing import Any

TAGS = ["colab", "remove-cell"]
SOURCE = """\
# In Colab this installs the library of the book; elsewhere it does nothing.
import sys

REPOSITORY = ""
if "google.colab" in sys.modules:
    import subprocess

    assert REPOSITORY, "REPOSITORY must be the https address of the book's git repository"
    package = f"effnet_lib[notebooks] @ git+{REPOSITORY}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", package], check=True)"""

_LINE = re.compile(r'^REPOSITORY = "(.*)"$', re.MULTILINE)


def is_colab_cell(cell: Any) -> bool:
    """Whether ``cell`` is the cell above, whatever its repository."""
    tags = cell.get("metadata", {}).get("tags", [])
    return set(TAGS) <= set(tags) and _LINE.sub('REPOSITORY = ""', cell["source"]) == SOURCE


def fill_repository(notebook: Any, url: str) -> None:
    """Write ``url`` (of the git repository) into the notebook's Colab cell."""
    if not re.fullmatch(r"https://[\w./~-]+", url):
        raise ValueError(f"REPOSITORY_URL must be an https:// address, got {url!r}")
    for cell in notebook.cells:
        if cell.cell_type == "code" and is_colab_cell(cell):
            cell.source = _LINE.sub(f'REPOSITORY = "{url}"', cell.source)
