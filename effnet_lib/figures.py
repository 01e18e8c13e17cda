"""How the book's figures look: one style, three kinds of plot, and :func:`show`, which demands a description.

A figure is an opaque sheet of light paper, so that it reads on a light and on a dark page. The palette is
Okabe and Ito's (2008), which colour-blind readers can tell apart; markers and hatches repeat what colour
says. No global matplotlib state is touched. Pictures and kernels: :mod:`effnet_lib.pictures`; blocks and
layers: :mod:`effnet_lib.schematics`.
"""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedFormatter
from PIL import Image

#: Okabe and Ito's palette, without its yellow (too light on paper) and with black last.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000")
MARKERS = "osD^vPX"
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo", "+++")
PAPER, INK, FAINT, RUST = "#fdfcf8", "#222222", "#d8d5cc", "#a34700"
FILL, WARM = "#cfe3f1", "#f6dcae"
WIDTH = 6.4  #: inches; at 100 CSS pixels an inch, the width of a text column

_STYLE = {
    "figure.facecolor": PAPER, "axes.facecolor": PAPER, "savefig.facecolor": PAPER, "text.color": INK,
    "axes.edgecolor": "#777777", "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": matplotlib.cycler(color=PALETTE), "grid.color": FAINT, "grid.linewidth": 0.7,
    "legend.frameon": False, "hatch.linewidth": 0.6, "lines.linewidth": 1.8, "lines.markersize": 6.5,
}  # fmt: skip


def styled(draw: Callable) -> Callable:
    """Decorator: run ``draw`` in the book's style and leave matplotlib's settings as they were."""

    @functools.wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        with matplotlib.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return drawn


class Picture:
    """A figure as a notebook shows it: a PNG at twice the resolution, and its alternative text."""

    def __init__(self, png: bytes, alt: str, width: int):
        self.png, self.alt, self.width = png, alt, width

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        data = {"image/png": base64.b64encode(self.png).decode(), "text/plain": self.alt}
        return data, {"image/png": {"width": self.width}}


@styled
def show(fig: Figure, alt: str) -> Picture:
    """The finished figure, to be the last expression of a cell.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    alt : str
        What a reader who cannot see the figure has to know: what is drawn, and what is to be seen in it.

    Raises
    ------
    ValueError
        If ``alt`` says less than a short sentence.
    """
    if not isinstance(alt, str) or len(alt.split()) < 5:
        raise ValueError(f"alt must say in a sentence what the figure shows, got {alt!r}")
    buffer = io.BytesIO()
    FigureCanvasAgg(fig)  # a canvas without a window: nothing is left open
    fig.savefig(
        buffer, format="png", dpi=200, bbox_inches="tight", pad_inches=0.12, metadata={"Software": None}
    )
    picture = Image.open(buffer).convert("RGB")
    photographs = any(image.get_array().ndim == 3 for ax in fig.axes for image in ax.images)
    if photographs:  # many colours: a photograph at once the resolution is sharp enough
        picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
    width = picture.width if photographs else picture.width // 2
    dither = Image.Dither.FLOYDSTEINBERG if photographs else Image.Dither.NONE
    picture = picture.quantize(256 if photographs else 128, method=Image.Quantize.MEDIANCUT, dither=dither)
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    return Picture(buffer.getvalue(), " ".join(alt.split()), width)


@styled
def canvas(height: float = 3.0, rows: int = 1, columns: int = 1, width: float = WIDTH) -> tuple[Figure, Any]:
    """A figure in the book's style and its axes, one or an array of ``rows`` x ``columns``; inches."""
    fig = Figure(figsize=(width, height), layout="constrained")
    return fig, fig.subplots(rows, columns)


def _on(ax: Axes | None, height: float) -> tuple[Figure, Axes]:
    return (ax.figure, ax) if ax is not None else canvas(height)


def _as_series(values: Any) -> dict[str, list[float]]:
    return {k: list(v) for k, v in values.items()} if isinstance(values, Mapping) else {"": list(values)}


def _short(value: float) -> str:
    """Three digits, with a prefix where the number is large: 0.125, 1,200, 30 M."""
    rounded = float(f"{value:.3g}")
    return EngFormatter(sep="\u2009")(rounded) if abs(rounded) >= 1e4 else f"{rounded:,g}"


def _label(ax: Axes, xlabel: str, ylabel: str, title: str | None) -> None:
    for axis, limits in [(ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())]:
        if max(map(abs, limits)) >= 1e4 and not isinstance(axis.get_major_formatter(), FixedFormatter):
            axis.set_major_formatter(EngFormatter(sep="\u2009"))  # 30 M rather than 3e7
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if title:
        ax.set_title(title)


