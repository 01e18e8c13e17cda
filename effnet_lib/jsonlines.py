"""Files of JSON lines that only grow: what was written survives a kill, what was cut by it is dropped."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def damaged(path: str | Path, number: int, why: object) -> ValueError:
    """The error of a line that cannot be what was written; ``number`` counts from 1."""
    return ValueError(f"{path}: line {number} is damaged: {why}")


def read(path: str | Path, trim: bool = False) -> list[Any]:
    """What the lines of a file hold, in order; nothing if there is no file.

    A last line without its end was cut by a kill. It is left out, and with ``trim`` taken off the file, so
    that the next one starts a line of its own.

    Raises
    ------
    ValueError
        If an earlier line is no JSON; the message names file and line.
    """
    path = Path(path)
    if not path.is_file():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    found = []
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise damaged(path, number, error) from error
    if trim and whole != content:
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return found


def append(path: str | Path, entry: Any) -> None:
    """Write ``entry`` as one more line, to the disk, before returning. Folders are made as needed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("ab") as file:
        file.write(json.dumps(entry).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if new and hasattr(os, "O_DIRECTORY"):  # that there is such a file must be on the disk as well
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
