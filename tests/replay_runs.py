"""Searches for tests of the search replay, on a made-up table: they are no results."""

from __future__ import annotations

import random
from functools import lru_cache

import numpy as np

from effnet_lib.cost import cost_of
from effnet_lib.search import (
    NSGA2,
    RandomSearch,
    RegularizedEvolution,
    Reinforce,
    SearchTable,
    search_table,
    tabular_space,
)

BUDGET, SEEDS = 60, 4


@lru_cache(maxsize=4)
def made_up_search_table(seed: int = 0, seeds: int = 3, epochs: int = 2) -> SearchTable:
    """432 networks whose accuracies are made up, in steps of a thousandth as of 1,000 images; none has a latency."""
    space, rng = tabular_space(), np.random.default_rng(seed)
    points = np.array(list(space))
    costs = [cost_of(space.arch(genotype)) for genotype in space]
    macs = np.array([cost.macs for cost in costs])
    level = 0.8 + 0.05 * np.log10(macs / macs.mean()) + rng.normal(0, 0.005, len(points))
    for d, size in enumerate(space.sizes):
        level += rng.normal(0, 0.012, size)[points[:, d]]
    shape = (len(points), seeds, epochs)

    def measured(noise: float) -> np.ndarray:
        grown = level[:, None, None] - 0.1 * np.arange(epochs)[::-1] + rng.normal(0, noise, shape)
        return np.clip(grown, 0, 1).round(3)

    params = np.array([cost.params for cost in costs])
    return SearchTable(space, measured(0.012), measured(0.012), params, macs, np.full(len(points), np.nan))


@lru_cache(maxsize=4)
def made_up_runs(budget: int = BUDGET, seeds: int = SEEDS, seed: int = 0) -> dict[str, list[list[int]]]:
    """Five strategies' searches of ``made_up_search_table(seed)``: for each, one search a seed."""
    table = made_up_search_table(seed)
    makers = {
        "random": RandomSearch,
        "evolution": lambda space, seed: RegularizedEvolution(space, seed, population=12, tournament=4),
        "NSGA-II": lambda space, seed: NSGA2(space, seed, population=12),
        "REINFORCE": Reinforce,
        "no repeats": lambda space, seed: RandomSearch(space, seed, repeat=False),
    }
    found: dict[str, list[list[int]]] = {}
    for name, make in makers.items():
        found[name] = []
        for r in range(seeds):
            scores = table.scores(r % table.seeds)
            values = list(zip(table.macs.tolist(), scores.tolist(), strict=True)) if name == "NSGA-II" else scores
            found[name].append(search_table(make(table.space, r), values, budget))
    return found


def random_runs(draw: random.Random, networks: int = 432) -> dict[str, list[list[int]]]:
    """Any indices, few of them different, so that networks come again."""
    names, seeds, budget = draw.randint(1, 4), draw.randint(1, 5), draw.randint(1, 40)
    pool = [draw.randrange(networks) for _ in range(draw.choice((2, 10, 400)))]
    return {f"s{n}": [draw.choices(pool, k=budget) for _ in range(seeds)] for n in range(names)}
