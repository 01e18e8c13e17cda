"""The measured tables that ship with the library: what was measured, and what made it.

>>> table = load("scaling_glyphs")          # doctest: +SKIP
>>> mean(table.row("2x width"), "test")     # doctest: +SKIP
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

FOLDER = Path(__file__).parent
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Table:
    """One table.

    ``rows``: one a network, each with ``name``, ``family``, ``arch`` (``ArchSpec.to_dict``), ``params``,
    ``macs``, ``peak_bytes``, ``latency`` by device and ``runs``, one a seed. ``made_by``: command, date,
    hardware, versions, seeds. ``setting``: data and recipe.
    """

    name: str
    title: str
    made_by: Mapping[str, Any]
    setting: Mapping[str, Any]
    rows: tuple[Mapping[str, Any], ...]

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, name: str) -> Mapping[str, Any]:
        """The row called ``name``.

        Raises
        ------
        ValueError
            If there is none.
        """
        for row in self.rows:
            if row["name"] == name:
                return row
        known = ", ".join(row["name"] for row in self.rows)
        raise ValueError(f"name must be one of {known}; got {name!r}")

    def family(self, family: str) -> list[Mapping[str, Any]]:
        """The rows of one family, in order of cost."""
        return sorted((row for row in self.rows if row["family"] == family), key=lambda row: row["macs"])


def available() -> list[str]:
    """Names of the tables there are."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def of_networks() -> list[str]:
    """Names of those whose rows are trained networks: each row with ``arch`` and ``runs``.

    The others, such as ``search_regret``, hold rows of another kind, described by the script that makes them.
    """
    return [name for name in available() if all({"arch", "runs"} <= set(row) for row in load(name))]


def load(name: str) -> Table:
    """The table called ``name``.

    Raises
    ------
    ValueError
        If there is no such table.
    """
    path = FOLDER / f"{name}.json"
    if not name.isidentifier() or not path.is_file():
        raise ValueError(f"name must be one of {', '.join(available())}; got {name!r}")
    content = json.loads(path.read_text())
    return Table(
        content["table"], content["title"], content["made_by"], content["setting"], tuple(content["rows"])
    )  # fmt: skip


def accuracies(row: Mapping[str, Any], split: str = "test") -> list[float]:
    """Accuracy of every run of ``row``, in order of seed, as fractions.

    Raises
    ------
    ValueError
        If ``split`` is not "train", "validation" or "test".
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(map(repr, SPLITS))}, got {split!r}")
    return [run[f"{split}_accuracy"] for run in sorted(row["runs"], key=lambda run: run["seed"])]


def mean(row: Mapping[str, Any], split: str = "test") -> float:
    """Mean accuracy over the seeds of ``row``."""
    return fmean(accuracies(row, split))


def std(row: Mapping[str, Any], split: str = "test") -> float:
    """Sample standard deviation of the accuracy over the seeds of ``row``; nan for one seed."""
    values = accuracies(row, split)
    return stdev(values) if len(values) > 1 else math.nan
