"""The table behind the search chapters: every network of the tabular space, trained from several seeds.

``python -m effnet_lib.experiments.every_network`` trains what is missing and writes ``search_glyphs.json``; stop
and start it as you like. ``--latency`` measures instead, on a quiet machine; ``--quick`` makes one run again and
compares it with the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from effnet_lib import results
from effnet_lib.arch import ArchSpec
from effnet_lib.experiments import tables
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.runs import run_all, train_once
from effnet_lib.search.space import Genotype, tabular_space
from effnet_lib.search.table import TABLE

COMMAND = "python -m effnet_lib.experiments.every_network"
TITLE = "Every network of the tabular search space, on drawn letters"
SPACE = tabular_space()
DATA = {"set": "glyphs", "train": 4000, "validation": 1000, "test": 1000, "difficulty": "easy"}
RECIPE = {
    "name": "five epochs", "epochs": 5, "batch": 64, "optimizer": "adamw", "lr": 1.6e-2, "weight_decay": 0.02,
    "warm_up": 0.2, "label_smoothing": 0.1,
}  # fmt: skip
MOST_SEEDS = 20


def job(genotype: Genotype, seed: int) -> dict[str, Any]:
    """The training run of one network from one seed, as plain values."""
    arch = SPACE.arch(genotype).replace(name="network").to_dict()
    return {"arch": arch, "data": DATA, "recipe": RECIPE, "seed": seed, "change": None, "test_curve": True}


def latency_job(genotype: Genotype) -> dict[str, Any]:
    """The measurement of one network on this machine, as plain values."""
    arch = SPACE.arch(genotype).replace(name="network").to_dict()
    return {"arch": arch, "measure": "latency", "hardware": tables.hardware()}


def measure_all(journal: Journal, seconds: float, tell: Callable[[str], None]) -> None:
    """Measure what is not in the journal, one network at a time."""
    left = [genotype for genotype in SPACE if latency_job(genotype) not in journal]
    tell(f"{len(left)} networks to measure")
    for done, genotype in enumerate(left, 1):
        took = tables.measured_latency(SPACE.arch(genotype), seconds=seconds)
        journal.add(latency_job(genotype), took)
        if done % 50 == 0:
            tell(f"{done}/{len(left)}  {1e3 * took['cpu']['median']:.2f} ms")


def write(journal: Journal, folder: Path = results.FOLDER) -> Path:
    """Write the table from the journal; networks without a finished run are left out."""
    rows = []
    for genotype in SPACE:
        jobs = [job(genotype, seed) for seed in range(MOST_SEEDS)]
        arch = SPACE.arch(genotype)
        row = tables.row_of(arch.name, "tabular", arch, jobs, journal, genotype=list(genotype))
        if latency_job(genotype) in journal:
            row["latency"] = journal[latency_job(genotype)]
        rows.append(row)
    setting = {"data": DATA, "recipe": RECIPE, "threads": 1}
    return tables.write(TABLE, TITLE, COMMAND, setting, rows, folder=folder)


def remake(name: str, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train one network of the stored table again from ``seed``: (the stored run, the new one)."""
    row = results.load(TABLE).row(name)
    stored = next(run for run in row["runs"] if run["seed"] == seed)
    assert ArchSpec.from_dict(row["arch"]) == SPACE.arch(row["genotype"])
    return stored, train_once(job(tuple(row["genotype"]), seed))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--processes", type=int, default=2, help="training processes, one thread each")
    parser.add_argument(
        "--journal", type=Path, default=Path("experiments") / f"{TABLE}.jsonl", help="file of finished runs"
    )
    parser.add_argument("--latency", action="store_true", help="measure latencies; on a quiet machine")
    parser.add_argument("--seconds", type=float, default=0.5, help="of every latency's measurement")
    parser.add_argument("--quick", metavar="NAME", help="make one run again and compare it with the table")
    args = parser.parse_args()
    if args.quick:
        stored, new = remake(args.quick)
        print(f"{args.quick}, seed 0: stored {stored['test_accuracy']:.4f}, now {new['test_accuracy']:.4f}")
        return

    def tell(line: str) -> None:
        print(line, flush=True)

    journal = Journal(args.journal)
    if args.latency:
        measure_all(journal, args.seconds, tell)
    else:
        jobs = [job(genotype, seed) for seed in range(args.seeds) for genotype in SPACE]
        run_all(jobs, journal, args.processes, tell)
    if any(job(genotype, 0) in journal for genotype in SPACE):
        tell(str(write(journal)))


if __name__ == "__main__":
    main()
