"""Evaluations for the tests of searches: in a module of their own, so that worker processes can import them."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from effnet_lib.search import (
    NSGA2,
    PPO,
    Evaluation,
    RandomSearch,
    RegularizedEvolution,
    Reinforce,
    tabular_space,
)

SPACE = tabular_space()
STRATEGIES = {
    "random": lambda seed=0: RandomSearch(SPACE, seed),
    "random without repeats": lambda seed=0: RandomSearch(SPACE, seed, repeat=False),
    "evolution": lambda seed=0: RegularizedEvolution(SPACE, seed, population=6, tournament=3),
    "nsga2": lambda seed=0: NSGA2(SPACE, seed, population=4),
    "reinforce": lambda seed=0: Reinforce(SPACE, seed, batch=3, entropy=0.01),
    "ppo": lambda seed=0: PPO(SPACE, seed, batch=5),
}


def known_value(genotype, objectives=1):
    """A value that depends on every place; some networks fail."""
    if sum(genotype) % 5 == 4:
        return None
    quality = math.sin(sum((d + 1) * place for d, place in enumerate(genotype)))
    return quality if objectives == 1 else (float(sum(genotype)), quality)


@dataclass
class Slow:
    """``known_value``, after up to ``pause`` seconds, so that what is asked for first may finish last."""

    objectives: int = 1
    pause: float = 0.0

    def __call__(self, genotype):
        time.sleep(random.random() * self.pause)
        return known_value(genotype, self.objectives)


@dataclass
class Noted:
    """Writes into ``file`` which network it evaluates, in which process, and what it is told to write."""

    file: Path
    word: str = ""
    pause: float = 0.0

    def __call__(self, genotype):
        note(self.file, word=self.word, genotype=genotype, pid=os.getpid())
        time.sleep(self.pause)
        return Evaluation(known_value(genotype), {"pid": os.getpid()})


def note(file, **entry):
    """One line; lines of several processes do not mix."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, json.dumps(entry).encode() + b"\n")
    os.close(handle)


def notes(file):
    """What was noted."""
    return [json.loads(line) for line in Path(file).read_text().splitlines()] if Path(file).exists() else []


def cruel(genotype):
    """One in five ends its process, and the others are worth their sum."""
    if sum(genotype) % 5 == 4:
        os._exit(3)
    return float(sum(genotype))


@dataclass
class Deadly:
    """Networks whose places add up to ``fatal`` kill their process; every start is noted."""

    file: Path
    fatal: int
    pause: float = 0.05

    def __call__(self, genotype):
        note(self.file, genotype=genotype)
        time.sleep(self.pause)
        if sum(genotype) == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return float(sum(genotype))


def failing(genotype):
    """Every way to fail that leaves the process alive, by two of the places."""
    kind = 3 * genotype[1] + genotype[2]
    if kind < 3:
        raise [ValueError("no such kernel"), MemoryError("no room"), RuntimeError("CUDA out of memory")][kind]
    return {3: None, 4: math.nan, 5: -math.inf}.get(kind, 1.0)


def leaving(genotype):
    """A candidate whose code leaves the program."""
    if genotype[0] == 0:
        raise SystemExit("a candidate that calls sys.exit")
    return 1.0


@dataclass
class Unready:
    """Never gets as far as an evaluation."""

    def prepare(self):
        raise FileNotFoundError("no pictures here")

    def __call__(self, genotype):
        raise AssertionError("evaluated though not prepared")


def by_the_book(strategy, objectives, budget, parallel):
    """What an ordered search has to do, spelled out: genotypes and values, in the order of asking."""
    asked, told = [], 0
    while told < budget:
        while len(asked) < budget and len(asked) < told + parallel:
            asked.append(strategy.ask())
        strategy.tell(asked[told], known_value(asked[told], objectives))
        told += 1
    return [(genotype, known_value(genotype, objectives)) for genotype in asked]


def pairs(result):
    """Genotypes and values of a SearchResult."""
    return [(trial.genotype, trial.value) for trial in result.evaluations]
