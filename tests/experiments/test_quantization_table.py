"""The table of quantized networks: complete, as its script describes it, and what the library measures."""

from dataclasses import replace

import pytest
import torch

from effnet_lib import results
from effnet_lib.compress import Scheme, quantized, sqnr
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.experiments import quantization, quantization_repairs
from effnet_lib.experiments.journal import Journal
from effnet_lib.train import predict
from effnet_lib.train.batches import Batches
from effnet_lib.trained import load_trained, normalisation, weights_of


@pytest.fixture(scope="module")
def table():
    return results.load(quantization.TABLE)


@pytest.fixture(scope="module")
def data():
    drawn = glyph_data(32, **{**quantization.SETTING["data"], "train": 512, "test": 40})
    mean, std = normalisation(weights_of("glyph_lite"))  # of all 12,000 training letters
    return replace(drawn, mean=mean, std=std)


def test_the_table_holds_every_row_of_its_script_from_three_seeds(table):
    expected = {row["name"]: row for row in quantization.rows()}
    assert len(expected) == len(quantization.rows())
    assert [row["name"] for row in table] == list(expected)
    for row in table:
        assert row.items() >= expected[row["name"]].items()
        assert len({run["seed"] for run in row["runs"]}) == len(row["runs"]) >= 3
        assert set(results.accuracies(row, "validation")) | set(results.accuracies(row)) <= {
            round(i * 1e-4, 4) for i in range(10_001)
        }
    assert (results.FOLDER / f"{quantization.TABLE}.json").stat().st_size < 150_000
    assert dict(table.setting) == quantization.SETTING


def test_a_row_can_be_looked_up_by_its_setting(table):
    for row in table:
        if row["family"] in ("weights", "activations", "both"):
            names = ("part", "bits", "symmetric", "per_channel", "observer")
            assert quantization.name_of(*(row[name] for name in names)) == row["name"]


@pytest.mark.parametrize(
    ("bits", "per_channel"), [(8, False), (4, True)], ids=["8 bits per tensor", "4 bits per channel"]
)
def test_a_stored_row_is_what_the_library_measures_again(table, data, bits, per_channel):
    stored = table.row(quantization.name_of("weights", bits, True, per_channel, "minmax"))["runs"][0]
    model = load_trained("glyph_lite")
    truth, labels = predict(model, data)
    logits, _ = predict(quantized(model, Scheme(bits, per_channel=per_channel)), data)
    assert stored["seed"] == 0
    # another processor may round a few logits differently: 3 of 2000 letters
    assert abs(quantization.accuracy(logits, labels) - stored["validation_accuracy"]) <= 0.0015
    assert abs(sqnr(truth, logits) - stored["sqnr"]) <= 0.2


def test_ranges_from_histograms_that_are_read_once_are_those_of_calibration(data):
    model = load_trained("glyph_lite")
    batches = [x for x, _ in Batches(data, "train", torch.device("cpu")).epoch(0, 256)]
    seen = quantization.histograms(quantized(model).model, batches)
    for observer in ("minmax", "percentile", "mse"):
        scheme = Scheme(5, symmetric=False, signed=False, observer=observer)
        network = quantized(model)
        quantization.with_activations(network, scheme, seen)
        reference = quantized(model, None, scheme, batches)
        assert list(network.tensors) == list(reference.tensors)
        for name in network.tensor_names():
            assert network.activation(name).scale == reference.activation(name).scale
            assert network.activation(name).zero_point == reference.activation(name).zero_point


def test_mixed_precision_keeps_its_budget_and_its_objective(table):
    rows = [row for row in table if "mixed precision" in row["name"]]
    assert len(rows) == 2
    for row in rows:
        plain = next(
            other for other in table
            if other["family"] == "repairs" and other["repair"] == ("per channel" if row["per_channel"] else "none")
            and (other["bits"], other["activation_bits"]) == (4, 8)
        )  # fmt: skip
        assert row["bytes"] <= plain["bytes"]
        for run in row["runs"]:
            assert run["objective"]["mixed"] <= run["objective"]["uniform"]
            assert set(run["layer_bits"].values()) <= set(quantization_repairs.CHOICES)


def test_the_table_is_written_with_the_seeds_that_are_there(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    assert quantization.write(journal, tmp_path) is None
    first, second = quantization.rows()[:2]
    found = {"validation_accuracy": 0.9, "test_accuracy": 0.8, "sqnr": 20.0, "bytes": 100}
    for seed, row in ((0, first), (0, second), (1, first)):
        journal.add(quantization.job(seed, row), found)
    quantization.write(journal, tmp_path)
    text = (tmp_path / f"{quantization.TABLE}.json").read_text()
    assert text.count('"seed":0') == 2
    assert text.count('"seed":1') == 1
    assert quantization.job(2, first) not in journal
