"""MnasNet's reward over a table of networks: who has the highest, and who can have it at any exponent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

#: Exponents of the table that the reward shaper shows; -0.07 and -1 are the paper's (Tan et al. 2019).
EXPONENTS = (0.0, -0.03, -0.07, -0.15, -0.3, -1.0)
#: The paper's exponent beyond the target in either mode.
PAPER = {"soft": -0.07, "hard": -1.0}
TIE = 1e-12  # rewards that differ by less, relatively, are equal


class Contender(NamedTuple):
    """A network that has the highest reward for the exponents from ``start`` down to ``end``."""

    index: int
    start: float
    end: float


def exponents(mode: str, exponent: float) -> tuple[float, float]:
    """The exponents up to the target and beyond it: both the same if ``soft``, 0 and ``exponent`` if ``hard``."""
    return (exponent, exponent) if mode == "soft" else (0.0, exponent)


def winner(rewards: Sequence[float], costs: Sequence[float]) -> int:
    """Index of the highest reward; of equals the cheapest, of equally cheap ones the first."""
    most = max(rewards)
    equal = [i for i, reward in enumerate(rewards) if reward >= most * (1 - TIE)]
    return min(equal, key=lambda i: costs[i])


def contenders(
    costs: Sequence[float], shares: Sequence[float], target: float, mode: str, steepest: float = 1.0
) -> list[Contender]:
    """The networks that have the highest reward at some exponent from 0 to ``-steepest``, in this order.

    The logarithm of the reward is log(accuracy) + w * x, with x the logarithm of cost over target (if ``hard``,
    0 up to the target). Its maximum over the networks lies on the upper hull of the points (x, log accuracy),
    which is walked from the most accurate network to cheaper ones. A soft target moves all x alike, so it
    changes nothing here.
    """
    x = [math.log(cost / target) for cost in costs]
    if mode == "hard":
        x = [max(0.0, value) for value in x]
    y = [math.log(share) if share > 0 else -math.inf for share in shares]
    at = min(range(len(x)), key=lambda i: (-y[i], costs[i]))
    found, start = [], 0.0
    while True:
        slope, _, _, after = min(
            (((y[at] - y[i]) / (x[at] - x[i]), x[i], costs[i], i) for i in range(len(x)) if x[i] < x[at]),
            default=(math.inf, 0, 0, -1),
        )
        if slope > steepest:
            return [*found, Contender(at, start, -steepest)]
        if -slope < start:  # else it wins for no more than one exponent, and of equals the cheapest wins
            found.append(Contender(at, start, -slope))
        at, start = after, -slope
