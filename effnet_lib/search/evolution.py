"""Regularized (ageing) evolution: the oldest dies, not the worst (Real et al. 2019, Algorithm 1)."""

from __future__ import annotations

from collections import deque
from typing import Any

from effnet_lib.search.space import Genotype, SearchSpace
from effnet_lib.search.strategy import Strategy, whole


class RegularizedEvolution(Strategy):
    """A random population; then, again and again, a mutated copy of the best of a few drawn from it.

    Every child pushes out the oldest member: a network that scored well by luck cannot stay for ever.

    Parameters
    ----------
    space : SearchSpace
    seed : int
    population : int
        Members; the paper has 100 in searches of 20,000 networks.
    tournament : int
        How many are drawn, with replacement, for the best of them to become the parent; the paper has 25.
        Of equals, the first drawn.

    Raises
    ------
    ValueError
        If ``population`` or ``tournament`` is not a positive integer.

    Notes
    -----
    A failed evaluation leaves no member behind.
    """

    def __init__(self, space: SearchSpace, seed: int = 0, population: int = 20, tournament: int = 5) -> None:
        super().__init__(space, seed, population=population, tournament=whole("tournament", tournament))
        self.members: deque[tuple[Genotype, float]] = deque(maxlen=whole("population", population))

    def _propose(self) -> tuple[Genotype, Any]:
        if len(self.members) < self.settings["population"]:
            return self.space.sample(self.rng), None
        drawn = self.rng.integers(0, len(self.members), self.settings["tournament"]).tolist()
        parent = max((self.members[i] for i in drawn), key=lambda member: member[1])
        return self.space.mutate(parent[0], self.rng), None

    def _learn(self, genotype: Genotype, value: Any, note: Any) -> None:
        if value is not None:
            self.members.append((genotype, value))

    def _memory(self) -> Any:
        return [[list(genotype), value] for genotype, value in self.members]

    def _recall(self, memory: Any) -> None:
        self.members.extend((tuple(genotype), value) for genotype, value in memory)
