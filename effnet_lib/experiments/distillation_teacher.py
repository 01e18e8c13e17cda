"""The second teacher of the distillation table: ``glyph_net``'s plan, trained without label smoothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes

from effnet_lib import results
from effnet_lib.data.sets import ImageData
from effnet_lib.experiments import glyph_net, tables
from effnet_lib.experiments.runs import data_of
from effnet_lib.model import EfficientNet
from effnet_lib.small import glyph_net as plan
from effnet_lib.train import evaluate, fit
from effnet_lib.train.checkpoint import write_atomically
from effnet_lib.trained import normalisation

UNSMOOTHED = results.FOLDER / "glyph_net_unsmoothed.safetensors"
RECIPE = glyph_net.RECIPES_OF[32].replace(epochs=12, label_smoothing=0.0)


def pictures(spec: Mapping[str, Any], resolution: int = 32) -> ImageData:
    """The job's images, normalised as the teachers' were."""
    mean, std = normalisation()
    return replace(data_of(spec, resolution), mean=mean, std=std)


def train_teacher(command: str, folder: Path, tell: Callable[[str], None]) -> None:
    """Train it from seed 0 if its file is not there yet, and write the card beside it, which names ``command``."""
    if UNSMOOTHED.is_file():
        return
    torch.set_num_threads(1)
    tell("training the teacher")
    data = pictures({"set": "glyphs", **glyph_net.DATA})
    torch.manual_seed(0)
    model = EfficientNet(plan().replace(name="glyph_net_unsmoothed"))
    began = time.process_time()
    fit(model, data, RECIPE, device="cpu", checkpoint=folder / "glyph_net_unsmoothed.pt",
        on_epoch=lambda history: tell(f"  epoch {len(history)}: {history.validation_accuracy[-1]:.3f}"))  # fmt: skip
    tell(f"  {time.process_time() - began:.0f} CPU seconds")
    weights = {
        k: v.contiguous() for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")
    }
    kept = {
        "arch": json.dumps(model.arch.to_dict()),
        "mean": json.dumps(data.mean),
        "std": json.dumps(data.std),
    }
    content = to_bytes(weights, kept)
    write_atomically(UNSMOOTHED, lambda file: file.write(content))
    found = evaluate(model, data, "validation"), evaluate(model, data, "test")
    made = tables.provenance(command, [0])
    card = glyph_net.card(model.arch, *found, made, len(content), RECIPE)
    write_atomically(UNSMOOTHED.with_suffix(".md"), lambda file: file.write(card.encode()))