@styled
def bars(
    labels: Sequence[str],
    values: Sequence[float] | Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    title: str | None = None,
    fmt: str = "",
    log: bool = False,
    highlight: Sequence[str] = (),
    ax: Axes | None = None,
) -> Figure:
    """Horizontal bars, the first label on top, each with its number; a dict of ``values`` gives grouped bars.

    ``fmt`` writes the numbers; labels in ``highlight`` get another colour and a hatch. ``xlabel`` names the
    unit.
    """
    series = _as_series(values)
    for name, row in series.items():
        if len(row) != len(labels):
            raise ValueError(f"values {name!r} must have one entry a label ({len(labels)}), got {len(row)}")
    fig, ax = _on(ax, 0.9 + len(labels) * (0.12 + 0.2 * len(series)) + 0.3 * (len(series) > 1))
    thick = 0.8 / len(series)
    for i, (name, row) in enumerate(series.items()):
        places = [j - 0.4 + thick * (i + 0.5) for j in range(len(labels))]
        drawn = ax.barh(
            places, row, thick * 0.92, color=PALETTE[i], label=name, edgecolor=PAPER, hatch=HATCHES[i]
        )
        ax.bar_label(
            drawn, [fmt.format(value) if fmt else _short(value) for value in row], padding=3, fontsize=8.5
        )
        for bar, label in zip(drawn, labels, strict=True):
            if label in highlight:
                bar.set(facecolor=PALETTE[3], hatch="///")
    ax.set_yticks(range(len(labels)), labels)
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    if log:
        ax.set_xscale("log")
    ax.margins(x=0.13)
    _label(ax, xlabel, "", title)
    if len(series) > 1:
        ax.legend(
            loc="upper left",
            bbox_to_anchor=(0, -0.16 - 0.35 / len(labels)),
            ncols=len(series),
            borderaxespad=0,
        )
    return fig


@styled
def lines(
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    spread: Mapping[str, Sequence[float]] | None = None,
    title: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Lines over ``x``, each with its own marker.

    ``spread`` gives bands: for a line's name the half width at each point, say a standard deviation.
    """
    fig, ax = _on(ax, 3.2)
    for i, (name, y) in enumerate(series.items()):
        ax.plot(
            x, y, marker=MARKERS[i], color=PALETTE[i], label=name, linestyle=("-", "--", "-.", ":")[i % 4]
        )
        if spread and name in spread:
            y, half = np.asarray(y, float), np.asarray(spread[name], float)
            ax.fill_between(x, y - half, y + half, color=PALETTE[i], alpha=0.18, linewidth=0)
    ax.set_xscale("log" if log_x else "linear")
    ax.set_yscale("log" if log_y else "linear")
    ax.grid()
    _label(ax, xlabel, ylabel, title)
    if len(series) > 1:
        ax.legend()
    return fig


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points (x, y) that no other beats: no other has no more x and more y. Least x first."""
    best, front = -float("inf"), []
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if points[i][1] > best:
            best = points[i][1]
            front.append(i)
    return front


@styled
def scatter(
    groups: Mapping[str, Sequence[tuple[float, float, str]]],
    *,
    xlabel: str,
    ylabel: str,
    title: str | None = None,
    log_x: bool = True,
    log_y: bool = False,
    front: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Labelled points ``(x, y, label)`` in named groups; ``front`` joins those that are best for their x."""
    fig, ax = _on(ax, 3.6)
    if front:
        everything = [point for points in groups.values() for point in points]
        best = [everything[i] for i in pareto_front([(x, y) for x, y, _ in everything])]
        ax.plot([p[0] for p in best], [p[1] for p in best], color="#777777", linestyle="--", linewidth=1.2,
                label="Pareto front", zorder=1)  # fmt: skip
    for i, (name, points) in enumerate(groups.items()):
        ax.scatter([p[0] for p in points], [p[1] for p in points], s=46, marker=MARKERS[i], color=PALETTE[i],
                   label=name, zorder=2)  # fmt: skip
        for x, y, label in points:
            ax.annotate(
                label, (x, y), (5, -11 if i % 2 == 0 else 6), textcoords="offset points", fontsize=8.5
            )
    ax.set_xscale("log" if log_x else "linear")
    ax.set_yscale("log" if log_y else "linear")
    ax.grid()
    ax.margins(x=0.1, y=0.12)
    _label(ax, xlabel, ylabel, title)
    if len(groups) + front > 1:
        ax.legend()
    return fig
