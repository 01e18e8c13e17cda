"""Distillation against plain training at the same budget, from two teachers, on drawn letters.

``python -m effnet_lib.experiments.distillation`` trains a teacher without label smoothing (the network
``glyph_net``, whose shipped weights were trained with it and twice as long), then students by every method of
``METHODS`` from three seeds, and writes ``distillation_glyphs.json``; stop and start it as you like, and raise
``--seeds`` for more. A method is chosen on validation, and the test split is used once a run. ``--quick`` trains one
student again and compares it with the table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from effnet_lib import results
from effnet_lib.arch import ArchSpec
from effnet_lib.compress.distillation import distill
from effnet_lib.data.sets import ImageData
from effnet_lib.experiments import glyph_net, tables
from effnet_lib.experiments.distillation_teacher import UNSMOOTHED, pictures, train_teacher
from effnet_lib.experiments.journal import Journal
from effnet_lib.model import EfficientNet
from effnet_lib.small import glyph_base
from effnet_lib.train import Recipe, fit, split_accuracy
from effnet_lib.trained import GLYPH_NET, load_glyph_net

COMMAND = "python -m effnet_lib.experiments.distillation"
TABLE = "distillation_glyphs"
TITLE = "A small student on drawn letters, with and without a teacher, at the same number of steps"
TEACHERS = {"smoothed": GLYPH_NET, "unsmoothed": UNSMOOTHED}  #: files of weights
RECIPE = (
    glyph_net.RECIPES_OF[32].replace(name="distillation", epochs=8, lr=1.6e-2, label_smoothing=0.0).to_dict()
)
DATA = {"set": "glyphs", "train": 4000, "validation": 2000, "test": 4000, "difficulty": "hard"}
MANY = {"data": {"train": 12000}, "recipe": {"epochs": 2.6525}}  # as many steps: 496
WATCHED = 500  # validation images after every epoch; all of them at the end
SETTING = {"data": DATA, "recipe": RECIPE, "threads": 1}
MOST_SEEDS = 20


def _method(
    name: str, family: str, teacher: str | None = None, temperature: float = 1.0, alpha: float = 0.0,
    scale_by_t2: bool = True, change: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    change = {"data": {}, "recipe": {}} | dict(change or {})
    return {
        "name": name, "family": family, "teacher": teacher, "temperature": temperature, "alpha": alpha,
        "scale_by_t2": scale_by_t2, "change": change,
    }  # fmt: skip


def _methods() -> list[dict[str, Any]]:
    smooth = {"recipe": {"label_smoothing": 0.1}}
    found = [_method("labels", "plain"), _method("smoothed labels", "plain", change=smooth)]
    found.append(_method("T = 4, alpha = 1", "unsmoothed teacher", "unsmoothed", 4, 1.0))
    found.append(_method("T = 4, alpha = 1, smoothed teacher", "smoothed teacher", "smoothed", 4, 1.0))
    twice = {"recipe": {"epochs": 2 * RECIPE["epochs"]}}
    found.append(_method("labels, twice as long", "longer", change=twice))
    calm = {"recipe": twice["recipe"] | smooth["recipe"]}
    found.append(_method("smoothed labels, twice as long", "longer", change=calm))
    name = "T = 4, alpha = 1, twice as long"
    found.append(_method(name, "longer", "unsmoothed", 4, 1.0, change=twice))
    found.append(_method("labels, 12,000 images", "many images", change=MANY))
    name = "T = 4, alpha = 1, 12,000 images"
    found.append(_method(name, "many images", "unsmoothed", 4, 1.0, change=MANY))
    for t in (8, 1):
        found.append(_method(f"T = {t}, alpha = 0.5", "unsmoothed teacher", "unsmoothed", t, 0.5))
    found.append(_method("T = 8, alpha = 0.5, no T²", "without T²", "unsmoothed", 8, 0.5, False))
    return found


METHODS = _methods()
CORE = 9  # of these every seed is trained first, so that a run that is stopped early has what is compared


def method_of(name: str) -> dict[str, Any]:
    """The method of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    for method in METHODS:
        if method["name"] == name:
            return method
    raise ValueError(f"name must be one of {', '.join(m['name'] for m in METHODS)}; got {name!r}")


def job(method: Mapping[str, Any], seed: int, setting: Mapping[str, Any] = SETTING) -> dict[str, Any]:
    """One student as plain values."""
    change = method["change"]
    what = {k: method[k] for k in ("teacher", "temperature", "alpha", "scale_by_t2")}
    return {
        "student": glyph_base(32).to_dict(), "seed": seed, "data": setting["data"] | change["data"],
        "recipe": setting["recipe"] | change["recipe"], **what,
    }  # fmt: skip


