"""A real Dask cluster of two worker processes on this machine, some of which are killed."""

import os
import signal
from collections import Counter

import pytest
from candidates import (
    SPACE,
    STRATEGIES,
    Deadly,
    Noted,
    Slow,
    Unready,
    by_the_book,
    failing,
    leaving,
    notes,
    pairs,
)

from effnet_lib.search import RandomSearch, load_search, run_search
from effnet_lib.search.dispatch import workers_of

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0",
        silence_logs="CRITICAL",
    ) as cluster:  # fmt: skip
        yield cluster


@pytest.fixture(scope="module")
def client(cluster):
    with distributed.Client(cluster) as client:
        yield client


@pytest.fixture
def executor(client):
    client.wait_for_workers(2, timeout=60)  # one that an earlier test killed is started again
    with client.get_executor() as executor:
        yield executor


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_cluster_does_the_search_that_one_process_does(name, executor):
    strategy, reference = STRATEGIES[name](3), STRATEGIES[name](3)
    result = run_search(strategy, Slow(strategy.objectives, pause=0.002), 30, executor, parallel=4)
    assert pairs(result) == by_the_book(reference, reference.objectives, 30, 4)
    assert strategy.state() == reference.state()


def test_equal_networks_are_evaluated_anew(executor, tmp_path):
    run_search(STRATEGIES["evolution"](1), Noted(tmp_path / "noted"), 40, executor)
    noted = Counter(tuple(entry["genotype"]) for entry in notes(tmp_path / "noted"))
    assert sum(noted.values()) == 40
    assert max(noted.values()) > 1


def test_every_other_way_to_fail_is_recorded_as_anywhere_else(executor):
    here = run_search(RandomSearch(SPACE, 0), failing, 40)
    there = run_search(RandomSearch(SPACE, 0), failing, 40, executor)
    assert [trial.error for trial in there.evaluations] == [trial.error for trial in here.evaluations]
    assert len({trial.error for trial in there.evaluations}) > 4
    left = run_search(RandomSearch(SPACE, 0), leaving, 10, executor)
    assert {trial.error for trial in left.failures} == {"SystemExit: a candidate that calls sys.exit"}


def test_what_its_workers_cannot_prepare_stops_the_search(executor):
    with pytest.raises(FileNotFoundError, match="no pictures here"):
        run_search(RandomSearch(SPACE), Unready(), 10, executor)


def test_the_number_in_flight_is_the_clusters_number_of_threads(executor):
    assert workers_of(executor) == 2


def test_a_cluster_without_workers_must_be_waited_for():
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as empty,
        distributed.Client(empty) as client,
        pytest.raises(ValueError, match="parallel must be given for a cluster without workers"),
    ):
        run_search(RandomSearch(SPACE), failing, 10, client.get_executor())


def test_a_search_whose_cluster_goes_away_stops_and_goes_on_elsewhere(tmp_path):
    journal = tmp_path / "journal.jsonl"
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip

        def gone(trial):
            if trial.index == 3:
                cluster.close()

        with pytest.raises(RuntimeError, match="With a journal, the next call goes on"):
            run_search(
                STRATEGIES["ppo"](2), Slow(pause=0.01), 16, client.get_executor(), journal, on_result=gone
            )
    assert 4 <= len(load_search(journal)) < 16
    result = run_search(STRATEGIES["ppo"](2), Slow(), 16, None, journal)
    assert pairs(result) == by_the_book(STRATEGIES["ppo"](2), 1, 16, 1)


@pytest.mark.parametrize("ordered", [True, False])
def test_a_worker_killed_in_the_middle_costs_no_network(ordered, executor, client, tmp_path):
    victim = min(client.run(os.getpid).values())
    done = []

    def kill(trial):
        done.append(trial)
        if len(done) == 5:
            os.kill(victim, signal.SIGKILL)

    evaluate, journal = Noted(tmp_path / "noted", pause=0.1), tmp_path / "journal.jsonl"
    result = run_search(
        STRATEGIES["evolution"](2), evaluate, 16, executor, journal, ordered=ordered, on_result=kill
    )
    pids = [entry["pid"] for entry in notes(tmp_path / "noted")]
    assert victim in pids
    assert set(pids) != {victim}
    assert load_search(journal) == result
    assert sorted(trial.index for trial in done) == list(range(16))
    assert {trial.error for trial in result.failures} <= {"evaluate returned None"}
    if ordered:
        assert pairs(result) == by_the_book(STRATEGIES["evolution"](2), 1, 16, 2)


def test_a_candidate_that_kills_its_workers_costs_itself_alone(executor, cluster, tmp_path):
    evaluate = Deadly(tmp_path / "noted", fatal=3)
    before, cluster.scheduler.allowed_failures = cluster.scheduler.allowed_failures, 0
    try:
        # More in flight than workers: some wait on the worker that is killed, and Dask gives them up as well.
        result = run_search(RandomSearch(SPACE, 1, repeat=False), evaluate, 12, executor, parallel=6)
    finally:
        cluster.scheduler.allowed_failures = before
    assert [sum(trial.genotype) for trial in result.failures] == [3]
    assert result.failures[0].error.startswith("KilledWorker: ")
    assert [t.value for t in result.evaluations if t.value is not None] == [
        float(sum(t.genotype)) for t in result.evaluations if sum(t.genotype) != 3
    ]
