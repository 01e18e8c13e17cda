"""Training runs as jobs: plain values in, plain values out, on as many processes as there are cores."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import torch
from torch import nn

from effnet_lib.arch import ArchSpec
from effnet_lib.data.glyphs import CLASSES, draw_glyphs, shrink
from effnet_lib.data.sets import ImageData, TensorImages, channel_statistics
from effnet_lib.experiments.journal import Journal, key_of
from effnet_lib.model import EfficientNet
from effnet_lib.train import Recipe, fit, split_accuracy


@functools.lru_cache(1)
def _canvas(train: int, validation: int, test: int, difficulty: str) -> dict[str, TensorImages]:
    sizes = {"train": train, "validation": validation, "test": test}
    return {split: draw_glyphs(n, 64, split, difficulty) for split, n in sizes.items()}


@functools.lru_cache(2)
def _glyphs(resolution: int, train: int, validation: int, test: int, difficulty: str) -> ImageData:
    """``glyph_data``, drawing the canvases of all resolutions once."""
    sets = {
        split: TensorImages(shrink(drawn.images, resolution), drawn.labels)
        for split, drawn in _canvas(train, validation, test, difficulty).items()
    }
    mean, std = channel_statistics(sets["train"].images)
    return ImageData(
        **sets, classes=CLASSES, mean=mean, std=std, name=f"glyphs ({difficulty}, {resolution} px)"
    )


@functools.lru_cache(8)
def _cifar10(resolution: int, train: int, validation: int) -> ImageData:
    from effnet_lib.data.sources import cifar10_data

    return cifar10_data(resolution=resolution, train=train, validation=validation)


def data_of(spec: Mapping[str, Any], resolution: int) -> ImageData:
    """The data set that a job names, at ``resolution``."""
    spec = dict(spec)
    make = {"glyphs": _glyphs, "cifar10": _cifar10}[spec.pop("set")]
    return make(resolution, **spec)


def altered(model: nn.Module, change: str | None) -> nn.Module:
    """``model`` with one of the parts that an ArchSpec has no word for taken away or put in.

    ``"no residual"``: no block adds its input. ``"no linear bottleneck"``: the projection has an
    activation like every other convolution.
    """
    if change not in (None, "no residual", "no linear bottleneck"):
        raise ValueError(f"change must be 'no residual', 'no linear bottleneck' or None, got {change!r}")
    for block in (b for stage in model.stages for b in stage):
        if change == "no residual":
            block.residual = False
        elif change == "no linear bottleneck":
            block.project.act = nn.SiLU(inplace=True)
    return model


def train_once(job: Mapping[str, Any]) -> dict[str, Any]:
    """Train the job's network from its seed on one thread, and test it once.

    ``job`` has ``arch``, ``data``, ``recipe`` (as plain dicts), ``seed`` and ``change``; with a true
    ``test_curve`` the test accuracy after every epoch is recorded as well. It decides nothing.
    """
    torch.set_num_threads(1)
    arch = ArchSpec.from_dict(job["arch"])
    data = data_of(job["data"], arch.resolution)
    began = time.process_time()
    torch.manual_seed(job["seed"])
    model = altered(EfficientNet(arch), job["change"])
    tested: list[float] = []

    def test(history: object = None) -> None:
        tested.append(round(split_accuracy(model, data, "test"), 5))

    history = fit(
        model, data, Recipe(**job["recipe"]), seed=job["seed"], device="cpu",
        on_epoch=test if job.get("test_curve") else None,
    )  # fmt: skip
    seconds = time.process_time() - began
    curve = {
        "train_loss": [round(v, 4) for v in history.train_loss],
        "validation_accuracy": [round(v, 5) for v in history.validation_accuracy],
    }
    if tested:
        curve["test_accuracy"] = tested
    else:
        test()
    return {
        "seed": job["seed"],
        "validation_accuracy": curve["validation_accuracy"][-1],
        "test_accuracy": tested[-1],
        "train_accuracy": round(history.train_accuracy[-1], 5),
        "seconds": round(seconds, 1),
        "curve": curve,
    }


def run_all(
    jobs: Iterable[Mapping[str, Any]], journal: Journal, processes: int = 1,
    tell: Callable[[str], None] = lambda line: None,
) -> None:  # fmt: skip
    """Do every job that is not in the journal, in order, and write each result as it comes.

    Jobs that the parent process is killed over are done again when the script is started again.
    """
    left = list({key_of(job): job for job in jobs if job not in journal}.values())
    tell(f"{len(left)} runs to do")
    context = get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = {pool.submit(train_once, job): job for job in left}
        for done, future in enumerate(as_completed(futures), 1):
            job, result = futures[future], future.result()
            journal.add(job, result)
            accuracy, pixels = 100 * result["validation_accuracy"], job["arch"]["resolution"]
            tell(
                f"{done}/{len(left)}  {pixels} px, seed {job['seed']}: {accuracy:.1f} %, {result['seconds']} s"
            )
