import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from candidates import SPACE, STRATEGIES, Slow, known_value, pairs

from effnet_lib.search import (
    RandomSearch,
    RegularizedEvolution,
    SearchSpace,
    load_search,
    mnasnet_space,
    run_search,
    tabular_space,
)

every = pytest.mark.parametrize("make", STRATEGIES.values(), ids=STRATEGIES.keys())
evolution = STRATEGIES["evolution"]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """What these tests cut, they cut in files: no power fails."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "search.jsonl"


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class Counted:
    """Counts evaluations by network."""

    def __init__(self, objectives=1):
        self.objectives, self.begun = objectives, []

    def __call__(self, genotype):
        self.begun.append(genotype)
        return known_value(genotype, self.objectives)


@pytest.mark.parametrize(
    ("make", "reuse"), [(make, False) for make in STRATEGIES.values()] + [(evolution, True)],
    ids=[*STRATEGIES, "evolution with reuse"],
)  # fmt: skip
def test_stopped_after_any_line_a_search_goes_on_as_if_nothing_had_been(make, reuse, path):
    go = partial(run_search, budget=14, parallel=3, reuse=reuse, journal=path)
    whole = go(make(5), Slow(make(5).objectives))
    content = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    for cut in [0, *ends]:
        for torn in (0, 7):  # and in the middle of the next line
            path.write_bytes(content[: cut + torn])
            before = lines_of(path) if not torn and cut else None
            again = Counted(make(5).objectives)
            assert pairs(go(make(5), again)) == pairs(whole)
            there = lines_of(path)
            assert sorted(line["ask"] for line in there if "ask" in line) == list(range(14))
            assert sorted(line["result"] for line in there if "result" in line) == list(range(14))
            if before is not None:
                evaluated = [line for line in there[len(before) :] if "result" in line and line["reused"] is None]
                assert len(again.begun) == len(evaluated)
                assert there[: len(before)] == before


@every
def test_an_unordered_search_resumes_in_the_state_it_was_in(make, path):
    objectives = make().objectives
    first = make(2)
    with ThreadPoolExecutor(4) as executor:
        go = partial(run_search, executor=executor, ordered=False, journal=path)
        done = go(first, Slow(objectives, 0.003), 25)
        assert pairs(go(make(2), Counted(objectives), 25)) == pairs(done)
        second, again = make(2), Counted(objectives)
        go(second, again, 25)
    assert again.begun == []
    assert second.state() == first.state()


@every
@pytest.mark.parametrize("parallel", [1, 4])
def test_a_higher_budget_makes_a_finished_search_longer_as_if_it_had_been_meant(make, parallel, path):
    go = partial(run_search, parallel=parallel)
    strategy, evaluate = make(7), Counted(make().objectives)
    go(make(7), Slow(evaluate.objectives), 15, journal=path)
    longer = go(strategy, evaluate, 40, journal=path)
    once = make(7)
    assert pairs(longer) == pairs(go(once, Slow(evaluate.objectives), 40))
    assert strategy.state() == once.state()
    assert len(evaluate.begun) == 25


def test_order_and_number_in_flight_may_change_between_sessions(path):
    with ThreadPoolExecutor(4) as executor:
        run_search(evolution(), Slow(pause=0.003), 20, executor, path, parallel=7)
        run_search(evolution(), Slow(pause=0.003), 40, executor, path, ordered=False)
        last = run_search(evolution(), Slow(pause=0.003), 60, executor, path, parallel=2)
    again = Counted()
    assert run_search(evolution(), again, 60, None, path) == last == load_search(path)
    assert again.begun == []
    assert [trial.value for trial in last.evaluations] == [known_value(t.genotype) for t in last.evaluations]


def test_an_interrupt_stops_the_search_and_loses_nothing_that_was_finished(path):
    class Interrupted(Counted):
        def __call__(self, genotype):
            if len(self.begun) == 8:
                raise KeyboardInterrupt
            return super().__call__(genotype)

    first, second = Interrupted(), Counted()
    with pytest.raises(KeyboardInterrupt):
        run_search(evolution(), first, 20, journal=path)
    assert len(load_search(path)) == 8
    result = run_search(evolution(), second, 20, journal=path)
    assert len(first.begun) + len(second.begun) == 20
    assert pairs(result) == pairs(run_search(evolution(), Slow(), 20))


def test_what_on_result_raises_stops_the_search_and_loses_nothing(path):
    def stop(trial):
        if trial.index == 5:
            raise TimeoutError("enough for today")

    with pytest.raises(TimeoutError, match="enough for today"):
        run_search(evolution(), known_value, 20, journal=path, on_result=stop)
    again = Counted()
    run_search(evolution(), again, 20, journal=path)
    assert len(again.begun) == 14


def test_after_a_mistake_in_the_program_the_search_goes_on_with_the_mended_one(path):
    with pytest.raises(TypeError):
        run_search(evolution(), lambda genotype: "good", 10, journal=path)
    assert pairs(run_search(evolution(), known_value, 10, journal=path)) == pairs(run_search(evolution(), known_value, 10))


class Recipe:
    def __init__(self, **settings):
        self.settings = settings

    def __call__(self, genotype):
        return known_value(genotype)


def used():
    strategy = evolution(1)
    strategy.tell(strategy.ask(), 1.0)
    return strategy


@pytest.mark.parametrize(
    ("strategy", "evaluate", "difference"),
    [
        (RandomSearch(SPACE, 1), None, 'its strategy is "RegularizedEvolution", and here it is "RandomSearch"'),
        (RegularizedEvolution(SPACE, 1, 7, 3), None, "its settings: population is 6, and here it is 7"),
        (RegularizedEvolution(mnasnet_space(), 1, 6, 3), None, 'its space: name is "tabular", and here it is "mnasnet"'),
        (RegularizedEvolution(tabular_space(32), 1, 6, 3), None, "its space: base is .*"),
        (
            RegularizedEvolution(SearchSpace("tabular", SPACE.base, SPACE.dimensions, 8), 1, 6, 3), None,
            "its space: divisor is 2, and here it is 8",
        ),
        (evolution(2), None, "its strategy began in another state; give a strategy with the same seed, not yet asked"),
        (used(), None, "its strategy began in another state"),
        (evolution(1), Recipe(epochs=9, data="glyphs"), "its evaluate: epochs is 5, and here it is 9"),
        (evolution(1), known_value, 'its evaluate is {"epochs": 5, "data": "glyphs"}, and here it is null'),
    ],
)  # fmt: skip
def test_another_searchs_journal_is_refused_and_stays_as_it_is(strategy, evaluate, difference, path):
    run_search(evolution(1), Recipe(epochs=5, data="glyphs"), 5, journal=path)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=rf"{path} belongs to another: {difference}"):
        run_search(strategy, evaluate or Recipe(epochs=5, data="glyphs"), 9, journal=path)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


def test_a_file_that_is_no_journal_of_a_search_is_refused_and_stays_as_it_is(path):
    path.parent.mkdir()
    path.write_text('{"key": "something else"}\n')
    for read in (lambda: run_search(evolution(), known_value, 9, journal=path), lambda: load_search(path)):
        with pytest.raises(ValueError, match=r"a search wrote, but line 1 of .*search\.jsonl is no such header"):
            read()
    assert path.read_text() == '{"key": "something else"}\n'


def test_a_journal_of_a_later_format_is_refused(path):
    run_search(evolution(), known_value, 2, journal=path)
    path.write_text(path.read_text().replace('"search": 1', '"search": 99'))
    with pytest.raises(ValueError, match="journal must be of format 1, got format 99"):
        run_search(evolution(), known_value, 2, journal=path)


def test_a_budget_below_what_the_journal_holds_is_refused(path):
    run_search(evolution(), known_value, 9, journal=path)
    with pytest.raises(ValueError, match=r"budget must be at least the 9 networks in .*search\.jsonl, got 8"):
        run_search(evolution(), known_value, 8, journal=path)


DAMAGES = {
    "no JSON": (lambda line: "nonsense", "Expecting value"),
    "no event": (lambda line: '{"genotype": []}', "'result'"),
    "no object": (lambda line: "7", "not iterable"),
    "an ask out of order": (lambda line: json.dumps({**json.loads(line), "ask": 9}), "network 3 should come, got 9"),
    "told what is unknown": (lambda line: json.dumps({**json.loads(line), "told": [2, 77]}), r"not known.*\[2, 77\]"),
    "told twice": (lambda line: json.dumps({**json.loads(line), "told": [0]}), r"told already: \[0\]"),
    "a result twice": (lambda line: '{"result": 0, "value": 1, "error": null, "seconds": 1, "notes": {}, "reused": null}',
                       "network 0 was not asked for, or has a value already"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "why"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_line_is_named_with_its_file(damage, why, path):
    run_search(RandomSearch(SPACE), known_value, 9, journal=path)
    lines = path.read_text().splitlines()
    number = next(i for i, line in enumerate(lines) if line.startswith('{"ask": 3'))
    lines[number] = damage(lines[number])
    path.write_text("\n".join(lines) + "\n")
    for read in (lambda: run_search(RandomSearch(SPACE), known_value, 9, journal=path), lambda: load_search(path)):
        with pytest.raises(ValueError, match=rf"search\.jsonl: line {number + 1} is damaged: .*{why}"):
            read()


def test_a_journal_whose_strategy_would_now_ask_for_something_else_is_refused(path):
    run_search(RandomSearch(SPACE), known_value, 9, journal=path)
    lines = path.read_text().splitlines()
    number = next(i for i, line in enumerate(lines) if line.startswith('{"ask": 3'))
    lines[number] = json.dumps({**json.loads(lines[number]), "genotype": [0] * 7})
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"must ask for what .* says it asked for, network 3: \(0, 0, 0, 0, 0, 0, 0\)"):
        run_search(RandomSearch(SPACE), known_value, 9, journal=path)


WRITER = """
import os, sys, time
from effnet_lib.search import RandomSearch, run_search, tabular_space
def evaluate(genotype):
    child = os.fork()
    if child:
        print(child, flush=True)
    time.sleep(60)
