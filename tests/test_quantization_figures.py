"""The plots of the quantization chapters draw the numbers that they were given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from effnet_lib import figures
from effnet_lib.quantization_figures import channel_ranges, grids, thresholds


def test_every_level_of_a_grid_is_a_line_over_a_histogram_of_all_values():
    values, levels = torch.linspace(-1, 1, 500), torch.tensor([-1.0, 0.0, 0.5])
    fig = grids([("three", values, levels), ("one", values, levels[:1])], xlabel="weights", bins=20)
    first, second = fig.axes
    assert [line.get_xdata()[0] for line in first.lines] == [-1.0, 0.0, 0.5]
    assert len(second.lines) == 1
    assert sum(bar.get_height() for bar in first.patches) == 500
    assert (first.get_title(loc="left"), second.get_xlabel()) == ("three", "weights")
    assert len(figures.show(fig, alt="Two histograms under grids, for a test.").png) > 1000


def test_channels_stand_in_rising_order_and_one_can_be_named():
    fig = channel_ranges(
        {"a": [3.0, 1.0, 2.0], "b": torch.tensor([5.0, 4.0])}, ylabel="r", note=("a", -1, "here")
    )
    (ax,) = fig.axes
    assert ax.lines[0].get_ydata().tolist() == [1, 2, 3]
    assert ax.lines[1].get_ydata().tolist() == [4, 5]
    assert (ax.texts[0].get_text(), ax.texts[0].xy) == ("here", (3, 3.0))
    assert ax.get_yscale() == "log"


def test_curves_over_a_threshold_end_where_they_are_told_to():
    x = np.linspace(0.1, 2, 20)
    fig = thresholds(x, {"both": x**2, "one": 1 / x}, {"best": 0.5}, xlabel="T", ylabel="error", most=3)
    (ax,) = fig.axes
    assert ax.get_ylim() == (0, 3)
    assert ax.lines[0].get_ydata() == pytest.approx(x**2)
    assert ax.lines[2].get_xdata()[0] == 0.5
    assert ax.texts[0].get_text() == "best"


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: grids([], xlabel="x"), "panels must hold at least one"),
        (lambda: grids([("t", [1.0], [])], xlabel="x"), "'t' must have values and levels, got 1 and 0"),
        (lambda: channel_ranges({"a": [0.0, 1.0]}, ylabel="r"), "'a' must hold positive ranges, got 0"),
        (
            lambda: channel_ranges({"a": [1.0]}, ylabel="r", note=("b", 0, "t")),
            "note must name one of 'a', got 'b'",
        ),
        (lambda: thresholds([1], {}, {}, xlabel="x", ylabel="y", most=0), "most must be positive, got 0"),
        (
            lambda: thresholds([1], {"a": [1, 2]}, {}, xlabel="x", ylabel="y", most=1),
            r"threshold \(1\), got 2",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, said):
    with pytest.raises(ValueError, match=said):
        draw()
