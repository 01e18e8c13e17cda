"""Searches whose process is killed, at moments that nobody chose."""

import contextlib
import functools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil
import pytest
from candidates import STRATEGIES, Noted, by_the_book, notes, pairs

from effnet_lib.search import WorkerPool, load_search, run_search

BUDGET, PARALLEL = 18, 3
EXECUTORS = {
    "this process": None,
    "forked processes": lambda: ProcessPoolExecutor(2, multiprocessing.get_context("fork")),
    "worker pool": lambda: WorkerPool(2),
}


def session(name, executor, journal, noted, number):
    """One attempt at the whole search, in a process of its own."""
    evaluate = Noted(noted, word=number, pause=0.05)
    if EXECUTORS[executor] is None:
        run_search(STRATEGIES[name](4), evaluate, BUDGET, None, journal, PARALLEL)
    else:
        with EXECUTORS[executor]() as workers:
            run_search(STRATEGIES[name](4), evaluate, BUDGET, workers, journal, PARALLEL)


def finished(journal):
    if not journal.exists() or b"\n" not in journal.read_bytes():
        return Counter()
    return Counter(trial.genotype for trial in load_search(journal).evaluations)


def size(file):
    return file.stat().st_size if file.exists() else 0


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("name", "executor"),
    [("evolution", "this process"), ("reinforce", "forked processes"), ("random", "worker pool")],
)
def test_a_search_killed_again_and_again_ends_like_one_that_was_left_alone(name, executor, tmp_path):
    expected = by_the_book(STRATEGIES[name](4), 1, BUDGET, PARALLEL)
    wanted = Counter(genotype for genotype, _ in expected)
    journal, noted = tmp_path / "journal.jsonl", tmp_path / "noted.jsonl"
    seed = 1
    rng, number = random.Random(seed), 0
    context = multiprocessing.get_context("forkserver")  # starts processes fast, and not from this one's threads
    context.set_forkserver_preload(["effnet_lib.search"])
    while number < 100:
        before, began = finished(journal), size(journal)
        process = context.Process(target=session, args=(name, executor, journal, noted, number))
        process.start()
        patient = rng.random() < 0.8  # most of the times it may get somewhere first
        while patient and process.is_alive() and size(journal) == began:
            time.sleep(0.01)
        process.join(rng.uniform(0, 0.08))
        if process.exitcode is not None:
            break
        try:
            children = psutil.Process(process.pid).children()
        except psutil.NoSuchProcess:
            children = []  # it has ended just now
        process.kill()
        process.join()
        begun = [entry for entry in notes(noted) if entry["word"] == number]
        deadline = time.monotonic() + 20
        while any(alive(entry["pid"]) for entry in begun):
            assert time.monotonic() < deadline, f"workers outlive their search (seed {seed}, kill {number})"
            time.sleep(0.01)
        for child in children:  # a standard pool's workers stay if they have never done anything
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        for genotype, times in Counter(tuple(entry["genotype"]) for entry in begun).items():
            most = wanted[genotype] - before[genotype]
            assert times <= most, f"finished, and evaluated again (seed {seed}, kill {number})"
        number += 1
    assert process.exitcode == 0
    assert number >= 3, "it was hardly ever killed: nothing was shown"
    assert pairs(load_search(journal)) == expected
    assert len({trial.notes["pid"] for trial in load_search(journal).evaluations}) > 2


PROGRAM = """
import multiprocessing, sys, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from candidates import STRATEGIES, Noted
from effnet_lib.search import WorkerPool, run_search
if __name__ == "__main__":
    make = {"fork": lambda: ProcessPoolExecutor(2, multiprocessing.get_context("fork")), "own": lambda: WorkerPool(2)}
    with make[sys.argv[3]]() as workers:
        evaluate = Noted(Path(sys.argv[2]) / "noted.jsonl", pause=1.0)
        run_search(STRATEGIES["random"](4), evaluate, 30, workers, Path(sys.argv[2]) / "journal.jsonl")
"""


@pytest.mark.parametrize("pool", ["fork", "own"])
def test_ctrl_c_in_a_terminal_stops_a_search_soon_and_blames_no_network(pool, tmp_path):
    here = Path(__file__).parent
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a background job would ignore it
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, here, tmp_path, pool],
        start_new_session=True, stderr=subprocess.PIPE, text=True, preexec_fn=heed,
    )  # fmt: skip
    journal = tmp_path / "journal.jsonl"
    while sum(finished(journal).values()) < 2:
        assert program.poll() is None
        time.sleep(0.02)
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does: to the program and all its workers
    error = program.communicate(timeout=60)[1]
    assert program.returncode in (-signal.SIGINT, 130, 1)
    assert "KeyboardInterrupt" in error
    assert pool == "fork" or error.count("Traceback") == 1, "the pool's workers leave it to the program"
    found = load_search(journal)
    assert 2 <= len(found) < 30
    assert {trial.error for trial in found.failures} <= {"evaluate returned None"}
    result = run_search(STRATEGIES["random"](4), Noted(tmp_path / "later.jsonl"), 30, None, journal)
    assert result.evaluations[: len(found)] == found.evaluations
    assert len(notes(tmp_path / "later.jsonl")) == 30 - len(found)
