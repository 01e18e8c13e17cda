"""Search quality against Optuna's samplers: the same tables, the same budgets, in the same run."""

from collections.abc import Callable
from statistics import fmean

import numpy as np
import optuna
import pytest
from scipy.stats import hypergeom, wilcoxon
from synthetic import SPACE, macs, table

from effnet_lib.search import NSGA2, PPO, RandomSearch, RegularizedEvolution, Reinforce, hypervolume

BUDGET, TABLES, FEWER = 80, 48, 24  # Optuna's own modelling takes most of the time: fewer tables for it


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def place(trial: optuna.Trial) -> int:
    names = [dimension.name for dimension in SPACE.dimensions]
    chosen = [trial.suggest_categorical(n, range(size)) for n, size in zip(names, SPACE.sizes, strict=True)]
    return SPACE.index(tuple(chosen))


def ours(make: Callable, values: np.ndarray, seed: int) -> list[int]:
    strategy, found = make(SPACE, seed), []
    for _ in range(BUDGET):
        genotype = strategy.ask()
        found.append(SPACE.index(genotype))
        value = values[found[-1]]
        strategy.tell(genotype, float(value) if value.ndim == 0 else tuple(value.tolist()))
    return found


def theirs(sampler: optuna.samplers.BaseSampler, values: np.ndarray) -> list[int]:
    directions = ["maximize"] if values.ndim == 1 else ["minimize", "maximize"]
    study, found = optuna.create_study(directions=directions, sampler=sampler), []
    for _ in range(BUDGET):
        trial = study.ask()
        found.append(place(trial))
        study.tell(trial, values[found[-1]].tolist())
    return found


def regrets(search: Callable[[np.ndarray, int], list[int]], count: int = TABLES) -> list[float]:
    """Regret in percentage points, one a table."""
    tables = [table(seed) for seed in range(count)]
    return [100 * float(t.max() - t[search(t, seed)].max()) for seed, t in enumerate(tables)]


@pytest.fixture(scope="module")
def optunas_random() -> list[float]:
    return regrets(lambda t, seed: theirs(optuna.samplers.RandomSampler(seed=seed), t))


def test_random_search_finds_what_chance_and_optunas_random_sampler_find(optunas_random):
    mine = regrets(lambda t, seed: ours(RandomSearch, t, seed))
    assert wilcoxon(mine, optunas_random).pvalue > 0.001
    without = lambda space, seed: RandomSearch(space, seed, repeat=False)  # noqa: E731
    runs = 200
    hits = sum(int(table(0).argmax()) in ours(without, table(0), seed) for seed in range(runs))
    chance = hypergeom(432, 1, BUDGET).pmf(1)  # the best of 432 among 80 drawn without replacement
    assert abs(hits - runs * chance) < 4 * np.sqrt(runs * chance * (1 - chance))


@pytest.mark.parametrize("strategy", [RegularizedEvolution, Reinforce, PPO])
def test_every_strategy_that_learns_beats_optunas_random_sampler(strategy, optunas_random):
    mine = regrets(lambda t, seed: ours(strategy, t, seed))
    assert fmean(mine) < fmean(optunas_random)
    assert wilcoxon(mine, optunas_random, alternative="less").pvalue < 0.01


def test_evolution_is_no_worse_than_optunas_tpe():
    mine = regrets(lambda t, seed: ours(RegularizedEvolution, t, seed), FEWER)
    tpe = regrets(lambda t, seed: theirs(optuna.samplers.TPESampler(seed=seed), t), FEWER)
    assert wilcoxon(mine, tpe, alternative="greater").pvalue > 0.05  # not shown to be worse


def test_nsga2_covers_as_much_as_optunas_nsga2_and_more_than_chance():
    cost = macs()

    def area(points: np.ndarray) -> float:
        return hypervolume(points.tolist(), (2.0, 0.6))

    areas: dict[str, list[float]] = {"ours": [], "optuna": [], "random": []}
    for seed in range(FEWER):
        both = np.stack([cost, table(seed)], axis=1)
        whole = area(both)
        make = lambda space, seed: NSGA2(space, seed, population=10)  # noqa: E731
        sampler = optuna.samplers.NSGAIISampler(seed=seed, population_size=10)
        chance = ours(RandomSearch, both[:, 1], seed)
        for name, found in {
            "ours": ours(make, both, seed), "optuna": theirs(sampler, both), "random": chance
        }.items():  # fmt: skip
            areas[name].append(area(both[found]) / whole)
    assert max(map(max, areas.values())) <= 1 + 1e-12
    assert wilcoxon(areas["ours"], areas["random"], alternative="greater").pvalue < 0.01
    assert wilcoxon(areas["ours"], areas["optuna"], alternative="less").pvalue > 0.05  # not shown to be worse
