"""Every strategy, and Optuna's samplers, on the table of which every network is trained: regret by evaluations.

``python -m effnet_lib.experiments.search_compare`` makes what is missing and writes ``search_regret.json``, in a
few minutes; stop and start it as you like. ``--quick`` makes a few repeats of every row again and compares.

All strategies have the settings that they come with. Ours were fixed before the table was measured, Optuna's
are its own; none was tuned on it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from effnet_lib import results
from effnet_lib.experiments import tables
from effnet_lib.experiments.journal import Journal
from effnet_lib.search import PPO, RandomSearch, RegularizedEvolution, Reinforce
from effnet_lib.search.space import SearchSpace
from effnet_lib.search.table import TABLE, SearchTable, incumbents, load_table, search_table
from effnet_lib.search_figures import mean_band
from effnet_lib.train.checkpoint import write_atomically

NAME = "search_regret"
COMMAND = "python -m effnet_lib.experiments.search_compare"
TITLE = "How far from the best network each search strategy ends, by the number of networks trained"
BUDGET, REPEATS = 200, 300

#: (space, seed) to a fresh strategy. NSGA-II, which has two objectives, is not among them.
OURS: dict[str, Callable[..., Any]] = {
    "random": RandomSearch,
    "random, no repeats": lambda space, seed: RandomSearch(space, seed, repeat=False),
    "evolution": RegularizedEvolution,
    "REINFORCE": Reinforce,
    "PPO": PPO,
}
#: Class of the sampler and its arguments beside the seed.
OPTUNAS: dict[str, tuple[str, dict[str, Any]]] = {
    "Optuna random": ("RandomSampler", {}),
    "Optuna TPE": ("TPESampler", {}),
    "Optuna NSGA-II": ("NSGAIISampler", {"population_size": 20}),
}
NAMES = [*OURS, *OPTUNAS]


def digest(*accuracies: np.ndarray) -> str:
    """A short name for these accuracies: others have another."""
    return hashlib.sha256(b"".join(np.round(one, 5).tobytes() for one in accuracies)).hexdigest()[:16]


def table_digest(table: SearchTable) -> str:
    """A short name for the last epoch's accuracies of ``table``."""
    return digest(table.validation[:, :, -1], table.test[:, :, -1])


def settings(name: str, space: SearchSpace) -> dict[str, Any]:
    """What decides how a strategy searches, as plain values."""
    if name in OURS:
        strategy = OURS[name](space, 0)
        return {"strategy": type(strategy).__name__, **strategy.settings}
    sampler, more = OPTUNAS[name]
    return {"strategy": f"optuna.samplers.{sampler}", **more, "optuna": version("optuna")}


def search(name: str, table: SearchTable, repeat: int, budget: int = BUDGET) -> list[int]:
    """The networks, by index, that one repeat asks for.

    It is told the validation accuracies from training seed ``repeat`` modulo the number of seeds.

    Raises
    ------
    ValueError
        If there is no such strategy.
    """
    values = table.scores(repeat % table.seeds)
    if name in OURS:
        return search_table(OURS[name](table.space, repeat), values, budget)
    if name not in OPTUNAS:
        raise ValueError(f"name must be one of {', '.join(NAMES)}; got {name!r}")
    return _optuna_search(name, table.space, repeat, values.tolist(), budget)


def _optuna_search(name: str, space: SearchSpace, seed: int, values: list[float], budget: int) -> list[int]:
    import optuna  # only here: a chapter that reads the results need not have it

    kind, more = OPTUNAS[name]
    sampler = getattr(optuna.samplers, kind)(seed=seed, **more)
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study, found = optuna.create_study(direction="maximize", sampler=sampler), []
        for _ in range(budget):
            trial = study.ask()
            chosen = [trial.suggest_categorical(d.name, range(len(d.options))) for d in space.dimensions]
            found.append(space.index(tuple(chosen)))
            study.tell(trial, values[found[-1]])
    finally:
        optuna.logging.set_verbosity(before)
    return found


def job(name: str, table: SearchTable, seed: int, budget: int = BUDGET, repeats: int = REPEATS) -> dict[str, Any]:
    """The repeats of one strategy that are told training seed ``seed``, as plain values."""
    return {
        "name": name, "settings": settings(name, table.space), "told": digest(table.scores(seed)),
        "training_seed": seed, "training_seeds": table.seeds, "budget": budget, "repeats": repeats,
    }  # fmt: skip


