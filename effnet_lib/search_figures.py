"""Plots of the search chapters: many points at once, searches with their uncertainty, effects with intervals.

They share the style of :mod:`effnet_lib.figures`, whose ``show`` displays them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from scipy import stats

from .figures import FAINT, INK, MARKERS, PALETTE, PAPER, _label, _on, pareto_front, styled

LINES = ("-", "--", "-.", ":")
GLYPHS = "●■◆▲▼✚✖"  #: figures.MARKERS as text
CONFIDENCE = 0.95


def mean_band(curves: Any, confidence: float = CONFIDENCE) -> tuple[np.ndarray, np.ndarray]:
    """Mean of many curves, and half the width of its confidence interval by Student's t: (points,) both.

    Parameters
    ----------
    curves : float array, (repeats, points) or (points,)
        One curve alone has no interval: half widths of 0.

    Raises
    ------
    ValueError
        If ``curves`` has another number of dimensions or no point.
    """
    curves = np.asarray(curves, float)
    if curves.ndim not in (1, 2) or curves.size == 0:
        raise ValueError(f"curves must be of shape (repeats, points) or (points,), got {curves.shape}")
    if curves.ndim == 1 or len(curves) == 1:
        mean = curves.reshape(-1)
        return mean, np.zeros_like(mean)
    n = len(curves)
    error = curves.std(axis=0, ddof=1) / np.sqrt(n)
    return curves.mean(axis=0), stats.t.ppf((1 + confidence) / 2, n - 1) * error


def _spread_out(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """``places`` moved as little as it takes to lie ``gap`` apart within [low, high], in the same order."""
    order = np.argsort(places, kind="stable")
    moved = np.array(places, float)[order]
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    shift = np.maximum(0, moved[-1:] - high)
    moved[-1:] -= shift
    for i in range(len(moved) - 2, -1, -1):
        moved[i] = min(moved[i], moved[i + 1] - gap)
    found = np.empty(len(moved))
    found[order] = np.maximum(moved, low)
    return found.tolist()


@styled
def bands(
    curves: Mapping[str, Any],
    *,
    ylabel: str,
    xlabel: str = "networks trained",
    first: int = 1,
    title: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
    height: float = 3.4,
    ax: Axes | None = None,
) -> Figure:
    """Means of repeated searches with the 95 % confidence band of the mean; each line bears its name.

    Parameters
    ----------
    curves : dict of float array, (repeats, evaluations) or (evaluations,)
        For every name what each repeat had reached after 1, 2, ... evaluations; a single curve (an exact
        value, say) is drawn without a band.
    first : int
        The first evaluation to be drawn, from 1.
    log_x, log_y : bool

    Raises
    ------
    ValueError
        If there is nothing to draw, too much to tell apart, or ``first`` is not an evaluation.
    """
    if not 1 <= len(curves) <= len(PALETTE):
        raise ValueError(f"curves must be 1 to {len(PALETTE)}, got {len(curves)}")
    fig, ax = _on(ax, height)
    ends = []
    for i, (name, rows) in enumerate(curves.items()):
        mean, half = mean_band(rows)
        if not 1 <= first <= len(mean):
            raise ValueError(f"first must lie in 1 to {len(mean)}, got {first!r}")
        x = np.arange(first, len(mean) + 1)
        mean, half = mean[first - 1 :], half[first - 1 :]
        ax.plot(x, mean, color=PALETTE[i], linestyle=LINES[i % 4], marker=MARKERS[i], markersize=5,
                markevery=_marks(x, log_x, i), label=name)  # fmt: skip
        low = np.maximum(mean - half, np.finfo(float).tiny) if log_y else mean - half
        ax.fill_between(x, low, mean + half, color=PALETTE[i], alpha=0.2, linewidth=0)
        ends.append((x[-1], mean[-1], f"{GLYPHS[i]} {name}", PALETTE[i]))
    _scale(ax, log_x, log_y)
    ax.margins(x=0.01)
    _label(ax, xlabel, ylabel, title)
    _name(ax, ends)
    return fig


def _scale(ax: Axes, log_x: bool, log_y: bool) -> None:
    """Linear or logarithmic axes, with 0.2 and 50 on them instead of powers of ten."""
    for axis, log in ((ax.xaxis, log_x), (ax.yaxis, log_y)):
        if log:
            ax.set(**{f"{axis.axis_name}scale": "log"})
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
    ax.grid()


def _marks(x: np.ndarray, log: bool, offset: int) -> list[int]:
    """Where a line carries its marker: some six places, others for each line."""
    share = (np.arange(6) + 0.3 + 0.1 * (offset % 5)) / 6
    places = x[0] * (x[-1] / x[0]) ** share if log else x[0] + share * (x[-1] - x[0])
    return sorted({int(np.abs(x - place).argmin()) for place in places})


def _name(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write every line's name beside its right end, none over another."""
    lower = ax.get_ylim()[0]
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = [to_axes.transform((x, max(y, lower)))[1] for x, y, _, _ in ends]
    tall = ax.figure.get_size_inches()[1] * ax.get_position().height
    for (x, y, name, colour), place in zip(
        ends, _spread_out(heights, 0.19 / tall, 0.02, 0.98), strict=True
    ):
        across = to_axes.transform((x, max(y, lower)))[0]
        ax.annotate(name, (across + 0.015, place), xycoords="axes fraction", va="center", ha="left", color=INK,
                    fontsize=9, bbox={"facecolor": PAPER, "edgecolor": colour, "linewidth": 1, "pad": 1.6},
                    annotation_clip=False)  # fmt: skip


