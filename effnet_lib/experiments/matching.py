"""Networks of equal cost: scale a network one way or another and solve its widths for the MACs it may spend."""

from __future__ import annotations

import itertools
import math

from effnet_lib.arch import ArchSpec
from effnet_lib.cost import cost_of
from effnet_lib.scaling import compound_multipliers, mac_factor, round_resolution

TOLERANCE = 0.01  #: how far from its target a matched network's MACs may lie


def spread_depth(depths: tuple[int, ...], multiplier: float) -> tuple[int, ...]:
    """``depths`` times ``multiplier``, rounded so that the total is right and every stage keeps a block.

    EfficientNet rounds every stage up. In a network with one block a stage, that turns a multiplier of
    1.2 into one of nearly 2; here the blocks go to the stages with the largest remainders.
    """
    exact = [depth * multiplier for depth in depths]
    whole = [max(1, math.floor(value + 1e-9)) for value in exact]
    missing = math.floor(sum(exact) + 0.5) - sum(whole)
    order = sorted(range(len(depths)), key=lambda i: whole[i] - exact[i])
    for i in order[: max(0, missing)]:
        whole[i] += 1
    return tuple(whole)


def with_widths(arch: ArchSpec, channels: tuple[int, ...], depths: tuple[int, ...] | None = None) -> ArchSpec:
    """``arch`` with the widths (stem, every stage, head) and, if given, the depths of its stages."""
    stem, *middle, head = channels
    depths = depths or tuple(stage.depth for stage in arch.stages)
    stages = tuple(
        type(stage)(stage.block, stage.kernel, stage.stride, stage.expand, width, depth, stage.se_ratio)
        for stage, width, depth in zip(arch.stages, middle, depths, strict=True)
    )
    return arch.replace(stem=stem, stages=stages, head=head)


def match_macs(
    arch: ArchSpec, macs: float, like: ArchSpec | None = None, tolerance: float = TOLERANCE
) -> ArchSpec:
    """``arch`` with all widths changed in one proportion, to whole channels, so that it costs ``macs``.

    A single proportion of small whole numbers rarely lands within ``tolerance``; then the widths that lie
    closest to the proportion are taken, each at most one channel off.

    Parameters
    ----------
    like : ArchSpec, optional
        The network whose widths stand in the proportion 1; ``arch`` itself if None.

    Raises
    ------
    ValueError
        If no such network exists.
    """
    base = like or arch
    ones = (base.stem, *(stage.channels for stage in base.stages), base.head)
    low, high = 1 / min(ones), 64.0

    def at(width: float) -> tuple[int, ...]:
        return tuple(max(1, math.floor(c * width + 0.5)) for c in ones)

    for _ in range(40):
        middle = math.sqrt(low * high)
        if cost_of(with_widths(arch, at(middle))).macs < macs:
            low = middle
        else:
            high = middle
    exact = [c * high for c in ones]
    best = None
    for step in itertools.product((0, -1, 1), repeat=len(ones)):
        channels = tuple(max(1, math.floor(e + 0.5) + s) for e, s in zip(exact, step, strict=True))
        off = sum(math.log(c / e) ** 2 for c, e in zip(channels, exact, strict=True))
        if best is not None and off >= best[0]:
            continue
        candidate = with_widths(arch, channels)
        if abs(cost_of(candidate).macs / macs - 1) <= tolerance:
            best = (off, candidate)
    if best is None:
        raise ValueError(
            f"macs: no widths of {arch.name!r} at {arch.resolution} pixels cost {macs:,.0f} within {tolerance:.0%}"
        )
    return best[1]


def _shaped(base: ArchSpec, depth: float, resolution: float, macs: float) -> ArchSpec:
    depths = spread_depth(tuple(stage.depth for stage in base.stages), depth)
    widths = (base.stem, *(stage.channels for stage in base.stages), base.head)
    shaped = with_widths(base, widths, depths)
    pixels = base.check_resolution(round_resolution(base.resolution * resolution))
    return match_macs(shaped.replace(resolution=pixels), macs, like=base)


def _depth_alone(base: ArchSpec, macs: float) -> float:
    """The depth multiplier that comes closest to ``macs`` with the base's widths."""
    depths = tuple(stage.depth for stage in base.stages)
    widths = (base.stem, *(stage.channels for stage in base.stages), base.head)

    def error(blocks: int) -> float:
        deeper = with_widths(base, widths, spread_depth(depths, blocks / sum(depths)))
        return abs(math.log(cost_of(deeper).macs / macs))

    return min(range(sum(depths), 40 * sum(depths)), key=error) / sum(depths)


def scaled(
    base: ArchSpec, family: str, factor: float, bases: tuple[float, float, float] | None = None
) -> ArchSpec:
    """``base`` at ``factor`` times its MACs, grown in one way.

    Parameters
    ----------
    family : {"width", "depth", "resolution", "compound"}
    bases : (alpha, beta, gamma), for "compound"
        Depth and resolution grow by alpha^phi and gamma^phi with the phi at which the three together give
        ``factor``; width, beta^phi in theory, is solved like everywhere.

    Raises
    ------
    ValueError
        If ``family`` is unknown or the MACs cannot be matched within 1 %.
    """
    macs = cost_of(base).macs * factor
    if family == "width":
        return _shaped(base, 1, 1, macs)
    if family == "depth":
        return _shaped(base, _depth_alone(base, macs), 1, macs)
    if family == "resolution":
        return _shaped(base, 1, math.sqrt(factor), macs)
    if family == "compound" and bases is not None:
        phi = math.log(factor) / math.log(mac_factor(*bases))
        grown = compound_multipliers(phi, *bases)
        return _shaped(base, grown.depth, grown.resolution, macs)
    raise ValueError(
        f"family must be 'width', 'depth', 'resolution' or 'compound' with bases, got {family!r}"
    )
