"""The table behind the search chapters is what its script makes."""

import time

import pytest

from effnet_lib import results
from effnet_lib.experiments import every_network
from effnet_lib.experiments.journal import Journal

STORED = results.load(every_network.TABLE)


def test_the_stored_table_has_every_network_of_the_space_once_with_all_seeds_and_epochs():
    assert [tuple(row["genotype"]) for row in STORED] == list(every_network.SPACE)
    for row in STORED:
        arch = every_network.SPACE.arch(tuple(row["genotype"]))
        assert row["arch"] == arch.to_dict() | {"stages": row["arch"]["stages"]}
        assert row["name"] == arch.name
        assert {run["seed"] for run in row["runs"]} >= {0, 1, 2}
        for run in row["runs"]:
            curve = run["curve"]
            assert {len(values) for values in curve.values()} == {every_network.RECIPE["epochs"]}
            assert (curve["test_accuracy"][-1], curve["validation_accuracy"][-1]) == (
                run["test_accuracy"], run["validation_accuracy"],
            )  # fmt: skip
    assert STORED.setting["data"] == every_network.DATA
    assert STORED.setting["recipe"] == every_network.RECIPE
    assert (results.FOLDER / f"{every_network.TABLE}.json").stat().st_size < 2_000_000


def test_a_network_of_the_stored_table_can_be_trained_again():
    cheapest = min(STORED, key=lambda row: row["macs"])
    began = time.process_time()
    stored, new = every_network.remake(cheapest["name"])
    assert time.process_time() - began < 60
    # One machine repeats itself exactly; another rounds differently, which is like another seed.
    assert new["curve"]["train_loss"][0] == pytest.approx(stored["curve"]["train_loss"][0], rel=0.01)
    assert len(new["curve"]["test_accuracy"]) == len(stored["curve"]["test_accuracy"])
    assert abs(new["test_accuracy"] - stored["test_accuracy"]) < 0.35


def test_latencies_are_measured_once_and_a_table_needs_a_finished_run(tmp_path, monkeypatch):
    some = list(every_network.SPACE)[:2]
    monkeypatch.setattr(every_network, "SPACE", _Few(some))
    journal, told = Journal(tmp_path / "journal.jsonl"), []
    every_network.measure_all(journal, 0.01, told.append)
    every_network.measure_all(journal, 0.01, told.append)
    assert told == ["2 networks to measure", "0 networks to measure"]
    with pytest.raises(
        ValueError, match="rows must have at least one finished run to make the table search_glyphs"
    ):
        every_network.write(journal, tmp_path)
    run = STORED.rows[0]["runs"][0]
    journal.add(every_network.job(some[0], 0), run)
    path = every_network.write(journal, tmp_path)
    assert path.parent == tmp_path
    assert path.read_text().count('"genotype"') == 1


class _Few:
    """The tabular space with a few of its networks."""

    def __init__(self, genotypes):
        self.genotypes = genotypes
        self.arch = every_network.SPACE.arch

    def __iter__(self):
        return iter(self.genotypes)
