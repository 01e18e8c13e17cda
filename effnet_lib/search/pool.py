"""A pool of worker processes in which one may die without taking the others' work with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from multiprocessing.connection import Connection, wait
from multiprocessing.util import Finalize
from typing import Any

from effnet_lib.search.strategy import whole

_SPAWN = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
_watching = threading.Event()


class WorkerDiedError(RuntimeError):
    """The process that ran a task ended in the middle of it."""


def die_with_parent() -> None:
    """Let this worker process end when the process that started it does, however that ends."""

    def watch(sentinel: int) -> None:
        wait([sentinel])
        os._exit(1)

    parent = multiprocessing.parent_process()
    if parent is not None and not _watching.is_set():
        _watching.set()
        threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


class WorkerPool(Executor):
    """Processes that are replaced one by one: a task that kills its worker costs that task alone.

    ``ProcessPoolExecutor`` breaks as a whole when one of its workers dies; this one starts another. Workers
    end with the process that made the pool, even if that is killed, and leave Ctrl-C to it. Left by an
    exception, a ``with`` block ends them at once instead of waiting.

    Parameters
    ----------
    workers : int
        How many. They are started when they are first needed.
    environment : sequence of mapping, optional
        Environment variables of every worker, set before it imports what its tasks need:
        ``[{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]`` gives each of two a GPU of its own.
    limit : float, optional
        Seconds that a task may take, the start of its worker included. One that takes longer is ended with its
        worker and raises TimeoutError.

    Raises
    ------
    ValueError
        If ``workers`` is not a positive integer, ``environment`` has not one entry for each, or ``limit`` is
        not positive.
    """

    def __init__(
        self, workers: int, environment: Sequence[Mapping[str, str]] | None = None, limit: float | None = None
    ) -> None:
        self._max_workers = whole("workers", workers)
        if environment is not None and len(environment) != workers:
            raise ValueError(f"environment must have one mapping for each of {workers} workers, got {len(environment)}")
        if limit is not None and not limit > 0:
            raise ValueError(f"limit must be a positive number of seconds, got {limit!r}")
        self.limit = limit
        self._environment = [dict(one) for one in environment or [{}] * workers]
        self._tasks: queue.SimpleQueue[tuple[Future, tuple] | None] = queue.SimpleQueue()
        self._workers: list[_Worker | None] = [None] * workers
        self._closed, self._killed, self._lock = False, False, threading.Lock()
        self._threads = [threading.Thread(target=self._serve, args=(n,), daemon=True) for n in range(workers)]
        for thread in self._threads:
            thread.start()
        # multiprocessing waits for its processes when the interpreter ends: let them go before.
        Finalize(self, _kill, args=(self._workers,), exitpriority=20)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Run ``fn(*args, **kwargs)`` in a worker. All of it, and the result, must be picklable."""
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            future: Future = Future()
            self._tasks.put((future, (fn, args, kwargs)))
            return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks, and end the workers when those that were taken are done."""
        with self._lock:
            self._closed = True
            if cancel_futures:
                self._cancel_waiting()
            for _ in self._threads:
                self._tasks.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def kill(self) -> None:
        """End all workers now; what they were doing raises WorkerDiedError."""
        with self._lock:
            self._killed = True
            _kill(self._workers)
        self.shutdown(cancel_futures=True)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.shutdown()
        else:
            self.kill()

    def _cancel_waiting(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                task = self._tasks.get_nowait()
                if task is not None:
                    task[0].cancel()
                    task[0].set_running_or_notify_cancel()

    def _serve(self, number: int) -> None:
        """One worker's thread in this process."""
        while (task := self._tasks.get()) is not None:
            future, call = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                good, result = self._worker(number).run(call, self.limit)
            except BaseException as error:
                good, result = False, error
            (future.set_result if good else future.set_exception)(result)
            del future, call, task, result
        if self._workers[number] is not None:
            self._workers[number].end()

    def _worker(self, number: int) -> _Worker:
        """That worker, alive."""
        with self._lock:
            worker = self._workers[number]
            if self._killed:
                raise WorkerDiedError("the pool was killed")
            if worker is None or wait([worker.process.sentinel], 0):
                if worker is not None:
                    worker.end()
                worker = self._workers[number] = _Worker(self._environment[number])
            return worker


class _Worker:
    """One process, and the line to it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.line, there = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_work, args=(there, dict(environment)))
        self.process.start()
        there.close()

    def run(self, call: tuple, limit: float | None) -> tuple[bool, Any]:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.line.send(call)
        ready = wait([self.line, self.process.sentinel], limit)
        if not ready:
            self.process.kill()
            raise TimeoutError(f"the task took longer than its limit of {limit} s and was ended with its worker")
        if self.line in ready:
            with contextlib.suppress(EOFError, ConnectionResetError):
                return self.line.recv()
        self.process.join()
        code = self.process.exitcode  # None if somebody else has asked the system for it
        how = f"signal {-code} ({signal.strsignal(-code)})" if code and code < 0 else f"exit code {code}"
        raise WorkerDiedError(f"the worker process ended in the middle of its task: {how}")

    def end(self) -> None:
        """Let the process end when it has nothing more to do, and wait for that."""
        self.line.close()
        self.process.join()


def _kill(workers: list[_Worker | None]) -> None:
    for worker in workers:
        if worker is not None:
            worker.process.kill()


def _work(line: Connection, environment: Mapping[str, str]) -> None:
    """The worker's side: run what comes until the line is closed."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all: the parent decides
    os.environ.update(environment)
    while True:
        try:
            fn, args, kwargs = line.recv()
        except EOFError:
            return
        except BaseException as error:
            why = f"a worker cannot read its task, which must be in a module that it can import: {error!r}"
            _answer(line, False, RuntimeError(why))
            continue
        try:
            good, result = True, fn(*args, **kwargs)
        except BaseException as error:
            good, result = False, error
        _answer(line, good, result)
        del fn, args, kwargs, result


def _answer(line: Connection, good: bool, result: Any) -> None:
    try:
        line.send((good, result))
    except (BrokenPipeError, ConnectionResetError):  # nobody is left to read it
        os._exit(1)
    except BaseException as error:
        what = "result" if good else "exception"
        line.send((False, RuntimeError(f"the task's {what} cannot be sent back, a {type(result).__name__}: {error}")))
