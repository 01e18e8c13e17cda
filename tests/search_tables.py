"""A searched space with made-up accuracies and times, for tests: they are no results."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from effnet_lib.cost import cost_of
from effnet_lib.search import SearchTable, tabular_space


@lru_cache(maxsize=8)
def made_up_search_table(seeds: int = 3, epochs: int = 5, seed: int = 0) -> SearchTable:
    """The 432 networks of the tabular space; accuracies are thousandths, as if counted on 1,000 pictures."""
    space, rng = tabular_space(), np.random.default_rng(seed)
    points = np.array(list(space))
    quality = np.full(len(points), 0.83)
    for d, size in enumerate(space.sizes):
        quality += np.sort(rng.normal(0, 0.012, size))[points[:, d]]
    quality += rng.normal(0, 0.005, len(points))
    growth = 1 - 0.5 * 0.45 ** np.arange(epochs)
    shape = (len(points), seeds, epochs)
    found = {
        split: np.round(np.clip(quality[:, None, None] * growth + rng.normal(0, 0.007, shape), 0, 1), 3)
        for split in ("validation", "test")
    }
    costs = [cost_of(space.arch(genotype)) for genotype in space]
    macs = np.array([cost.macs for cost in costs])
    latency = np.round(2e-4 + macs / 2e9 * rng.uniform(0.8, 1.3, len(macs)), 7)
    return SearchTable(space, **found, params=np.array([c.params for c in costs]), macs=macs, latency=latency)
