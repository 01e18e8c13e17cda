"""Plots of what a controller learns: its probabilities over time, and PPO's clipped objective.

They share the style of :mod:`effnet_lib.figures`, whose ``show`` displays them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from effnet_lib.figures import INK, PALETTE, PAPER, WIDTH, canvas, styled
from effnet_lib.search.space import Dimension, SearchSpace

_SHADES = LinearSegmentedColormap.from_list("probability", [PAPER, PALETTE[5], PALETTE[0], "#002a45"])


def option_labels(dimension: Dimension) -> list[str]:
    """The options of a dimension in a word or two each: ``["MBConv 3", "MBConv 5", "Fused 3"]``."""
    if dimension.field == "operation":
        return [f"{'Fused' if block == 'fused' else 'MBConv'} {kernel}" for block, kernel in dimension.options]
    if dimension.field == "se_ratio":
        return [f"SE {ratio:g}" if ratio else "no SE" for ratio in dimension.options]
    if dimension.field == "depth":
        return [
            f"depth {'-'.join(map(str, option)) if isinstance(option, tuple) else option}"
            for option in dimension.options
        ]
    word = {"width": "width ×", "expand": "expansion "}.get(dimension.field, f"{dimension.field} ")
    return [f"{word}{option}" for option in dimension.options]


@styled
def probability_map(
    history: Any,
    space: SearchSpace,
    *,
    evaluations: int,
    titles: Sequence[str] = (),
    height: float = 4.2,
) -> Figure:
    """Shades of a controller's probabilities, one row an option, over the evaluations of a search.

    Parameters
    ----------
    history : float array, (steps, dimensions, most options), or a list of such, one a panel
        Probabilities before every step of learning; equally long steps.
    space : SearchSpace
    evaluations : int
        How many evaluations all steps took together.
    titles : sequence of str
        One a panel.

    Raises
    ------
    ValueError
        If a history does not fit the space.
    """
    panels = [np.asarray(one, float) for one in (history if isinstance(history, list) else [history])]
    shape = (len(space.sizes), max(space.sizes))
    for one in panels:
        if one.ndim != 3 or one.shape[1:] != shape:
            raise ValueError(f"history must be of shape (steps, {shape[0]}, {shape[1]}), got {one.shape}")
    fig, axes = canvas(height, columns=len(panels), width=WIDTH)
    axes = np.atleast_1d(axes)
    labels = [label for d in space.dimensions for label in option_labels(d)]
    for i, (ax, one) in enumerate(zip(axes, panels, strict=True)):
        rows = np.concatenate([one[:, d, :size].T for d, size in enumerate(space.sizes)])
        shades = ax.imshow(rows, cmap=_SHADES, vmin=0, vmax=1, aspect="auto", interpolation="nearest",
                           extent=(0, evaluations, len(rows), 0))  # fmt: skip
        for edge in np.cumsum(space.sizes)[:-1]:
            ax.axhline(edge, color=INK, linewidth=1)
        ax.set_yticks(np.arange(len(rows)) + 0.5, labels if i == 0 else [""] * len(rows), fontsize=8.5)
        ax.tick_params(axis="y", length=0)
        ax.set_xticks([0, evaluations // 2, evaluations])
        ax.set_xlabel("networks trained")
        if titles:
            ax.set_title(titles[i])
    fig.colorbar(shades, ax=axes.tolist(), label="probability", shrink=0.6)
    _stages(axes[0], space)
    return fig


def _stages(ax: Any, space: SearchSpace) -> None:
    """Write left of the labels for which stage an operation is chosen, where a dimension names one stage."""
    place = 0
    for dimension, size in zip(space.dimensions, space.sizes, strict=True):
        if dimension.field == "operation" and dimension.stages is not None and len(dimension.stages) == 1:
            ax.annotate(f"stage {dimension.stages[0] + 1}", (0, place + size / 2), (-74, 0),
                        xycoords=("axes fraction", "data"), textcoords="offset points", rotation=90,
                        va="center", ha="center", fontsize=8.5, annotation_clip=False)  # fmt: skip
        place += size


@styled
def clipped_objective(clip: float = 0.2, span: tuple[float, float] = (0.4, 1.6)) -> Figure:
    """PPO's objective of one draw against the probability ratio: left for A = 1, right for A = -1.

    Raises
    ------
    ValueError
        If ``clip`` is not in (0, 1).
    """
    if not 0 < clip < 1:
        raise ValueError(f"clip must be a number in (0, 1), got {clip!r}")
    fig, axes = canvas(2.7, columns=2)
    ratio = np.linspace(*span, 241)
    for ax, advantage in zip(axes, (1, -1), strict=True):
        held = np.clip(ratio, 1 - clip, 1 + clip) * advantage
        ax.plot(ratio, ratio * advantage, color="#777777", linestyle=":", label="ρA, not clipped")
        ax.plot(ratio, held, color=PALETTE[1], linestyle="--", label="clipped on both sides")
        ax.plot(ratio, np.minimum(ratio * advantage, held), color=PALETTE[0], linewidth=2.6,
                label="PPO: the smaller")  # fmt: skip
        ax.plot([1], [advantage], marker="o", color=INK, linestyle="none", label="where every batch begins")
        ax.set_xticks([span[0], 1 - clip, 1, 1 + clip, span[1]])
        ax.grid()
        ax.set_xlabel("ρ = π(a) / π when drawn")
        ax.set_title("better than the baseline: A = 1" if advantage > 0 else "worse: A = −1", fontsize=10)
    axes[0].set_ylabel("objective")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    return fig
