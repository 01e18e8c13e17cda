import numpy as np
import pytest

from effnet_lib import figures
from effnet_lib.policy_figures import clipped_objective, option_labels, probability_map
from effnet_lib.search.space import Dimension, mnasnet_space, tabular_space

SPACE = tabular_space()


def history(steps=5):
    columns = np.arange(max(SPACE.sizes))
    one = np.where(columns < np.array(SPACE.sizes)[:, None], 1 / np.array(SPACE.sizes)[:, None], 0.0)
    return np.repeat(one[None], steps, axis=0)


def test_a_map_has_one_row_an_option_and_shows_its_probability():
    past = history()
    past[-1, 3] = [0.1, 0.9, 0.0]
    fig = probability_map(past, SPACE, evaluations=20)
    image = np.asarray(fig.axes[0].images[0].get_array())
    assert image.shape == (sum(SPACE.sizes), 5)
    assert image[9:11, -1] == pytest.approx([0.1, 0.9])  # three choices of three options come before
    assert len(fig.axes[0].get_yticklabels()) == sum(SPACE.sizes)
    assert len(figures.show(fig, alt="A map of probabilities for a test.").png) > 1000


def test_several_panels_share_their_labels():
    fig = probability_map([history(), history(9)], SPACE, evaluations=20, titles=["a", "b"])
    assert [ax.get_title(loc="left") for ax in fig.axes[:2]] == ["a", "b"]
    with pytest.raises(ValueError, match=r"history must be of shape \(steps, 7, 3\), got \(5, 7, 2\)"):
        probability_map(history()[:, :, :2], SPACE, evaluations=20)


def test_options_have_names_of_their_own_within_a_dimension():
    for space in (SPACE, mnasnet_space()):
        for dimension in space.dimensions:
            labels = option_labels(dimension)
            assert len(set(labels)) == len(dimension.options)
    assert option_labels(Dimension("operation", (("mbconv", 3), ("fused", 3)), (1,))) == ["MBConv 3", "Fused 3"]
    assert option_labels(Dimension("se_ratio", (0, 0.25))) == ["no SE", "SE 0.25"]


@pytest.mark.parametrize("clip", [0.1, 0.2, 0.35])
def test_the_drawn_objective_is_the_minimum_of_the_two(clip):
    for ax, advantage in zip(clipped_objective(clip).axes, (1, -1), strict=True):
        ratio, drawn = ax.lines[2].get_data()
        for x, y in zip(ratio, drawn, strict=True):
            assert y == pytest.approx(min(x * advantage, min(max(x, 1 - clip), 1 + clip) * advantage))
    with pytest.raises(ValueError, match=r"clip must be a number in \(0, 1\), got 1.5"):
        clipped_objective(1.5)
