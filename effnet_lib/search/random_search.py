"""Random search: the baseline that every other strategy has to beat (Li & Talwalkar 2019)."""

from __future__ import annotations

from typing import Any

from effnet_lib.search.space import Genotype, SearchSpace
from effnet_lib.search.strategy import Strategy


class RandomSearch(Strategy):
    """Draws networks uniformly.

    Parameters
    ----------
    space : SearchSpace
    seed : int
    repeat : bool
        Whether a network may come again. If not, none does until all of the space have been asked for,
        and then it starts over.
    """

    def __init__(self, space: SearchSpace, seed: int = 0, repeat: bool = True) -> None:
        super().__init__(space, seed, repeat=repeat)
        self.seen: set[Genotype] = set()

    def _propose(self) -> tuple[Genotype, Any]:
        genotype = self.space.sample(self.rng)
        if not self.settings["repeat"]:
            if len(self.seen) == self.space.cardinality:
                self.seen.clear()
            while genotype in self.seen:
                genotype = self.space.sample(self.rng)
            self.seen.add(genotype)
        return genotype, None

    def _learn(self, genotype: Genotype, value: Any, note: Any) -> None:
        return None

    def _memory(self) -> Any:
        return sorted(map(list, self.seen))

    def _recall(self, memory: Any) -> None:
        self.seen = {tuple(genotype) for genotype in memory}
