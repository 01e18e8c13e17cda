import json
from datetime import date

import pytest
import torch

from effnet_lib import results
from effnet_lib.experiments import supernet as script
from effnet_lib.experiments.every_network import SPACE
from effnet_lib.experiments.journal import Journal
from effnet_lib.search.space import Dimension, SearchSpace
from effnet_lib.search.supernet import Supernet, children_accuracy
from effnet_lib.small import glyph_base

TINY = SearchSpace(
    "tiny", glyph_base(16),
    (Dimension("operation", (("mbconv", 3), ("fused", 3)), (1,)), Dimension("width", (1, 1.4))), divisor=2,
)  # fmt: skip
SETTING = {
    "data": {"set": "glyphs", "train": 500, "validation": 250, "test": 250, "difficulty": "easy"},
    "recipe": script.RECIPE | {"epochs": 2, "batch": 100}, "recalibration": 250,
    "course": {"epochs": [1], "every": 2}, "threads": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def table():
    return results.load(script.TABLE)


def test_the_stored_table_says_what_made_it(table):
    made = table.made_by
    assert made["command"] == script.COMMAND
    assert {"python", "torch", "numpy"} <= set(made["versions"])
    assert made["hardware"]
    date.fromisoformat(made["date"])
    assert json.loads(json.dumps(script.SETTING)) == table.setting
    assert made["seeds"] == [row["seed"] for row in table] == list(range(len(table)))
    assert len(table) >= 3


def test_the_stored_table_has_every_network_of_the_space_for_every_seed(table):
    epochs = table.setting["recipe"]["epochs"]
    course = table.setting["course"]
    for row in table:
        for what in ("shared", "validation", "test"):
            assert len(row[what]) == SPACE.cardinality
            # a share of 1000 pictures, written with four digits
            assert all(0 <= value <= 1 and abs(1000 * value - round(1000 * value)) < 1e-9 for value in row[what])
        assert len(row["train_loss"]) == epochs
        assert row["train_loss"][-1] < row["train_loss"][0]
        assert len(row["course"]) == len(course["epochs"])
        assert all(len(of_epoch) == len(range(0, SPACE.cardinality, course["every"])) for of_epoch in row["course"])
        assert sum(row["validation"]) > sum(row["shared"]), "recalibration helps"


def test_what_a_supernet_cost_is_less_than_training_every_network_and_is_counted_in_cpu_seconds(table):
    alone = results.load("search_glyphs")
    assert alone.setting["data"] == table.setting["data"]
    assert alone.setting["recipe"] | {"name": "", "epochs": 0} == table.setting["recipe"] | {"name": "", "epochs": 0}
    every_network = sum(next(run for run in row["runs"] if run["seed"] == 0)["seconds"] for row in alone)
    for row in table:
        assert 0 < row["evaluation_seconds"] < every_network
        assert 0 < row["seconds"] < every_network / 5


def test_a_stored_row_is_what_the_script_makes_and_it_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "BLOCK", 3)
    whole, stopped = (Journal(tmp_path / f"{name}.jsonl") for name in ("whole", "stopped"))
    told = []
    supernet = script.train(0, whole, tmp_path / "whole.pt", told.append, TINY, SETTING)
    script.rank(supernet, 0, whole, told.append, SETTING)
    row = script.row_of(0, whole, TINY, SETTING)
    assert len(row["validation"]) == len(row["test"]) == len(row["shared"]) == 4
    assert len(row["course"][0]) == 2
    assert len(row["train_loss"]) == 2
    data = script.data_of(SETTING["data"], 16)
    found = children_accuracy(supernet, data, [(1, 1)], images=250)
    assert row["validation"][3] == round(float(found[0]), 4)

    class StoppedError(Exception):
        pass

    def stop(*_, **__):
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(script, "children_accuracy", stop)  # stopped after the first epoch has been saved
        with pytest.raises(StoppedError):
            script.train(0, stopped, tmp_path / "stopped.pt", told.append, TINY, SETTING)
    again = Journal(tmp_path / "stopped.jsonl")
    supernet = script.train(0, again, tmp_path / "stopped.pt", told.append, TINY, SETTING)
    script.rank(supernet, 0, again, told.append, SETTING)
    resumed = script.row_of(0, again, TINY, SETTING)
    timed = {"seconds": 0, "evaluation_seconds": 0}
    assert resumed | timed == row | timed
    told.clear()
    script.rank(supernet, 0, again, told.append, SETTING)
    assert told == []


def test_writing_again_without_a_new_seed_keeps_the_date(tmp_path, monkeypatch):
    rows = {0: {"name": "seed 0", "seed": 0, "validation": [0.5]}}
    monkeypatch.setattr(script, "row_of", lambda seed, journal, setting: rows.get(seed))
    path = script.write(Journal(tmp_path / "none.jsonl"), tmp_path)
    assert json.loads(path.read_text())["rows"] == [rows[0]]
    old = path.read_text().replace(date.today().isoformat(), "2001-01-01")
    path.write_text(old)
    script.write(Journal(tmp_path / "none.jsonl"), tmp_path)
    assert path.read_text() == old
    rows[1] = {"name": "seed 1", "seed": 1, "validation": [0.4]}
    script.write(Journal(tmp_path / "none.jsonl"), tmp_path)
    assert json.loads(path.read_text())["made_by"]["seeds"] == [0, 1]
    assert "2001-01-01" not in path.read_text()
    rows.clear()
    assert script.write(Journal(tmp_path / "none.jsonl"), tmp_path) is None


def test_a_few_networks_can_be_evaluated_again_from_a_checkpoint(tmp_path):
    from effnet_lib.train.checkpoint import save

    torch.manual_seed(0)
    supernet = Supernet(SPACE)
    save(tmp_path / "c.pt", {"model": supernet.state_dict()})
    compared = script.again(tmp_path / "c.pt", every=216)
    assert [genotype for genotype, _, _ in compared] == [SPACE.genotype(0), SPACE.genotype(216)]
    assert all(0 <= now < 0.2 < stored for _, stored, now in compared), "an untrained supernet knows nothing"
