"""A search with real training: a network for drawn letters or for CIFAR-10 that costs what the hand-made one costs.

``python -m effnet_lib.experiments.search_real glyphs|cifar10``. Ageing evolution trains every candidate briefly and
sees validation accuracy alone. The best few of what it found are then trained from scratch by the full recipe from
several seeds, beside the hand-made base and networks drawn at random. Every network has its widths solved for the
base's MACs, so that nothing is won by size. Stop and start it as you like.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from effnet_lib import results
from effnet_lib.arch import ArchSpec
from effnet_lib.cost import cost_of
from effnet_lib.experiments import tables
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.matching import match_macs
from effnet_lib.experiments.runs import data_of, run_all
from effnet_lib.experiments.scaling import SMALL
from effnet_lib.model import EfficientNet
from effnet_lib.search.evolution import RegularizedEvolution
from effnet_lib.search.pool import WorkerPool
from effnet_lib.search.run import run_search
from effnet_lib.search.space import Dimension, Genotype, SearchSpace
from effnet_lib.search.trial import Evaluation, SearchResult, Trial
from effnet_lib.small import cifar_base, glyph_base
from effnet_lib.train import Recipe, fit

COMMAND = "python -m effnet_lib.experiments.search_real"
OPERATIONS = (("mbconv", 3), ("mbconv", 5), ("mbconv", 7), ("fused", 3))
DRAWN = 1000  # the seed of the networks that are drawn at random: no search uses it


@dataclass(frozen=True)
class Task:
    """What is searched for: data, the network to beat, the short recipe of the search and the full one."""

    title: str
    base: ArchSpec
    data: dict[str, Any]
    short_data: dict[str, Any]
    short: dict[str, Any]
    full: dict[str, Any]
    budget: int = 40
    population: int = 12
    tournament: int = 4
    finalists: int = 2
    drawn: int = 2

    @property
    def table(self) -> str:
        """Name of the table that the search makes."""
        return f"searched_{self.data['set']}"

    @property
    def space(self) -> SearchSpace:
        """Every stage free but for its stride."""
        dimensions = [Dimension("kernel", (3, 5), (0,)), Dimension("depth", (1, 2), (0,))]
        for stage in range(1, len(self.base.stages)):
            dimensions += [
                Dimension("operation", OPERATIONS, (stage,)),
                Dimension("expand", (2, 4, 6), (stage,)),
                Dimension("se_ratio", (0, 0.25), (stage,)),
                Dimension("depth", (1, 2, 3), (stage,)),
                Dimension("width", (0.75, 1, 1.25), (stage,)),
            ]
        return SearchSpace(f"stages of {self.base.name}", self.base, tuple(dimensions), divisor=1)

    def arch(self, genotype: Genotype) -> ArchSpec:
        """The network of ``genotype`` at the MACs of the base, within 1 %: its widths keep their proportions."""
        drawn = self.space.arch(genotype)
        return match_macs(drawn, cost_of(self.base).macs).replace(name=drawn.name)

    def search(self) -> RegularizedEvolution:
        """The strategy, at its start."""
        return RegularizedEvolution(self.space, 0, self.population, self.tournament)

    def random(self) -> list[Genotype]:
        """Genotypes drawn uniformly, each a network that can be brought to the base's MACs."""
        rng, found = np.random.default_rng(DRAWN), []
        while len(found) < self.drawn:
            genotype = self.space.sample(rng)
            try:
                self.arch(genotype)
            except ValueError:
                continue
            found.append(genotype)
        return found


