"""``python -m effnet_lib.experiments.glyph_net``: train the network that ships with the library, and write its card.

The run is saved after every epoch and goes on where it stopped. The test split is used once, at the end.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes

from effnet_lib.arch import ArchSpec
from effnet_lib.cost import cost_of
from effnet_lib.data.glyphs import DIFFICULTIES, glyph_data
from effnet_lib.experiments.tables import provenance
from effnet_lib.model import EfficientNet
from effnet_lib.scaling import scale
from effnet_lib.small import glyph_base
from effnet_lib.train.checkpoint import write_atomically
from effnet_lib.train.evaluation import Report, evaluate
from effnet_lib.train.loop import fit
from effnet_lib.train.recipe import RECIPES
from effnet_lib.trained import GLYPH_NET

COMMAND = "python -m effnet_lib.experiments.glyph_net"
RECIPE = RECIPES["small"].replace(epochs=24, lr=1.2e-2)
DATA = {"train": 12000, "validation": 2000, "test": 4000, "difficulty": "hard"}


def glyph_net_arch() -> ArchSpec:
    """The base network at twice its widths, for 32 pixels."""
    return scale(glyph_base(32), width=2.0).replace(name="glyph_net")


def card(arch: ArchSpec, validation: Report, test: Report, made: dict[str, Any], size: int) -> str:
    """The model card, in Markdown."""
    cost, recipe = cost_of(arch), RECIPE

    def percent(report: Report) -> str:
        low, high = report.interval
        return f"{100 * report.accuracy:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f}, n = {report.images:,})"

    mistakes = "; ".join(f"{a} taken for {b} ({n} times)" for a, b, n in test.confused(4)) or "none"
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    level = DIFFICULTIES[DATA["difficulty"]]
    drawn = ", ".join(f"{name}={value!r}" for name, value in DATA.items())
    text = f"""
        # glyph_net

        A small EfficientNet-style network (MBConv blocks with squeeze-and-excitation and SiLU) that names
        drawn letters: 20 letters with and without serifs, 40 classes. It exists to be measured, pruned,
        quantized and run in a browser in this book.

        | | |
        |---|---|
        | parameters | {cost.params:,} |
        | MACs, one {arch.resolution}-pixel picture | {cost.macs:,} |
        | file | {size:,} bytes, safetensors, 32-bit floats |
        | validation accuracy | {percent(validation)} |
        | test accuracy, used once | {percent(test)} |
        | expected calibration error, test | {100 * test.calibration_error:.2f} % |

        **Data.** `glyph_data({arch.resolution}, {drawn})`:
        drawn from fonts that matplotlib ships, on coloured noise. No photograph, no person's data.

        **Training.** `{made["command"]}`, seed {made["seeds"][0]}:
        {recipe.epochs:g} epochs of AdamW, batch {recipe.batch}, highest rate {recipe.lr:g}, weight decay
        {recipe.weight_decay:g}, label smoothing {recipe.label_smoothing:g}, no augmentation. One run from one
        seed; nothing was chosen on the test split.

        **Made** on {made["date"]} on {made["hardware"]} with {versions}.

        **Mistakes.** Most frequent on the test split: {mistakes}.

        **Not for** reading text. It has seen single light letters of ten fonts, {100 * level.smallest:.0f} to
        {100 * level.largest:.0f} % as large as the picture; dark letters, handwriting, other fonts, smaller
        letters and letters that are none of the 20 are outside what it was trained on, and it will name
        one of its classes all the same.

        Licence: that of the code.
    """
    return textwrap.dedent(text).lstrip()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("runs/glyph_net.pt"), help="where the run is saved"
    )
    parser.add_argument(
        "--out", type=Path, default=GLYPH_NET, help="the file of weights; the card goes beside it"
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    arch = glyph_net_arch()
    data = glyph_data(arch.resolution, **DATA)
    torch.manual_seed(args.seed)
    model = EfficientNet(arch)
    fit(model, data, RECIPE, seed=args.seed, device="cpu", checkpoint=args.checkpoint, progress=True)
    metadata = {
        "arch": json.dumps(arch.to_dict()),
        "mean": json.dumps(data.mean),
        "std": json.dumps(data.std),
    }
    weights = {
        k: v.contiguous() for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")
    }
    content = to_bytes(weights, metadata)
    write_atomically(args.out, lambda file: file.write(content))
    made = provenance(COMMAND, [args.seed])
    text = card(arch, evaluate(model, data, "validation"), evaluate(model, data, "test"), made, len(content))
    write_atomically(args.out.with_suffix(".md"), lambda file: file.write(text.encode()))
    print(text)


if __name__ == "__main__":
    main()
