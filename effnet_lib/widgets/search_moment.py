"""What a search has come to after some evaluations; search_moment.js computes the same in the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from effnet_lib.search.objective import hypervolume, pareto_front
from effnet_lib.search.table import SearchTable, incumbents


@dataclass(frozen=True)
class Moment:
    """One search of ``table`` after the evaluations of ``found``.

    The search sees validation accuracies of one training seed. Test accuracies, means over all training seeds,
    judge what it chose by these.

    Parameters
    ----------
    table : SearchTable
    found : sequence of int
        Indices of the networks evaluated so far, in order; the same may come again.
    seed : int
        The search's own seed; it sees training seed ``seed % table.seeds``, as in ``regret_curves``.
    last : int
        How many of the latest evaluations count as recent, or, for evolution, as alive.
    """

    table: SearchTable
    found: Sequence[int]
    seed: int
    last: int

    @cached_property
    def seen(self) -> np.ndarray:
        """Accuracies that the search can see, (networks,)."""
        return self.table.scores(self.seed % self.table.seeds)

    @property
    def newest(self) -> int | None:
        """Index of the network evaluated last; None before the first evaluation."""
        return self.found[-1] if self.found else None

    @property
    def recent(self) -> list[int]:
        """Indices of the last ``last`` evaluations, oldest first: evolution's population."""
        return list(self.found[-self.last :])

    @property
    def level(self) -> float | None:
        """Mean accuracy, as the search saw it, of ``recent``; None before the first evaluation."""
        seen = self.seen[self.recent].tolist()
        return sum(seen) / len(seen) if seen else None

    @property
    def incumbent(self) -> int | None:
        """Index of the network that looked best so far, of equals the first; None before the first evaluation."""
        return incumbents(self.found, self.seen)[-1] if self.found else None

    @property
    def regret(self) -> float | None:
        """How much less mean test accuracy the incumbent has than the best network; None before the first evaluation."""
        return None if self.incumbent is None else self.table.regret(self.incumbent)

    @property
    def distinct(self) -> int:
        """Number of different networks evaluated."""
        return len(set(self.found))

    @property
    def front(self) -> list[int]:
        """Indices of the best trade-offs of MACs and accuracy as the search saw them, cheapest first."""
        return front_of(dict.fromkeys(self.found), self.table.macs, self.seen)

    @property
    def hypervolume(self) -> float:
        """Area that ``front`` dominates by mean test accuracy, as a share of what the whole space's front does.

        Areas in accuracy times MACs, from the corner of the most MACs and the lowest mean test accuracy of the
        space; 1 for a space whose own front has none.
        """
        tested, macs = self.table.tested().tolist(), self.table.macs.tolist()
        corner = (max(macs), min(tested))
        points = list(zip(macs, tested, strict=True))
        whole = hypervolume(points, corner)
        return hypervolume([points[i] for i in self.front], corner) / whole if whole else 1.0


def front_of(indices: Sequence[int], macs: np.ndarray, accuracy: np.ndarray) -> list[int]:
    """Those of ``indices`` that none of the others dominates, cheapest first; of equals the first."""
    given = list(indices)
    return [given[i] for i in pareto_front([(int(macs[i]), float(accuracy[i])) for i in given])]


def checked_runs(runs: Any, networks: int) -> dict[str, list[list[int]]]:
    """``runs`` as plain lists: for every strategy one search a seed, each a list of indices.

    Raises
    ------
    ValueError
        If it is not that, an index is no network's, or searches differ in number or length.
    """
    if not isinstance(runs, Mapping) or not runs:
        raise ValueError(f"runs must be a dict from a strategy's name to its searches, got {runs!r}")
    plain: dict[str, list[list[int]]] = {}
    for name, searches in runs.items():
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"runs must have names of strategies as keys, got {name!r}")
        if not _listed(searches) or not len(searches):
            raise ValueError(f"runs[{name!r}] must be a list of searches, one a seed, got {searches!r}")
        plain[name] = [_checked(search, f"runs[{name!r}][{r}]", networks) for r, search in enumerate(searches)]
    (first, usual), *others = plain.items()
    for name, searches in others:
        if len(searches) != len(usual):
            said = f"{len(usual)} of {first!r} and {len(searches)} of {name!r}"
            raise ValueError(f"runs must have as many searches of every strategy, got {said}")
    budget = len(usual[0])
    for name, searches in plain.items():
        for r, search in enumerate(searches):
            if len(search) != budget:
                said = f"{len(search)} in runs[{name!r}][{r}] and {budget} in runs[{first!r}][0]"
                raise ValueError(f"runs must all have as many evaluations, got {said}")
    return plain


def checked_alive(alive: Any, names: Sequence[str]) -> dict[str, int]:
    """``alive`` as a plain dict from some of ``names`` to sizes of populations.

    Raises
    ------
    ValueError
        If it is not that.
    """
    if not isinstance(alive, Mapping):
        raise ValueError(f"alive must be a dict from a strategy's name to the size of its population, got {alive!r}")
    for name, size in alive.items():
        if name not in names:
            raise ValueError(f"alive must name strategies of runs ({', '.join(map(repr, names))}), got {name!r}")
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"alive[{name!r}] must be a positive integer, got {size!r}")
    return dict(alive)


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)


def _checked(search: Any, name: str, networks: int) -> list[int]:
    if not _listed(search) or not len(search):
        raise ValueError(f"{name} must be a list of indices, one an evaluation, got {search!r}")
    for index in search:
        whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
        if not whole or not 0 <= index < networks:
            raise ValueError(f"{name} must hold indices from 0 to {networks - 1}, got {index!r}")
    return [int(index) for index in search]
