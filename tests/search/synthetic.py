"""A stand-in for the measured table: an accuracy for each of the 432 networks, with seed noise left out."""

import numpy as np

from effnet_lib import cost_of
from effnet_lib.search.space import tabular_space

SPACE = tabular_space()


def table(seed: int = 0) -> np.ndarray:
    """Accuracies, (432,): each option's own effect, effects of pairs, and something of each network's own."""
    rng = np.random.default_rng(seed)
    points = np.array(list(SPACE))
    values = np.full(len(points), 0.75)
    for d, size in enumerate(SPACE.sizes):
        values += rng.normal(0, 0.025, size)[points[:, d]]
        for e in range(d):
            values += rng.normal(0, 0.008, (size, SPACE.sizes[e]))[points[:, d], points[:, e]]
    return np.clip(values + rng.normal(0, 0.006, len(points)), 0, 1)


def macs() -> np.ndarray:
    """MACs of the 432 networks, in millions."""
    return np.array([cost_of(SPACE.arch(genotype)).macs for genotype in SPACE]) / 1e6
