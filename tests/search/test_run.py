import math
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from candidates import SPACE, STRATEGIES, Slow, Unready, by_the_book, failing, known_value, leaving, pairs

from effnet_lib.search import (
    NSGA2,
    Evaluation,
    RandomSearch,
    RegularizedEvolution,
    WorkerPool,
    pareto_front,
    run_search,
)
from effnet_lib.search.dispatch import workers_of

every = pytest.mark.parametrize("make", STRATEGIES.values(), ids=STRATEGIES.keys())
EXECUTORS = {
    "this process": None,
    "threads": lambda: ThreadPoolExecutor(3),
    "processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
    "worker pool": lambda: WorkerPool(2),
}


@pytest.fixture(scope="module", params=EXECUTORS.values(), ids=EXECUTORS.keys())
def executor(request):
    if request.param is None:
        yield None
    else:
        with request.param() as executor:
            yield executor


@every
@pytest.mark.parametrize("parallel", [1, 5])
def test_every_executor_does_the_same_ordered_search(make, executor, parallel):
    strategy, reference = make(3), make(3)
    evaluate = Slow(strategy.objectives, pause=0.002)
    result = run_search(strategy, evaluate, 40, executor, parallel=parallel)
    assert pairs(result) == by_the_book(reference, reference.objectives, 40, parallel)
    assert strategy.state() == reference.state()
    assert [trial.index for trial in result.evaluations] == list(range(40))
    assert len(result.failures) == sum(known_value(t.genotype) is None for t in result.evaluations) > 0


def test_how_many_are_in_flight_changes_the_search():
    make = STRATEGIES["evolution"]
    assert pairs(run_search(make(), Slow(), 60)) != pairs(run_search(make(), Slow(), 60, parallel=5))


@every
def test_an_unordered_search_is_whole_as_well(make, executor):
    strategy = make(3)
    result = run_search(strategy, Slow(strategy.objectives, 0.002), 30, executor, parallel=4, ordered=False)
    assert [trial.value for trial in result.evaluations] == [
        known_value(trial.genotype, strategy.objectives) for trial in result.evaluations
    ]
    assert strategy.pending == []


@pytest.mark.parametrize("ordered", [True, False])
def test_behind_a_slow_network_an_ordered_search_waits_and_an_unordered_one_goes_on(ordered):
    begun, went_on, enough = [], [], threading.Event()

    def evaluate(genotype):
        begun.append(genotype)
        if len(begun) == 1:
            went_on.append(enough.wait(0.3 if ordered else 30))
        elif len(begun) == 12:
            enough.set()
        return 1.0

    with ThreadPoolExecutor(3) as executor:
        run_search(RandomSearch(SPACE, 0), evaluate, 20, executor, ordered=ordered)
    assert went_on == [not ordered]


def test_a_candidate_that_fails_costs_itself_alone_and_is_recorded_with_the_reason(executor):
    told = {}

    class Told(RandomSearch):
        def tell(self, genotype, value):
            told[genotype] = value
            super().tell(genotype, value)

    result = run_search(Told(SPACE, 0, repeat=False), failing, 60, executor)
    reasons = [
        "ValueError: no such kernel", "MemoryError: no room", "RuntimeError: CUDA out of memory",
        "evaluate returned None", "evaluate returned nan, which is not finite",
        "evaluate returned -inf, which is not finite", None, None, None,
    ]  # fmt: skip
    for trial in result.evaluations:
        assert trial.error == reasons[3 * trial.genotype[1] + trial.genotype[2]]
        assert trial.value == told[trial.genotype] == (None if trial.error else 1.0)
    assert {trial.error for trial in result.evaluations} == set(reasons)


def test_sys_exit_ends_no_worker_and_is_obeyed_in_this_process(executor):
    if executor is None:
        with pytest.raises(SystemExit):
            run_search(RandomSearch(SPACE, 0), leaving, 30)
        return
    result = run_search(RandomSearch(SPACE, 0), leaving, 30, executor)
    assert {trial.error for trial in result.failures} == {"SystemExit: a candidate that calls sys.exit"}


@pytest.mark.parametrize(
    ("objectives", "returned", "message"),
    [
        (1, "0.5", "evaluate: value must be a number, None or an Evaluation of these, got '0.5'"),
        (1, (0.5, 1.0), "value must be a number"),
        (2, 0.5, "value must be 2 numbers"),
        (2, (1, 2, 3), "value must be 2 numbers"),
        (1, {"accuracy": 0.5}, "value must be a number"),
        (1, Evaluation(0.5, {"model": object()}), "notes must be plain values, got a object"),
    ],
)
def test_a_mistake_in_the_program_is_no_failure_of_a_network(objectives, returned, message):
    strategy = RandomSearch(SPACE) if objectives == 1 else NSGA2(SPACE)
    with pytest.raises(TypeError, match=message):
        run_search(strategy, lambda genotype: returned, 10)


