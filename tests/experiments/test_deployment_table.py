import json
from datetime import date

import pytest
import torch

from effnet_lib import results
from effnet_lib.arch import ArchSpec
from effnet_lib.cost import cost_of
from effnet_lib.data.glyphs import draw_glyphs
from effnet_lib.deploy import FORMS, OnnxNetwork, pixel_batches
from effnet_lib.experiments import deployment
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.runtimes import plain
from effnet_lib.trained import load_trained, normalisation, weights_of

STORED = deployment.TABLE in results.available()
FILES = {form: results.FOLDER / name for form, name in deployment.SHIPPED.items()}


@pytest.fixture(scope="module")
def test_split():
    return draw_glyphs(1000, 48, "test", "hard")  # the first quarter of the table's


def test_the_shipped_float_file_is_the_trained_network_with_pixels_going_in(test_split):
    mean, std = (torch.tensor(part).view(1, 3, 1, 1) for part in normalisation(weights_of("glyph_lite_48")))
    pixels = test_split.images[:64].float() / 255
    with torch.inference_mode():
        expected = load_trained("glyph_lite_48")((pixels - mean) / std)
    torch.testing.assert_close(OnnxNetwork(FILES["float"])(pixels), expected, atol=1e-3, rtol=1e-3)
    assert 2.5 < FILES["float"].stat().st_size / FILES["u8s8"].stat().st_size < 4


def test_the_shipped_int8_file_loses_less_than_a_point_and_is_as_good_as_the_table_says(test_split):
    accuracy = {}
    for form, path in FILES.items():
        network = OnnxNetwork(path)
        right = [(network(x).argmax(1) == labels).double() for x, labels in pixel_batches(test_split, 250)]
        accuracy[form] = torch.cat(right).mean().item()
    assert accuracy["float"] > 0.95
    assert accuracy["u8s8"] > accuracy["float"] - 0.01
    if STORED:
        for form, found in accuracy.items():
            row = results.load(deployment.TABLE).row(f"glyph_lite_48 {form}")
            stored = next(run for run in row["runs"] if run["seed"] == 0)["test_accuracy"]
            assert found == pytest.approx(stored, abs=0.012), form  # three deviations of a mean of 1,000


def invented(accuracy, agreement=0.99):
    return {
        f"{split}_{what}": value
        for split in ("validation", "test")
        for what, value in (("accuracy", accuracy), ("agreement", agreement))
    }


def measured(network, seed, folder):
    """Accuracies that a person can follow: per-tensor scales lose 3 points, all others half a point."""
    found = {"float": invented(0.98 + 0.001 * seed, 1.0) | {"bytes": 1000}}
    for form in FORMS:
        lost = 0.03 if form == "u8s8_per_tensor" else 0.005
        found[form] = invented(0.98 - lost + 0.001 * seed) | {"bytes": 300 + seed, "test_sqnr": 30.0}
    return found


def timed(network, threads, folder):
    """Times that a person can follow: int8 halves them, per-tensor scales do more; in glyph_net nothing helps."""
    unit = 1e-3 / threads
    faster = {"u8s8": 2, "u8s8_per_tensor": 2.5, "u8s8_operator": 1.9}
    times = {"float": [unit, 1.1 * unit, 5 * unit], "pytorch": [4 * unit] * 3}
    for form in FORMS:
        factor = 0.8 if network == "glyph_net" else faster.get(form, 0.5)
        times[form] = [t / factor for t in times["float"]]
    times["operators"] = {form: {"Conv": (3e-4, 18), "Gemm": (1e-6, 1)} for form in ("float", "u8s8")}
    times["bytes"] = dict.fromkeys(("float", *FORMS), 7)
    return times


