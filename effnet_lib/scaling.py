"""Scaling a network in width, depth and resolution, and all three together (Tan & Le 2019, Section 3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from effnet_lib.arch import ArchSpec


def _positive(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number, got {value!r}")
    return value


def _snap(multiplier: float) -> float:
    # Powers differ in their last bit from one maths library to the next, and a last bit can move a rounded
    # width. Nine decimals are more than a multiplier needs, and the same everywhere.
    return math.floor(multiplier * 1e9 + 0.5) / 1e9


def round_channels(channels: float, divisor: int = 8) -> int:
    """Nearest multiple of ``divisor`` that loses at most 10 % of ``channels``.

    EfficientNet rounds every scaled width this way, so that widths suit the hardware (Tan & Le 2019,
    reference code).

    Raises
    ------
    ValueError
        If ``channels`` is not positive or ``divisor`` is not a positive integer.
    """
    _positive("channels", channels)
    if isinstance(divisor, bool) or not isinstance(divisor, int) or divisor < 1:
        raise ValueError(f"divisor must be a positive integer, got {divisor!r}")
    rounded = max(divisor, int((channels + divisor / 2 + 1e-9) // divisor) * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def round_depth(depth: float) -> int:
    """Smallest whole number of blocks that is at least ``depth``.

    Scaled depths are rounded up, so that scaling never removes a block (Tan & Le 2019, reference code).
    One part in 10^9 is forgiven: 2.2 * 25 is 55 blocks, not the 56 that floating point would make of it.

    Raises
    ------
    ValueError
        If ``depth`` is not positive.
    """
    return max(1, math.ceil(_positive("depth", depth) - 1e-9))


def round_resolution(resolution: float) -> int:
    """Nearest whole number of pixels, halves up."""
    return max(1, math.floor(_positive("resolution", resolution) + 0.5))


def scale(
    arch: ArchSpec, width: float = 1.0, depth: float = 1.0, resolution: int | float | None = None
) -> ArchSpec:
    """``arch`` made wider, deeper and for larger inputs.

    Parameters
    ----------
    width : float
        Multiplies every channel count, then ``round_channels``. At 1 widths stay as they are.
    depth : float
        Multiplies the number of blocks of every stage, then ``round_depth``.
    resolution : int or float, optional
        An ``int`` is a size in pixels, a ``float`` multiplies ``arch.resolution``. None keeps it.

    Returns
    -------
    ArchSpec
        With the same name: naming the result is the caller's business.

    Raises
    ------
    ValueError
        If a multiplier is not positive or the resolution is below the network's total stride, or width or
        depth of an irregular (pruned) network is to change: its widths follow no rule that could be scaled.

    Notes
    -----
    With ``arch.fixed_ends`` stem and head keep their width and the first and last stage their depth
    (EfficientNet-Lite).
    """
    _positive("width", width)
    _positive("depth", depth)
    if arch.irregular and (width != 1 or depth != 1):
        raise ValueError(
            f"arch must be regular to be scaled, got {arch.name!r} with widths given block by block; scale first, "
            "then prune (the resolution alone may change)"
        )
    last = len(arch.stages) - 1

    def widened(channels: int) -> int:
        return channels if width == 1 else round_channels(channels * width)

    stages = []
    for i, stage in enumerate(arch.stages):
        kept = arch.fixed_ends and i in (0, last)
        blocks = stage.depth if kept else round_depth(stage.depth * depth)
        stages.append(replace(stage, channels=widened(stage.channels), depth=blocks))
    if resolution is None:
        pixels = arch.resolution
    elif isinstance(resolution, int):
        pixels = arch.check_resolution(resolution)
    else:
        pixels = round_resolution(_positive("resolution", resolution) * arch.resolution)
        arch.check_resolution(pixels)
    return arch.replace(
        stages=tuple(stages),
        stem=arch.stem if arch.fixed_ends else widened(arch.stem),
        head=arch.head if arch.fixed_ends else widened(arch.head),
        resolution=pixels,
    )


class Multipliers(NamedTuple):
    """What to multiply width, depth and resolution by."""

    width: float
    depth: float
    resolution: float


def compound_multipliers(
    phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15
) -> Multipliers:
    """Depth alpha^phi, width beta^phi, resolution gamma^phi (Tan & Le 2019, Equation 3).

    The default bases are the paper's, found by a grid search around EfficientNet-B0.

    Raises
    ------
    ValueError
        If ``phi`` is negative or a base is below 1: compound scaling makes networks larger.
    """
    if isinstance(phi, bool) or not isinstance(phi, (int, float)) or not 0 <= phi < math.inf:
        raise ValueError(f"phi must be a number of at least 0, got {phi!r}")
    for name, base in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        if isinstance(base, bool) or not isinstance(base, (int, float)) or not 1 <= base < math.inf:
            raise ValueError(f"{name} must be a number of at least 1, got {base!r}")
    return Multipliers(_snap(beta**phi), _snap(alpha**phi), _snap(gamma**phi))


def compound_scale(
    arch: ArchSpec, phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15
) -> ArchSpec:
    """``arch`` scaled by one number: ``scale`` with ``compound_multipliers``.

    Whole-number phi does not give the published B1 to B7, whose multipliers were rounded by hand:
    ``get_arch`` has those.
    """
    m = compound_multipliers(phi, alpha, beta, gamma)
    return scale(arch, width=m.width, depth=m.depth, resolution=m.resolution)


def mac_factor(alpha: float, beta: float, gamma: float) -> float:
    """Growth of the MACs for one step of phi, if nothing were rounded: alpha * beta^2 * gamma^2.

    Depth enters once, width twice (input and output channels), resolution twice (height and width). The
    paper asks for about 2; its own 1.2, 1.1, 1.15 give 1.92.
    """
    return _positive("alpha", alpha) * _positive("beta", beta) ** 2 * _positive("gamma", gamma) ** 2


def implied_phi(multiplier: float, base: float) -> float:
    """The phi at which ``base ** phi`` is ``multiplier``: what a published multiplier says phi was.

    Raises
    ------
    ValueError
        If ``multiplier`` is not positive or ``base`` is not above 1.
    """
    if isinstance(base, bool) or not isinstance(base, (int, float)) or not 1 < base < math.inf:
        raise ValueError(f"base must be a number above 1, got {base!r}")
    return math.log(_positive("multiplier", multiplier)) / math.log(base)


class Coefficients(NamedTuple):
    """A candidate for the bases of compound scaling."""

    alpha: float
    beta: float
    gamma: float


def candidate_coefficients(
    step: float = 0.05, highest: float = 2.0, target: float = 2.0, tolerance: float = 0.1
) -> Iterator[Coefficients]:
    """All (alpha, beta, gamma) of a grid from 1 whose ``mac_factor`` is ``target`` within ``tolerance``.

    This is the constraint of the paper's grid search at phi = 1 (Tan & Le 2019, Section 3.3, step 1).

    Raises
    ------
    ValueError
        If an argument is not positive, or ``highest`` is below 1.
    """
    for name, value in (("step", step), ("highest", highest), ("target", target), ("tolerance", tolerance)):
        _positive(name, value)
    if highest < 1:
        raise ValueError(f"highest must be at least 1, got {highest!r}")
    steps = int((highest - 1) / step + 1e-9)
    values = [_snap(1 + i * step) for i in range(steps + 1)]
    for alpha in values:
        for beta in values:
            for gamma in values:
                if abs(mac_factor(alpha, beta, gamma) - target) <= tolerance:
                    yield Coefficients(alpha, beta, gamma)


def search_coefficients(
    score: Callable[[Coefficients], float], candidates: Iterable[Coefficients] | None = None
) -> list[tuple[float, Coefficients]]:
    """Every candidate with its score, best first; ties keep the order of the candidates.

    ``score`` takes Coefficients and returns a number to maximize: validation accuracy of the base network
    scaled by them, or any stand-in. ``candidates`` default to ``candidate_coefficients()``.

    Raises
    ------
    ValueError
        If there is no candidate, or a score is not a number.
    """
    scored = []
    for candidate in candidate_coefficients() if candidates is None else candidates:
        value = score(candidate)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            raise ValueError(f"score must return a number, got {value!r} for {candidate}")
        scored.append((value, candidate))
    if not scored:
        raise ValueError("candidates must hold at least one Coefficients, got none")
    return sorted(scored, key=lambda pair: -pair[0])
