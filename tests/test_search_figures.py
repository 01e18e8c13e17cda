"""Plots of the search chapters: what they show is what they were given, and every line can be told apart."""

from __future__ import annotations

from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from scipy import stats

from effnet_lib import figures, search_figures

ALT = "Two searches: the second has the lower regret from the start."
rng = np.random.default_rng(0)
CURVES = {name: np.minimum.accumulate(rng.exponential(1, (40, 30)), axis=1) for name in "abc"}
POINTS = {"narrow": rng.random((200, 2)) + 0.1, "wide": rng.random((200, 2)) + 0.2}

DRAWINGS = {
    "bands": lambda: search_figures.bands(CURVES, ylabel="regret, points"),
    "bands on logarithmic axes": lambda: search_figures.bands(
        {**CURVES, "exact": CURVES["a"].mean(0)}, ylabel="regret", log_x=True, log_y=True, first=2, title="t"
    ),
    "cloud": lambda: search_figures.cloud(
        POINTS, xlabel="MACs", ylabel="accuracy", log_x=True, front=True, marked={"best": (0.5, 1.0)}
    ),
    "intervals": lambda: search_figures.intervals({"a": (1, 0.5, 1.5), "b": (0.1, -1, 1)}, xlabel="points"),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_plot_is_shown_small_and_leaves_matplotlib_as_it_was(name):
    before = dict(matplotlib.rcParams)
    picture = figures.show(DRAWINGS[name](), ALT)
    assert dict(matplotlib.rcParams) == before
    assert len(picture.png) < 90_000
    assert picture.width < 800


@pytest.mark.parametrize("n", [2, 5, 200])
def test_the_band_is_scipys_confidence_interval_of_the_mean(n):
    curves = np.random.default_rng(n).normal(3, 2, (n, 7))
    mean, half = search_figures.mean_band(curves)
    for i in range(7):
        interval = stats.ttest_1samp(curves[:, i], 0).confidence_interval(0.95)
        assert (mean[i] - half[i], mean[i] + half[i]) == pytest.approx((interval.low, interval.high))


def test_a_single_curve_is_drawn_as_it_is():
    mean, half = search_figures.mean_band([3, 2, 1])
    assert mean.tolist() == [3, 2, 1]
    assert not half.any()


def test_lines_are_told_apart_by_dash_marker_and_a_name_beside_each():
    fig = search_figures.bands(dict.fromkeys("abcdefg", CURVES["a"]), ylabel="regret")
    ax = fig.axes[0]
    assert len({line.get_marker() for line in ax.lines}) == 7
    assert [text.get_text()[2:] for text in ax.texts] == list("abcdefg")
    assert len(search_figures.GLYPHS) == len(figures.MARKERS)


@pytest.mark.parametrize("log", [False, True])
def test_no_name_is_written_over_another(log):
    fig = search_figures.bands(
        {name: np.full((3, 9), 1 + 0.001 * i) for i, name in enumerate("abcdefg")}, ylabel="r", log_y=log
    )
    figures.show(fig, ALT)
    boxes = sorted((text.get_window_extent() for text in fig.axes[0].texts), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 for below, above in pairwise(boxes))


def test_the_front_that_is_drawn_is_the_one_that_figures_finds():
    points = np.concatenate(list(POINTS.values()))
    fig = search_figures.cloud(POINTS, xlabel="x", ylabel="y", front=True)
    wanted = points[figures.pareto_front([tuple(point) for point in points])]
    np.testing.assert_array_equal(np.column_stack(fig.axes[0].lines[0].get_data()), wanted)


def test_an_interval_that_holds_zero_is_hollow():
    fig = search_figures.intervals({"sure": (1, 0.5, 1.5), "tie": (0.1, -1, 1)}, xlabel="points")
    sure, tie = (container.lines[0] for container in fig.axes[0].containers)
    assert (sure.get_marker(), tie.get_marker()) == ("s", "o")
    assert tie.get_markerfacecolor() == figures.PAPER != sure.get_markerfacecolor()


def test_logarithmic_axes_carry_plain_numbers():
    fig = DRAWINGS["bands on logarithmic axes"]()
    fig.draw_without_rendering()
    said = [label.get_text() for label in fig.axes[0].get_xticklabels()]
    assert "10" in said
    assert not any("^" in text for text in said)


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: search_figures.bands({}, ylabel="y"), "curves must be 1 to 7, got 0"),
        (lambda: search_figures.bands({"a": [[1, 2]]}, ylabel="y", first=3), "first must lie in 1 to 2"),
        (lambda: search_figures.mean_band(np.ones((2, 2, 2))), "curves must be of shape"),
        (lambda: search_figures.mean_band([]), "curves must be of shape"),
        (lambda: search_figures.cloud({}, xlabel="x", ylabel="y"), "groups must be 1 to 7"),
        (lambda: search_figures.cloud({"a": [1, 2]}, xlabel="x", ylabel="y"), "must be of shape"),
        (lambda: search_figures.intervals({}, xlabel="x"), "at least one"),
        (lambda: search_figures.intervals({"a": (1, 2, 3)}, xlabel="x"), "must be \\(middle, low, high\\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_reason(draw, said):
    with pytest.raises(ValueError, match=said):
        draw()
