"""Timing rivals in turn, so that a machine that speeds up or slows down does so for all of them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple


class Ratio(NamedTuple):
    """Median of paired ratios with a 95 % bootstrap interval."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} [{self.low:.3f}, {self.high:.3f}]"


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def rounds(rivals: dict[str, Callable[[], object]], count: int, warm_up: int = 2) -> dict[str, list[float]]:
    """Seconds of every rival in ``count`` rounds; in each, all run once, in a shuffled order."""
    shuffle, names = random.Random(0), list(rivals)
    for _ in range(warm_up):
        for run in rivals.values():
            run()
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(count):
        shuffle.shuffle(names)
        for name in names:
            times[name].append(seconds(rivals[name]))
    return times


def ratio(numerator: list[float], denominator: list[float]) -> Ratio:
    """How much longer the first takes than the second, round by round."""
    ratios = [a / b for a, b in zip(numerator, denominator, strict=True)]
    draw = random.Random(0)
    medians = sorted(median(draw.choices(ratios, k=len(ratios))) for _ in range(1000))
    return Ratio(median(ratios), medians[24], medians[974])
