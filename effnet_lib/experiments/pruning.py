"""Pruning, measured: a trained network made smaller in several ways, and what it can do before and after repair.

``python -m effnet_lib.experiments.pruning`` prunes ``glyph_net`` of every seed, fine-tunes it, trains networks of the
smaller shapes from scratch for comparison, and writes ``pruning_glyphs.json``; stop and start it as you like. The
fine-tuning rate was chosen on validation in a pilot that the table records. ``--latency`` measures times
of the finished rows, on a machine that does nothing else. ``--quick`` does one row again and compares.
"""

from __future__ import annotations

import argparse
import copy
import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from effnet_lib import results
from effnet_lib.compress import (
    apply_masks,
    prunable,
    prune_gradually,
    storage_bytes,
)
from effnet_lib.cost import cost_of
from effnet_lib.data.sets import ImageData
from effnet_lib.experiments import tables
from effnet_lib.experiments.glyph_net import load_seed
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.pruning_ways import (
    PILOT,
    SETTING,
    job_of,
    name_of,
    pilot_jobs,
    smaller,
    ways,
)
from effnet_lib.experiments.runs import data_of
from effnet_lib.measure import latency
from effnet_lib.model import EfficientNet
from effnet_lib.train import fit, recalibrate, split_accuracy
from effnet_lib.train.recipe import Recipe

COMMAND = "python -m effnet_lib.experiments.pruning"
TABLE = "pruning_glyphs"
TITLE = "A trained network pruned in several ways, repaired, and compared with training from scratch, on drawn letters"


def run(job: Mapping[str, Any], data: ImageData, source: EfficientNet, pilot: bool = False) -> dict[str, Any]:
    """Prune ``source``, look, repair, look again. With ``pilot`` the test split stays closed."""
    how, seed, recipe, setting = job["how"], job["seed"], Recipe(**job["recipe"]), job["pruning"]
    began = time.process_time()
    splits = ("validation",) if pilot else ("validation", "test")

    def look(model: EfficientNet) -> dict[str, float]:
        return {split: round(split_accuracy(model, data, split), 5) for split in splits}

    pruned, found = smaller(source, how, seed), {"seed": seed}
    masks = (
        {name: weight != 0 for name, weight in prunable(pruned).items()}
        if how["structure"] == "weights"
        else {}
    )
    if how["method"].startswith("scratch"):
        torch.manual_seed(seed)
        pruned, handle = EfficientNet(pruned.arch), None
    elif how["method"] == "gradual":
        pruned = copy.deepcopy(source)
        _, steps = recipe.steps(len(data.train))
        gradual = setting["gradual"]
        handle = prune_gradually(
            pruned, how["amount"], round(gradual["until"] * steps), every=gradual["every"], scope="global"
        )
    else:
        found["before"] = look(pruned)
        repaired = recalibrate(copy.deepcopy(pruned), data, setting["recalibration"], seed=seed)
        found["recalibrated"] = look(repaired)
        handle = apply_masks(pruned, masks)
    history = fit(pruned, data, recipe, seed=seed, device="cpu")
    if handle is not None:
        handle.remove()
    found |= {f"{split}_accuracy": accuracy for split, accuracy in look(pruned).items()}
    if how["structure"] == "weights":
        found["kept"] = [int((w != 0).sum()) for w in prunable(pruned).values()]
    found["bytes"] = {form: storage_bytes(pruned, form) for form in ("dense", "bitmask", "csr")}
    found["train_accuracy"] = round(history.train_accuracy[-1], 5)
    return found | {"seconds": round(time.process_time() - began, 1)}


def chosen_rate(
    journal: Journal, setting: Mapping[str, Any] = SETTING
) -> tuple[float, list[dict[str, Any]]] | None:
    """The fine-tuning rate with the best mean validation accuracy in the pilot, and the pilot; None before it is done."""
    rows = []
    for label, job in pilot_jobs(PILOT, setting):
        if job not in journal:
            return None
        rows.append(label | {"validation": journal[job]["validation_accuracy"]})
    means = {rate: sum(r["validation"] for r in rows if r["rate"] == rate) for rate in PILOT["rates"]}
    return max(means, key=means.get), rows