class Remembered(nn.Module):
    """A frozen network that looks at every picture once: its answers are kept by the picture's bytes.

    It says what the network says, so without augmentation a teacher need not be asked again in every epoch.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._answers: dict[bytes, Tensor] = {}

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, C, H, W)."""
        keys = [image.numpy().tobytes() for image in images]
        new = [i for i, key in enumerate(keys) if key not in self._answers]
        if new:
            self._answers.update(zip([keys[i] for i in new], self.network(images[new]), strict=True))
        return torch.stack([self._answers[key] for key in keys])


def train_student(made: Mapping[str, Any], teachers: Mapping[str, nn.Module]) -> dict[str, Any]:
    """Train the job's student, and test it once; it decides nothing."""
    torch.set_num_threads(1)
    arch = ArchSpec.from_dict(made["student"])
    data = pictures(made["data"], arch.resolution)
    watched = replace(data, validation=_first(data, WATCHED))
    began = time.process_time()
    torch.manual_seed(made["seed"])
    student, recipe = EfficientNet(arch), Recipe(**made["recipe"])
    if made["teacher"] is None:
        history = fit(student, watched, recipe, seed=made["seed"], device="cpu")
    else:
        history = distill(
            student, teachers[made["teacher"]], watched, recipe, temperature=made["temperature"],
            alpha=made["alpha"], scale_by_t2=made["scale_by_t2"], seed=made["seed"], device="cpu",
        )  # fmt: skip
    seconds = time.process_time() - began
    return {
        "seed": made["seed"],
        "validation_accuracy": round(split_accuracy(student, data, "validation"), 5),
        "test_accuracy": round(split_accuracy(student, data, "test"), 5),
        "train_accuracy": round(history.train_accuracy[-1], 5),
        "seconds": round(seconds, 1),
        "watched": [round(v, 4) for v in history.validation_accuracy],
    }


def _first(data: ImageData, n: int) -> Any:
    split = data.validation
    return type(split)(split.images[:n], split.labels[:n])


def chosen(journal: Journal, seeds: int) -> dict[str, Any]:
    """The method with a teacher whose students do best on validation, on the first ``seeds`` seeds.

    Only methods with the setting's pictures and steps compete; the test accuracies are not looked at.
    """
    rivals = [m for m in METHODS if m["teacher"] and m["change"] == {"data": {}, "recipe": {}}]
    return max(rivals, key=lambda m: fmean(journal[job(m, s)]["validation_accuracy"] for s in range(seeds)))


def write(journal: Journal, choice: str | None = None) -> Path | None:
    """Write the table from the runs that are there; None without any."""
    rows = []
    for method in METHODS:
        jobs = [job(method, seed) for seed in range(MOST_SEEDS)]
        more = {k: v for k, v in method.items() if k not in ("name", "family")}
        rows.append(tables.row_of(method["name"], method["family"], glyph_base(32), jobs, journal, **more))
    if not any(row["runs"] for row in rows):
        return None
    return tables.write(TABLE, TITLE, COMMAND, SETTING | {"chosen": choice}, rows)


def again(name: str = "labels", seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run as stored in the table, and the same one done now."""
    stored = next(run for run in results.load(TABLE).row(name)["runs"] if run["seed"] == seed)
    teachers = {key: load_glyph_net(path) for key, path in TEACHERS.items()}
    return stored, train_student(job(method_of(name), seed), teachers)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds of every method")
    parser.add_argument("--folder", type=Path, default=Path("experiments"), help="of journal and checkpoint")
    parser.add_argument("--quick", action="store_true", help="train one student again and compare")
    args = parser.parse_args()
    if args.quick:
        stored, now = again()
        print(f"labels, seed 0: stored {stored['test_accuracy']:.4f}, now {now['test_accuracy']:.4f}")
        return

    def tell(line: str) -> None:
        print(line, flush=True)

    train_teacher(COMMAND, args.folder, tell)
    teachers = {name: Remembered(load_glyph_net(path)) for name, path in TEACHERS.items()}
    journal = Journal(args.folder / f"{TABLE}.jsonl")

    def do(method: Mapping[str, Any], seed: int) -> None:
        made = job(method, seed)
        if made not in journal:
            result = train_student(made, teachers)
            journal.add(made, result)
            tell(f"{method['name']}, seed {seed}: {result['validation_accuracy']:.4f}, {result['seconds']} s")

    for methods in (METHODS[:CORE], METHODS[CORE:]):
        for seed in range(args.seeds):
            for method in methods:
                do(method, seed)
            write(journal)
    tell(str(write(journal, chosen(journal, args.seeds)["name"])))


if __name__ == "__main__":
    main()
