"""What every search strategy does: it is asked for a network, and told how good that network was.

A strategy knows nothing of budgets, data or machines, and two strategies share nothing. Several networks
may be asked for before the first is told, and they may be told in any order.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from effnet_lib.search.space import Genotype, SearchSpace

Value = float | Sequence[float] | None


class Strategy(ABC):
    """Base of all strategies.

    A subclass has ``_propose`` (a genotype, and a note that comes back with its value), ``_learn``,
    ``_memory`` and ``_recall``. It names its settings to ``__init__`` and draws only from ``self.rng``.

    Parameters
    ----------
    space : SearchSpace
    seed : int
    **settings
        The subclass's own settings: plain numbers, kept for ``state``.
    """

    objectives = 1

    def __init__(self, space: SearchSpace, seed: int = 0, **settings: Any) -> None:
        self.space = space
        self.settings = settings
        self.rng = np.random.default_rng(seed)
        self.pending: list[tuple[Genotype, Any]] = []

    def ask(self) -> Genotype:
        """The next network to evaluate."""
        genotype, note = self._propose()
        self.pending.append((genotype, note))
        return genotype

    def tell(self, genotype: Genotype, value: Value) -> None:
        """Report the value of a network that was asked for.

        Parameters
        ----------
        genotype : tuple of int
        value : float, or two of them for a strategy with two objectives, or None
            The more the better. None: the evaluation failed.

        Raises
        ------
        ValueError
            If ``genotype`` is not waiting for a value, or ``value`` is not finite. Nothing is learned then.
        """
        checked = self._checked(value)
        for i, (asked, note) in enumerate(self.pending):
            if asked == genotype:
                del self.pending[i]
                self._learn(asked, checked, note)
                return
        raise ValueError(f"genotype must be one that was asked for and not told yet, got {genotype!r}")

    def _checked(self, value: Value) -> Any:
        if value is None:
            return None
        values = tuple(value) if isinstance(value, Sequence) else (value,)
        if len(values) != self.objectives or not all(math.isfinite(v) for v in values):
            wanted = "a finite number" if self.objectives == 1 else f"{self.objectives} finite numbers"
            raise ValueError(f"value must be {wanted}, or None for a failure, got {value!r}")
        values = tuple(map(float, values))
        return values if self.objectives > 1 else values[0]

    def state(self) -> dict[str, Any]:
        """Everything that the strategy knows, as plain values ready for JSON; ``from_state`` reads it."""
        return {
            "strategy": type(self).__name__,
            "space": {"name": self.space.name, "sizes": list(self.space.sizes)},
            "settings": dict(self.settings),
            "random": self.rng.bit_generator.state,
            "pending": [[list(genotype), note] for genotype, note in self.pending],
            "memory": self._memory(),
        }

    @classmethod
    def from_state(cls, space: SearchSpace, state: Mapping[str, Any]) -> Self:
        """A strategy that goes on exactly where the one that gave ``state`` stood.

        Raises
        ------
        ValueError
            If ``state`` is another strategy's, or of another space.
        """
        if state["strategy"] != cls.__name__:
            raise ValueError(f"state must be of a {cls.__name__}, got one of a {state['strategy']}")
        here = {"name": space.name, "sizes": list(space.sizes)}
        if state["space"] != here:
            raise ValueError(f"state must be of the space {here}, got one of {state['space']}")
        new = cls(space, **state["settings"])
        new.rng.bit_generator.state = state["random"]
        new.pending = [(tuple(genotype), note) for genotype, note in state["pending"]]
        new._recall(state["memory"])
        return new

    @abstractmethod
    def _propose(self) -> tuple[Genotype, Any]: ...

    @abstractmethod
    def _learn(self, genotype: Genotype, value: Any, note: Any) -> None: ...

    def _memory(self) -> Any:
        return None

    def _recall(self, memory: Any) -> None:
        return None


def whole(name: str, value: object, least: int = 1) -> int:
    """``value``, if it is an integer of at least ``least``.

    Raises
    ------
    ValueError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    return value


def between(name: str, value: float, low: float, high: float) -> float:
    """``value``, if it is a number with low <= value <= high.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not low <= value <= high:
        raise ValueError(f"{name} must be a number in [{low}, {high}], got {value!r}")
    return value
