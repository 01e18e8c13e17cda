"""A search space of which every network has been trained: what it is worth is looked up, not measured.

What a search may see, validation accuracy, and what judges it, test accuracy, are kept apart: ``value`` and
``regret``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from effnet_lib import results
from effnet_lib.search.space import Genotype, SearchSpace, tabular_space
from effnet_lib.search.strategy import Strategy

TABLE = "search_glyphs"


@dataclass(frozen=True)
class SearchTable:
    """Accuracies and costs of every network of ``space``, in the order of the space's iteration.

    Parameters
    ----------
    space : SearchSpace
    validation, test : float array, (networks, seeds, epochs)
        Accuracy in [0, 1] after every epoch of training from every seed.
    params, macs : int array, (networks,)
    latency : float array, (networks,)
        Seconds for one picture on one CPU thread; nan where it was not measured.

    Raises
    ------
    ValueError
        If an array has another shape, or an accuracy is not in [0, 1].
    """

    space: SearchSpace
    validation: np.ndarray
    test: np.ndarray
    params: np.ndarray
    macs: np.ndarray
    latency: np.ndarray

    def __post_init__(self) -> None:
        n = self.space.cardinality
        shape = self.validation.shape
        if len(shape) != 3 or shape[0] != n or 0 in shape:
            raise ValueError(f"validation must be of shape ({n}, seeds, epochs), got {shape}")
        for name, wanted in (("test", shape), ("params", (n,)), ("macs", (n,)), ("latency", (n,))):
            if getattr(self, name).shape != wanted:
                raise ValueError(f"{name} must be of shape {wanted}, got {getattr(self, name).shape}")
        for name in ("validation", "test"):
            values = getattr(self, name)
            if not ((values >= 0) & (values <= 1)).all():
                raise ValueError(f"{name} must lie in [0, 1], got {values.min()} to {values.max()}")

    def __len__(self) -> int:
        return len(self.validation)

    @property
    def seeds(self) -> int:
        """From how many seeds every network was trained."""
        return self.validation.shape[1]

    @property
    def epochs(self) -> int:
        """For how many epochs."""
        return self.validation.shape[2]

    def scores(self, seed: int | None = None, epoch: int = -1) -> np.ndarray:
        """Validation accuracy of every network, (networks,): from one seed, or the mean over all.

        Parameters
        ----------
        seed : int, optional
            None: the mean over all seeds, better known than a search that trains once would know it.
        epoch : int
            After which epoch, counted from 0; -1 is the last.

        Raises
        ------
        ValueError
            If there is no such seed or epoch.
        """
        return self._of(self.validation, seed, epoch)

    def tested(self, seed: int | None = None, epoch: int = -1) -> np.ndarray:
        """The same for test accuracy: for judging searches, never for searching."""
        return self._of(self.test, seed, epoch)

    def _of(self, values: np.ndarray, seed: int | None, epoch: int) -> np.ndarray:
        if not -self.epochs <= epoch < self.epochs:
            raise ValueError(f"epoch must lie in 0 to {self.epochs - 1}, or be -1, got {epoch!r}")
        if seed is None:
            return values[:, :, epoch].mean(axis=1)
        if not 0 <= seed < self.seeds:
            raise ValueError(f"seed must lie in 0 to {self.seeds - 1}, or be None, got {seed!r}")
        return values[:, seed, epoch]

    def value(self, genotype: Genotype, seed: int | None = None, epoch: int = -1) -> float:
        """Validation accuracy of one network: all that a search may see. Arguments as for ``scores``."""
        return float(self.scores(seed, epoch)[self.space.index(genotype)])

    @property
    def optimum(self) -> int:
        """Index of the network with the highest mean test accuracy; of equals the first.

        It is the best known, not the best: a maximum over noisy means.
        """
        return int(self.tested().argmax())

    def regret(self, found: Genotype | int | Sequence[int] | np.ndarray) -> float | np.ndarray:
        """Mean test accuracy of the optimum minus that of what was found: 0 is the best.

        ``found`` is a genotype (a tuple), an index, or several indices.
        """
        tested = self.tested()
        index = self.space.index(found) if isinstance(found, tuple) else np.asarray(found)
        lost = tested[self.optimum] - tested[index]
        return float(lost) if lost.ndim == 0 else lost


def load_table(name: str = TABLE, seeds: int | None = None) -> SearchTable:
    """The measured table of the tabular space that ships with the library.

    Parameters
    ----------
    name : str
    seeds : int, optional
        How many of its seeds to take; all that every network has, if None.

    Raises
    ------
    ValueError
        If there is no such table, it lacks networks, or it has fewer seeds.
    """
    found = results.load(name)
    space = tabular_space()
    rows = {tuple(row["genotype"]): row for row in found}
    missing = sum(genotype not in rows for genotype in space)
    if missing:
        raise ValueError(
            f"{name} must hold all {len(space)} networks of the space, but {missing} are missing"
        )
    ordered = [rows[genotype] for genotype in space]
    there = min(len(row["runs"]) for row in ordered)
    if seeds is not None and not 1 <= seeds <= there:
        raise ValueError(f"seeds must lie in 1 to {there}, got {seeds!r}")
    runs = [sorted(row["runs"], key=lambda run: run["seed"])[: seeds or there] for row in ordered]

    def curves(split: str) -> np.ndarray:
        return np.array([[run["curve"][f"{split}_accuracy"] for run in of_one] for of_one in runs])

    return SearchTable(
        space=space,
        validation=curves("validation"),
        test=curves("test"),
        params=np.array([row["params"] for row in ordered]),
        macs=np.array([row["macs"] for row in ordered]),
        latency=np.array(
            [row["latency"]["cpu"]["median"] if row["latency"] else math.nan for row in ordered]
        ),
    )


def search_table(strategy: Strategy, values: Sequence[float] | np.ndarray, budget: int) -> list[int]:
    """Let ``strategy`` search a space whose values are known: the indices of what it asked for, in order.

    Parameters
    ----------
    strategy : Strategy
        Fresh; its space gives the order of ``values``.
    values : sequence of float, (networks,), or of pairs for a strategy with two objectives, (networks, 2)
        What it is told, by index.
    budget : int
        How many networks it may ask for.

    Raises
    ------
    ValueError
        If there are not as many values as networks.
    """
    if len(values) != strategy.space.cardinality:
        raise ValueError(f"values must be {strategy.space.cardinality}, one a network, got {len(values)}")
    plain = values.tolist() if isinstance(values, np.ndarray) else list(values)
    index, found = strategy.space.index, []
    for _ in range(budget):
        genotype = strategy.ask()
        found.append(index(genotype))
        strategy.tell(genotype, plain[found[-1]])
    return found


def incumbents(found: Sequence[int], values: Sequence[float] | np.ndarray) -> list[int]:
    """After every evaluation, the index of the best network so far by ``values``; of equals the first."""
    best, so_far = -1, []
    for index in found:
        if best < 0 or values[index] > values[best]:
            best = index
        so_far.append(best)
    return so_far


def regret_curves(
    make: Callable[[SearchSpace, int], Strategy], table: SearchTable, budget: int, repeats: Iterable[int],
    value: Callable[[np.ndarray], np.ndarray] = lambda scores: scores,
) -> np.ndarray:  # fmt: skip
    """Regret after every evaluation of many searches, float array (repeats, budget).

    Repeat r starts ``make(space, r)`` and is told what the networks' validation accuracies from training seed r
    modulo the number of seeds are worth: one training a network, as in a real search. What it has found is the
    network that looks best by these; regret is what that one's mean test accuracy is worth less than the best's.

    Parameters
    ----------
    make : callable
        (space, seed) to a fresh strategy.
    value : callable
        From accuracies, (networks,), to what is to be maximized: the accuracies themselves, or rewards.
    """
    told = [value(table.scores(seed)) for seed in range(table.seeds)]
    worth = value(table.tested())
    lost = worth.max() - worth
    curves = []
    for repeat in repeats:
        values = told[repeat % table.seeds]
        found = search_table(make(table.space, repeat), values, budget)
        curves.append(lost[incumbents(found, values)])
    return np.array(curves)
