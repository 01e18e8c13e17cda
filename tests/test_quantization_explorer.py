"""The Quantization explorer's Python side: its tensors, its numbers, its text, and the accuracies it looks up."""

from __future__ import annotations

import json
import math
import random
import re

import numpy as np
import pytest
import torch
from quantization_tables import made_up_table

from effnet_lib import results
from effnet_lib.compress.affine import Scheme
from effnet_lib.experiments import quantization_tensors as made
from effnet_lib.model import fold_batch_norms
from effnet_lib.trained import load_trained
from effnet_lib.widgets import QuantizationExplorer
from effnet_lib.widgets.quantization_accuracy import accuracy_of, measured_accuracies
from effnet_lib.widgets.quantization_numbers import decoded, quantized_numbers, stored_tensors

SEED = 20190611  # of every random setting here; a failure names the setting itself
TABLE = made_up_table()
NAMES = [row["name"] for row in stored_tensors()]
WEIGHTS = [row["name"] for row in stored_tensors() if row["kind"] == "weights"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_stored_weights_are_the_shipped_networks_in_half_precision(name):
    row = next(row for row in stored_tensors() if row["name"] == name)
    weight = fold_batch_norms(load_trained("glyph_lite")).get_submodule(row["layer"]).weight
    found = decoded(row)
    assert found.shape == weight.shape
    assert found.dtype == torch.float32
    # folding divides by a root, which another processor may round otherwise: one step of half precision
    torch.testing.assert_close(found, weight, rtol=2**-10, atol=2**-24)


def test_stored_activations_are_drawn_from_the_networks_own():
    rows = {row["name"]: row for row in stored_tensors()}
    relu6, bottleneck = (decoded(rows[name]) for name in ("relu6", "bottleneck"))
    assert relu6.min() == 0
    assert relu6.max() <= 6
    assert 0.4 < (relu6 == 0).double().mean() < 0.8
    assert bottleneck.min() < -1
    assert bottleneck.max() > 1
    for name, values in (("relu6", relu6), ("bottleneck", bottleneck)):
        assert rows[name]["low"] <= values.min()
        assert values.max() <= rows[name]["high"]


def test_samples_are_made_again_alike():
    """On random pictures: drawing letters takes longer than a test should."""
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(SEED))
    model = fold_batch_norms(load_trained("glyph_lite"))
    first, second = made.measured(model, images), made.measured(model, images)
    assert first == second
    assert [row["name"] for row in first] == NAMES
    dead = {row["name"]: row["dead"] for row in first if "dead" in row}
    assert 50 in dead["depthwise_5x5"]
    with torch.no_grad():
        changed = fold_batch_norms(load_trained("glyph_lite"))
        changed.get_submodule("stages.2.0.depthwise.conv").weight[50] = 0
        torch.testing.assert_close(changed(images), model(images), rtol=0, atol=0)


def test_the_tables_of_the_results_can_be_read():
    table = results.load("quantization_tensors")
    assert {"command", "date", "hardware", "versions", "seeds"} <= set(table.made_by)
    assert table.made_by["command"] == made.COMMAND


def test_no_arguments_are_needed():
    widget = QuantizationExplorer()
    assert widget.tensor == "depthwise"
    assert "4 bits, symmetric, one scale, no clipping" in repr(widget)
    assert repr(widget) == repr(QuantizationExplorer())


def test_the_stored_state_is_json_and_small():
    state = QuantizationExplorer(TABLE).get_state()
    del state["layout"]  # a widget of its own
    assert len(json.dumps(state, ensure_ascii=False).encode()) < 80_000


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [
        ("tensor", "head", "one of 'stem', 'expansion'"),
        ("tensor", None, "one of 'stem', 'expansion'"),
        ("bits", 1, "an integer from 2 to 8"),
        ("bits", 9, "an integer from 2 to 8"),
        ("bits", 4.5, "an integer from 2 to 8"),
        ("bits", "4", "an integer from 2 to 8"),
        ("scales", "layer", "one of 'tensor', 'channel'"),
        ("form", True, "one of 'symmetric', 'affine'"),
        ("observer", "kl", "one of 'minmax', 'percentile', 'mse'"),
        ("percentile", 50, "a number from 90 to 100"),
        ("percentile", math.nan, "a number from 90 to 100"),
        ("locked_by", 3, "a string"),
    ],
)
def test_a_bad_setting_is_refused_by_name_with_what_is_right(setting, value, right):
    said = re.escape(f"{setting} must be {right}")
    with pytest.raises(ValueError, match=said):
        QuantizationExplorer(TABLE, **{setting: value})
    widget = QuantizationExplorer(TABLE)
    before = getattr(widget, setting)
    with pytest.raises(ValueError, match=said):
        setattr(widget, setting, value)
    assert getattr(widget, setting) == before


def reference(x: np.ndarray, bits: int, symmetric: bool, per_channel: bool, signed: bool) -> np.ndarray:
    """Min/max quantization in float64 with numpy, a row a channel: written from the definition, not from the library."""
    rows = x.reshape(x.shape[0], -1) if per_channel else x.reshape(1, -1)
    low, high = np.minimum(rows.min(1), 0), np.maximum(rows.max(1), 0)
    qmin, qmax = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if symmetric:
        qmin = -qmax
        scale, zero = np.maximum(-low, high) / qmax, np.zeros(len(rows))
    else:
        scale = (high - low) / (qmax - qmin)
        zero = np.round(qmin - low / scale)
    q = np.clip(np.round(rows / scale[:, None]) + zero[:, None], qmin, qmax)
    return ((q - zero[:, None]) * scale[:, None]).reshape(x.shape)


