"""Speed of searching a table in memory: what a strategy itself costs, evaluation by evaluation."""

from statistics import median

import numpy as np
import pytest
from paired import seconds

from effnet_lib.search import NSGA2, PPO, RandomSearch, RegularizedEvolution, Reinforce, tabular_space

SPACE = tabular_space()
VALUES = np.random.default_rng(0).random((SPACE.cardinality, 2)).tolist()
BUDGET = 400


@pytest.mark.parametrize(
    ("strategy", "least"),
    [(RandomSearch, 10_000), (RegularizedEvolution, 10_000), (NSGA2, 500), (Reinforce, 500), (PPO, 500)],
)
def test_table_evaluations_a_second(report, strategy, least):
    def search() -> None:
        one = strategy(SPACE, seed=0)
        for _ in range(BUDGET):
            genotype = one.ask()
            values = VALUES[SPACE.index(genotype)]
            one.tell(genotype, values if one.objectives == 2 else values[0])

    search()
    speed = BUDGET / median(seconds(search) for _ in range(11))
    report(f"{strategy.__name__}: table evaluations", f"{speed:,.0f} /s", f">= {least:,} /s", speed >= least)
