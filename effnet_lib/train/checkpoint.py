"""Checkpoints: whole or not there at all, and refused when they do not fit."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

FORMAT = 1
_KIND = "effnet_lib checkpoint"


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged, foreign, or made by another run."""


def previous(path: str | Path) -> Path:
    """Where the checkpoint before the one at ``path`` is kept."""
    path = Path(path)
    return path.with_name(path.name + ".previous")


def write_atomically(path: str | Path, write: Any) -> None:
    """Call ``write(file)`` on a temporary file beside ``path`` and rename it when it is safely on the disk.

    Whoever reads ``path`` sees the old file or the new one, never half of one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def save(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write ``state`` (tensors and plain values) to ``path``; what was there stays as ``previous(path)``.

    The file appears whole: a process killed at any moment leaves the old checkpoint or the new one.
    """
    path = Path(path)
    if path.is_file():
        spare = path.with_name(f".{path.name}.{os.getpid()}.link")
        spare.unlink(missing_ok=True)
        os.link(path, spare)  # a second name for the old file: path itself is never missing
        os.replace(spare, previous(path))
    content = {"kind": _KIND, "format": FORMAT, **state}
    write_atomically(path, lambda file: torch.save(content, file))


def load(path: str | Path) -> dict[str, Any]:
    """What ``save`` wrote. Nothing but tensors and plain values is unpickled.

    Raises
    ------
    CheckpointError
        If there is no file, or it is cut short, damaged, or not a checkpoint of this library. The message
        names the file, and the previous checkpoint if there is one.
    """
    path = Path(path)
    before = previous(path)
    rescue = f"; the checkpoint before it is {str(before)!r}" if before.is_file() else ""
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {str(path)!r}{rescue}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a cut or foreign file
        raise CheckpointError(
            f"{str(path)!r} could not be read as a checkpoint: it is damaged, cut short or another kind of "
            f"file ({type(error).__name__}){rescue}"
        ) from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise CheckpointError(f"{str(path)!r} holds no checkpoint of effnet_lib.train{rescue}")
    if content["format"] != FORMAT:
        raise CheckpointError(
            f"{str(path)!r} has checkpoint format {content['format']!r}, this version reads {FORMAT}{rescue}"
        )
    return content


def must_match(path: str | Path, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Refuse a checkpoint whose run was not ``expected``.

    Raises
    ------
    CheckpointError
        Naming the first field that differs and both its values.
    """
    for name, value in expected.items():
        if found.get(name) != value:
            raise CheckpointError(
                f"{str(path)!r} belongs to another run: its {name} is {found.get(name)!r}, this run's is "
                f"{value!r}; choose another file, or start anew with resume=False"
            )


def random_state(device: torch.device) -> dict[str, Any]:
    """The state of torch's random generators that a run on ``device`` draws from."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: Mapping[str, Any], device: torch.device) -> None:
    """The inverse of ``random_state``."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
