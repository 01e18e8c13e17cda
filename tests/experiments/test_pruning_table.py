"""The table ``pruning_glyphs``, and the script that makes it, on a network and a data set of a toy's size."""

import json
from datetime import date

import pytest
import torch

from effnet_lib import ArchSpec, EfficientNet, StageSpec, cost_of, results
from effnet_lib.compress import prunable, storage_bytes
from effnet_lib.experiments import pruning as script
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.pruning_ways import recipe_of
from effnet_lib.experiments.runs import data_of

STORED = script.TABLE in results.available()
TINY = ArchSpec(
    "tiny", (StageSpec("mbconv", 3, 1, 1, 4, 1), StageSpec("mbconv", 3, 2, 2, 6, 2)), stem=4, head=12,
    resolution=16, classes=40, dropout=0.0, drop_path=0.0,
)  # fmt: skip
SETTING = script.SETTING | {
    "network": "tiny",
    "data": {"set": "glyphs", "train": 500, "validation": 250, "test": 250, "difficulty": "easy"},
    "fine_tuning": script.SETTING["fine_tuning"] | {"epochs": 1, "batch": 100},
    "full": script.SETTING["full"] | {"epochs": 2, "batch": 100},
    "recalibration": 250,
}


@pytest.fixture(scope="module")
def table():
    if not STORED:
        pytest.skip("the table has not been made")
    return results.load(script.TABLE)


def tiny(name, seed):
    torch.manual_seed(seed)
    return EfficientNet(TINY).eval()


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(script, "load_seed", tiny)
    monkeypatch.setattr(script, "PILOT", {"rates": (2e-3, 4e-3), "seeds": 1})
    chosen = [w for w in script.ways() if w["amount"] in (0.0, 0.5, 0.8)]
    monkeypatch.setattr(script, "ways", lambda: iter(chosen))
    return chosen


def test_a_stopped_script_goes_on_and_makes_the_table_it_would_have_made(tmp_path, small):
    told = []
    first = Journal(tmp_path / "a.jsonl")

    def stop(line):
        told.append(line)
        if len(told) == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        script.work(first, 1, stop, SETTING)
    again = Journal(tmp_path / "a.jsonl")
    assert len(again) == 6
    script.work(again, 1, told.append, SETTING)
    assert len(told) == len(again) == 4 + len(small)
    path = script.write(again, 1, setting=SETTING, folder=tmp_path)
    content = json.loads(path.read_text())
    assert content["setting"]["fine_tuning"]["lr"] in (2e-3, 4e-3)
    assert len(content["setting"]["pilot"]["runs"]) == 4
    assert [row["name"] for row in content["rows"]] == [script.name_of(how) for how in small]
    for row in content["rows"]:
        (run,) = row["runs"]
        assert 0 <= run["test_accuracy"] <= 1
        assert ("before" in run) == (row["method"] not in ("scratch", "scratch, short", "gradual"))
        if row["structure"] == "weights":
            layers = script.prunable(tiny("tiny", 0))
            assert len(run["kept"]) == len(content["setting"]["layers"]) == len(layers)
            share = sum(run["kept"]) / sum(w.numel() for w in layers.values())
            assert share == pytest.approx(1 - row["amount"], abs=0.02)
    # the pilot never opened the test split
    pilot = [again[job] for _, job in script.pilot_jobs(script.PILOT, SETTING)]
    assert not any("test_accuracy" in run for run in pilot)


def test_a_run_from_scratch_has_the_pruned_networks_shape_and_nothing_of_its_weights(small):
    data = data_of(SETTING["data"], 16)
    how = next(w for w in small if w["method"] == "scratch, short")
    shaped = script.smaller(tiny("tiny", 0), how, 0)
    found = [
        script.run(script.job_of(how, 1, 2e-3, SETTING), data, tiny("tiny", seed)) for seed in (0, 5)
    ]  # whatever the source's weights
    assert found[0] | {"seconds": 0} == found[1] | {"seconds": 0}
    assert found[0]["bytes"]["dense"] == storage_bytes(shaped)
    recipe = recipe_of(how, 2e-3, SETTING)
    assert (recipe.epochs, recipe.lr) == (1, SETTING["full"]["lr"])
    assert recipe_of(how | {"method": "scratch"}, 2e-3, SETTING).epochs == 2
    assert recipe_of(how | {"method": "l1"}, 2e-3, SETTING).lr == 2e-3


def test_names_are_unique_and_say_what_was_done():
    names = [script.name_of(how) for how in script.ways()]
    assert len(set(names)) == len(names)
    assert {"not pruned", "weights global 80 %", "channels l1 hidden 50 %"} <= set(names)


def test_the_stored_table_says_what_made_it(table):
    made = table.made_by
    assert made["command"] == script.COMMAND
    assert {"python", "torch", "numpy"} <= set(made["versions"])
    date.fromisoformat(made["date"])
    told = json.loads(json.dumps(script.SETTING))
    rate = table.setting["fine_tuning"]["lr"]
    means = {}
    for run in table.setting["pilot"]["runs"]:
        means[run["rate"]] = means.get(run["rate"], 0) + run["validation"]
    assert tuple(means) == script.PILOT["rates"]
    assert rate == max(means, key=means.get)
    assert min(means) < rate < max(means), "the pilot brackets its choice"
    assert table.setting["fine_tuning"] | {"lr": None} == told["fine_tuning"]
    assert {key: table.setting[key] for key in told if key != "fine_tuning"} == {
        key: value for key, value in told.items() if key != "fine_tuning"
    }
    assert made["seeds"] == [0, 1, 2]


def test_the_stored_table_has_every_way_with_every_seed(table):
    assert [row["name"] for row in table] == [script.name_of(how) for how in script.ways()]
    for row in table:
        assert [run["seed"] for run in row["runs"]] == [0, 1, 2]
        arch = ArchSpec.from_dict(row["arch"])
        assert (cost_of(arch).params, cost_of(arch).macs) == (row["params"], row["macs"])
        for run in row["runs"]:
            looks = [run.get("before", {}), run.get("recalibrated", {})]
            seen = [look["test"] for look in looks if look] + [run["test_accuracy"]]
            assert all(abs(4000 * accuracy - round(4000 * accuracy)) < 0.05 for accuracy in seen)


def test_the_stored_costs_are_those_of_the_networks(table):
    source = script.load_seed(script.SETTING["network"], 0)
    for row in table:
        pruned = script.smaller(source, row, 0)
        assert pruned.arch.to_dict() == row["arch"]
        zeros = sum(int((w == 0).sum()) for w in prunable(pruned).values())
        assert row["nonzero"] == row["params"] - zeros
        if not row["method"].startswith("scratch"):
            stored = row["runs"][0]["bytes"]
            assert stored["dense"] == storage_bytes(pruned, "dense")
            # a weight that training brings to exactly zero is possible, but not many of them
            for form in ("bitmask", "csr"):
                assert stored[form] == pytest.approx(storage_bytes(pruned, form), rel=1e-2)
