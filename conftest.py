"""After a run over the chapters: how many cells were compared, and which were not, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

IGNORED = {
    "nbval-ignore-output": "depend on the machine or the clock; assertions check what the text says",
    "nbval-skip": "are not executed",
    "nbval-raises-exception": "must raise",
}
NO_OUTPUT = "print nothing, and must not"


def census(path: Path) -> dict[str, int]:
    """Number of code cells of a notebook by how nbval treats them."""
    counts = {"compared": 0, NO_OUTPUT: 0}
    for cell in json.loads(path.read_text("utf8"))["cells"]:
        if cell["cell_type"] == "code":
            tags = cell["metadata"].get("tags", [])
            reason = next((why for tag, why in IGNORED.items() if tag in tags), None)
            kind = reason or ("compared" if cell["outputs"] else NO_OUTPUT)
            counts[kind] = counts.get(kind, 0) + 1
    return counts


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    if not config.getoption("nbval", False):
        return
    terminalreporter.section("cells of the chapters")
    for path in sorted((config.rootpath / "notebooks").glob("*.ipynb")):
        counts = census(path)
        terminalreporter.line(f"{path.name}: {sum(counts.values())} cells, {counts.pop('compared')} compared")
        for reason, count in counts.items():
            terminalreporter.line(f"    {count:3d} {reason}")
