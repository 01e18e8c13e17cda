"""Figures: each is described, small, and leaves matplotlib as it was."""

from __future__ import annotations

import base64
import io
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from effnet_lib import figures, pictures, schematics

ALT = "Two bars: the second is twice as long as the first."
rng = np.random.default_rng(0)

DRAWINGS = {
    "bars": lambda: figures.bars(["a", "b"], [1, 2e6], xlabel="MACs", title="t", highlight=["b"]),
    "grouped bars": lambda: figures.bars(
        ["a", "b"], {"x": [1, 2], "y": [3, 4]}, xlabel="share (%)", log=True
    ),
    "lines": lambda: figures.lines(
        [0, 1],
        {"x": [1, 2], "y": [2, 3]},
        xlabel="x",
        ylabel="y",
        spread={"x": [1, 1]},
        log_y=True,
        title="t",
    ),
    "scatter": lambda: figures.scatter(
        {"x": [(1e8, 70, "a")], "y": [(2e8, 75, "b")]},
        xlabel="x",
        ylabel="y",
        front=True,
        log_y=True,
        title="t",
    ),
    "maps": lambda: pictures.images(rng.random((5, 8, 8)), list("abcde"), columns=3, title="t"),
    "signed maps": lambda: pictures.images(torch.randn(2, 1, 3, 3), ["a", "b"], signed=True, shared=True),
    "photographs": lambda: pictures.images(
        [rng.integers(0, 255, (40, 60, 3), np.uint8), torch.rand(3, 40, 60)], "ab"
    ),
    "matrix": lambda: pictures.matrix(torch.eye(3), rows="abc", columns="xyz", title="t"),
    "a matrix of zeros": lambda: pictures.matrix([[0, 0]]),
    "connections": lambda: pictures.connections([("full", 4, 6, 1), ("depthwise", 4, 4, 4)], title="t"),
    "window": lambda: pictures.kernel_window(5, 3, 2, 1, (1, 2)),
    "feature maps": lambda: schematics.feature_maps(
        [(3, 8, 8), (12, 4, 4)], ["stem"], skip=(0, 1), title="t"
    ),
    "steps": lambda: schematics.steps([("a", "b")] * 7, skip=(1, 2), highlight=[1], title="t"),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_is_shown_with_its_description_and_small(name):
    before = dict(matplotlib.rcParams)
    picture = figures.show(DRAWINGS[name](), ALT)
    assert dict(matplotlib.rcParams) == before
    data, metadata = picture._repr_mimebundle_()
    assert data["text/plain"] == repr(picture) == ALT
    png = base64.b64decode(data["image/png"])
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    assert len(png) < 60_000
    assert metadata["image/png"]["width"] <= 700
    colours = image.convert("RGB").getcolors(image.width * image.height)
    assert len(colours) > 3  # something is drawn
    red, green, blue = image.convert("RGB").getpixel((0, 0))
    assert min(red, green, blue) > 240  # on light paper


def test_two_figures_from_the_same_numbers_have_the_same_bytes():
    one, other = (figures.show(DRAWINGS["bars"](), ALT).png for _ in range(2))
    assert one == other
    assert one != figures.show(DRAWINGS["lines"](), ALT).png


@pytest.mark.parametrize("alt", ["", "   ", "a plot", None, 3])
def test_a_figure_without_a_description_is_refused(alt):
    with pytest.raises(ValueError, match="alt must say in a sentence"):
        figures.show(figures.bars(["a"], [1], xlabel="x"), alt)


def test_panels_are_drawn_into_given_axes():
    fig, axes = figures.canvas(2.5, 1, 2)
    assert figures.bars(["a"], [1], xlabel="x", ax=axes[0]) is fig
    assert figures.lines([0, 1], {"y": [1, 2]}, xlabel="x", ylabel="y", ax=axes[1]) is fig
    assert len(axes[0].patches) == 1
    assert len(axes[1].lines) == 1


def test_colour_is_never_the_only_signal():
    fig = figures.lines([0, 1], {name: [1, 2] for name in "abcdefg"}, xlabel="x", ylabel="y")
    markers = [line.get_marker() for line in fig.axes[0].lines]
    assert len(set(markers)) == 7
    fig = figures.bars(["a"], {name: [1] for name in "abcdefg"}, xlabel="x")
    hatches = [bar.get_hatch() for bar in fig.axes[0].patches]
    assert len(set(hatches)) == 7
    assert len(set(figures.PALETTE)) == 7


def test_large_numbers_on_an_axis_have_a_prefix():
    fig = figures.bars(["a", "b"], [1e6, 3e7], xlabel="MACs")
    fig.draw_without_rendering()
    ticks = [label.get_text() for label in fig.axes[0].get_xticklabels()]
    assert any(text.endswith("M") for text in ticks)


@pytest.mark.parametrize("seed", range(20))
def test_the_pareto_front_is_what_nothing_dominates(seed):
    points = [tuple(point) for point in np.random.default_rng(seed).integers(0, 6, (12, 2)).tolist()]
    front = figures.pareto_front(points)
    kept = {points[i] for i in front}

    def beats(a, b):
        return a != b and a[0] <= b[0] and a[1] >= b[1]

    assert kept == {b for b in points if not any(beats(a, b) for a in points)}
    assert [points[i][0] for i in front] == sorted(points[i][0] for i in front)


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: figures.bars(["a", "b"], [1], xlabel="x"), "one entry a label"),
        (lambda: pictures.images([], []), "captions must be as many as arrays"),
        (lambda: pictures.images([np.ones((2, 2))], ["a", "b"]), "captions must be as many as arrays"),
        (lambda: pictures.images([np.ones((2, 2, 5))], ["a"]), "an image must be"),
        (lambda: pictures.matrix([1, 2]), "two dimensions"),
        (lambda: pictures.connections([("a", 4, 6, 4)]), "groups must divide"),
        (lambda: pictures.kernel_window(2, 3), "kernel must fit"),
        (lambda: pictures.kernel_window(5, 3, at=(3, 0)), "at must lie in the output"),
        (lambda: schematics.feature_maps([(1, 2, 2)], ["a"]), "operations must be one fewer"),
        (lambda: schematics.steps([("a", "b")] * 7, skip=(0, 6)), "one row"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_reason(draw, said):
    with pytest.raises(ValueError, match=said):
        draw()


def test_drawing_needs_neither_a_window_nor_pyplot():
    code = (
        "import sys; from effnet_lib import figures, pictures, schematics;"
        "figures.show(figures.bars(['a'], [1], xlabel='x'), 'a bar of length one, alone');"
        "print('matplotlib.pyplot' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