run_search(RandomSearch(tabular_space()), evaluate, 5, journal=sys.argv[1])
"""


def test_two_processes_cannot_write_one_journal_and_a_killed_one_does_not_keep_it(path):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    child = int(writer.stdout.readline())  # a process that the search has forked, and that outlives it
    with pytest.raises(ValueError, match=r"journal must not be in use by another search, but .*search\.jsonl is"):
        run_search(RandomSearch(SPACE), known_value, 5, journal=path)
    assert len(load_search(path)) == 0  # reading is free
    writer.kill()
    writer.wait()
    writer.stdout.close()
    assert len(run_search(RandomSearch(SPACE), known_value, 5, journal=path)) == 5
    os.kill(child, signal.SIGKILL)
    assert os.listdir(path.parent) == [path.name]


def test_nor_can_two_searches_of_one_process_under_another_name_of_the_file(path):
    link = path.with_name("link.jsonl")

    def evaluate(genotype):
        link.symlink_to(path)
        with pytest.raises(ValueError, match="journal must not be in use"):
            run_search(RandomSearch(SPACE), known_value, 5, journal=link)
        path.read_text()  # closing a handle of one's own must not end the lock
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_search(RandomSearch(SPACE), evaluate, 5, journal=path)
    run_search(RandomSearch(SPACE), known_value, 5, journal=link)


def test_the_journal_of_a_running_search_can_be_read(path):
    seen = []

    def look(trial):
        seen.append(load_search(path).evaluations)

    result = run_search(evolution(), known_value, 6, journal=path, on_result=look)
    assert [len(found) for found in seen] == [1, 2, 3, 4, 5, 6]
    assert seen[-1] == result.evaluations
    with pytest.raises(FileNotFoundError):
        load_search(path.with_name("none.jsonl"))


def test_every_line_is_on_the_disk_before_the_search_goes_on(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle)))
    run_search(evolution(), lambda genotype: float(len(synced)), 5, journal=path)
    assert sum(stat.S_ISDIR(found.st_mode) for found in synced) == 1
    sizes = [found.st_size for found in synced if stat.S_ISREG(found.st_mode)]
    lengths = [len(line) + 1 for line in path.read_text().splitlines()]
    assert sizes == [sum(lengths[: i + 1]) for i in range(len(lengths))]
