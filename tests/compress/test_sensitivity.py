"""The sensitivity scan: one group at a time, compared with pruning by hand."""

import copy

import pytest
import torch
from torch.nn.utils import prune

from effnet_lib import cost_of
from effnet_lib.compress import prunable, prune_fraction, sensitivity
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.train import recalibrate, split_accuracy
from effnet_lib.trained import load_trained


@pytest.fixture(scope="module")
def data():
    return glyph_data(32, train=300, validation=150, test=50)


@pytest.fixture
def model():
    return load_trained("glyph_net")


def test_every_group_is_pruned_alone_by_every_amount(model, data):
    before = copy.deepcopy(model.state_dict())
    rows = sensitivity(model, data, (0.25, 0.7))
    names = [f"stages.{block}.hidden" for block in ("1.0", "2.0", "2.1", "3.0")]
    expected = [("", 0.0), *((name, amount) for name in names for amount in (0.25, 0.7))]
    assert [(row.group, row.amount) for row in rows] == expected
    assert rows[0].accuracy == split_accuracy(model, data) > 0.9
    for row in rows[1:]:
        pruned = prune_fraction(model, row.amount, groups=[row.group])
        cost = cost_of(pruned.arch)
        assert (row.accuracy, row.params, row.macs) == (split_accuracy(pruned, data), cost.params, cost.macs)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_single_weights_are_pruned_layer_by_layer_as_pytorch_prunes_them(model, data):
    rows = sensitivity(model, data, [0.6], structure="weights")
    assert [row.group for row in rows[1:]] == list(prunable(model))
    for row in rows[1:]:
        reference = copy.deepcopy(model)
        module = reference.get_submodule(row.group.removesuffix(".weight"))
        prune.l1_unstructured(module, "weight", 0.6)
        assert row.accuracy == split_accuracy(reference, data), row.group
        assert row.params == rows[0].params - int((module.weight_mask == 0).sum())
        assert row.macs == rows[0].macs


def test_statistics_can_be_taken_anew_before_looking(model, data):
    (_, row) = sensitivity(
        model, data, [0.7], groups=["stages.1.0.hidden"], criterion="random", seed=3, recalibrate_images=250
    )
    pruned = prune_fraction(model, 0.7, "random", ["stages.1.0.hidden"], seed=3)
    stale = split_accuracy(pruned, data)
    assert row.accuracy == split_accuracy(recalibrate(pruned, data, 250, seed=3), data)
    assert row.accuracy != stale


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"structure": "filters"}, "structure must be one of 'channels', 'weights', got 'filters'"),
        ({"split": "test"}, "split must be 'validation' or 'train': a scan is used to choose, got 'test'"),
        ({"amounts": [1.0]}, r"amount must be a number in \[0, 1\), got 1.0"),
        ({"groups": ["tail"]}, "group must be one of stem"),
        ({"criterion": "magic"}, "criterion must be one of"),
    ],
)
def test_a_bad_argument_is_refused_with_its_value(model, data, change, message):
    with pytest.raises(ValueError, match=message):
        sensitivity(model, data, **change)
