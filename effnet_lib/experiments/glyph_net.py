"""``python -m effnet_lib.experiments.glyph_net``: train the networks that ship with the library, and write their cards.

``--network`` names the network, ``--seed`` its seed: seed 0 is the one that ships, the others (``runs/networks``)
are what the compression tables need for their spread. A run is saved after every epoch and goes on where it
stopped. The test split is used once, at the end.
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
from effnet_lib.small import SMALL
from effnet_lib.train.checkpoint import write_atomically
from effnet_lib.train.evaluation import Report, evaluate
from effnet_lib.train.loop import fit
from effnet_lib.train.recipe import RECIPES, Recipe
from effnet_lib.trained import SHIPPED, load_glyph_net, weights_of

COMMAND = "python -m effnet_lib.experiments.glyph_net"
RECIPES_OF = {
    32: RECIPES["small"].replace(epochs=24, lr=1.2e-2),
    48: RECIPES["small"].replace(epochs=10, lr=1e-2),
}  #: by resolution
DATA = {"train": 12000, "validation": 2000, "test": 4000, "difficulty": "hard"}
ABOUT = {
    "glyph_net": "squeeze-and-excitation and SiLU",
    "glyph_net_unsmoothed": "squeeze-and-excitation and SiLU, trained without label smoothing",
    "glyph_lite": "ReLU6 and no squeeze-and-excitation, as in EfficientNet-Lite",
    "glyph_lite_48": "ReLU6 and no squeeze-and-excitation, as in EfficientNet-Lite",
    "glyph_silu_48": "squeeze-and-excitation and SiLU",
}


def file_of(name: str, seed: int) -> Path:
    """Where the weights of ``name`` trained from ``seed`` lie: seed 0 is shipped."""
    return weights_of(name) if seed == 0 else Path(f"runs/networks/{name}-s{seed}.safetensors")


def load_seed(name: str, seed: int) -> EfficientNet:
    """The network ``name`` trained from ``seed``, in evaluation mode.

    Raises
    ------
    ValueError
        If it has not been trained here; the message says how to.
    """
    path = file_of(name, seed)
    if not path.is_file():
        raise ValueError(
            f"seed {seed} of {name} is not in {str(path)!r}: run {COMMAND} --network {name} --seed {seed}"
        )
    return load_glyph_net(path)


def card(
    arch: ArchSpec, validation: Report, test: Report, made: dict[str, Any], size: int, recipe: Recipe | None = None
) -> str:
    """The model card, in Markdown; ``recipe`` if it is not the one in ``RECIPES_OF``."""
    cost, recipe = cost_of(arch), recipe or RECIPES_OF[arch.resolution]

    def percent(report: Report) -> str:
        low, high = report.interval
        return f"{100 * report.accuracy:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f}, n = {report.images:,})"

    mistakes = "; ".join(f"{a} taken for {b} ({n} times)" for a, b, n in test.confused(4)) or "none"
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    level = DIFFICULTIES[DATA["difficulty"]]
    drawn = ", ".join(f"{name}={value!r}" for name, value in DATA.items())
    text = f"""
        # {arch.name}

        A small EfficientNet-style network (MBConv blocks with {ABOUT[arch.name]}) that names
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
        {100 * level.largest:.0f} % of the picture (with the empty border of their type); dark letters,
        handwriting, other fonts, smaller letters and letters that are none of the 20 are outside what it was
        trained on, and it will name one of its classes all the same.

        Licence: that of the code.
    """
    return textwrap.dedent(text).lstrip()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--network", choices=SHIPPED, default="glyph_net")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="CPU threads; PyTorch's own choice if not given")
    parser.add_argument("--out", type=Path, help="the file of weights; the card goes beside it")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    out = args.out or file_of(args.network, args.seed)
    arch = SMALL[args.network]()
    data = glyph_data(arch.resolution, **DATA)
    torch.manual_seed(args.seed)
    model = EfficientNet(arch)
    checkpoint = Path(f"runs/networks/{args.network}-s{args.seed}.pt")
    recipe = RECIPES_OF[arch.resolution]
    fit(model, data, recipe, seed=args.seed, device="cpu", checkpoint=checkpoint, progress=True)
    metadata = {
        "arch": json.dumps(arch.to_dict()),
        "mean": json.dumps(data.mean),
        "std": json.dumps(data.std),
    }
    weights = {
        k: v.contiguous() for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")
    }
    content = to_bytes(weights, metadata)
    write_atomically(out, lambda file: file.write(content))
    command = COMMAND if args.network == "glyph_net" else f"{COMMAND} --network {args.network}"
    made = provenance(command, [args.seed])
    text = card(arch, evaluate(model, data, "validation"), evaluate(model, data, "test"), made, len(content))
    write_atomically(out.with_suffix(".md"), lambda file: file.write(text.encode()))
    print(text)


if __name__ == "__main__":
    main()