def run(name: str, table: SearchTable, repeats: Iterable[int], budget: int = BUDGET) -> dict[str, Any]:
    """Some repeats of one strategy: for each, when which network came to look best; and how many they saw.

    ``changes`` holds for every repeat pairs (evaluation, from 1; index of the network), ``distinct`` the mean
    number of different networks after every evaluation.
    """
    changes, distinct = [], np.zeros(budget)
    for repeat in repeats:
        found = search(name, table, repeat, budget)
        best = incumbents(found, table.scores(repeat % table.seeds))
        moved = [0, *(i for i in range(1, budget) if best[i] != best[i - 1])]
        changes.append([[i + 1, best[i]] for i in moved])
        distinct[np.unique(found, return_index=True)[1]] += 1  # where a network comes for the first time
    return {"changes": changes, "distinct": (distinct.cumsum() / len(changes)).tolist()}


def merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One result from those of training seed 0, 1, ...: repeat r is the next one of seed r modulo their number."""
    counts = [len(part["changes"]) for part in parts]
    return {
        "changes": [parts[r % len(parts)]["changes"][r // len(parts)] for r in range(sum(counts))],
        "distinct": np.average([part["distinct"] for part in parts], axis=0, weights=counts).round(2).tolist(),
    }


def held(row: Mapping[str, Any], budget: int | None = None) -> np.ndarray:
    """What looked best after every evaluation, int array (repeats, budget): ``changes`` written out.

    ``row`` is one of the stored table, or what ``run`` returns.
    """
    budget = len(row["distinct"]) if budget is None else budget
    whole = np.zeros((len(row["changes"]), budget), int)
    for line, changes in zip(whole, row["changes"], strict=True):
        for evaluation, index in changes:
            line[evaluation - 1 :] = index
    return whole


def row_of(name: str, table: SearchTable, found: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table: settings, regret by evaluations with its 95 % band, each repeat's last regret."""
    curves = table.regret(held(found))
    mean, half = mean_band(curves)
    return {
        "name": name, "family": "ours" if name in OURS else "Optuna", "settings": settings(name, table.space),
        "mean": np.round(mean, 6).tolist(), "half": np.round(half, 6).tolist(),
        "final": np.round(curves[:, -1], 6).tolist(), **found,
    }  # fmt: skip


def write(
    table: SearchTable, journal: Journal, budget: int = BUDGET, repeats: int = REPEATS,
    folder: Path = results.FOLDER,
) -> Path:  # fmt: skip
    """Write the table from the journal, whole. What made it is kept where nothing in it has changed.

    Raises
    ------
    KeyError
        If something is not in the journal yet.
    """
    rows = []
    for name in NAMES:
        parts = [journal[job(name, table, seed, budget, repeats)] for seed in range(table.seeds)]
        rows.append(row_of(name, table, merged(parts)))
    path = folder / f"{NAME}.json"
    before = json.loads(path.read_text()) if path.is_file() else {"rows": None}
    made = tables.provenance(COMMAND, range(repeats))
    made["versions"] |= {package: version(package) for package in ("scipy", "optuna")}
    made["seeds"] = f"0 to {repeats - 1}, one a repeat; repeat r sees training seed r modulo {table.seeds}"
    content = {
        "table": NAME, "title": TITLE, "made_by": before["made_by"] if before["rows"] == rows else made,
        "setting": {
            "searched": TABLE, "digest": table_digest(table), "training_seeds": table.seeds, "budget": budget,
            "repeats": repeats, "told": "validation accuracy of one training seed",
            "judged_by": "mean test accuracy over all training seeds",
            "settings": "as the strategies come; none was tuned on this table",
        },
    }  # fmt: skip
    head = json.dumps(content, indent=1)[: -len("\n}")]
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    write_atomically(path, lambda file: file.write(f'{head},\n "rows": [\n{lines}\n]}}\n'.encode()))
    return path


def make(
    table: SearchTable, journal: Journal, budget: int = BUDGET, repeats: int = REPEATS,
    tell: Callable[[str], None] = lambda line: None, folder: Path = results.FOLDER,
) -> Path:  # fmt: skip
    """Run what is not in the journal, strategy by strategy and training seed by training seed; write the table."""
    for name in NAMES:
        for seed in range(table.seeds):
            if (this := job(name, table, seed, budget, repeats)) not in journal:
                journal.add(this, run(name, table, range(seed, repeats, table.seeds), budget))
                tell(f"{name}, training seed {seed}: done")
    return write(table, journal, budget, repeats, folder)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument(
        "--journal", type=Path, default=Path("experiments") / f"{NAME}.jsonl", help="file of finished searches"
    )
    parser.add_argument("--quick", action="store_true", help="make three repeats of every row again and compare")
    args = parser.parse_args()
    if args.quick:
        table = load_table()
        for row in results.load(NAME):
            same = run(row["name"], table, range(3))["changes"] == row["changes"][:3]
            print(f"{row['name']:20} {'the same' if same else 'not the same'}")
        return
    print(make(load_table(), Journal(args.journal), tell=lambda line: print(line, flush=True)))


if __name__ == "__main__":
    main()
