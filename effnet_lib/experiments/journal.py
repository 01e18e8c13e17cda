"""A journal of finished work: one JSON line each, written at once, so that a killed script loses nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from effnet_lib import jsonlines


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
        for number, entry in enumerate(jsonlines.read(self.path, trim=True), 1):
            try:
                self._found[entry["key"]] = entry["result"]
            except (KeyError, TypeError) as error:
                raise jsonlines.damaged(self.path, number, error) from error

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, job: Mapping[str, Any]) -> bool:
        return key_of(job) in self._found

    def __getitem__(self, job: Mapping[str, Any]) -> dict[str, Any]:
        return self._found[key_of(job)]

    def add(self, job: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Write ``result`` to the disk before returning."""
        key = key_of(job)
        jsonlines.append(self.path, {"key": key, "job": dict(job), "result": dict(result)})
        self._found[key] = dict(result)
