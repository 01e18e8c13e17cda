"""Scaling, measured: one small network grown to 2, 4 and 8 times its MACs in five ways.

``python -m effnet_lib.experiments.scaling grid`` searches our own coefficients (validation accuracy only);
``… glyphs`` and ``… cifar10`` make the tables; ``… ablations`` takes the network's parts away one by one.
Stop and start them as you like; ``--quick`` makes one row's first run again and compares it with the table.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from effnet_lib import results
from effnet_lib.arch import ArchSpec
from effnet_lib.experiments import tables
from effnet_lib.experiments.ablations import variants
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.matching import scaled
from effnet_lib.scaling import Coefficients
from effnet_lib.small import cifar_base, glyph_base

PAPER = Coefficients(1.2, 1.1, 1.15)
SMALL = {
    "name": "small", "epochs": 10, "batch": 64, "optimizer": "adamw", "lr": 1.6e-2, "weight_decay": 0.02,
    "warm_up": 0.2, "label_smoothing": 0.1,
}  # fmt: skip
GLYPHS = {"set": "glyphs", "train": 4000, "validation": 2000, "test": 4000, "difficulty": "hard"}
CIFAR10 = {"set": "cifar10", "train": 20000, "validation": 5000}


def grid() -> list[Coefficients]:
    """Candidates at twice the MACs: alpha and gamma on a grid, beta what is left of the factor 2."""
    found = []
    for alpha in (1.0, 1.2, 1.4):
        for gamma in (1.0, 1.1, 1.2, 1.3, round(math.sqrt(2), 4)):
            beta = math.sqrt(2 / (alpha * gamma**2))
            if beta >= 0.995:
                found.append(Coefficients(alpha, round(max(1.0, beta), 4), gamma))
    return found


def own_coefficients(mixed: bool = False) -> Coefficients:
    """The candidate with the highest mean validation accuracy in the table of the grid search.

    With ``mixed``, the best of those that grow at least two dimensions: the search is free to say that
    everything should go into one.

    Raises
    ------
    ValueError
        If the grid search has not been run.
    """
    rows = results.load("coefficient_grid").rows
    found = [(results.mean(row, "validation"), Coefficients(*row["coefficients"])) for row in rows]
    return max((score, c) for score, c in found if not mixed or sum(b > 1.005 for b in c) > 1)[1]


def base_of(kind: str) -> ArchSpec:
    """The network that is scaled: for glyphs at 22 pixels, for CIFAR-10 at 16, so that there is room above."""
    return cifar_base(16).replace(stem_stride=2) if kind == "cifar10" else glyph_base(22)


def networks(kind: str) -> Iterator[tuple[str, str, dict[str, Any], ArchSpec]]:
    """(row name, family, further fields, network) of one table.

    Raises
    ------
    ValueError
        If ``kind`` is no table of this script.
    """
    base = base_of(kind)
    if kind == "ablations":
        yield from variants()
    elif kind == "grid":
        for c in grid():
            name = f"α {c.alpha:.2f} β {c.beta:.2f} γ {c.gamma:.2f}"
            yield name, "candidate", {"coefficients": list(c), "factor": 2}, scaled(base, "compound", 2, c)
    elif kind in ("glyphs", "cifar10"):
        yield "base", "base", {"factor": 1}, base
        for factor in (2, 4, 8) if kind == "glyphs" else (2, 4):
            for family in ("width", "depth", "resolution"):
                yield f"{factor}x {family}", family, {"factor": factor}, scaled(base, family, factor)
            ours = {"own": own_coefficients(), "own mixed": own_coefficients(mixed=True)}
            if ours["own"] == ours["own mixed"]:
                del ours["own mixed"]
            for family, bases in {"paper": PAPER, **ours}.items():
                more = {"factor": factor, "coefficients": list(bases)}
                yield f"{factor}x {family}", family, more, scaled(base, "compound", factor, bases)
    else:
        raise ValueError(f"kind must be 'grid', 'glyphs', 'cifar10' or 'ablations', got {kind!r}")


TABLES = {
    "grid": ("coefficient_grid", "Coefficients of compound scaling at twice the MACs, on drawn letters", 3),
    "glyphs": ("scaling_glyphs", "One network scaled in five ways, on drawn letters", 5),
    "cifar10": (
        "scaling_cifar10",
        "One network scaled in five ways, on CIFAR-10 (20,000 training images)",
        3,
    ),
    "ablations": ("ablations_glyphs", "One part of the network changed at a time, at equal MACs", 3),
}


def job(kind: str, more: dict[str, Any], arch: ArchSpec, seed: int) -> dict[str, Any]:
    """The training run of one network from one seed, as plain values."""
    recipe = SMALL | ({"epochs": 6} if kind == "cifar10" else {})
    data = CIFAR10 if kind == "cifar10" else GLYPHS
    return {
        "arch": arch.replace(name="network").to_dict(),  # two rows with one network share their runs
        "data": data, "recipe": recipe, "seed": seed, "change": more.get("change"),
    }  # fmt: skip


def make(kind: str, journal: Journal, seeds: int | None, processes: int, measure: bool, tell: Any) -> Path:
    """Do the runs that are missing and write the table; returns its path."""
    from effnet_lib.experiments.runs import run_all

    table, title, usual = TABLES[kind]
    rows = list(networks(kind))
    todo = range(usual if seeds is None else seeds)
    run_all(
        [job(kind, more, arch, seed) for seed in todo for _, _, more, arch in rows],
        journal, processes, tell,
    )  # fmt: skip
    done = [
        tables.row_of(name, family, arch.replace(name=name), [job(kind, more, arch, s) for s in range(20)],
                      journal, **more)
        for name, family, more, arch in rows
    ]  # fmt: skip
    example = job(kind, rows[0][2], rows[0][3], 0)
    setting = {"data": example["data"], "recipe": example["recipe"], "threads": 1}
    return tables.write(
        table, title, f"python -m effnet_lib.experiments.scaling {kind}", setting, done, measure
    )  # fmt: skip


def remake(kind: str, name: str, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train one row of a stored table again from ``seed``: (the stored run, the new one)."""
    from effnet_lib.experiments.runs import train_once

    row = results.load(TABLES[kind][0]).row(name)
    stored = next(run for run in row["runs"] if run["seed"] == seed)
    more = {"change": row.get("change")}
    return stored, train_once(job(kind, more, ArchSpec.from_dict(row["arch"]), seed))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m effnet_lib.experiments.scaling", description=__doc__)
    parser.add_argument("kind", choices=list(TABLES))
    parser.add_argument("--seeds", type=int, help="number of seeds (default: the table's own)")
    parser.add_argument("--processes", type=int, default=2, help="training processes, one thread each")
    parser.add_argument(
        "--journal", type=Path, help="file of finished runs (default: experiments/<table>.jsonl)"
    )
    parser.add_argument(
        "--latency", action="store_true", help="measure latencies as well; on a quiet machine"
    )
    parser.add_argument(
        "--quick", action="store_true", help="make one run again and compare it with the table"
    )
    args = parser.parse_args()
    if args.quick:
        name = next(iter(networks(args.kind)))[0]
        stored, new = remake(args.kind, name)
        print(f"{name}, seed 0: stored {stored['test_accuracy']:.4f}, now {new['test_accuracy']:.4f}")
        return
    journal = Journal(args.journal or Path("experiments") / f"{TABLES[args.kind][0]}.jsonl")
    print(
        make(
            args.kind, journal, args.seeds, args.processes, args.latency, lambda line: print(line, flush=True)
        )
    )


if __name__ == "__main__":
    main()
