"""Weight sharing against the truth: supernets of the tabular space, and how they rank all of its networks.

``python -m effnet_lib.experiments.supernet`` trains a supernet from each seed on the letters of the table
``search_glyphs``, evaluates every network with its weights, and writes ``supernet_glyphs.json``; stop and start
it as you like. ``--quick`` evaluates a few networks again, from a checkpoint of the script, and compares them with
the table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from effnet_lib import results
from effnet_lib.data.sets import ImageData
from effnet_lib.experiments.every_network import DATA, RECIPE, SPACE
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.runs import data_of
from effnet_lib.experiments.tables import provenance, put
from effnet_lib.search.space import Genotype, SearchSpace
from effnet_lib.search.supernet import Supernet, children_accuracy
from effnet_lib.train import History, Recipe, fit, recalibrate, split_accuracy
from effnet_lib.train.checkpoint import load

COMMAND = "python -m effnet_lib.experiments.supernet"
TABLE = "supernet_glyphs"
TITLE = "One supernet for every network of the tabular search space, on drawn letters"
SETTING = {
    "space": {"name": SPACE.name, "sizes": list(SPACE.sizes)},
    "data": DATA,
    "recipe": RECIPE | {"name": "supernet", "epochs": 60},  # the table's, but longer
    "recalibration": 500,  # training images for every child's batch norms
    "course": {"epochs": [10, 20, 40], "every": 6},  # and after these epochs, every sixth network
    "threads": 1,
}  # fmt: skip
MOST_SEEDS = 20
BLOCK = 72  # networks that are evaluated between two entries of the journal


def job(seed: int, what: str, setting: dict[str, Any] = SETTING, **more: Any) -> dict[str, Any]:
    """One piece of work as plain values: "training", "course" (of an ``epoch``) or "ranking" (from ``first``)."""
    return {"supernet": setting, "seed": seed, "what": what, **more}


def evaluated(supernet: Supernet, data: ImageData, genotypes: Iterable[Genotype], images: int) -> dict[str, Any]:
    """Accuracy of every network with the supernet's weights, and what that took in CPU seconds.

    ``shared``: on validation, with the running statistics that all networks share; ``validation`` and ``test``:
    with its own, from so many training ``images``.
    """
    found: dict[str, Any] = {"shared": [], "validation": [], "test": []}
    seconds = 0.0
    for genotype in genotypes:
        child = supernet.child(genotype)
        found["shared"].append(round(split_accuracy(child, data), 4))
        began = time.process_time()
        recalibrate(child, data, images)
        found["validation"].append(round(split_accuracy(child, data), 4))
        seconds += time.process_time() - began
        found["test"].append(round(split_accuracy(child, data, "test"), 4))
    return found | {"seconds": round(seconds, 2)}


def train(
    seed: int, journal: Journal, checkpoint: Path, tell: Callable[[str], None], space: SearchSpace = SPACE,
    setting: dict[str, Any] = SETTING,
) -> Supernet:  # fmt: skip
    """The trained supernet of ``seed``; goes on from ``checkpoint`` if it is there, and keeps it."""
    torch.set_num_threads(1)
    data = data_of(setting["data"], space.base.resolution)
    torch.manual_seed(seed)
    supernet = Supernet(space)
    sample = [space.genotype(i) for i in range(0, space.cardinality, setting["course"]["every"])]

    def evaluate(epoch: int) -> None:
        now = job(seed, "course", setting, epoch=epoch)
        if epoch in setting["course"]["epochs"] and now not in journal:
            found = children_accuracy(supernet, data, sample, images=setting["recalibration"])
            journal.add(now, {"validation": [round(float(accuracy), 4) for accuracy in found]})

    began = 0.0

    def after(history: History) -> None:
        nonlocal began
        epoch = len(history)
        journal.add(job(seed, "epoch", setting, epoch=epoch), {"seconds": round(time.process_time() - began, 2)})
        evaluate(epoch)
        if epoch % 10 == 0:
            tell(f"seed {seed}, epoch {epoch}: training loss {history.train_loss[-1]:.3f}")
        began = time.process_time()

    if checkpoint.is_file():  # what it was stopped at may not have been evaluated
        state = load(checkpoint)
        supernet.load_state_dict(state["model"])
        evaluate(len(state["history"]["train_loss"]))
    recipe = Recipe(**setting["recipe"])
    began = time.process_time()
    history = fit(supernet, data, recipe, seed=seed, device="cpu", checkpoint=checkpoint, on_epoch=after)
    if job(seed, "training", setting) not in journal:
        took = [journal[job(seed, "epoch", setting, epoch=n)]["seconds"] for n in range(1, len(history) + 1)]
        losses = [round(loss, 4) for loss in history.train_loss]
        journal.add(job(seed, "training", setting), {"train_loss": losses, "seconds": round(sum(took), 1)})
    return supernet


def rank(
    supernet: Supernet, seed: int, journal: Journal, tell: Callable[[str], None],
    setting: dict[str, Any] = SETTING,
) -> None:  # fmt: skip
    """Evaluate every network with the supernet's weights, as far as that is not in the journal."""
    space = supernet.space
    data = data_of(setting["data"], space.base.resolution)
    for first in range(0, space.cardinality, BLOCK):
        now = job(seed, "ranking", setting, first=first)
        if now not in journal:
            block = [space.genotype(i) for i in range(first, min(first + BLOCK, space.cardinality))]
            journal.add(now, evaluated(supernet, data, block, setting["recalibration"]))
            mean = sum(journal[now]["validation"]) / len(block)
            tell(f"seed {seed}, networks from {first}: mean {100 * mean:.1f} %")


