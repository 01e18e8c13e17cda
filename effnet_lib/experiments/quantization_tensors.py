"""``python -m effnet_lib.experiments.quantization_tensors``: the tensors that the Quantization explorer shows.

Weights of a few layers of the shipped ``glyph_lite``, batch norms folded, and samples of a few of its activations on
training pictures, all rounded to half precision: small enough for a page, and the same numbers on every machine.
Half precision keeps 11 significant bits, which is invisible beside the 8 that they are quantized to at most.
"""

from __future__ import annotations

import argparse
import base64
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from effnet_lib import results
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.experiments.tables import provenance, put
from effnet_lib.model import fold_batch_norms
from effnet_lib.trained import load_trained, normalisation, weights_of

COMMAND = "python -m effnet_lib.experiments.quantization_tensors"
TABLE = "quantization_tensors"
TITLE = "A few weights and activations of glyph_lite, batch norms folded, in half precision"
NETWORK = "glyph_lite"
PICTURES = 256
SEED = 0
WEIGHTS = {
    "stem": ("stem.conv", "Stem, 3×3 convolution"),
    "expansion": ("stages.1.0.expand.conv", "Expansion, 1×1"),
    "depthwise": ("stages.1.0.depthwise.conv", "Depthwise, 3×3"),
    "depthwise_5x5": ("stages.2.0.depthwise.conv", "Depthwise, 5×5"),
    "projection": ("stages.0.0.project.conv", "Projection, 1×1"),
}
ACTIVATIONS = {
    "relu6": ("stages.1.0.expand", "An expansion, after ReLU6", 500),
    "bottleneck": ("stages.0.0.project", "A linear bottleneck", 1000),
}  #: layer, label and number of values in the sample


def pictures(count: int = PICTURES) -> Tensor:
    """The first training pictures, normalised as the network wants them: float32 (count, 3, 32, 32)."""
    images = glyph_data(32, train=1000, validation=1, test=1, difficulty="hard").train.images[:count]
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in normalisation(weights_of(NETWORK)))
    return (images.float() / 255 - mean) / std


def encoded(values: np.ndarray) -> str:
    """Numbers in half precision, little-endian, as base64."""
    return base64.b64encode(values.astype("<f2").tobytes()).decode("ascii")


@torch.no_grad()
def measured(model: nn.Module, images: Tensor) -> list[dict[str, Any]]:
    """The table's rows. ``model`` has its batch norms folded."""
    rows = []
    for name, (layer, label) in WEIGHTS.items():
        weight = model.get_submodule(layer).weight
        head = {"name": name, "kind": "weights", "layer": layer, "label": label, "shape": list(weight.shape)}
        rows.append({**head, "pictures": len(images), "values": encoded(weight.numpy())})
    found: dict[str, Tensor] = {}
    hooks = [
        model.get_submodule(layer).register_forward_hook(
            lambda module, inputs, output, name=name: found.__setitem__(name, output.clone())
        )
        for name, (layer, _, _) in ACTIVATIONS.items()
    ]
    inputs_of: dict[str, Tensor] = {}
    for name, (layer, _) in WEIGHTS.items():
        hooks.append(
            model.get_submodule(layer).register_forward_hook(
                lambda module, inputs, output, name=name: inputs_of.__setitem__(name, inputs[0].clone())
            )
        )
    model(images)
    for hook in hooks:
        hook.remove()
    for row in (
        rows
    ):  # a depthwise channel sees one input channel, and if that is always 0, nothing depends on its weights
        if row["shape"][1] == 1:
            silent = inputs_of[row["name"]].abs().amax((0, 2, 3)) == 0
            row["dead"] = silent.nonzero().flatten().tolist()
    draw = np.random.default_rng(SEED)
    for name, (layer, label, size) in ACTIVATIONS.items():
        values = found[name].numpy().ravel()
        sample = values[draw.choice(len(values), size, replace=False)]
        row = {
            "name": name, "kind": "activations", "layer": layer, "label": label,
            "shape": list(found[name].shape[1:]), "pictures": len(images),
            "low": float(np.float16(values.min())), "high": float(np.float16(values.max())),
            "values": encoded(sample),
        }  # fmt: skip
        rows.append(row)
    return rows


def write(path: Path) -> None:
    """Make the table."""
    rows = measured(fold_batch_norms(load_trained(NETWORK)), pictures())
    setting = {
        "network": NETWORK, "pictures": f"the first {PICTURES} of the train split, difficulty hard",
        "precision": "float16, little-endian, base64",
    }  # fmt: skip
    head = {"table": TABLE, "title": TITLE, "made_by": provenance(COMMAND, [SEED]), "setting": setting}
    put(path, head, rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--out", type=Path, default=results.FOLDER / f"{TABLE}.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    write(args.out)
    print(args.out)


if __name__ == "__main__":
    main()
