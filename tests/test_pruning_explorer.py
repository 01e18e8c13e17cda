"""The pruning explorer's Python side: its numbers are the library's, what it stores, what it refuses, its text form."""

import json
import random
from statistics import fmean, stdev

import pytest
import torch
from pruning_tables import made_up_pruning

from effnet_lib import cost_of, measure
from effnet_lib.compress import channel_groups, magnitude_masks, prune_fraction, sparsity, storage_bytes
from effnet_lib.trained import load_trained
from effnet_lib.widgets import PruningExplorer
from effnet_lib.widgets.pruning_numbers import CRITERIA, MOST

TABLE = made_up_pruning()


@pytest.fixture(scope="module")
def widget():
    return PruningExplorer(TABLE)


def test_its_numbers_are_those_of_the_pruned_network(widget):
    draw = random.Random(1)
    for _ in range(12):
        widget.structure, widget.scope = (
            draw.choice(("weights", "channels")),
            draw.choice(("global", "layer")),
        )
        widget.criterion, widget.amount = draw.choice(tuple(CRITERIA)), draw.randint(0, MOST)
        network = widget.network
        assert widget.params == sum(p.numel() for p in network.parameters())
        assert widget.macs == measure.counted_macs(network)
        assert widget.bytes == {form: storage_bytes(network, form) for form in ("dense", "bitmask", "csr")}
        weights = [p for name, p in network.named_parameters() if p.ndim > 1]
        assert widget.kept == [int((w != 0).sum()) for w in weights]
        assert len(widget.kept) == len(widget.layers)
        if widget.structure == "weights":
            assert widget.macs == cost_of(load_trained("glyph_net").arch).macs  # dense kernels save nothing
            assert sparsity(network) == pytest.approx(widget.amount / 100, abs=2e-3)


def test_what_it_stores_says_which_weights_and_channels_stay(widget):
    model = load_trained("glyph_net")
    for percent in (0, 1, 37, MOST):
        masks = magnitude_masks(model, percent / 100, "global")
        for row, words in zip(widget.layers, widget.survivors, strict=True):
            size, *gone = map(int, words.split())
            assert len(gone) == MOST
            assert size - sum(gone[:percent]) == int(masks[f"{row['name']}.weight"].sum())
    assert [(g["name"], g["size"]) for g in widget.groups] == [
        (g.name, g.size) for g in channel_groups(model.arch)
    ]
    smaller = prune_fraction(model, 0.3)
    group = next(g for g in widget.groups if g["name"] == "stages.2.0.hidden")
    order = [int(channel) for channel in group["orders"]["l1"].split()]
    kept = sorted(order[: smaller.arch.stages[2].hidden[0]])
    expected = model.stages[2][0].expand.conv.weight[kept]
    assert torch.equal(smaller.stages[2][0].expand.conv.weight, expected)


def test_accuracies_are_means_and_deviations_of_the_tables_runs():
    widget = PruningExplorer(TABLE, amount=25)
    row = next(row for row in TABLE["rows"] if row["name"] == "channels l1 hidden 25 %")
    for look, values in (
        ("before", [run["before"]["test"] for run in row["runs"]]),
        ("recalibrated", [run["recalibrated"]["test"] for run in row["runs"]]),
        ("tuned", [run["test_accuracy"] for run in row["runs"]]),
    ):
        assert widget.accuracy[look] == [
            pytest.approx(fmean(values), abs=1e-5),
            pytest.approx(stdev(values), abs=1e-5),
            3,
        ]
    widget.amount = 26
    assert widget.accuracy is None
    widget.amount = 0
    assert widget.accuracy["tuned"][2] == 3
    scratch = PruningExplorer(TABLE, criterion="everywhere", amount=50).accuracy
    assert {"before", "recalibrated", "tuned", "short", "scratch"} <= set(scratch)
    assert "gradual" in PruningExplorer(TABLE, structure="weights", amount=80).accuracy
    one = PruningExplorer(made_up_pruning(seeds=1), amount=25)
    assert one.accuracy["tuned"][1:] == [None, 1]
    assert "Test accuracy over 1 seed:" in one.describe()


def test_without_an_argument_it_shows_what_ships():
    widget = PruningExplorer()
    assert widget.macs < cost_of(load_trained("glyph_net").arch).macs
    assert isinstance(widget.describe(), str)


def test_what_a_notebook_stores_of_it_is_small(widget):
    state = widget.get_state()
    data = {name: value for name, value in state.items() if name not in ("_esm", "_css")}
    assert len(json.dumps(data, indent=1)) < 45_000
    assert len(json.dumps(state, indent=1)) < 90_000


def test_its_text_form_has_the_numbers():
    told = PruningExplorer(TABLE, structure="weights", scope="layer", amount=50).describe()
    model = PruningExplorer(TABLE, structure="weights", scope="layer", amount=50)
    assert f"{sum(model.kept):,} weights not zero, {model.macs:,} MACs executed" in told
    assert f"{model.bytes['csr']:,} in CSR" in told
    assert "as it is" in told
    assert "± " in told
    assert "not measured" in PruningExplorer(TABLE, amount=33).describe()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"amount": 96}, "amount must be an integer from 0 to 95, got 96"),
        ({"amount": -1}, "amount must be an integer from 0 to 95, got -1"),
        ({"amount": 2.5}, "amount must be an integer from 0 to 95, got 2.5"),
        ({"structure": "filters"}, "structure must be one of 'weights', 'channels', got 'filters'"),
        ({"scope": "stage"}, "scope must be one of 'global', 'layer', got 'stage'"),
        ({"criterion": "l2"}, "criterion must be one of 'l1', 'bn', 'random', 'everywhere', got 'l2'"),
        ({"table": "scaling_glyphs"}, "table must be one of pruning, but row 'base' has no 'structure'"),
        ({"table": "nothing"}, "name must be one of"),
    ],
)
def test_a_bad_setting_is_refused_with_its_value(setting, message):
    with pytest.raises(ValueError, match=message):
        PruningExplorer(**{"table": TABLE} | setting)
    with pytest.raises(TypeError, match="has no setting 'speed'"):
        PruningExplorer(TABLE, speed=1)
