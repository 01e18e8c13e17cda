"""Arrays that are looked at, and what a convolution looks at: pictures, kernels, windows, connected channels.

They share the style of :mod:`effnet_lib.figures`, whose ``show`` displays them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .figures import FILL, INK, PALETTE, PAPER, RUST, WARM, WIDTH, canvas, styled
from .schematics import draw_arrow


@styled
def images(
    arrays: Sequence[Any],
    captions: Sequence[str],
    *,
    columns: int = 4,
    signed: bool = False,
    shared: bool = False,
    title: str | None = None,
) -> Figure:
    """Pictures in a grid, a caption over each.

    An array or CPU tensor is (H, W) or (1, H, W), drawn in grey from its least to its greatest value, or (H,
    W, 3) or (3, H, W) with colours in 0...1 or 0...255. ``signed`` draws maps in blue (negative) over white
    (0) to orange; ``shared`` gives all maps one range of values.
    """
    if len(arrays) != len(captions) or not len(arrays):
        raise ValueError(
            f"captions must be as many as arrays ({len(arrays)}, at least one), got {len(captions)}"
        )
    pictures = [_picture(array) for array in arrays]
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    ratio = max(p.shape[0] / p.shape[1] for p in pictures)
    height = rows * (WIDTH / columns * ratio + 0.28) + (0.3 if title else 0)
    fig, axes = canvas(height, rows, columns)
    limit = max(np.abs(p).max() for p in pictures)
    least = min(p.min() for p in pictures)
    blue_orange = matplotlib.colors.LinearSegmentedColormap.from_list(
        "signed", [PALETTE[0], "#ffffff", PALETTE[3]]
    )
    axes = np.atleast_1d(axes).ravel()
    for ax, picture, caption in zip(axes, pictures, captions, strict=False):
        high = limit if shared else np.abs(picture).max()
        low = -high if signed else (least if shared else picture.min())
        ax.imshow(
            picture, cmap=blue_orange if signed else "gray", vmin=low, vmax=high, interpolation="nearest"
        )
        ax.set_title(caption, fontsize=9, fontweight="normal", loc="center")
    for ax in axes:
        ax.set_axis_off()
    if title:
        fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return fig


def _picture(array: Any) -> np.ndarray:
    array = np.asarray(array.detach() if hasattr(array, "detach") else array)
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[-1] not in (1, 3):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] != 3):
        raise ValueError(
            f"an image must be (H, W), (1, H, W), (3, H, W) or (H, W, 3), got shape {array.shape}"
        )
    if array.ndim == 3 and array.dtype != np.uint8:
        array = np.clip(array, 0, 1)
    return array


@styled
def matrix(
    values: Any,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    fmt: str = "{:g}",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Numbers (H, W) in shaded cells: kernels, small feature maps. ``rows`` and ``columns`` are labels."""
    values = np.asarray(values.detach() if hasattr(values, "detach") else values, float)
    if values.ndim != 2:
        raise ValueError(f"values must have two dimensions, got shape {values.shape}")
    fig, ax = (ax.figure, ax) if ax is not None else canvas(0.5 + 0.42 * values.shape[0])
    low, high = min(values.min(), 0), max(values.max(), 0)
    shades = matplotlib.colors.LinearSegmentedColormap.from_list("shades", ["#f3efe4", "#9cc4de"])
    ax.imshow(values, cmap=shades, vmin=low, vmax=high if high > low else low + 1)
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, fmt.format(value), ha="center", va="center", fontsize=9)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    if title:
        ax.set_title(title)
    return fig


