import json
import math
import time
from datetime import date

import pytest

from effnet_lib import cost_of, results
from effnet_lib.arch import ArchSpec
from effnet_lib.experiments import tables
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.runs import run_all, train_once
from effnet_lib.experiments.scaling import TABLES, job, networks, remake
from effnet_lib.small import glyph_base

NAMES = [table for table, *_ in TABLES.values()]


def small_job(seed=0):
    made = job("glyphs", {}, glyph_base(16), seed)
    made["data"] = made["data"] | {"train": 250, "validation": 250, "test": 250}
    made["recipe"] = made["recipe"] | {"epochs": 1, "batch": 50}
    return made


def test_a_table_is_made_in_several_processes_and_resumes_where_it_stopped(tmp_path):
    jobs = [small_job(seed) for seed in range(3)]
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add(jobs[1], train_once(jobs[1]))
    told = []
    run_all(jobs, journal, processes=2, tell=told.append)
    assert told[0] == "2 runs to do"
    again = Journal(tmp_path / "journal.jsonl")
    assert all(j in again for j in jobs)
    told.clear()
    run_all(jobs, again, processes=2, tell=told.append)
    assert told == ["0 runs to do"]
    stable = {k: v for k, v in again[jobs[0]].items() if k != "seconds"}
    assert stable == {k: v for k, v in train_once(jobs[0]).items() if k != "seconds"}, (
        "a process changes nothing"
    )
    row = tables.row_of("tiny", "base", glyph_base(16), jobs, again, factor=1)
    path = tables.write("tiny", "A tiny table", "command", {"data": {}}, [row], measure=True, folder=tmp_path)
    found = json.loads(path.read_text())
    assert [run["seed"] for run in found["rows"][0]["runs"]] == found["made_by"]["seeds"] == [0, 1, 2]
    assert found["rows"][0]["latency"]["cpu"]["median"] > 0
    kept = tables.row_of("tiny", "base", glyph_base(16), jobs, again, factor=1)
    tables.write("tiny", "A tiny table", "command", {"data": {}}, [kept], folder=tmp_path)
    assert json.loads(path.read_text())["rows"][0]["latency"] == found["rows"][0]["latency"]
    path.write_text(path.read_text().replace(found["made_by"]["date"], "2001-01-01"))
    tables.write("tiny", "A tiny table", "command", {"data": {}}, [kept], folder=tmp_path)
    assert json.loads(path.read_text())["made_by"]["date"] == "2001-01-01", "nothing was trained since"
    kept["runs"] = kept["runs"][:2]
    tables.write("tiny", "A tiny table", "command", {"data": {}}, [kept], folder=tmp_path)
    assert json.loads(path.read_text())["made_by"]["date"] != "2001-01-01"


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_table_says_what_made_it_and_counts_its_networks_right(name):
    table = results.load(name)
    made = table.made_by
    assert made["command"].startswith("python -m effnet_lib.experiments.")
    assert {"python", "torch", "numpy"} <= set(made["versions"])
    assert made["hardware"]
    date.fromisoformat(made["date"])
    assert {"data", "recipe"} <= set(table.setting)
    for row in table:
        cost = cost_of(ArchSpec.from_dict(row["arch"]))
        assert (row["params"], row["macs"], row["peak_bytes"]) == (cost.params, cost.macs, cost.peak_bytes)
        assert len(row["runs"]) >= 3, row["name"]
        assert len({run["seed"] for run in row["runs"]}) == len(row["runs"])
        for run in row["runs"]:
            assert 0 < run["test_accuracy"] <= 1
            assert run["curve"]["validation_accuracy"][-1] == run["validation_accuracy"]
        assert (
            row["latency"]["cpu"]["low"] <= row["latency"]["cpu"]["median"] <= row["latency"]["cpu"]["high"]
        )


@pytest.mark.parametrize("kind", list(TABLES))
def test_the_stored_networks_are_the_ones_that_the_script_makes(kind):
    stored = {row["name"]: row["arch"] for row in results.load(TABLES[kind][0])}
    for name, _, _, arch in networks(kind):
        assert stored[name] == json.loads(json.dumps(arch.replace(name=name).to_dict())), name


def test_a_stored_row_can_be_made_again_within_a_minute():
    began = time.process_time()
    stored, new = remake("glyphs", "base")
    assert time.process_time() - began < 60
    spread = results.std(results.load("scaling_glyphs").row("base"))
    # One machine repeats itself exactly; another rounds differently, which is like another seed.
    assert abs(new["test_accuracy"] - stored["test_accuracy"]) < max(0.02, 4 * spread)
    assert new["curve"]["train_loss"][0] == pytest.approx(stored["curve"]["train_loss"][0], rel=0.01)


def test_summaries_are_over_seeds_and_bad_names_are_refused():
    row = {"runs": [{"seed": 1, "test_accuracy": 0.5}, {"seed": 0, "test_accuracy": 0.7}]}
    assert results.accuracies(row) == [0.7, 0.5]
    assert results.mean(row) == pytest.approx(0.6)
    assert results.std(row) == pytest.approx(0.2 / math.sqrt(2))
    assert math.isnan(results.std({"runs": row["runs"][:1]}))
    with pytest.raises(ValueError, match=r"name must be one of .*scaling_glyphs.*; got 'nothing'"):
        results.load("nothing")
    with pytest.raises(ValueError, match=r"got '\.\./secrets'"):
        results.load("../secrets")
    with pytest.raises(ValueError, match="split must be one of 'train', 'validation', 'test', got 'dev'"):
        results.accuracies(row, "dev")
    with pytest.raises(ValueError, match="name must be one of base"):
        results.load("scaling_glyphs").row("16x depth")