def rows_of(
    journal: Journal, rate: float, seeds: int, setting: Mapping[str, Any] = SETTING
) -> list[dict[str, Any]]:
    """A row for every way, with the runs that are in the journal."""
    source, rows = load_seed(setting["network"], 0), []
    for how in ways():
        pruned = smaller(source, how, 0)
        jobs = [job_of(how, seed, rate, setting) for seed in range(seeds)]
        row = tables.row_of(
            name_of(how), f"{how['structure']} {how['method']}", pruned.arch, jobs, journal, **how
        )
        row["nonzero"] = cost_of(pruned.arch).params - sum(
            int((w == 0).sum()) for w in prunable(pruned).values()
        )
        rows.append(row)
    return rows


def write(
    journal: Journal, seeds: int, measure: bool = False, setting: Mapping[str, Any] = SETTING,
    folder: Path = results.FOLDER,
) -> Path | None:  # fmt: skip
    """Write the table of all runs that are finished; None before there is one."""
    chosen = chosen_rate(journal, setting)
    if chosen is None:
        return None
    rate, pilot = chosen
    rows = rows_of(journal, rate, seeds, setting)
    if not any(row["runs"] for row in rows):
        return None
    if measure:
        for row in rows:
            row["latency"] = {"cpu": measured(smaller(load_seed(setting["network"], 0), row, 0).eval())}
    told = dict(setting) | {
        "fine_tuning": setting["fine_tuning"] | {"lr": rate},
        "pilot": {"chosen on": "validation", "runs": pilot},
        "layers": [name.removesuffix(".weight") for name in prunable(load_seed(setting["network"], 0))],
    }  # fmt: skip
    return tables.write(TABLE, TITLE, COMMAND, told, rows, folder=folder)


def measured(model: EfficientNet, seconds: float = 1.0) -> dict[str, Any]:
    """Seconds of one forward pass of one image on one thread, by the network that is really there, zeros and all."""
    took = latency(model, batch=1, threads=1, seconds=seconds)
    return {
        "median": round(took.median, 7), "low": round(took.low, 7), "high": round(took.high, 7), "threads": 1,
        "batch": 1, "device": tables.hardware(),
    }  # fmt: skip


def quick(setting: Mapping[str, Any] = SETTING) -> tuple[float, float]:
    """Test accuracy of one cheap row of seed 0 before repair: stored, and now."""
    how = {"structure": "channels", "method": "l1", "groups": "hidden", "amount": 0.25}
    stored = results.load(TABLE).row(name_of(how))["runs"][0]["before"]["test"]
    pruned = smaller(load_seed(setting["network"], 0), how, 0)
    return stored, split_accuracy(pruned, data_of(setting["data"], pruned.arch.resolution), "test")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--folder", type=Path, default=Path("experiments"), help="of the journal")
    parser.add_argument(
        "--latency", action="store_true", help="measure times of the finished rows, and nothing else"
    )
    parser.add_argument("--quick", action="store_true", help="do one row again and compare it with the table")
    args = parser.parse_args()
    torch.set_num_threads(1)

    def tell(line: str) -> None:
        print(line, flush=True)

    if args.quick:
        stored, now = quick()
        tell(f"stored {stored:.4f}, now {now:.4f}")
        return
    journal = Journal(args.folder / f"{TABLE}.jsonl")
    if not args.latency:
        work(journal, args.seeds, tell)
    if path := write(journal, args.seeds, measure=args.latency):
        tell(str(path))


def work(
    journal: Journal, seeds: int, tell: Callable[[str], None], setting: Mapping[str, Any] = SETTING
) -> None:
    """Do every run that is not in the journal: the pilot, then all ways with all seeds."""
    source = functools.cache(functools.partial(load_seed, setting["network"]))
    data = data_of(setting["data"], source(0).arch.resolution)
    for label, job in pilot_jobs(PILOT, setting):
        if job not in journal:
            journal.add(job, run(job, data, source(label["seed"]), pilot=True))
            tell(f"pilot, {label}: {100 * journal[job]['validation_accuracy']:.2f} %")
    rate, _ = chosen_rate(journal, setting)
    for how in ways():
        for seed in range(seeds):
            job = job_of(how, seed, rate, setting)
            if job not in journal:
                journal.add(job, run(job, data, source(seed)))
                accuracy, seconds = journal[job]["validation_accuracy"], journal[job]["seconds"]
                tell(f"{name_of(how)}, seed {seed}: {100 * accuracy:.2f} %, {seconds} s")


if __name__ == "__main__":
    main()
