"""One evaluation of a search: what may be returned, how it is called, and what is kept of it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from effnet_lib.search.objective import pareto_front
from effnet_lib.search.space import Genotype
from effnet_lib.search.strategy import Value

LONGEST_MESSAGE = 500


@dataclass(frozen=True)
class Evaluation:
    """What an evaluating function may return instead of a bare value.

    Parameters
    ----------
    value : float, or two of them, or None
        As ``Strategy.tell`` takes it.
    notes : dict
        Whatever is worth keeping: names to numbers, strings, lists, dicts. The strategy does not see them.
    """

    value: Value
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """One network that a search asked for, and what became of it.

    ``index`` counts the search's networks from 0. ``value`` is a number, a pair of numbers, or None for a
    failure, and then ``error`` says which. ``seconds`` are those of the evaluation, None where it died with
    its worker. ``reused`` is the index of the evaluation whose value this one was given, if it was.
    """

    index: int
    genotype: Genotype
    value: float | tuple[float, float] | None
    error: str | None = None
    seconds: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    reused: int | None = None

    def outcome(self) -> dict[str, Any]:
        """All but index and genotype, as plain values."""
        return {
            "value": list(self.value) if isinstance(self.value, tuple) else self.value,
            "error": self.error, "seconds": self.seconds, "notes": dict(self.notes), "reused": self.reused,
        }  # fmt: skip

    @classmethod
    def of(cls, index: int, genotype: Genotype, outcome: Mapping[str, Any]) -> Trial:
        """The trial with this ``outcome``, as ``outcome`` or ``attempt`` gives it."""
        value = outcome["value"]
        value = tuple(value) if isinstance(value, list) else value
        return cls(index, genotype, **{**outcome, "value": value})


@dataclass(frozen=True)
class SearchResult:
    """The evaluations of a search, in the order in which their networks were asked for.

    Parameters
    ----------
    evaluations : tuple of Trial
    maximize : tuple of bool
        One entry an objective: whether the more is the better.
    """

    evaluations: tuple[Trial, ...]
    maximize: tuple[bool, ...] = (True,)

    def __len__(self) -> int:
        return len(self.evaluations)

    @property
    def failures(self) -> tuple[Trial, ...]:
        """Those without a value."""
        return tuple(trial for trial in self.evaluations if trial.value is None)

    @property
    def best(self) -> Trial | None:
        """The one of the highest value, of equals the first; None if all failed.

        Raises
        ------
        ValueError
            If there are two objectives.
        """
        if len(self.maximize) > 1:
            raise ValueError("best needs one objective, but this search has two: see front()")
        return max((t for t in self.evaluations if t.value is not None), key=lambda t: t.value, default=None)

    def best_so_far(self) -> list[float | None]:
        """The highest value up to every evaluation; None before the first that did not fail.

        Raises
        ------
        ValueError
            If there are two objectives.
        """
        if len(self.maximize) > 1:
            raise ValueError("best_so_far needs one objective, but this search has two: see front()")
        best, so_far = None, []
        for trial in self.evaluations:
            if trial.value is not None and (best is None or trial.value > best):
                best = trial.value
            so_far.append(best)
        return so_far

    def front(self) -> tuple[Trial, ...]:
        """Those of two objectives that none dominates, best in the first objective first.

        Raises
        ------
        ValueError
            If there is only one objective.
        """
        if len(self.maximize) != 2:
            raise ValueError("front needs two objectives, but this search has one: see best")
        valued = [trial for trial in self.evaluations if trial.value is not None]
        return tuple(valued[i] for i in pareto_front([trial.value for trial in valued], self.maximize))


def failure(
    error: object, seconds: float | None = None, notes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The outcome of an evaluation without a value: of an exception, its type and message."""
    if isinstance(error, BaseException):
        error = f"{type(error).__name__}: {error}"
    error = str(error)[:LONGEST_MESSAGE]
    return {"value": None, "error": error, "seconds": seconds, "notes": dict(notes or {})}


def attempt(
    evaluate: Callable[[Genotype], Any], genotype: Genotype, objectives: int = 1, ticket: str = "",
    survives: tuple[type[BaseException], ...] = (Exception, SystemExit),
) -> dict[str, Any]:  # fmt: skip
    """Evaluate one network, wherever this runs, and come back with plain values whatever happens.

    Parameters
    ----------
    evaluate : callable
        Genotype to a number, a pair, None or an Evaluation.
    objectives : int
        How many numbers a value must have.
    ticket : str
        Makes the call different from every other: Dask answers equal calls with one result.
    survives : tuple of exception types
        What costs this network alone.

    Returns
    -------
    dict
        ``value``, ``error``, ``seconds``, ``notes``. In place of them ``misuse``, a message, if ``evaluate``
        returned what is no value at all: that is a mistake in the program and not in a network.
    """
    began = time.perf_counter()
    try:
        found = evaluate(genotype)
    except survives as error:
        return failure(error, time.perf_counter() - began)
    seconds = time.perf_counter() - began
    if not isinstance(found, Evaluation):
        found = Evaluation(found)
    try:
        numbers = _numbers(found.value, objectives)
        notes = json.loads(json.dumps(dict(found.notes), default=_plain))
    except (TypeError, ValueError, OverflowError) as error:
        return {"misuse": f"evaluate: {error}"}
    if numbers is None:
        return failure("evaluate returned None", seconds, notes)
    if not all(map(math.isfinite, numbers)):
        return failure(f"evaluate returned {found.value!r}, which is not finite", seconds, notes)
    value = numbers if objectives > 1 else numbers[0]
    return {"value": value, "error": None, "seconds": seconds, "notes": notes}


def _numbers(value: Any, objectives: int) -> list[float] | None:
    if value is None:
        return None
    wanted = "a number" if objectives == 1 else f"{objectives} numbers"
    wrong = TypeError(f"value must be {wanted}, None or an Evaluation of these, got {value!r}")
    if isinstance(value, str | bytes | Mapping):
        raise wrong
    try:
        parts = [float(value)] if objectives == 1 else [float(part) for part in value]
    except (TypeError, ValueError) as error:
        raise wrong from error
    if len(parts) != objectives:
        raise wrong
    return parts


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy's and torch's numbers and arrays
        return value.tolist()
    raise TypeError(f"notes must be plain values, got a {type(value).__name__}")