@styled
def cloud(
    groups: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str,
    marked: Mapping[str, tuple[float, float]] | None = None,
    front: bool = False,
    title: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
    size: float = 16,
    height: float = 3.8,
    ax: Axes | None = None,
) -> Figure:
    """Many points without names, in groups told apart by colour and shape.

    Parameters
    ----------
    groups : dict of float array, (points, 2)
    marked : dict of (x, y), optional
        Points to be ringed and named.
    front : bool
        Whether to draw the Pareto front of all points: the less x and the more y, the better.
    size : float
        Area of a point, in square points of print.

    Raises
    ------
    ValueError
        If there is nothing to draw, too much to tell apart, or a group is not of shape (points, 2).
    """
    if not 1 <= len(groups) <= len(PALETTE):
        raise ValueError(f"groups must be 1 to {len(PALETTE)}, got {len(groups)}")
    fig, ax = _on(ax, height)
    everything = []
    for i, (name, points) in enumerate(groups.items()):
        points = np.asarray(points, float)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"groups[{name!r}] must be of shape (points, 2), got {points.shape}")
        everything.append(points)
        ax.scatter(*points.T, s=size, marker=MARKERS[i], color=PALETTE[i], alpha=0.6, linewidth=0, label=name,
                   zorder=1 + (i > 0))  # fmt: skip
    points = np.concatenate(everything)
    if front:
        best = points[pareto_front([tuple(point) for point in points])]
        ax.step(*best.T, where="post", color=INK, linewidth=1.3, label="Pareto front", zorder=1.5)
    middle = np.median(points[:, 0])
    for name, (x, y) in (marked or {}).items():
        ax.scatter([x], [y], s=95, facecolor="none", edgecolor=INK, linewidth=1.6, zorder=4)
        left = x > middle
        ax.annotate(name, (x, y), (-9 if left else 9, 9), textcoords="offset points", fontsize=9, zorder=5,
                    ha="right" if left else "left",
                    bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1, "alpha": 0.85})  # fmt: skip
    _scale(ax, log_x, log_y)
    ax.margins(x=0.05, y=0.08)
    _label(ax, xlabel, ylabel, title)
    if len(groups) + front > 1:
        ax.legend(markerscale=1.6, fontsize=9)
    return fig


@styled
def intervals(
    rows: Mapping[str, tuple[float, float, float]],
    *,
    xlabel: str,
    zero: float | None = 0.0,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """One line a name, the first on top: a point (middle) with its interval (low, high).

    An interval that holds ``zero`` has a hollow circle, any other a filled square.

    Raises
    ------
    ValueError
        If there is no row, or a middle lies outside its interval.
    """
    if not rows:
        raise ValueError("rows must hold at least one (middle, low, high), got none")
    fig, ax = _on(ax, 0.8 + 0.3 * len(rows))
    for place, (name, (middle, low, high)) in enumerate(rows.items()):
        if not low <= middle <= high:
            raise ValueError(f"rows[{name!r}] must be (middle, low, high), got {(middle, low, high)}")
        tie = zero is not None and low <= zero <= high
        style = {"marker": "o", "markerfacecolor": PAPER} if tie else {"marker": "s"}
        ax.errorbar(middle, place, xerr=[[middle - low], [high - middle]], capsize=3,
                    color=PALETTE[0 if tie or zero is None else 3], **style)  # fmt: skip
    if zero is not None:
        ax.axvline(zero, color="#777777", linestyle="--", linewidth=1.2, zorder=0)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="x", color=FAINT)
    _label(ax, xlabel, "", title)
    return fig