def test_a_table_is_made_piece_by_piece_and_chooses_on_validation(tmp_path, monkeypatch):
    monkeypatch.setattr(deployment, "accuracies", measured)
    monkeypatch.setattr(deployment, "latencies", timed)
    journal = Journal(tmp_path / "journal.jsonl")
    with pytest.raises(ValueError, match="journal must hold at least one finished piece of work, got none"):
        deployment.write(journal, tmp_path)
    told = []
    deployment.run(journal, tmp_path, False, told.append)
    assert len(told) == 12
    path = deployment.write(journal, tmp_path)
    first = json.loads(path.read_text())
    assert first["setting"]["chosen"] == dict.fromkeys(deployment.NETWORKS, "float"), (
        "nothing is known to be faster"
    )
    told.clear()
    again = Journal(tmp_path / "journal.jsonl")
    deployment.run(again, tmp_path, False, told.append)
    assert told == [], "what is done is not done again"
    deployment.run(again, tmp_path, True, told.append)
    found = json.loads(deployment.write(again, tmp_path).read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert len(rows) == 6 * (1 + len(FORMS) + 1)
    assert found["setting"]["chosen"] == {
        "glyph_lite": "u8s8", "glyph_net": "float", "glyph_lite_48": "u8s8", "glyph_silu_48": "u8s8",
    }, "per-tensor scales are faster and lose too much; where nothing is faster the float network is chosen"  # fmt: skip
    row = rows["glyph_lite_48 u8s8"]
    assert [run["seed"] for run in row["runs"]] == [0, 1, 2]
    assert row["bytes"] == 301
    assert row["latency"]["1"]["speedup"] == {"median": 2, "low": 2, "high": 2}, (
        "ratios are taken within rounds"
    )
    assert row["latency"]["2"]["median"] == pytest.approx(1.1e-3 / 2 / 2)
    assert row["operators"]["Conv"] == {"us": 300, "count": 18}
    assert rows["glyph_lite_48 s8s8"]["operators"] is None
    assert (rows["efficientnet_b0 u8s8"]["runs"], rows["efficientnet_b0 u8s8"]["bytes"]) == ([], 7)
    assert rows["glyph_lite pytorch"]["latency"]["1"]["speedup"]["median"] == pytest.approx(0.275)
    table = results.Table(
        found["table"], found["title"], found["made_by"], found["setting"], tuple(found["rows"])
    )
    assert results.mean(table.row("glyph_lite float")) == pytest.approx(0.981)
    assert {"onnxruntime", "onnx", "torch"} <= set(found["made_by"]["versions"])


def test_the_network_that_is_traced_is_the_network():
    model = load_trained("glyph_net")
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(plain(model)(images), model(images))


@pytest.mark.skipif(not STORED, reason="the table has not been made")
def test_the_stored_table_holds_what_the_script_makes_and_the_target_is_met():
    table = results.load(deployment.TABLE)
    date.fromisoformat(table.made_by["date"])
    assert table.made_by["command"] == deployment.COMMAND
    assert table.setting["data"] == json.loads(json.dumps(deployment.SETTING["data"]))
    assert table.setting["calibration"] == deployment.SETTING["calibration"]
    assert set(table.setting["chosen"]) == set(deployment.NETWORKS)
    for network in deployment.NETWORKS:
        assert [row["form"] for row in table if row["family"] == network][: 1 + len(FORMS)] == [
            "float",
            *FORMS,
        ]
        arch = ArchSpec.from_dict(table.setting["networks"][network])
        for row in table:
            if row["family"] == network:
                assert (row["params"], row["macs"]) == (cost_of(arch).params, cost_of(arch).macs)
                assert [run["seed"] for run in row["runs"]] == ([] if row["form"] == "pytorch" else [0, 1, 2])
        assert all(run["test_agreement"] == 1 for run in table.row(f"{network} float")["runs"])
    chosen = table.row(f"glyph_lite_48 {table.setting['chosen']['glyph_lite_48']}")
    lost = results.mean(table.row("glyph_lite_48 float")) - results.mean(chosen)
    assert lost < 0.01, "at most a point is lost"
    assert chosen["latency"]["1"]["speedup"]["median"] > 1.6, (
        "and it is at least 1.6 times as fast at one thread"
    )
