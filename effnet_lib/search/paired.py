"""Telling strategies apart: paired tests over repeats, corrected for how many there are (Holm 1979)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from scipy import stats


class Pair(NamedTuple):
    """Two strategies and what their repeats say of them.

    ``difference``: mean of first minus second, and ``half`` the half width of its 95 % interval (Student's t
    on the differences); ``p`` of Wilcoxon's signed-rank test, and ``corrected``, the same after Holm's
    correction over all pairs that were tested together.
    """

    first: str
    second: str
    difference: float
    half: float
    p: float
    corrected: float

    def tie(self, level: float = 0.05) -> bool:
        """Whether the test does not tell the two apart."""
        return self.corrected >= level


def wilcoxon(first: Any, second: Any) -> float:
    """Two-sided p of Wilcoxon's signed-rank test (1945) that paired differences lie symmetrically about 0.

    Repeats without a difference are left out; with no other left, p is 1. ``first`` and ``second`` are float
    arrays, (repeats,).

    Raises
    ------
    ValueError
        If they are not of one length.
    """
    gaps = _gaps(first, second)
    return float(stats.wilcoxon(gaps, method="asymptotic").pvalue) if gaps.any() else 1.0


def holm(pvalues: Sequence[float]) -> list[float]:
    """p values corrected for their number, in the same order: the smallest times n, the next times n - 1, ...

    None falls below one that was smaller, and none exceeds 1. To call significant what is below 0.05
    afterwards errs in no more than 5 % of such families of tests.
    """
    n, least = len(pvalues), 0.0
    corrected = [0.0] * n
    for rank, i in enumerate(sorted(range(n), key=lambda i: pvalues[i])):
        least = max(least, min(1.0, (n - rank) * float(pvalues[i])))
        corrected[i] = least
    return corrected


def all_pairs(regrets: Mapping[str, Any]) -> list[Pair]:
    """Every two strategies against one another, in the order of the names.

    ``regrets``: for every name a float array (repeats,), repeat by repeat the same task for all.

    Raises
    ------
    ValueError
        If the arrays are not of one length, of at least 2.
    """
    pairs = list(combinations(regrets, 2))
    raw = [wilcoxon(regrets[a], regrets[b]) for a, b in pairs]
    found = []
    for (a, b), p, corrected in zip(pairs, raw, holm(raw), strict=True):
        gaps = _gaps(regrets[a], regrets[b])
        error = gaps.std(ddof=1) / math.sqrt(len(gaps))
        half = float(stats.t.ppf(0.975, len(gaps) - 1) * error)
        found.append(Pair(a, b, float(gaps.mean()), half, p, corrected))
    return found


def _gaps(first: Any, second: Any) -> np.ndarray:
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.ndim != 1 or first.shape != second.shape or len(first) < 2:
        raise ValueError(
            f"first and second must be one value a repeat, of at least 2, got {first.shape} and {second.shape}"
        )
    return first - second
