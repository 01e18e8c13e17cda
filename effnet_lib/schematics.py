"""Drawings of a network: its feature maps as boxes, its steps with arrows.

They share the style of :mod:`effnet_lib.figures`, whose ``show`` displays them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle

from .figures import FILL, INK, PALETTE, PAPER, RUST, WARM, canvas, styled

_SIDE = "#a9cbe3"


def _bare(ax: Axes) -> None:
    ax.set_axis_off()
    ax.set_aspect("equal")


def draw_arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0, **style
) -> None:
    """An arrow on ``ax``; ``bend`` is the curvature, ``style`` goes to matplotlib's FancyArrowPatch."""
    settings = {"arrowstyle": "-|>", "mutation_scale": 11, "color": INK, "linewidth": 1.2, **style}
    ax.add_patch(
        FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", shrinkA=0, shrinkB=0, **settings)
    )


@styled
def feature_maps(
    shapes: Sequence[tuple[int, int, int]],
    operations: Sequence[str],
    *,
    skip: tuple[int, int] | None = None,
    title: str | None = None,
) -> Figure:
    """Feature maps (channels, height, width) as boxes, with the operation that leads from each to the next.

    A box is as tall as the square root of its height in pixels and as deep as that of its channels, so that
    both 3 and 1280 channels can be seen. ``skip`` = (from, to) draws a residual connection between two of the
    maps.
    """
    if len(operations) != len(shapes) - 1:
        raise ValueError(f"operations must be one fewer than shapes ({len(shapes)}), got {len(operations)}")
    tallest, deepest = max(s[1] for s in shapes), max(s[0] for s in shapes)
    lines = max((o.count("\n") for o in operations), default=0)
    fig, ax = canvas(2.5 + 0.16 * lines + (0.35 if skip else 0) + (0.25 if title else 0))
    longest = max((len(line) for operation in operations for line in operation.split("\n")), default=0)
    x, edges, top, gap = 0.0, [], 0.0, max(0.7, 0.34 + 0.1 * longest)
    for channels, height, width in shapes:
        tall = 1.5 * math.sqrt(height / tallest)
        deep = max(0.06, 1.0 * math.sqrt(channels / deepest))
        lean = 0.32 * tall * width / height
        low = -tall / 2
        ax.add_patch(Rectangle((x, low), deep, tall, facecolor=FILL, edgecolor=INK, linewidth=0.9))
        roof = [
            (x, low + tall),
            (x + deep, low + tall),
            (x + deep + lean, low + tall + lean),
            (x + lean, low + tall + lean),
        ]
        wall = [
            (x + deep, low),
            (x + deep, low + tall),
            (x + deep + lean, low + tall + lean),
            (x + deep + lean, low + lean),
        ]
        ax.add_patch(Polygon(roof, facecolor=PAPER, edgecolor=INK, linewidth=0.9))
        ax.add_patch(Polygon(wall, facecolor=_SIDE, edgecolor=INK, linewidth=0.9))
        ax.text(x + deep / 2, -1.0, f"{channels:,}", ha="center", fontsize=9, fontweight="bold")
        ax.text(x + deep / 2, -1.2, f"{height}×{width}", ha="center", fontsize=8)
        edges.append((x, x + deep + lean / 2, x + deep / 2 + lean))
        top = max(top, low + tall + lean)
        x += deep + lean + gap
    for i, operation in enumerate(operations):
        start, end = edges[i][1] + 0.12, edges[i + 1][0] - 0.08
        draw_arrow(ax, (start, 0), (end, 0))
        ax.text(
            (start + end) / 2 + 0.03, 0.1, operation, ha="center", va="bottom", fontsize=8, linespacing=1.1
        )
    if skip:
        first, last = edges[skip[0]][2], edges[skip[1]][2]
        draw_arrow(
            ax, (first, top + 0.06), (last, top + 0.06), bend=-0.16, color=PALETTE[3], linestyle=(0, (4, 2))
        )
        lift = top + 0.16 + 0.08 * (last - first)
        ax.text(
            (first + last) / 2,
            lift,
            "added back (residual)",
            ha="center",
            va="bottom",
            fontsize=8.5,
            color=RUST,
        )
        top = lift + 0.15
    ax.set_xlim(-0.25, x - gap + 0.3)
    ax.set_ylim(-1.3, top + 0.12)
    _bare(ax)
    if title:
        ax.set_title(title)
    return fig


@styled
def steps(
    boxes: Sequence[tuple[str, str]],
    *,
    skip: tuple[int, int] | None = None,
    highlight: Sequence[int] = (),
    columns: int = 5,
    title: str | None = None,
) -> Figure:
    """Boxes (name, detail) joined by arrows, ``columns`` in a row.

    ``skip`` = (from, to) draws a residual connection around boxes of one row.
    """
    rows = -(-len(boxes) // columns)
    wide, tall, gap, drop = 1.7, 0.78, 0.36, 0.55
    fig, ax = canvas(
        6.4 * (rows * (tall + drop) + 0.35 * bool(skip)) / (columns * (wide + gap)) + (0.3 if title else 0)
    )

    def place(i: int) -> tuple[float, float]:
        return (i % columns) * (wide + gap), -(i // columns) * (tall + drop)

    for i, (name, detail) in enumerate(boxes):
        x, y = place(i)
        fill, line = (WARM, 1.6) if i in highlight else (FILL, 0.9)
        shape = "round,pad=0,rounding_size=0.08"
        ax.add_patch(FancyBboxPatch((x, y), wide, tall, shape, facecolor=fill, edgecolor=INK, linewidth=line))
        ax.text(x + wide / 2, y + tall * 0.66, name, ha="center", va="center", fontsize=8, fontweight="bold")
        ax.text(x + wide / 2, y + tall * 0.29, detail, ha="center", va="center", fontsize=7.5)
        if i:
            before = place(i - 1)
            if before[1] == y:
                draw_arrow(ax, (before[0] + wide, y + tall / 2), (x, y + tall / 2))
            else:
                turn = y + tall + drop / 2
                path = [(before[0] + wide / 2, before[1]), (before[0] + wide / 2, turn), (x + wide / 2, turn)]
                ax.plot(*zip(*path, strict=True), color=INK, linewidth=1.2)
                draw_arrow(ax, (x + wide / 2, turn), (x + wide / 2, y + tall))
    if skip:
        (x0, y0), (x1, y1) = place(skip[0]), place(skip[1])
        if y0 != y1:
            raise ValueError(f"skip must join boxes of one row of {columns}, got {skip}")
        high = y0 + tall + 0.25
        path = [(x0 - gap / 2, y0 + tall / 2), (x0 - gap / 2, high), (x1 + wide + gap / 2, high)]
        ax.plot(*zip(*path, strict=True), color=PALETTE[3], linewidth=1.4, linestyle="--")
        draw_arrow(ax, path[-1], (x1 + wide + gap / 2, y0 + tall / 2), color=PALETTE[3])
        ax.text((x0 + x1 + wide) / 2, high + 0.06, "+ input (residual)", ha="center", fontsize=8, color=RUST)
    ax.set_xlim(-0.25, min(len(boxes), columns) * (wide + gap))
    ax.set_ylim(-(rows - 1) * (tall + drop) - 0.1, tall + (0.55 if skip else 0.1))
    _bare(ax)
    if title:
        ax.set_title(title)
    return fig
