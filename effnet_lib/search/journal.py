"""The journal of a search: every network asked for and every value found, as they happened, on the disk.

The first line says whose search it is. Then come ``{"ask": index, "genotype": ..., "told": [...]}``, with the
indices whose values the strategy was told since it was last asked, and ``{"result": index, ...}``. A fresh
strategy that goes through the same asks and tells ends in the same state: that is how a search is resumed.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from effnet_lib import jsonlines
from effnet_lib.search.space import Genotype
from effnet_lib.search.strategy import Strategy
from effnet_lib.search.trial import SearchResult, Trial

FORMAT = 1
_in_use: set[tuple[int, Path]] = set()  # by this process, and not by a parent that it was forked from


def maximized(strategy: Strategy) -> tuple[bool, ...]:
    """For every objective of ``strategy``, whether the more is the better."""
    return tuple(getattr(strategy, "maximize", (True,) * strategy.objectives))


def identity(strategy: Strategy, evaluate: Callable[[Genotype], Any]) -> dict[str, Any]:
    """What makes a search this search, as plain values: the journal's first line.

    The strategy's state, the whole space, and the ``settings`` of ``evaluate`` if it has such a mapping.
    """
    space, state = strategy.space, strategy.state()
    settings = getattr(evaluate, "settings", None)
    found = {
        "search": FORMAT,
        "strategy": state["strategy"],
        "settings": state["settings"],
        "maximize": maximized(strategy),
        "space": {
            "name": space.name, "dimensions": space.dimensions, "divisor": space.divisor,
            "base": space.base.to_dict(),
        },
        "random": state["random"],
        "pending": state["pending"],
        "memory": state["memory"],
        "evaluate": dict(settings) if isinstance(settings, Mapping) else None,
    }  # fmt: skip
    return json.loads(json.dumps(found))


class SearchJournal:
    """The events of one search, in a file that only one process at a time may write.

    Parameters
    ----------
    path : path or None
        Made if it is not there. None keeps nothing.
    header : dict
        Who is asking, as ``identity`` says it.

    Attributes
    ----------
    asks : list of (genotype, list of int)
        What was asked for, and the indices whose values were told before.
    results : dict of int to Trial
        In the order in which they became known.

    Raises
    ------
    ValueError
        If the file is another search's (the message says what differs), is in use, or is damaged (it names
        the line). A last line that was cut by a kill is dropped.
    """

    def __init__(self, path: str | Path | None, header: Mapping[str, Any]) -> None:
        self.path = None if path is None else Path(path).resolve()
        self.asks: list[tuple[Genotype, list[int]]] = []
        self.results: dict[int, Trial] = {}
        self._lock: int | None = None
        if self.path is None:
            return
        self._acquire()
        try:
            lines = jsonlines.read(self.path, trim=True)
            if lines:
                _must_be(self.path, lines[0], header)
                self.asks, self.results = _events(self.path, lines)
            else:
                jsonlines.append(self.path, header)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, index: int, genotype: Genotype, told: list[int]) -> None:
        """Write that ``genotype`` was asked for, after the values of ``told`` had been told."""
        if self.path is not None:
            jsonlines.append(self.path, {"ask": index, "genotype": list(genotype), "told": told})

    def result(self, trial: Trial) -> None:
        """Write what became of a network."""
        if self.path is not None:
            jsonlines.append(self.path, {"result": trial.index, **trial.outcome()})

    def _acquire(self) -> None:
        # A file of its own: a lock goes when its process closes any handle to the file, as readers do. And not
        # flock, which forked workers would share and keep when this process is gone.
        try:
            import fcntl
        except ImportError:  # Windows has no such lock
            return
        lock, mine = self.path.with_name(self.path.name + ".lock"), (os.getpid(), self.path)
        refused = ValueError(f"journal must not be in use by another search, but {self.path} is: see {lock}")
        if mine in _in_use:
            raise refused
        lock.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(handle).st_ino == os.stat(lock).st_ino:
                    break
            except FileNotFoundError:  # taken away by the one that had it, just now
                pass
            except OSError as error:
                os.close(handle)
                if error.errno in (errno.EACCES, errno.EAGAIN):
                    raise refused from None
                raise
            os.close(handle)
        self._lock = handle
        _in_use.add(mine)

    def close(self) -> None:
        """Let others have the file."""
        if self._lock is not None:
            self.path.with_name(self.path.name + ".lock").unlink(missing_ok=True)
            _in_use.discard((os.getpid(), self.path))
            os.close(self._lock)
            self._lock = None


def _must_be(path: Path, found: Any, wanted: Mapping[str, Any]) -> None:
    if not isinstance(found, dict) or "search" not in found:
        raise ValueError(f"journal must be a file that a search wrote, but line 1 of {path} is no such header")
    if found["search"] != FORMAT:
        raise ValueError(f"journal must be of format {FORMAT}, got format {found['search']!r} in {path}")
    other = f"journal must belong to this search, but {path} belongs to another:"
    for name in ("strategy", "settings", "maximize", "space", "evaluate"):
        theirs, ours = found.get(name), wanted[name]
        if theirs == ours:
            continue
        if isinstance(theirs, dict) and isinstance(ours, dict):
            key = next(k for k in {**theirs, **ours} if theirs.get(k) != ours.get(k))
            name, theirs, ours = f"{name}: {key}", theirs.get(key), ours.get(key)
        raise ValueError(f"{other} its {name} is {_short(theirs)}, and here it is {_short(ours)}")
    if any(found.get(name) != wanted[name] for name in ("random", "pending", "memory")):
        raise ValueError(
            f"{other} its strategy began in another state; give a strategy with the same seed, not yet asked"
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _events(path: Path, lines: list[Any]) -> tuple[list[tuple[Genotype, list[int]]], dict[int, Trial]]:
    asks: list[tuple[Genotype, list[int]]] = []
    results: dict[int, Trial] = {}
    told: set[int] = set()
    for number, line in enumerate(lines[1:], 2):
        try:
            if "ask" in line:
                if line["ask"] != len(asks):
                    raise ValueError(f"network {len(asks)} should come, got {line['ask']!r}")
                if not set(line["told"]) <= results.keys() - told:
                    raise ValueError(f"it tells a value that is not known, or told already: {line['told']}")
                told.update(line["told"])
                asks.append((tuple(line["genotype"]), line["told"]))
            else:
                index = line["result"]
                if not 0 <= index < len(asks) or index in results:
                    raise ValueError(f"network {index!r} was not asked for, or has a value already")
                outcome = {key: value for key, value in line.items() if key != "result"}
                results[index] = Trial.of(index, asks[index][0], outcome)
        except (KeyError, TypeError, ValueError) as error:
            raise jsonlines.damaged(path, number, error) from error
    return asks, results


def load_search(path: str | Path) -> SearchResult:
    """The evaluations that a journal holds, of a search that is finished, interrupted or still running.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no journal of a search, or damaged.
    """
    path = Path(path)
    lines = jsonlines.read(path.resolve(strict=True))
    if not lines or not isinstance(lines[0], dict) or lines[0].get("search") != FORMAT:
        raise ValueError(f"path must be a journal that a search wrote, but line 1 of {path} is no such header")
    results = _events(path, lines)[1]
    return SearchResult(tuple(results[i] for i in sorted(results)), tuple(lines[0]["maximize"]))
