"""``run_search``: any strategy, any evaluation, on one machine or many, through interruptions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from effnet_lib.search.dispatch import Elsewhere, Here, workers_of
from effnet_lib.search.journal import SearchJournal, identity, maximized
from effnet_lib.search.space import Genotype
from effnet_lib.search.strategy import Strategy, whole
from effnet_lib.search.trial import SearchResult, Trial


def run_search(
    strategy: Strategy, evaluate: Callable[[Genotype], Any], budget: int, executor: Executor | None = None,
    journal: str | Path | None = None, parallel: int | None = None, *, ordered: bool = True,
    reuse: bool = False, on_result: Callable[[Trial], None] | None = None,
) -> SearchResult:  # fmt: skip
    """Let ``strategy`` search until it has asked for ``budget`` networks and been told what each is worth.

    A network whose evaluation raises, gives a number that is not finite, runs out of memory or kills its
    worker is a failure: it is recorded with the reason, told as None, and the search goes on.

    Parameters
    ----------
    strategy : Strategy
        Changed in place. To resume from a journal, a fresh one with the same seed.
    evaluate : callable
        Genotype to a number, the more the better; to two, for a strategy with two objectives; to None for a
        failure; or to an ``Evaluation`` of these with notes. For processes and clusters it must be something
        that the workers can import. If it has a method ``prepare``, a worker calls that first, and what it
        raises stops the search before any network is charged; if it has a mapping ``settings`` of plain
        values, the journal holds it and is refused to a search with others.
    budget : int
        How many networks, failures and reused values included.
    executor : concurrent.futures.Executor, optional
        ``WorkerPool``, ``ProcessPoolExecutor``, ``ThreadPoolExecutor``, Dask's ``Client.get_executor()``,
        or any other; yours to shut down. None: this process, one network after the other.
    journal : path, optional
        File that keeps everything on the disk as it happens. If it is there, the search goes on where it
        stopped, however it was stopped: what is finished is not done again, what was in flight is. A higher
        ``budget`` than before makes a finished search longer.
    parallel : int, optional
        How many networks may be asked for and not told yet: as many as the executor has workers (where it
        does not say, as this machine has cores). It changes what the strategy knows when it is asked, hence
        the search: give it if a search is to be repeatable on other machines.
    ordered : bool
        Whether values are told in the order of asking. Then strategy, seed and ``parallel`` decide the
        search, whatever finishes first; one slow network can leave workers idle, and a ``parallel`` above
        the number of workers helps. If not, every value is told at once.
    reuse : bool
        Whether a network that was asked for before is told the same value, or failure, again instead of
        being evaluated again.
    on_result : callable, optional
        Called with every new Trial, in the order in which they finish. What it raises stops the search.

    Returns
    -------
    SearchResult

    Raises
    ------
    ValueError
        If ``budget`` or ``parallel`` is not a positive integer, or the journal is another search's, in use,
        damaged, or holds more networks than ``budget``.
    TypeError
        If ``evaluate`` returns what is no value.
    RuntimeError
        If the executor stops working: its workers cannot start, it is shut down, its cluster is gone.

    Notes
    -----
    Whatever ends the call early, Ctrl-C among it, leaves a journal that the next call goes on from.
    """
    whole("budget", budget)
    if parallel is not None:
        whole("parallel", parallel)
    with SearchJournal(journal, {} if journal is None else identity(strategy, evaluate)) as log:
        if len(log.asks) > budget:
            raise ValueError(f"budget must be at least the {len(log.asks)} networks in {journal}, got {budget}")
        search = _Search(strategy, log, ordered, reuse, on_result)
        if executor is None:
            evaluations = Here(evaluate, strategy.objectives)
        else:
            evaluations = Elsewhere(executor, evaluate, strategy.objectives)
        try:
            if parallel is None:
                parallel = workers_of(executor) if len(log.results) < budget else 1
            search.go(budget, parallel, evaluations)
        finally:
            evaluations.close()
    found = log.results
    return SearchResult(tuple(found[i] for i in range(budget)), maximized(strategy))


class _Search:
    """The strategy's side: what was asked, what is known, what was told."""

    def __init__(
        self, strategy: Strategy, log: SearchJournal, ordered: bool, reuse: bool,
        on_result: Callable[[Trial], None] | None,
    ) -> None:  # fmt: skip
        self.strategy, self.log, self.ordered, self.on_result = strategy, log, ordered, on_result
        self.known = log.results
        self.asked: list[Genotype] = []
        self.told: set[int] = set()
        self.lowest = 0  # no index below has not been told
        self.news: list[int] = []  # told since the strategy was last asked
        self.first: dict[Genotype, int] | None = {} if reuse else None
        self.copies: dict[int, list[int]] = {}  # of an evaluation that is not finished
        for number, (genotype, told) in enumerate(log.asks, 2):
            for index in told:
                self.tell(index)
            again = strategy.ask()
            if again != genotype:
                raise ValueError(
                    f"strategy must ask for what {log.path} says it asked for, network {number - 2}: {genotype}; "
                    f"it asks for {again}"
                )
            self._note(genotype)
        self.ready = deque(index for index in self.known if index not in self.told)

    def _note(self, genotype: Genotype) -> int:
        self.news = []
        self.asked.append(genotype)
        if self.first is not None:
            self.first.setdefault(genotype, len(self.asked) - 1)
        return len(self.asked) - 1

    def go(self, budget: int, parallel: int, evaluations: Here | Elsewhere) -> None:
        """Ask, evaluate and tell until ``budget`` networks are known and told."""
        for index in range(len(self.asked)):
            if index not in self.known:
                self.start(index, evaluations)
        while len(self.told) < budget:
            turn = self.turn()
            if len(self.asked) < budget and len(self.asked) - len(self.told) < parallel:
                genotype = self.strategy.ask()
                self.log.ask(len(self.asked), genotype, self.news)
                self.start(self._note(genotype), evaluations)
            elif turn is not None:
                self.tell(turn)
            else:
                for index, outcome in evaluations.finished():
                    if "misuse" in outcome:
                        raise TypeError(outcome["misuse"])
                    self.learn(Trial.of(index, self.asked[index], outcome))

    def start(self, index: int, evaluations: Here | Elsewhere) -> None:
        """Have a network evaluated, or give it the value that its like has or will have."""
        source = index if self.first is None else self.first[self.asked[index]]
        if source == index:
            evaluations.start(index, self.asked[index])
        elif source in self.known:
            self.learn(self._copy(index, source))
        else:
            self.copies.setdefault(source, []).append(index)

    def _copy(self, index: int, source: int) -> Trial:
        outcome = {**self.known[source].outcome(), "seconds": 0.0, "reused": source}
        return Trial.of(index, self.asked[index], outcome)

    def learn(self, trial: Trial) -> None:
        """Keep what became of a network, and of those that wait for the same."""
        self.log.result(trial)
        self.known[trial.index] = trial
        self.ready.append(trial.index)
        if self.on_result is not None:
            self.on_result(trial)
        for index in self.copies.pop(trial.index, []):
            self.learn(self._copy(index, trial.index))

    def turn(self) -> int | None:
        """Index of the next value to tell, if there is one."""
        if self.ordered:
            while self.lowest in self.told:
                self.lowest += 1
            return self.lowest if self.lowest in self.known else None
        while self.ready and self.ready[0] in self.told:
            self.ready.popleft()
        return self.ready[0] if self.ready else None

    def tell(self, index: int) -> None:
        """Tell the strategy one value."""
        self.strategy.tell(self.asked[index], self.known[index].value)
        self.told.add(index)
        self.news.append(index)