@styled
def connections(
    panels: Sequence[tuple[str, int, int, int]],
    *,
    title: str | None = None,
) -> Figure:
    """Which input channel reaches which output: panels of (caption, channels in, channels out, groups).

    ``groups=1`` is a full (or pointwise) convolution, ``groups`` = channels in = channels out a depthwise
    one.
    """
    most = max(max(inputs, outputs) for _, inputs, outputs, _ in panels)
    fig, axes = canvas(0.7 + 0.27 * most + (0.25 if title else 0), 1, len(panels))
    for ax, (caption, inputs, outputs, groups) in zip(
        [axes] if len(panels) == 1 else axes, panels, strict=True
    ):
        if inputs % groups or outputs % groups:
            raise ValueError(f"groups must divide the channels ({inputs} and {outputs}), got {groups}")
        left = [(most - inputs) / 2 + i for i in range(inputs)]
        right = [(most - outputs) / 2 + i for i in range(outputs)]
        for i, o in np.ndindex(inputs, outputs):
            group = i * groups // inputs
            if group == o * groups // outputs:
                ax.plot(
                    [0.28, 2.72], [left[i], right[o]], color=PALETTE[group % 5], linewidth=1.1, alpha=0.75
                )
        for side, places in [(0, left), (3, right)]:
            for y in places:
                box = Rectangle(
                    (side - 0.28, y - 0.36), 0.56, 0.72, facecolor=FILL, edgecolor=INK, linewidth=0.8
                )
                ax.add_patch(box)
        ax.text(0, most - 0.25, "in", ha="center", va="bottom", fontsize=8)
        ax.text(3, most - 0.25, "out", ha="center", va="bottom", fontsize=8)
        ax.set_title(caption, fontsize=9, loc="center")
        ax.set_xlim(-0.6, 3.6)
        ax.set_ylim(-0.6, most + 0.4)
        ax.set_axis_off()
    if title:
        fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return fig


@styled
def kernel_window(
    size: int = 6, kernel: int = 3, stride: int = 1, padding: int = 0, at: tuple[int, int] = (0, 0)
) -> Figure:
    """Where a ``kernel`` looks, on ``size`` x ``size`` pixels, to make the output pixel ``at`` (row, column).

    Dashed cells are padding.
    """
    out = (size + 2 * padding - kernel) // stride + 1
    if out < 1:
        raise ValueError(f"kernel must fit into the padded input of {size + 2 * padding}, got {kernel}")
    if not (0 <= at[0] < out and 0 <= at[1] < out):
        raise ValueError(f"at must lie in the output of {out} x {out}, got {at}")
    fig, ax = canvas(2.9)
    whole = size + 2 * padding
    shift, drop = whole + 3.2, (whole - out) / 2
    top, left = at[0] * stride, at[1] * stride
    for row, column in np.ndindex(whole, whole):
        pad = not (padding <= row < padding + size and padding <= column < padding + size)
        seen = 0 <= row - top < kernel and 0 <= column - left < kernel
        style = (
            {"edgecolor": "#999999", "linestyle": "--", "zorder": 0}
            if pad
            else {"edgecolor": INK, "zorder": 1}
        )
        color = WARM if seen else (PAPER if pad else FILL)
        ax.add_patch(Rectangle((column, -row), 1, 1, facecolor=color, linewidth=0.8, **style))
    corner = (left, -(top + kernel - 1))
    ax.add_patch(Rectangle(corner, kernel, kernel, fill=False, edgecolor=PALETTE[3], linewidth=2.4, zorder=3))
    for row, column in np.ndindex(out, out):
        hit = (row, column) == tuple(at)
        style = {
            "facecolor": WARM if hit else FILL,
            "linewidth": 2.2 if hit else 0.8,
            "zorder": 2 if hit else 1,
        }
        ax.add_patch(Rectangle((shift + column, -row - drop), 1, 1, edgecolor=INK, **style))
    start, end = (left + kernel, corner[1] + kernel / 2), (shift + at[1], 0.5 - at[0] - drop)
    draw_arrow(ax, start, end, color=PALETTE[3], zorder=4)
    given = f"input {size}×{size}" + (f", padding {padding}" if padding else "")
    ax.text(whole / 2, 1.25, given, ha="center", fontsize=9)
    ax.text(shift + out / 2, 1.25 - drop, f"output {out}×{out}", ha="center", fontsize=9)
    ax.text(
        whole / 2,
        0.35 - whole,
        f"kernel {kernel}×{kernel}, stride {stride}",
        ha="center",
        fontsize=9,
        color=RUST,
    )
    ax.set_xlim(-0.4, shift + out + 0.4)
    ax.set_ylim(-whole, 2)
    ax.set_axis_off()
    ax.set_aspect("equal")
    return fig
