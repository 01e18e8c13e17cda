"""The searches with real training: fair, resumable, and stored as they happened."""

import json
from dataclasses import replace

import numpy as np
import pytest

from effnet_lib import cost_of, results
from effnet_lib.experiments import search_real
from effnet_lib.experiments.search_real import TASKS, contenders, finalists, job
from effnet_lib.search.trial import SearchResult, Trial

KINDS = [kind for kind, task in TASKS.items() if task.table in results.available()]


@pytest.mark.parametrize("kind", TASKS)
def test_every_candidate_costs_what_the_hand_made_network_costs(kind):
    task, rng = TASKS[kind], np.random.default_rng(7)
    target = cost_of(task.base).macs
    genotypes = [task.space.sample(rng) for _ in range(25)]
    assert len({task.arch(genotype) for genotype in genotypes}) == 25
    for genotype in genotypes:
        assert cost_of(task.arch(genotype)).macs == pytest.approx(target, rel=0.01)
    assert task.space.cardinality > 10**7


def result_of(evaluations):
    return SearchResult(tuple(
        Trial(i, tuple(one["genotype"]), one["value"], one["error"]) for i, one in enumerate(evaluations)
    ))  # fmt: skip


def test_finalists_are_the_best_different_networks_by_the_search_itself():
    task = replace(TASKS["glyphs"], finalists=2)
    a, b, c = (tuple(task.space.genotype(i)) for i in (5, 50, 500))
    found = result_of(
        {"genotype": g, "value": v, "error": None if v else "ValueError"}
        for g, v in ((a, 0.2), (b, 0.6), (c, None), (b, 0.7), (a, 0.3))
    )
    assert finalists(task, found) == [b, a]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_search_trained_the_networks_that_its_own_evaluations_name(kind):
    task, table = TASKS[kind], results.load(TASKS[kind].table)
    search = table.setting["search"]
    assert len(search["evaluations"]) == search["budget"] == task.budget
    assert (search["data"], search["recipe"]) == (task.short_data, task.short)
    expected = contenders(task, result_of(search["evaluations"]))
    assert [row["name"] for row in table] == [name for name, *_ in expected]
    for row, (name, family, _, arch) in zip(table, expected, strict=True):
        assert row["arch"] == json.loads(json.dumps(arch.replace(name=name).to_dict()))
        assert row["family"] == family
        assert row["macs"] == pytest.approx(table.row("base")["macs"], rel=0.01)
        assert len({run["seed"] for run in row["runs"]}) >= 3
    told = task.search()
    for one in search["evaluations"][: task.population]:  # the first population owes nothing to any value
        assert told.ask() == tuple(one["genotype"])


def test_a_search_goes_from_candidates_to_a_table_and_does_nothing_twice(tmp_path, monkeypatch):
    tiny = {"set": "glyphs", "train": 100, "validation": 50, "test": 50, "difficulty": "easy"}
    short = search_real.SMALL | {"epochs": 1, "batch": 50}
    task = replace(
        TASKS["glyphs"], base=TASKS["glyphs"].base.replace(resolution=16), data=tiny, short_data=tiny, short=short,
        full=short, budget=3, population=2, tournament=2, finalists=1, drawn=1,
    )  # fmt: skip
    monkeypatch.setitem(TASKS, "glyphs", task)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(search_real, "WorkerPool", _Here)
    monkeypatch.setattr(search_real, "run_all", _trained)
    told = []
    path = search_real.make("glyphs", tmp_path, 2, 1, False, told.append)
    table = json.loads(path.read_text())
    assert [row["name"] for row in table["rows"]] == ["base", "searched 1", "drawn 1"]
    assert [len(row["runs"]) for row in table["rows"]] == [2, 2, 2]
    assert len(told) == 3
    again = []
    search_real.make("glyphs", tmp_path, 2, 1, False, again.append)
    assert again == []
    assert json.loads(path.read_text()) == table
    assert job(task, task.base, 0)["data"] == tiny


class _Here:
    """The pool's place when evaluations stay in this process."""

    def __new__(cls, processes):
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(1)


def _trained(jobs, journal, processes, tell):
    from effnet_lib.experiments.runs import train_once

    for one in jobs:
        if one not in journal:
            journal.add(one, train_once(one))
