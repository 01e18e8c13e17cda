import contextlib
import functools
import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import psutil
import pytest
from candidates import SPACE, Deadly, Slow, cruel, known_value, notes

from effnet_lib.search import RandomSearch, WorkerDiedError, WorkerPool, run_search


@pytest.fixture(scope="module")
def pool():
    with WorkerPool(2) as pool:
        yield pool


def test_it_calls_functions_in_processes_of_its_own(pool):
    futures = [pool.submit(os.getpid) for _ in range(10)]
    assert os.getpid() not in {future.result() for future in futures}
    assert list(pool.map(math.hypot, (3, 5), (4, 12))) == [5.0, 13.0]
    assert pool.submit(int, "11", base=2).result() == 3


def test_an_exception_comes_back_as_it_is(pool):
    with pytest.raises(ValueError, match="math domain error"):
        pool.submit(math.sqrt, -1).result()


@pytest.mark.parametrize(
    ("call", "how"),
    [((os._exit, 3), "exit code 3"), ((os._exit, 0), "exit code 0"), ((os.abort,), r"signal 6 \(Aborted\)"),
     ((signal.raise_signal, signal.SIGKILL), r"signal 9 \(Killed\)")],
)  # fmt: skip
def test_a_task_that_ends_its_process_fails_alone_and_the_process_is_replaced(pool, call, how):
    good = [pool.submit(time.sleep, 0.01) for _ in range(4)]
    bad = pool.submit(*call)
    good += [pool.submit(time.sleep, 0.01) for _ in range(4)]
    with pytest.raises(WorkerDiedError, match=f"the worker process ended in the middle of its task: {how}"):
        bad.result()
    assert [future.result() for future in good] == [None] * 8


def test_a_worker_that_dies_idle_costs_nothing():
    with WorkerPool(1) as pool:
        pid = pool.submit(os.getpid).result()
        os.kill(pid, signal.SIGKILL)
        psutil.Process(pid).wait(10)
        assert pool.submit(os.getpid).result() != pid


def test_workers_leave_an_interrupt_to_the_program():
    with WorkerPool(1) as pool:
        pid = pool.submit(os.getpid).result()
        os.kill(pid, signal.SIGINT)
        busy = pool.submit(time.sleep, 0.5)
        while not busy.running():
            time.sleep(0.01)
        os.kill(pid, signal.SIGINT)
        assert busy.result() is None
        assert pool.submit(os.getpid).result() == pid


def test_what_cannot_be_sent_fails_alone(pool):
    with pytest.raises(Exception, match="pickle"):
        pool.submit(lambda: 1).result()
    with pytest.raises(RuntimeError, match="the task's result cannot be sent back, a "):
        pool.submit(eval, "lambda: 1").result()
    with pytest.raises(RuntimeError, match="a worker cannot read its task, which must be in a module that it can"):
        pool.submit(Unreadable()).result()
    assert pool.submit(int, "1").result() == 1


class Unreadable:
    def __reduce__(self):
        return exec, ("raise ImportError('not here')",)


def test_a_task_beyond_the_limit_is_ended():
    with WorkerPool(1, limit=1.0) as pool:
        assert pool.submit(int, "5").result() == 5
        began = time.monotonic()
        with pytest.raises(TimeoutError, match=r"the task took longer than its limit of 1.0 s and was ended"):
            pool.submit(time.sleep, 600).result()
        assert time.monotonic() - began < 60
    with pytest.raises(ValueError, match=r"limit must be a positive number of seconds, got 0"):
        WorkerPool(1, limit=0)


