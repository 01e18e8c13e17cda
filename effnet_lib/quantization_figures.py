"""Plots of the quantization chapters: a grid laid over values, and how far the channels of a layer reach.

They share the style of :mod:`effnet_lib.figures`, whose ``show`` displays them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from effnet_lib.figures import INK, MARKERS, PALETTE, PAPER, RUST, canvas, styled


def _flat(values: Any) -> np.ndarray:
    return np.asarray(values.detach() if hasattr(values, "detach") else values, float).ravel()


@styled
def grids(
    panels: Sequence[tuple[str, Any, Any]], *, xlabel: str, bins: int = 80, log: bool = False
) -> Figure:  # fmt: skip
    """Histograms with the levels of a grid as vertical lines, one panel under the other.

    Parameters
    ----------
    panels : sequence of (title, values, levels)
        ``values`` and ``levels`` are arrays or CPU tensors of any shape.
    xlabel : str
        What the values are.
    bins : int
        Of each histogram.
    log : bool
        Count on a logarithmic axis, which shows the tails.

    Raises
    ------
    ValueError
        If there is no panel, or a panel has no value or no level.
    """
    if not panels:
        raise ValueError("panels must hold at least one (title, values, levels), got none")
    fig, axes = canvas(0.5 + 1.5 * len(panels), rows=len(panels))
    for ax, (title, values, levels) in zip(np.atleast_1d(axes), panels, strict=True):
        values, levels = _flat(values), _flat(levels)
        if not len(values) or not len(levels):
            raise ValueError(
                f"panel {title!r} must have values and levels, got {len(values)} and {len(levels)}"
            )
        ax.hist(values, bins, color=PALETTE[5], edgecolor=PAPER, linewidth=0.3, log=log)
        for level in levels:
            ax.axvline(level, color=RUST, linewidth=0.9, zorder=0 if len(levels) > 40 else 2)
        ax.set_title(title)
        ax.set_ylabel("count")
    np.atleast_1d(axes)[-1].set_xlabel(xlabel)
    return fig


@styled
def channel_ranges(
    series: Mapping[str, Any], *, ylabel: str, note: tuple[str, int, str] | None = None
) -> Figure:
    """One mark a channel at its largest magnitude, each series in rising order, on a logarithmic axis.

    ``note`` = (series, place in that order, text) writes at one mark; negative places count from the largest.

    Raises
    ------
    ValueError
        If a range is not positive, or ``note`` names no series.
    """
    if note is not None and note[0] not in series:
        raise ValueError(f"note must name one of {', '.join(map(repr, series))}, got {note[0]!r}")
    fig, ax = canvas(3.2)
    for i, (name, values) in enumerate(series.items()):
        values = np.sort(_flat(values))
        if values.min() <= 0:
            raise ValueError(f"{name!r} must hold positive ranges, got {values.min():g}")
        ax.plot(range(1, len(values) + 1), values, linestyle="none", marker=MARKERS[i], markersize=4.5,
                color=PALETTE[i], label=name)  # fmt: skip
        if note is not None and note[0] == name:
            place = note[1] % len(values)
            ax.annotate(note[2], (place + 1, values[place]), (-14, -3), textcoords="offset points", ha="right",
                        va="top", color=INK, arrowprops={"arrowstyle": "-", "color": "#777777"})  # fmt: skip
    ax.set_yscale("log")
    ax.grid()
    ax.set_xlabel("channels, in rising order")
    ax.set_ylabel(ylabel)
    ax.legend(loc="upper left")
    return fig


@styled
def thresholds(
    x: Any, curves: Mapping[str, Any], marks: Mapping[str, float], *, xlabel: str, ylabel: str, most: float
) -> Figure:  # fmt: skip
    """Curves over a threshold, and thresholds that are worth naming as vertical lines.

    The axis of values ends at ``most``, above which a curve is of no interest.

    Raises
    ------
    ValueError
        If ``most`` is not positive, or a curve has not as many values as ``x``.
    """
    if not most > 0:
        raise ValueError(f"most must be positive, got {most!r}")
    x = _flat(x)
    fig, ax = canvas(3.4)
    for i, (name, y) in enumerate(curves.items()):
        y = _flat(y)
        if len(y) != len(x):
            raise ValueError(f"{name!r} must have one value a threshold ({len(x)}), got {len(y)}")
        ax.plot(x, y, color=PALETTE[i], label=name, linestyle=("-", "--", "-.", ":")[i % 4],
                linewidth=2.8 if i == 0 else 1.8)  # fmt: skip
    ax.grid()
    ax.set_ylim(0, most)
    for name, place in marks.items():
        ax.axvline(float(place), color="#777777", linewidth=1, linestyle=":")
        ax.annotate(name, (float(place), 1), (-3, -4), xycoords=("data", "axes fraction"), rotation=90, ha="right",
                    textcoords="offset points", va="top", fontsize=8.5)  # fmt: skip
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.legend(loc="upper left", bbox_to_anchor=(0.64, 0.98))
    return fig
