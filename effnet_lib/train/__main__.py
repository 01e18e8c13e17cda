"""``python -m effnet_lib.train``: train, resume, evaluate and fine-tune on your own pictures."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import torch

from effnet_lib import families, small
from effnet_lib.arch import ArchSpec
from effnet_lib.data import ImageData, cifar10_data, digits_data, fashion_mnist_data, folder_data, glyph_data
from effnet_lib.model import EfficientNet, load_torchvision_weights
from effnet_lib.scaling import scale
from effnet_lib.train import checkpoint as checkpoints
from effnet_lib.train.distributed import group, place
from effnet_lib.train.evaluation import evaluate
from effnet_lib.train.finetune import freeze, replace_head, stage_rates
from effnet_lib.train.loop import fit
from effnet_lib.train.recipe import AUGMENTATIONS, OPTIMIZERS, RECIPES
from effnet_lib.train.run import default_device

_EPILOG = """
examples
  train a small network on drawn letters (a minute on a laptop, nothing is downloaded):
    python -m effnet_lib.train fit --data glyphs --arch glyph_base --checkpoint runs/glyphs.pt
  train on your own pictures, in folders train/<class>/*.jpg (and, if you have them, validation/ and test/):
    python -m effnet_lib.train fit --data folder --root pictures --arch efficientnet_b0 --checkpoint runs/mine.pt
  stopped half-way? the same command goes on from the checkpoint; --fresh starts anew
  fine-tune published weights: a new head first, and slower rates towards the input:
    python -m effnet_lib.train fit --data folder --root pictures --arch efficientnet_b0 --weights b0.pth \\
      --freeze stem --rate-decay 0.7 --epochs 5 --checkpoint runs/tuned.pt
  evaluate, and write the metrics as JSON:
    python -m effnet_lib.train evaluate --data folder --root pictures --checkpoint runs/mine.pt --metrics m.json
  two processes on one machine (gloo on CPUs, NCCL on GPUs), one batch shared by both:
    torchrun --nproc-per-node=2 -m effnet_lib.train fit --data glyphs --arch glyph_base --checkpoint runs/two.pt
"""


def _network(args: argparse.Namespace, data: ImageData) -> ArchSpec:
    channels, classes = len(data.mean), len(data.classes)
    if args.arch in small.SMALL:
        arch = small.SMALL[args.arch](args.resolution or 32, classes)
    else:
        arch = families.get_arch(args.arch)
        arch = arch.replace(classes=classes, resolution=args.resolution or arch.resolution)
    arch = arch.replace(in_channels=channels)
    if args.drop_path is not None:
        arch = arch.replace(drop_path=args.drop_path)
    return scale(arch, width=args.width, depth=args.depth)


def _data(args: argparse.Namespace, resolution: int) -> ImageData:
    if args.data == "glyphs":
        return glyph_data(resolution, difficulty=args.difficulty)
    if args.data == "digits":
        return digits_data(resolution)
    if args.data == "folder":
        if args.root is None:
            raise ValueError("--root must name the folder that holds train/<class>/..., got none")
        return folder_data(args.root, resolution)
    make = {"cifar10": cifar10_data, "fashion-mnist": fashion_mnist_data}[args.data]
    return make(args.root, resolution=resolution, download=args.download)


def _resolution(args: argparse.Namespace) -> int:
    if args.resolution is not None:
        return args.resolution
    return 32 if args.arch in small.SMALL else families.get_arch(args.arch).resolution


def _recipe(args: argparse.Namespace) -> Any:
    fields = (
        "epochs",
        "batch",
        "lr",
        "optimizer",
        "augment",
        "label_smoothing",
        "weight_decay",
        "ema",
        "clip",
    )
    chosen = {name: getattr(args, name) for name in fields if getattr(args, name) is not None}
    if "lr" in chosen:
        chosen["lr_batch"] = None
    return RECIPES[args.recipe].replace(**chosen)


def _restored(path: str) -> EfficientNet:
    state = checkpoints.load(path)
    if state.get("arch") is None:
        raise checkpoints.CheckpointError(f"{path!r} does not say which network it holds")
    model = EfficientNet(ArchSpec.from_dict(state["arch"]))
    average = state["average"]
    weights = state["model"]
    if average is not None:
        weights = {k.removeprefix("module."): v for k, v in average.items() if k.startswith("module.")}
    model.load_state_dict(weights)
    return model.eval()


def _export(path: str | None, content: dict[str, Any]) -> None:
    if path is not None:
        text = json.dumps(content, indent=1) + "\n"
        checkpoints.write_atomically(path, lambda file: file.write(text.encode()))


def _fit(args: argparse.Namespace) -> None:
    data = _data(args, _resolution(args))
    torch.manual_seed(args.seed)
    arch = _network(args, data)
    if args.weights is not None:
        model = EfficientNet(arch.replace(classes=args.weights_classes))
        load_torchvision_weights(model, args.weights)
        replace_head(model, len(data.classes), args.seed)
    else:
        model = EfficientNet(arch)
    if args.freeze:
        freeze(model, *args.freeze)
    rates = stage_rates(model, args.rate_decay) if args.rate_decay is not None else None
    device = args.device or default_device()
    first = place().rank == 0
    history = fit(
        model, data, _recipe(args), seed=args.seed, device=device, workers=args.workers, rates=rates,
        checkpoint=args.checkpoint, save_every=args.save_every, resume=not args.fresh,
        progress=first and not args.quiet,
    )  # fmt: skip
    if first:
        report = evaluate(model, data, "validation", workers=args.workers)
        print(report)
        _export(args.metrics, {"history": history.to_dict(), "validation": report.to_dict()})


def _evaluate(args: argparse.Namespace) -> None:
    model = _restored(args.checkpoint)
    data = _data(args, args.resolution or model.arch.resolution)
    if len(data.classes) != model.arch.classes:
        raise ValueError(
            f"the checkpoint's network has {model.arch.classes} classes, the data {len(data.classes)}"
        )
    report = evaluate(model.to(args.device or default_device()), data, args.split, workers=args.workers)
    print(report)
    for true, predicted, times in report.confused():
        print(f"  {true} taken for {predicted}: {times} times")
    _export(args.metrics, {args.split: report.to_dict()})


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--data", required=True, choices=["glyphs", "digits", "cifar10", "fashion-mnist", "folder"]
    )
    shared.add_argument("--root", help="folder of the data (default: EFFNET_DATA, else ./data)")
    shared.add_argument(
        "--download", action="store_true", help="fetch CIFAR-10 or Fashion-MNIST if it is missing"
    )
    shared.add_argument("--difficulty", choices=["easy", "hard"], default="easy", help="of the glyphs")
    shared.add_argument("--resolution", type=int, help="pixels a side (default: the network's own)")
    shared.add_argument("--device", help="cpu, cuda, cuda:1 (default: a GPU if there is one)")
    shared.add_argument("--workers", type=int, default=0, help="processes that decode pictures")
    shared.add_argument("--metrics", help="write metrics to this JSON file")
    parser = argparse.ArgumentParser(
        prog="python -m effnet_lib.train", description=__doc__, epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True)
    raw = argparse.RawDescriptionHelpFormatter
    run = commands.add_parser(
        "fit", parents=[shared], help="train, resume, fine-tune", epilog=_EPILOG, formatter_class=raw
    )
    known = [*small.SMALL, *families.available()]
    run.add_argument("--arch", default="glyph_base", choices=known, metavar="NAME", help=", ".join(known))
    run.add_argument("--width", type=float, default=1.0, help="multiplies every width")
    run.add_argument("--depth", type=float, default=1.0, help="multiplies every depth")
    run.add_argument("--drop-path", type=float, help="stochastic depth of the last block")
    run.add_argument("--recipe", choices=list(RECIPES), default="small")
    run.add_argument("--epochs", type=float)
    run.add_argument("--batch", type=int, help="images a step, over all processes")
    run.add_argument("--lr", type=float, help="highest learning rate, for this batch")
    run.add_argument("--optimizer", choices=OPTIMIZERS)
    run.add_argument("--augment", choices=AUGMENTATIONS)
    run.add_argument("--label-smoothing", type=float)
    run.add_argument("--weight-decay", type=float)
    run.add_argument("--ema", type=float, help="decay of the averaged weights")
    run.add_argument("--clip", type=float, help="largest norm of the gradient")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--checkpoint", help="save here after every epoch, and go on from here")
    run.add_argument("--save-every", type=int, metavar="STEPS", help="and after so many steps")
    run.add_argument("--fresh", action="store_true", help="start anew even if the checkpoint exists")
    run.add_argument("--weights", help="start from these published weights (.pth or .safetensors)")
    run.add_argument("--weights-classes", type=int, default=1000, help="classes of --weights")
    run.add_argument(
        "--freeze", nargs="*", default=[], metavar="PART", help="parts not to train: stem stages.0 ..."
    )
    run.add_argument(
        "--rate-decay", type=float, help="learning rate falls by this factor a stage towards the input"
    )
    run.add_argument("--quiet", action="store_true", help="no progress bar")
    run.set_defaults(run=_fit)
    check = commands.add_parser("evaluate", parents=[shared], help="evaluate a checkpoint")
    check.add_argument("--checkpoint", required=True)
    check.add_argument("--split", choices=["train", "validation", "test"], default="validation")
    check.set_defaults(run=_evaluate)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status. An error is one line on standard error."""
    args = _parser().parse_args(arguments)
    try:
        with group(args.device):
            args.run(args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