def test_every_worker_has_an_environment_of_its_own():
    with WorkerPool(2, environment=[{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]) as pool:
        both = {pool.submit(_device_and_wait).result() for _ in range(1)}
        futures = [pool.submit(_device_and_wait) for _ in range(6)]
        both |= {future.result() for future in futures}
    assert both == {"0", "1"}
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    with pytest.raises(ValueError, match="environment must have one mapping for each of 2 workers, got 1"):
        WorkerPool(2, environment=[{}])


def _device_and_wait():
    time.sleep(0.3)  # long enough for the other worker to take one as well
    return os.environ["CUDA_VISIBLE_DEVICES"]


def test_shut_down_it_finishes_or_cancels_what_it_has_and_takes_no_more():
    pool = WorkerPool(1)
    first, second = pool.submit(time.sleep, 0.2), pool.submit(time.sleep, 0.2)
    while not first.running():
        time.sleep(0.01)
    pool.shutdown(wait=True, cancel_futures=True)
    assert first.result() is None
    with pytest.raises(CancelledError):
        second.result()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(int)


def test_left_by_an_exception_it_ends_its_workers_at_once():
    began, futures = time.monotonic(), []

    def interrupted():
        with WorkerPool(2) as pool:
            futures.extend(pool.submit(time.sleep, 600) for _ in range(4))
            while not futures[0].running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - began < 60
    assert isinstance(futures[0].exception(), WorkerDiedError)
    assert futures[3].cancelled()


FORGETS = """
import time, effnet_lib.search
if __name__ == "__main__":
    pool = effnet_lib.search.WorkerPool(1)
    print(pool.submit(int, "7").result())
    pool.submit(time.sleep, 600)
    time.sleep(0.2)
"""


def test_a_program_that_forgets_to_shut_it_down_ends_all_the_same(tmp_path):
    (tmp_path / "program.py").write_text(FORGETS)
    done = subprocess.run([sys.executable, tmp_path / "program.py"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", "")


BUSY = """
import os, time, effnet_lib.search
if __name__ == "__main__":
    pool = effnet_lib.search.WorkerPool(1)
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 600).result()
"""


def test_a_busy_worker_ends_with_a_program_that_is_killed(tmp_path):
    (tmp_path / "program.py").write_text(BUSY)
    program = subprocess.Popen([sys.executable, tmp_path / "program.py"], stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(program.stdout.readline()))
    program.kill()
    program.wait()
    program.stdout.close()
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.wait_procs([worker], timeout=30)
        assert worker.status() == psutil.STATUS_ZOMBIE


def in_a_broken_pool():
    pool = ProcessPoolExecutor(2, mp_context=get_context("fork"))
    with pytest.raises(Exception, match="terminated abruptly"):
        pool.submit(os._exit, 1).result()
    return pool


POOLS = {
    "forked processes": functools.partial(ProcessPoolExecutor, 2, mp_context=get_context("fork")),
    "worker pool": functools.partial(WorkerPool, 2),
    "a pool that is broken already": in_a_broken_pool,
}
pools = pytest.mark.parametrize("make", POOLS.values(), ids=POOLS.keys())


@pools
@pytest.mark.parametrize("ordered", [True, False])
def test_candidates_that_kill_their_workers_cost_themselves_alone(make, ordered):
    with make() as executor:
        result = run_search(RandomSearch(SPACE, 1), cruel, 25, executor, parallel=4, ordered=ordered)
    fatal = [trial for trial in result.evaluations if sum(trial.genotype) % 5 == 4]
    assert fatal == list(result.failures)
    assert len(fatal) > 2
    for trial in result.evaluations:
        assert trial.value == (None if trial in fatal else float(sum(trial.genotype)))
    for trial in fatal:
        assert trial.error.startswith(("BrokenProcessPool: ", "WorkerDiedError: "))
        assert trial.seconds is None


def test_in_our_own_pool_nobody_is_evaluated_twice(tmp_path):
    evaluate = Deadly(tmp_path / "noted", fatal=4, pause=0.0)
    with WorkerPool(2) as pool:
        result = run_search(RandomSearch(SPACE, 1, repeat=False), evaluate, 20, pool, parallel=4)
    assert len(result.failures) > 0
    assert len(notes(tmp_path / "noted")) == 20


def test_a_worker_killed_from_outside_costs_nobody_anything(tmp_path):
    killed = []

    def kill(trial):
        if trial.index == 3:
            victim = next(iter(executor._processes))
            killed.append(victim)
            os.kill(victim, signal.SIGKILL)

    evaluate = Deadly(tmp_path / "noted", fatal=-1, pause=0.02)
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as executor:
        result = run_search(RandomSearch(SPACE, 1), evaluate, 12, executor, on_result=kill)
    assert killed
    assert result.failures == ()


def dies_at_birth():
    os._exit(1)


def test_workers_that_cannot_live_stop_the_search_and_blame_no_network():
    done = []
    executor = ProcessPoolExecutor(1, get_context("fork"), dies_at_birth)
    with executor, pytest.raises(RuntimeError, match="workers die before the first evaluation"):
        run_search(RandomSearch(SPACE), cruel, 5, executor, on_result=done.append)
    assert done == []


def test_an_evaluation_that_workers_cannot_read_stops_the_search(pool):
    with pytest.raises(Exception, match="pickle"):
        run_search(RandomSearch(SPACE), lambda genotype: 1.0, 5, pool)


class KilledWorker(Exception):  # noqa: N818
    """By this name, Dask says that several workers died of a task, or with it."""


class Unlucky(ThreadPoolExecutor):
    """Says so, once, of the first network."""

    def __init__(self):
        super().__init__(4)
        self.tasks = []

    def submit(self, task, evaluate, *arguments):
        self.tasks.append(arguments[0])
        if len(self.tasks) == 2:  # the first call is the one that prepares
            return super().submit(self._die)
        return super().submit(task, evaluate, *arguments)

    def _die(self):
        raise KilledWorker


def test_what_was_lost_is_run_again_soon_and_alone_even_if_others_would_go_on_for_ever():
    with Unlucky() as executor:
        strategy = RandomSearch(SPACE, 1, repeat=False)
        result = run_search(strategy, Slow(pause=0.02), 60, executor, ordered=False)
    again = executor.tasks.index(executor.tasks[1], 2)
    assert again <= 8
    assert result.evaluations[0].value == known_value(executor.tasks[1])
