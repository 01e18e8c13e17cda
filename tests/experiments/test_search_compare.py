"""The comparison of all strategies: how it is made, and that what is stored can be made again."""

import json
from datetime import date
from importlib.metadata import version

import numpy as np
import pytest

from effnet_lib import results
from effnet_lib.experiments import search_compare as compare
from effnet_lib.experiments.journal import Journal
from effnet_lib.search import SearchTable, load_table, regret_curves, tabular_space
from effnet_lib.search.table import incumbents
from effnet_lib.search_figures import mean_band

STORED = compare.NAME in results.available()
stored = pytest.mark.skipif(not STORED, reason="the comparison has not been made yet")


def made_up(seed: int = 0) -> SearchTable:
    """A table of the right shape without any training: option effects and noise."""
    rng, space = np.random.default_rng(seed), tabular_space()
    effects = sum(rng.normal(0, 0.03, n)[np.array(list(space))[:, d]] for d, n in enumerate(space.sizes))
    runs = np.clip(0.6 + effects[:, None, None] + rng.normal(0, 0.02, (2, len(space), 3, 1)), 0, 1)
    cost = np.arange(1, len(space) + 1)
    return SearchTable(space, runs[0], runs[1], cost, cost, cost / 1e6)


def test_what_is_stored_for_our_strategies_is_what_regret_curves_gives(tmp_path):
    table = made_up()
    for name, make in compare.OURS.items():
        found = compare.run(name, table, range(4), 30)
        curves = regret_curves(make, table, 30, range(4))
        assert np.array_equal(table.regret(compare.held(found)), curves), name
        row = compare.row_of(name, table, found)
        mean, half = mean_band(curves)
        assert np.allclose(row["mean"], mean, atol=1e-6)
        assert np.allclose(row["half"], half, atol=1e-6)
        assert np.allclose(row["final"], curves[:, -1], atol=1e-6)


@pytest.mark.parametrize("name", compare.NAMES)
def test_a_repeat_is_told_the_accuracies_of_its_own_training_seed_and_counts_what_it_saw(name):
    table = made_up(1)
    found = compare.run(name, table, range(3), 25)
    distinct = np.zeros(25)
    for repeat in range(3):
        asked = compare.search(name, table, repeat, 25)
        assert asked == compare.search(name, table, repeat, 25)
        assert compare.held(found)[repeat].tolist() == incumbents(asked, table.scores(repeat % 3))
        distinct += [len(set(asked[: n + 1])) for n in range(25)]
    assert found["distinct"] == pytest.approx(distinct / 3, abs=0.006)


def test_the_script_resumes_and_keeps_its_date_when_nothing_changed(tmp_path, monkeypatch):
    table, journal = made_up(), Journal(tmp_path / "journal.jsonl")
    journal.add(compare.job("PPO", table, 1, 12, 6), compare.run("PPO", table, [1, 4], 12))
    ran, run = [], compare.run

    def counted(name, table, repeats, budget):
        ran.append((name, repeats.start))
        return run(name, table, repeats, budget)

    monkeypatch.setattr(compare, "run", counted)
    path = compare.make(table, journal, 12, 6, folder=tmp_path)
    assert ran == [(name, seed) for name in compare.NAMES for seed in range(3) if (name, seed) != ("PPO", 1)]
    for row in json.loads(path.read_text())["rows"]:
        whole = run(row["name"], table, range(6), 12)
        assert row["changes"] == whole["changes"]
        assert row["distinct"] == pytest.approx(whole["distinct"], abs=0.006)
    path.write_text(path.read_text().replace(json.loads(path.read_text())["made_by"]["date"], "2001-01-01"))
    ran.clear()
    compare.make(table, Journal(journal.path), 12, 6, folder=tmp_path)
    assert ran == []
    assert json.loads(path.read_text())["made_by"]["date"] == "2001-01-01"
    assert compare.job("PPO", made_up(5), 1, 12, 6) not in journal, "other accuracies are another job"
    compare.make(made_up(5), journal, 12, 6, folder=tmp_path)
    assert json.loads(path.read_text())["made_by"]["date"] != "2001-01-01"


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match=r"name must be one of random, .*Optuna NSGA-II; got 'annealing'"):
        compare.search("annealing", made_up(), 0)


@stored
def test_the_stored_comparison_says_what_made_it_and_belongs_to_the_table_that_ships():
    table = results.load(compare.NAME)
    assert table.made_by["command"] == compare.COMMAND
    assert {"python", "numpy", "optuna"} <= set(table.made_by["versions"])
    assert table.made_by["hardware"]
    date.fromisoformat(table.made_by["date"])
    assert table.setting["digest"] == compare.table_digest(load_table())
    assert table.setting["training_seeds"] == load_table().seeds >= 3
    assert [row["name"] for row in table] == compare.NAMES
    budget, repeats = table.setting["budget"], table.setting["repeats"]
    assert repeats >= 200
    for row in table:
        assert len(row["mean"]) == len(row["half"]) == len(row["distinct"]) == budget
        assert len(row["final"]) == len(row["changes"]) == repeats
    assert (results.FOLDER / f"{compare.NAME}.json").stat().st_size < 300_000


@stored
@pytest.mark.parametrize("name", compare.NAMES)
def test_a_few_stored_repeats_made_again_are_the_same(name):
    row, table = results.load(compare.NAME).row(name), load_table()
    if name in compare.OPTUNAS and row["settings"]["optuna"] != version("optuna"):
        pytest.skip(f"stored with Optuna {row['settings']['optuna']}")
    repeats = 3 if name in compare.OPTUNAS else 12
    assert compare.run(name, table, range(repeats))["changes"] == row["changes"][:repeats]
    assert row["settings"] == compare.settings(name, table.space)
    lost = table.regret(compare.held(row))
    assert np.allclose(lost[:, -1], row["final"], atol=1e-6)
    mean, half = mean_band(lost)
    assert np.allclose(mean, row["mean"], atol=1e-6)
    assert np.allclose(half, row["half"], atol=1e-6)


def test_tables_of_networks_are_told_from_others():
    assert set(results.of_networks()) <= set(results.available())
    assert "scaling_glyphs" in results.of_networks()
    assert compare.NAME not in results.of_networks()