def row_of(
    seed: int, journal: Journal, space: SearchSpace = SPACE, setting: dict[str, Any] = SETTING
) -> dict[str, Any] | None:
    """All that is known of one seed's supernet; None while something is missing."""
    blocks = [job(seed, "ranking", setting, first=first) for first in range(0, space.cardinality, BLOCK)]
    course = [job(seed, "course", setting, epoch=epoch) for epoch in setting["course"]["epochs"]]
    training = job(seed, "training", setting)
    if not all(one in journal for one in [training, *course, *blocks]):
        return None
    found = [journal[one] for one in blocks]
    return {
        "name": f"seed {seed}", "family": "supernet", "seed": seed, **journal[training],
        "evaluation_seconds": round(sum(block["seconds"] for block in found), 1),
        "course": [journal[one]["validation"] for one in course],
        **{
            what: [accuracy for block in found for accuracy in block[what]]
            for what in ("shared", "validation", "test")
        },
    }  # fmt: skip


def write(journal: Journal, folder: Path = results.FOLDER, setting: dict[str, Any] = SETTING) -> Path | None:
    """Write the table of the finished seeds; None if there is none."""
    rows = [row for seed in range(MOST_SEEDS) if (row := row_of(seed, journal, setting=setting))]
    if not rows:
        return None
    path = folder / f"{TABLE}.json"
    before = json.loads(path.read_text()) if path.is_file() else {"rows": None}
    made = before["made_by"] if before["rows"] == rows else provenance(COMMAND, [row["seed"] for row in rows])
    head = {"table": TABLE, "title": TITLE, "made_by": made, "setting": setting}
    put(path, head, rows)
    return path


def again(checkpoint: Path, seed: int = 0, every: int = 60) -> list[tuple[Genotype, float, float]]:
    """A few networks with the weights of a finished checkpoint: (genotype, stored accuracy, accuracy now)."""
    torch.set_num_threads(1)
    supernet = Supernet(SPACE)
    supernet.load_state_dict(load(checkpoint)["model"])
    stored = results.load(TABLE).row(f"seed {seed}")["validation"]
    chosen = range(0, SPACE.cardinality, every)
    data = data_of(DATA, SPACE.base.resolution)
    sample = [SPACE.genotype(i) for i in chosen]
    now = children_accuracy(supernet.eval(), data, sample, images=SETTING["recalibration"]).tolist()
    return [(g, stored[i], a) for g, i, a in zip(sample, chosen, now, strict=True)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument(
        "--folder", type=Path, default=Path("experiments"), help="of the journal and the checkpoints"
    )
    parser.add_argument("--quick", action="store_true", help="evaluate a few networks again and compare")
    args = parser.parse_args()
    if args.quick:
        for genotype, stored, now in again(args.folder / f"{TABLE}_0.pt"):
            print(f"{SPACE.arch(genotype).name}, seed 0: stored {stored:.4f}, now {now:.4f}")
        return

    def tell(line: str) -> None:
        print(line, flush=True)

    journal = Journal(args.folder / f"{TABLE}.jsonl")
    for seed in range(args.seeds):
        if row_of(seed, journal) is None:
            rank(train(seed, journal, args.folder / f"{TABLE}_{seed}.pt", tell), seed, journal, tell)
        if path := write(journal):
            tell(str(path))


if __name__ == "__main__":
    main()