def test_values_and_notes_come_back_plain():
    notes = {"macs": np.int64(5), "curve": np.array([0.1, 0.2]), "stage": (1, 2)}
    with ThreadPoolExecutor(1) as executor:
        result = run_search(RandomSearch(SPACE), lambda g: Evaluation(np.float32(0.5), notes), 3, executor)
    for trial in result.evaluations:
        assert type(trial.value) is float
        assert trial.notes == {"macs": 5, "curve": [0.1, 0.2], "stage": [1, 2]}
        assert trial.seconds >= 0


def test_a_failure_may_bring_notes():
    result = run_search(RandomSearch(SPACE), lambda g: Evaluation(None, {"why": "too large"}), 2)
    assert result.failures[1].notes == {"why": "too large"}


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("ordered", [True, False])
def test_reused_values_are_told_without_being_evaluated_again_and_count(parallel, ordered):
    begun = []

    def evaluate(genotype):
        begun.append(genotype)
        return known_value(genotype)

    seen = []
    with ThreadPoolExecutor(parallel) as executor:
        result = run_search(
            STRATEGIES["evolution"](1), evaluate, 120, executor, reuse=True, ordered=ordered, on_result=seen.append
        )
    assert len(set(begun)) == len(begun) < 120
    assert sorted(seen, key=lambda trial: trial.index) == list(result.evaluations)
    again = [trial for trial in result.evaluations if trial.reused is not None]
    assert len(again) == 120 - len(begun)
    for trial in again:
        first = result.evaluations[trial.reused]
        assert (first.genotype, first.value, first.error) == (trial.genotype, trial.value, trial.error)
        assert first.reused is None
        assert trial.reused < trial.index
    if ordered:
        assert pairs(result) == by_the_book(STRATEGIES["evolution"](1), 1, 120, parallel)


def test_without_reuse_a_network_is_evaluated_as_often_as_it_is_asked_for():
    begun = []
    result = run_search(STRATEGIES["evolution"](1), lambda g: begun.append(g) or 1.0, 120)
    assert begun == [trial.genotype for trial in result.evaluations]
    assert len(set(begun)) < 120


def test_the_result_of_one_objective():
    result = run_search(RegularizedEvolution(SPACE, 2), Slow(), 50)
    values = [-math.inf if trial.value is None else trial.value for trial in result.evaluations]
    assert len(result) == 50
    assert result.best.index == int(np.argmax(values))
    assert [-math.inf if v is None else v for v in result.best_so_far()] == np.maximum.accumulate(values).tolist()
    with pytest.raises(ValueError, match="front needs two objectives"):
        result.front()


def test_the_result_of_two_objectives():
    result = run_search(NSGA2(SPACE, 2, population=6), Slow(2), 50)
    valued = [trial for trial in result.evaluations if trial.value is not None]
    assert list(result.front()) == [valued[i] for i in pareto_front([trial.value for trial in valued])]
    assert len(result.front()) > 1
    for name in ("best", "best_so_far"):
        with pytest.raises(ValueError, match=rf"{name} needs one objective, but this search has two: see front\(\)"):
            getattr(result, name)()


def test_where_everything_fails_there_is_no_best():
    result = run_search(RandomSearch(SPACE), lambda genotype: None, 5)
    assert result.best is None
    assert result.best_so_far() == [None] * 5


def test_what_a_worker_cannot_prepare_stops_the_search_before_any_network_is_charged(executor):
    strategy, done = RandomSearch(SPACE), []
    with pytest.raises(FileNotFoundError, match="no pictures here"):
        run_search(strategy, Unready(), 10, executor, on_result=done.append)
    assert done == []


def test_a_search_on_an_executor_that_is_shut_down_says_so():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(RuntimeError, match=r"takes no more evaluations.*cannot schedule new futures"):
        run_search(RandomSearch(SPACE), known_value, 10, executor)


def test_an_executor_shut_down_in_the_middle_stops_the_search_and_blames_no_network():
    executor, done = ThreadPoolExecutor(1), []

    def stop(trial):
        done.append(trial)
        executor.shutdown(wait=False, cancel_futures=True)

    with pytest.raises(RuntimeError, match="With a journal, the next call goes on"):
        run_search(RandomSearch(SPACE), Slow(pause=0.01), 10, executor, parallel=4, on_result=stop)
    assert not any("ancel" in (trial.error or "") for trial in done)


def test_the_number_in_flight_is_the_executors_number_of_workers():
    assert workers_of(None) == 1
    with ThreadPoolExecutor(7) as threads, WorkerPool(2) as pool, ProcessPoolExecutor(3) as processes:
        assert [workers_of(e) for e in (threads, pool, processes)] == [7, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"budget": 0}, "budget must be an integer of at least 1, got 0"),
        ({"budget": 2.5}, "budget must be an integer of at least 1, got 2.5"),
        ({"budget": 5, "parallel": 0}, "parallel must be an integer of at least 1, got 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        run_search(RandomSearch(SPACE), known_value, **arguments)
