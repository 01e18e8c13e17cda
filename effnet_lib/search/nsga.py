"""NSGA-II: evolution towards a whole front of trade-offs (Deb et al. 2002)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from effnet_lib.search.objective import dominates, minimized, pareto_front
from effnet_lib.search.space import Genotype, SearchSpace
from effnet_lib.search.strategy import Strategy, between, whole

Member = tuple[Genotype, tuple[float, float]]


def nondominated_ranks(points: Sequence[Sequence[float]], maximize: tuple[bool, bool]) -> list[int]:
    """Rank of every point: 0 on the front, 1 on the front of what is left without it, and so on."""
    beaten_by = [sum(dominates(q, p, maximize) for q in points) for p in points]
    beats = [[j for j, q in enumerate(points) if dominates(p, q, maximize)] for p in points]
    ranks, front, rank = [-1] * len(points), [i for i, n in enumerate(beaten_by) if n == 0], 0
    while front:
        following = []
        for i in front:
            ranks[i] = rank
            for j in beats[i]:
                beaten_by[j] -= 1
                if beaten_by[j] == 0:
                    following.append(j)
        front, rank = following, rank + 1
    return ranks


def crowding_distances(points: Sequence[Sequence[float]]) -> list[float]:
    """How lonely every point of one front is: the size of the gap around it, relative to the front's extent.

    Infinite for the ends.
    """
    distances = [0.0] * len(points)
    for objective in (0, 1):
        order = sorted(range(len(points)), key=lambda i: points[i][objective])
        extent = points[order[-1]][objective] - points[order[0]][objective]
        distances[order[0]] = distances[order[-1]] = math.inf
        for before, i, after in zip(order, order[1:], order[2:], strict=False):
            if extent:
                distances[i] += (points[after][objective] - points[before][objective]) / extent
    return distances


class NSGA2(Strategy):
    """A population that is replaced generation by generation by the best of itself and its children.

    Better is a lower rank, and within a rank the lonelier point. A child has its places from two winners of
    tournaments of two, and every place is then changed with probability 1/dimensions.

    Parameters
    ----------
    space : SearchSpace
    seed : int
    population : int
        Members, and children a generation; at least 2.
    crossover : float
        Probability that a child has two parents rather than one, in [0, 1].
    maximize : (bool, bool)
        Which objectives are to be large. By default a value is (cost, quality).

    Raises
    ------
    ValueError
        If a setting is outside its range.

    Notes
    -----
    A failed evaluation leaves no child behind. Equal genotypes count once, so that a small space does not
    fill the population with copies.
    """

    objectives = 2

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        population: int = 20,
        crossover: float = 0.9,
        maximize: Sequence[bool] = (False, True),
    ) -> None:
        super().__init__(
            space, seed, population=whole("population", population, 2),
            crossover=between("crossover", crossover, 0, 1), maximize=[bool(up) for up in maximize],
        )  # fmt: skip
        self.maximize = (bool(maximize[0]), bool(maximize[1]))
        self.parents: list[Member] = []  # best first
        self.fitness: list[tuple[int, float]] = []  # of the parents: rank, minus crowding distance
        self.children: list[Member] = []

    def front(self) -> list[Member]:
        """The members and children that none of them dominates."""
        members = self.parents + self.children
        return [members[i] for i in pareto_front([value for _, value in members], self.maximize)]

    def _propose(self) -> tuple[Genotype, Any]:
        if not self.parents:
            return self.space.sample(self.rng), None
        child = self._winner()
        if self.rng.random() < self.settings["crossover"]:
            child = self.space.crossover(child, self._winner(), self.rng)
        for _ in range(int(self.rng.binomial(len(self.space.sizes), 1 / len(self.space.sizes)))):
            child = self.space.mutate(child, self.rng)
        return child, None

    def _winner(self) -> Genotype:
        a, b = self.rng.integers(0, len(self.parents), 2).tolist()
        return self.parents[b if self.fitness[b] < self.fitness[a] else a][0]

    def _learn(self, genotype: Genotype, value: Any, note: Any) -> None:
        if value is None:
            return
        self.children.append((genotype, value))
        if len(self.children) == self.settings["population"]:
            self._select(self.parents + self.children)
            self.children = []

    def _select(self, members: list[Member]) -> None:
        members = list(dict(members).items())
        values = [minimized(value, self.maximize) for _, value in members]
        ranks = nondominated_ranks(values, (False, False))
        fitness = [(rank, 0.0) for rank in ranks]
        for rank in set(ranks):
            front = [i for i, r in enumerate(ranks) if r == rank]
            for i, distance in zip(front, crowding_distances([values[i] for i in front]), strict=True):
                fitness[i] = (rank, -distance)
        best = sorted(range(len(members)), key=lambda i: fitness[i])[: self.settings["population"]]
        self.parents, self.fitness = [members[i] for i in best], [fitness[i] for i in best]

    def _memory(self) -> Any:
        def plain(members: list[Member]) -> list[Any]:
            return [[list(genotype), list(value)] for genotype, value in members]

        fitness = [[rank, None if math.isinf(crowd) else crowd] for rank, crowd in self.fitness]
        return {"parents": plain(self.parents), "fitness": fitness, "children": plain(self.children)}

    def _recall(self, memory: Any) -> None:
        def members(plain: list[Any]) -> list[Member]:
            return [(tuple(genotype), tuple(value)) for genotype, value in plain]

        self.parents, self.children = members(memory["parents"]), members(memory["children"])
        self.fitness = [(rank, -math.inf if crowd is None else crowd) for rank, crowd in memory["fitness"]]