def test_errors_are_those_of_a_definition_written_in_numpy():
    draw = random.Random(SEED)
    for _ in range(60):
        settings = {
            "tensor": draw.choice(NAMES), "bits": draw.randint(2, 8), "scales": draw.choice(("tensor", "channel")),
            "form": draw.choice(("symmetric", "affine")),
        }  # fmt: skip
        widget = QuantizationExplorer(TABLE, **settings)
        scheme, found = widget.scheme, widget.numbers
        x = decoded(widget.row).double().numpy()
        back = reference(x, scheme.bits, scheme.symmetric, scheme.per_channel, scheme.signed)
        noise = np.square(x - back).sum()
        # float32 moves single values across a tie, which changes the sum by far less than this
        assert found.sqnr == pytest.approx(10 * math.log10(np.square(x).sum() / noise), abs=0.02), settings
        assert (found.rounding + found.clipping) * x.size == pytest.approx(noise, rel=5e-3), settings
        assert found.clipped == 0
        assert found.clipping == 0


def test_parts_add_up_and_clipping_is_counted():
    x = torch.tensor([[-1.0, 0.25, 1.0, 8.0], [0.0, 0.5, -0.5, 0.125]])
    scheme = Scheme(bits=3, symmetric=True, per_channel=False, observer="percentile", percentile=87.5)
    found = quantized_numbers(x, scheme)  # range ±1, step 1/3
    assert found.scale == pytest.approx((1 / 3,))
    assert found.q == (-3, 1, 3, 3, 0, 2, -2, 0)  # 0.5 and -0.5 are ties: to even
    assert found.clipped == 1
    assert found.clipping == pytest.approx(49 / 8)
    assert found.rounding == pytest.approx((2 * (1 / 6) ** 2 + (1 / 12) ** 2 + 0.125**2) / 8, rel=1e-5)
    assert found.sqnr == pytest.approx(
        10 * math.log10(x.square().sum() / (8 * (found.rounding + found.clipping)))
    )
    assert (found.spans, found.used, found.levels) == ((7, 5), 6, 7)
    assert found.median_span == 6


def test_per_channel_scales_give_every_channel_its_levels():
    shared = QuantizationExplorer(TABLE, tensor="depthwise_5x5", bits=8)
    own = QuantizationExplorer(TABLE, tensor="depthwise_5x5", bits=8, scales="channel")
    assert shared.numbers.median_span <= 5
    assert own.numbers.median_span > 200
    assert own.numbers.median_own > shared.numbers.median_own + 30
    assert own.bytes == (4 * 96 * 25, 96 * 25 + 4 * 96)
    assert shared.bytes == (4 * 96 * 25, 96 * 25 + 4)
    assert QuantizationExplorer(TABLE, tensor="relu6", bits=3, form="affine").bytes == (65536, 6144 + 5)


def test_activations_have_one_scale_whatever_is_said():
    widget = QuantizationExplorer(TABLE, tensor="bottleneck", scales="channel")
    assert not widget.scheme.per_channel
    assert widget.accuracy == QuantizationExplorer(TABLE, tensor="bottleneck").accuracy
    assert "one scale" in repr(widget)


def test_the_accuracy_is_the_tables():
    for row in TABLE["rows"][1:-2]:
        settings = {
            "tensor": "stem" if row["part"] == "weights" else "relu6", "bits": row["bits"], "observer": row["observer"],
            "form": "symmetric" if row["symmetric"] else "affine",
            "scales": "channel" if row["per_channel"] else "tensor",
        }  # fmt: skip
        found = QuantizationExplorer(TABLE, **settings).accuracy
        shares = [run["test_accuracy"] for run in row["runs"]]
        assert found["accuracies"] == shares, settings
        assert (found["mean"], found["deviation"]) == pytest.approx((np.mean(shares), np.std(shares, ddof=1)))


def test_what_was_not_measured_has_no_accuracy():
    widget = QuantizationExplorer(TABLE, observer="percentile", form="affine", bits=2)
    assert widget.accuracy is None
    assert "not measured with this setting" in repr(widget)
    assert QuantizationExplorer(TABLE, observer="percentile").accuracy
    assert QuantizationExplorer(TABLE, observer="percentile", percentile=99).accuracy is None
    assert accuracy_of(measured_accuracies(TABLE), "both", Scheme()) is None


def test_one_seed_has_no_deviation():
    widget = QuantizationExplorer(made_up_table(seeds=1))
    assert widget.accuracy["deviation"] is None
    assert repr(widget).endswith("% over 1 seed")


def test_a_table_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="family 'float'"):
        measured_accuracies(TABLE | {"rows": TABLE["rows"][1:]})
    with pytest.raises(ValueError, match="'rows' is missing"):
        measured_accuracies({name: value for name, value in TABLE.items() if name != "rows"})
    with pytest.raises(ValueError, match="nothing"):
        QuantizationExplorer("nothing")


@pytest.mark.parametrize("name", NAMES)
def test_the_text_holds_the_numbers(name):
    widget = QuantizationExplorer(TABLE, tensor=name, bits=3, observer="mse")
    text, found = repr(widget), widget.numbers
    assert f"{found.sqnr:.1f}" in text
    assert f"{found.used} of {found.levels}" in text
    assert (
        f"{100 * widget.accuracy['mean']:.1f} ± {100 * widget.accuracy['deviation']:.1f} % over 3 seeds"
        in text
    )
    bundle = widget._repr_mimebundle_()
    assert bundle["text/plain"] == text
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
