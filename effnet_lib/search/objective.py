"""What a search is to look for: one number out of accuracy and cost, or the front of the best trade-offs."""

from __future__ import annotations

import math
from collections.abc import Sequence

SOFT = (-0.07, -0.07)
HARD = (0.0, -1.0)

Point = Sequence[float]
COST_AND_QUALITY = (False, True)  # the less of the first and the more of the second, the better


def _positive(name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number, got {value!r}")
    return value


def mnasnet_reward(
    accuracy: float, cost: float, target: float, exponents: tuple[float, float] = SOFT
) -> float:
    """``accuracy * (cost / target) ** w`` (Tan et al. 2019, Equation 2).

    Parameters
    ----------
    accuracy : float
        In [0, 1].
    cost, target : float
        Latency, MACs, ...: anything positive, both in the same unit.
    exponents : (float, float)
        ``w`` up to the target and beyond it (the paper's alpha and beta): ``SOFT``, (-0.07, -0.07), trades
        throughout; ``HARD``, (0, -1), gives nothing for being cheaper and takes much for being dearer.

    Raises
    ------
    ValueError
        If ``accuracy`` is not in [0, 1], or ``cost`` or ``target`` is not positive.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must lie in [0, 1], got {accuracy!r}")
    ratio = _positive("cost", cost) / _positive("target", target)
    return accuracy * ratio ** exponents[0 if ratio <= 1 else 1]


def soft_exponent(gain: float = 0.05, factor: float = 2.0) -> float:
    """The exponent at which ``factor`` times the cost is just worth ``gain`` more accuracy (relative).

    The paper's rule, 5 % for twice the latency, gives -0.0704, which it rounds to -0.07.

    Raises
    ------
    ValueError
        If ``gain`` is not positive or ``factor`` is not above 1.
    """
    if not 1 < factor < math.inf:
        raise ValueError(f"factor must be above 1, got {factor!r}")
    return -math.log1p(_positive("gain", gain)) / math.log(factor)


def constrained(accuracy: float, cost: float, budget: float) -> float:
    """``accuracy`` within the budget; beyond it a negative number, the lower the dearer: ``1 - cost/budget``.

    So every network within the budget beats every one beyond it, and those beyond it are still told apart
    (Deb 2000's rule for constraints). ``cost`` and ``budget`` are positive, in the same unit.

    Raises
    ------
    ValueError
        If ``accuracy`` is not in [0, 1], or ``cost`` or ``budget`` is not positive.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must lie in [0, 1], got {accuracy!r}")
    excess = _positive("cost", cost) / _positive("budget", budget)
    return accuracy if excess <= 1 else 1 - excess


def minimized(point: Point, maximize: tuple[bool, bool] = COST_AND_QUALITY) -> tuple[float, float]:
    """``point`` with the sign changed where more is better, so that less is better in both."""
    x, y = point
    return (-x if maximize[0] else x), (-y if maximize[1] else y)


def dominates(a: Point, b: Point, maximize: tuple[bool, bool] = COST_AND_QUALITY) -> bool:
    """Whether ``a`` is at least as good as ``b`` in both objectives and better in one."""
    (ax, ay), (bx, by) = minimized(a, maximize), minimized(b, maximize)
    return ax <= bx and ay <= by and (ax < bx or ay < by)


def pareto_front(points: Sequence[Point], maximize: tuple[bool, bool] = COST_AND_QUALITY) -> list[int]:
    """Indices of the points that none dominates, best in the first objective first; of equals the first.

    By default a point is (cost, quality), as for ``figures.pareto_front``, which gives the same indices.
    """
    lower = [minimized(point, maximize) for point in points]
    best, front = math.inf, []
    for i in sorted(range(len(lower)), key=lambda i: lower[i]):
        if lower[i][1] < best:
            best = lower[i][1]
            front.append(i)
    return front


def hypervolume(
    points: Sequence[Point], reference: Point, maximize: tuple[bool, bool] = COST_AND_QUALITY
) -> float:
    """Area that ``points`` dominate within the corner at ``reference``: the more, the better the front.

    Exact, by one sweep. ``reference`` is a point worse than what is to count; what is not better than it in
    both objectives adds nothing.
    """
    right, top = minimized(reference, maximize)
    lower = [minimized(points[i], maximize) for i in pareto_front(points, maximize)]
    area = 0.0
    for x, y in lower:
        if x < right and y < top:
            area += (right - x) * (top - y)
            top = y
    return area
