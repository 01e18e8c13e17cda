"""A journal of finished work: one JSON line each, written at once, so that a killed script loses nothing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def key_of(job: Mapping[str, Any]) -> str:
    """A short name for ``job`` (plain values only) that is the same for equal jobs."""
    return hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:16]


class Journal:
    """Results of jobs, kept in a file of JSON lines.

    Parameters
    ----------
    path : path
        Made when the first result is written. A last line that was cut by a kill is dropped.

    Raises
    ------
    ValueError
        If a line before the last is damaged; the message names file and line.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._found: dict[str, dict[str, Any]] = {}
        if not self.path.is_file():
            return
        text = self.path.read_text()
        whole = text[: text.rfind("\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                entry = json.loads(line)
                self._found[entry["key"]] = entry["result"]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{self.path}: line {number} is damaged: {error}") from error
        if whole != text:
            with self.path.open("r+") as file:
                file.truncate(len(whole.encode()))

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, job: Mapping[str, Any]) -> bool:
        return key_of(job) in self._found

    def __getitem__(self, job: Mapping[str, Any]) -> dict[str, Any]:
        return self._found[key_of(job)]

    def add(self, job: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Write ``result`` to the disk before returning."""
        key = key_of(job)
        line = json.dumps({"key": key, "job": dict(job), "result": dict(result)}) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._found[key] = dict(result)
