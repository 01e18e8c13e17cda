"""Where the evaluations of a search run: in this process, or on an executor whose workers may die."""

from __future__ import annotations

import os
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from concurrent.futures.process import ProcessPoolExecutor
from typing import Any

from effnet_lib.search.pool import WorkerDiedError, die_with_parent
from effnet_lib.search.space import Genotype
from effnet_lib.search.trial import attempt, failure

Evaluate = Callable[[Genotype], Any]
Item = tuple[int, Genotype]

GOES_ON = "With a journal, the next call goes on from here."

def attempt_in_child(*arguments: Any) -> dict[str, Any]:
    """``attempt``, in a worker process that is not to outlive a killed parent."""
    die_with_parent()
    return attempt(*arguments)


def prepare(evaluate: Evaluate, ticket: str = "") -> None:
    """Call ``evaluate.prepare()`` if there is such a method."""
    method = getattr(evaluate, "prepare", None)
    if method is not None:
        method()


def workers_of(executor: Executor | None) -> int:
    """How many evaluations ``executor`` runs at once: 1 without one, CPU cores where it does not say.

    Raises
    ------
    ValueError
        If it is a Dask cluster's and the cluster has no worker yet.
    """
    if executor is None:
        return 1
    known = getattr(executor, "_max_workers", None)  # the standard library's pools, and those like them
    if isinstance(known, int) and known > 0:
        return known
    threads = getattr(getattr(executor, "_client", None), "nthreads", None)  # a Dask client's executor
    if threads is None:
        return os.cpu_count() or 1
    count = sum(threads().values())
    if count == 0:
        raise ValueError("parallel must be given for a cluster without workers; or wait: client.wait_for_workers(1)")
    return count


def replaced(executor: Executor) -> Executor:
    """A new pool like ``executor``, which is broken: a process pool does not outlive any of its workers.

    Raises
    ------
    RuntimeError
        If it is of another kind than ``ProcessPoolExecutor``.
    """
    if not isinstance(executor, ProcessPoolExecutor):
        raise RuntimeError(f"the executor is broken, and a {type(executor).__name__} cannot be made anew here")
    # The pool keeps what it was made with under these names (CPython 3.11 to 3.14).
    return ProcessPoolExecutor(
        executor._max_workers, executor._mp_context, executor._initializer, executor._initargs,
        max_tasks_per_child=executor._max_tasks_per_child,
    )  # fmt: skip


class Here:
    """Evaluates in this process, one after the other, when asked for results."""

    def __init__(self, evaluate: Evaluate, objectives: int) -> None:
        self.evaluate, self.objectives = evaluate, objectives
        self.waiting: deque[Item] = deque()
        self.prepared = False

    def start(self, index: int, genotype: Genotype) -> None:
        """Take on one network."""
        self.waiting.append((index, genotype))

    def finished(self) -> list[tuple[int, dict[str, Any]]]:
        """Index and outcome of the next one. Interrupts and ``sys.exit`` come through."""
        if not self.prepared:
            prepare(self.evaluate)
            self.prepared = True
        index, genotype = self.waiting.popleft()
        return [(index, attempt(self.evaluate, genotype, self.objectives, survives=(Exception,)))]

    def close(self) -> None:
        """Forget what waits."""
        self.waiting.clear()


class Elsewhere:
    """Evaluates on an executor.

    When a worker dies, others' work can go with it: a process pool breaks as a whole, and Dask gives up
    whatever was on workers that died too often. A broken pool is replaced by one with the same settings. What
    was lost is run again, one at a time and nothing beside it: what kills its worker all alone is at fault, and
    the rest has lost nothing but time.
    """

    def __init__(self, executor: Executor, evaluate: Evaluate, objectives: int) -> None:
        self.executor, self.evaluate, self.objectives = executor, evaluate, objectives
        self.own = False  # whether we made the executor
        self.waiting: deque[Item] = deque()
        self.suspects: deque[Item] = deque()
        self.running: dict[Future, Item] = {}
        self.prepared = False

    def start(self, index: int, genotype: Genotype) -> None:
        """Take on one network."""
        self.waiting.append((index, genotype))

    def finished(self) -> list[tuple[int, dict[str, Any]]]:
        """Index and outcome of at least one network; waits for it.

        Raises
        ------
        RuntimeError
            If the executor no longer does what it was given: it is shut down, or its cluster is gone.
        """
        if not self.prepared:
            self._prepare()
        found: list[tuple[int, dict[str, Any]]] = []
        while not found:
            alone = bool(self.suspects) and not self.running
            broken = self._submit_from(self.suspects if alone else self.waiting, alone)
            done = wait(self.running, return_when=FIRST_COMPLETED).done if self.running else set()
            if broken or any(isinstance(_error(future), BrokenExecutor) for future in done):
                done = wait(self.running).done  # what else a broken pool had ends now as well
                self._replace()
            for future in sorted(done, key=self.running.__getitem__):
                item = self.running.pop(future)
                if _worker_died(_error(future)) and not alone:
                    self.suspects.append(item)
                else:
                    found.append((item[0], _outcome(future)))
        return found

    def _submit_from(self, items: deque[Item], alone: bool) -> bool:
        """Submit what may run now; whether the pool turns out to be broken."""
        while items and (alone or not self.suspects):
            task = attempt_in_child if isinstance(self.executor, ProcessPoolExecutor) else attempt
            try:
                future = self._submit(task, items[0][1], self.objectives)
            except BrokenExecutor:
                return True
            self.running[future] = items.popleft()
            if alone:
                break
        return False

    def _submit(self, task: Callable[..., Any], *arguments: Any) -> Future:
        try:
            return self.executor.submit(task, self.evaluate, *arguments, uuid.uuid4().hex)
        except BrokenExecutor:
            raise
        except Exception as error:  # what it raises is the executor's own affair
            raise RuntimeError(f"the executor takes no more evaluations. {GOES_ON} {error!r}") from error

    def close(self) -> None:
        """Cancel what has not begun; shut down a pool of our own."""
        for future in self.running:
            future.cancel()
        if self.own:
            self.executor.shutdown(wait=False, cancel_futures=True)

    def _replace(self) -> None:
        new = replaced(self.executor)
        if self.own:
            self.executor.shutdown(wait=False)
        self.executor, self.own = new, True

    def _prepare(self) -> None:
        """See that a worker can read ``evaluate`` and is ready for it: otherwise every network would fail."""
        self.prepared = True
        for _ in range(2):
            try:
                self._submit(prepare).result()
                return
            except CancelledError as error:
                raise RuntimeError("the executor cancels what it is given: is it shut down?") from error
            except WorkerDiedError as error:
                reason = error
            except BrokenExecutor as error:  # perhaps by an earlier search
                reason = error
                self._replace()
        raise RuntimeError(
            "the executor's workers die before the first evaluation. Processes must be able to import evaluate "
            "from a module, not a notebook, and a script's own work must stand under if __name__ == '__main__'"
        ) from reason


def _error(future: Future) -> BaseException | None:
    return None if future.cancelled() else future.exception()


def _worker_died(error: BaseException | None) -> bool:
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"  # the latter is Dask's


def _outcome(future: Future) -> dict[str, Any]:
    if future.cancelled():
        raise RuntimeError(f"an evaluation was cancelled: was the executor shut down, or its cluster? {GOES_ON}")
    error = future.exception()
    if isinstance(error, KeyboardInterrupt):  # the worker got the same Ctrl-C
        raise error
    return failure(error) if error is not None else future.result()