GLYPHS = {"set": "glyphs", "train": 4000, "validation": 2000, "test": 4000, "difficulty": "hard"}
CIFAR10 = {"set": "cifar10", "train": 20000, "validation": 5000}
TASKS = {
    "glyphs": Task(
        "A search with real training, on drawn letters",
        glyph_base(31), GLYPHS, GLYPHS, SMALL | {"epochs": 4}, SMALL,
    ),
    "cifar10": Task(
        "A search with real training, on CIFAR-10 (20,000 training images)",
        cifar_base(32).replace(stem_stride=2), CIFAR10, CIFAR10 | {"train": 5000}, SMALL | {"epochs": 3},
        SMALL | {"epochs": 6},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """What the search calls: trains a network by the short recipe, on one thread, and validates it."""

    kind: str

    @property
    def settings(self) -> dict[str, Any]:
        """What the journal of a search holds: another recipe would be another search."""
        task = TASKS[self.kind]
        return {"data": task.short_data, "recipe": task.short, "base": task.base.to_dict()}

    def __call__(self, genotype: Genotype) -> Evaluation:
        torch.set_num_threads(1)
        task = TASKS[self.kind]
        arch = task.arch(genotype)
        torch.manual_seed(0)
        model = EfficientNet(arch)
        data = data_of(task.short_data, arch.resolution)
        history = fit(model, data, Recipe(**task.short), seed=0, device="cpu")
        cost = cost_of(arch)
        notes = {"macs": cost.macs, "params": cost.params, "train_accuracy": round(history.train_accuracy[-1], 5)}
        return Evaluation(round(history.validation_accuracy[-1], 5), notes)


def search(kind: str, journal: Path, processes: int, tell: Callable[[str], None]) -> SearchResult:
    """Do the evaluations that ``journal`` lacks."""

    def told(trial: Trial) -> None:
        value = trial.error or f"{100 * trial.value:.1f} %"
        tell(f"candidate {trial.index + 1}/{TASKS[kind].budget}: {value}, {trial.seconds or 0:.1f} s")

    with WorkerPool(processes) as pool:
        return run_search(
            TASKS[kind].search(), Candidate(kind), TASKS[kind].budget, executor=pool, journal=journal,
            parallel=2, on_result=told,
        )  # fmt: skip


def job(task: Task, arch: ArchSpec, seed: int) -> dict[str, Any]:
    """One full training run, as plain values."""
    plain = arch.replace(name="network").to_dict()
    return {"arch": plain, "data": task.data, "recipe": task.full, "seed": seed, "change": None}


def finalists(task: Task, found: SearchResult) -> list[Genotype]:
    """The best different networks of the search by its own values, best first; of equals the earlier."""
    ranked = sorted((e for e in found.evaluations if e.value is not None), key=lambda e: -e.value)
    return list(dict.fromkeys(e.genotype for e in ranked))[: task.finalists]


def contenders(task: Task, found: SearchResult) -> list[tuple[str, str, dict[str, Any], ArchSpec]]:
    """(row name, family, further fields, network) of everything that is trained by the full recipe."""
    rows = [("base", "base", {}, task.base)]
    for family, chosen in (("searched", finalists(task, found)), ("drawn", task.random())):
        for number, genotype in enumerate(chosen, 1):
            rows.append((f"{family} {number}", family, {"genotype": list(genotype)}, task.arch(genotype)))
    return rows


def make(kind: str, folder: Path, seeds: int, processes: int, measure: bool, tell: Callable[[str], None]) -> Path:
    """Search, train the contenders, write the table; returns its path."""
    task = TASKS[kind]
    found = search(kind, folder / f"{task.table}_candidates.jsonl", processes, tell)
    journal = Journal(folder / f"{task.table}.jsonl")
    rows = contenders(task, found)
    run_all([job(task, arch, seed) for seed in range(seeds) for *_, arch in rows], journal, processes, tell)
    done = [
        tables.row_of(name, family, arch.replace(name=name), [job(task, arch, s) for s in range(20)], journal, **more)
        for name, family, more, arch in rows
    ]
    strategy = task.search()
    setting = {
        "data": task.data, "recipe": task.full, "threads": 1,
        "search": {
            "strategy": type(strategy).__name__, **strategy.settings, "seed": 0, "budget": task.budget,
            "space": task.space.cardinality, "data": task.short_data, "recipe": task.short,
            "evaluations": [
                {"genotype": list(e.genotype), "value": e.value, "error": e.error} for e in found.evaluations
            ],
        },
    }  # fmt: skip
    return tables.write(task.table, task.title, f"{COMMAND} {kind}", setting, done, measure, results.FOLDER)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("kind", choices=list(TASKS))
    parser.add_argument("--seeds", type=int, default=3, help="seeds of the full training")
    parser.add_argument("--processes", type=int, default=2, help="training processes, one thread each")
    parser.add_argument("--folder", type=Path, default=Path("experiments"), help="where the journals lie")
    parser.add_argument(
        "--latency", action="store_true", help="measure latencies as well; on a quiet machine"
    )
    args = parser.parse_args()
    print(
        make(args.kind, args.folder, args.seeds, args.processes, args.latency, lambda line: print(line, flush=True))
    )


if __name__ == "__main__":
    main()
