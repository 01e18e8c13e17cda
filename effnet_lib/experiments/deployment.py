"""Int8 for real: what every int8 form of the trained networks costs and saves in ONNX Runtime.

``python -m effnet_lib.experiments.deployment`` exports the networks, quantizes them in every form, and measures
accuracy and agreement with the float network: what is chosen is chosen on validation, the test split is used once.
``… --latency`` measures latency, for a quiet machine: all forms of a network in turn, in one process;
``… --runtimes`` does so for PyTorch's own int8. All keep a journal and can be stopped and started. ``… ship`` writes the
two files that the book's page runs.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from effnet_lib import results
from effnet_lib.compress.affine import sqnr
from effnet_lib.data.glyphs import CLASSES
from effnet_lib.deploy import (
    FORMS,
    OnnxNetwork,
    export_onnx,
    operator_times,
    paired_latency,
    pixel_batches,
    quantize_onnx,
)
from effnet_lib.experiments.deployment_table import (
    COMMAND,
    NETWORKS,
    PHOTOGRAPHS,
    PROFILED,
    SEEDS,
    SETTING,
    TABLE,
    job,
    write,
)
from effnet_lib.experiments.glyph_net import file_of, load_seed
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.runs import data_of
from effnet_lib.families import get_arch
from effnet_lib.model import EfficientNet, inference_form
from effnet_lib.small import SMALL
from effnet_lib.train.checkpoint import write_atomically
from effnet_lib.trained import normalisation

SHIPPED = {"float": "glyph_lite_48.onnx", "u8s8": "glyph_lite_48_int8.onnx"}


def calibrated(name: str) -> EfficientNet:
    """A published network with random weights, its batch norms calibrated on noise, in evaluation mode."""
    torch.manual_seed(0)
    model = EfficientNet(get_arch(name)).eval()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean over all batches
        norm.reset_running_stats()
        norm.train()
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn(8, 3, model.arch.resolution, model.arch.resolution))
    return model.eval()


def exported(network: str, seed: int, folder: Path, forms: tuple[str, ...] = tuple(FORMS)) -> dict[str, Path]:
    """The files of ``network``: its float export and ``forms`` of it, made where they are not there yet."""
    if network in PHOTOGRAPHS:
        stem, resolution = f"{network}-random", get_arch(network).resolution
    else:
        weights = file_of(network, seed)
        if not weights.is_file():
            load_seed(network, seed)  # says what is missing, and how it is made
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:10]
        stem, resolution = f"{network}-s{seed}-{digest}", SMALL[network]().resolution
    folder.mkdir(parents=True, exist_ok=True)
    files = {form: folder / f"{stem}.{form}.onnx" for form in ("float", *forms)}
    if not files["float"].is_file():
        if network in PHOTOGRAPHS:
            export_onnx(calibrated(network), files["float"], tolerance=1e-3)  # deep and random: it amplifies
        else:
            export_onnx(load_seed(network, seed), files["float"], normalise=normalisation(weights))
    for form in forms:
        if files[form].is_file():
            continue
        if network in PHOTOGRAPHS:
            batches = (torch.randn(4, 3, resolution, resolution) for _ in range(4))
        else:
            sizes = SETTING["calibration"]
            data = data_of(SETTING["data"], resolution)
            batches = (x for x, _ in pixel_batches(data.train, sizes["batch"], sizes["images"]))
        quantize_onnx(files["float"], files[form], batches, form)
    return files


def accuracies(network: str, seed: int, folder: Path) -> dict[str, Any]:
    """Accuracy, agreement with the float file and file bytes of every form, on validation and test."""
    files = exported(network, seed, folder)
    data = data_of(SETTING["data"], SMALL[network]().resolution)
    found: dict[str, Any] = {form: {"bytes": path.stat().st_size} for form, path in files.items()}
    for split in ("validation", "test"):
        images = getattr(data, split)
        reference = None
        for form, path in files.items():
            run = OnnxNetwork(path)
            logits = torch.cat([run(pixels) for pixels, _ in pixel_batches(images, 200)])
            reference = logits if reference is None else reference
            answers = logits.argmax(1)
            found[form][f"{split}_accuracy"] = (answers == images.labels).double().mean().item()
            found[form][f"{split}_agreement"] = (answers == reference.argmax(1)).double().mean().item()
            if form != "float":
                found[form][f"{split}_sqnr"] = round(sqnr(reference, logits), 2)
    return found


def latencies(network: str, threads: int, folder: Path) -> dict[str, Any]:
    """Seconds of one image in every form, in rounds taken in turn, with PyTorch's float network for context."""
    files: dict[str, Any] = dict(exported(network, 0, folder))
    model = calibrated(network) if network in PHOTOGRAPHS else load_seed(network, 0)
    files["pytorch"] = inference_form(model)
    sizes = SETTING["latency"]
    times = paired_latency(files, threads, sizes["rounds"], sizes["seconds"], model.arch.resolution)
    found: dict[str, Any] = {form: [round(t, 8) for t in values] for form, values in times.items()}
    found["bytes"] = {form: path.stat().st_size for form, path in files.items() if form != "pytorch"}
    found["operators"] = {form: operator_times(files[form], threads) for form in PROFILED}
    return found


def runtime_latencies(network: str, folder: Path) -> dict[str, Any]:
    """What PyTorch offers, beside ONNX Runtime, at one thread: seconds of one image, and SQNR against its float logits."""
    from effnet_lib.experiments import runtimes

    files, model = exported(network, 0, folder, ("u8s8",)), load_seed(network, 0)
    data, sizes = data_of(SETTING["data"], model.arch.resolution), SETTING["calibration"]
    mean, std = (torch.tensor(part).view(1, 3, 1, 1) for part in normalisation(file_of(network, 0)))
    batches = [(x - mean) / std for x, _ in pixel_batches(data.train, sizes["batch"], 200)]
    made = runtimes.pytorch_forms(model, batches)
    images = [(x - mean) / std for x, _ in pixel_batches(data.validation, 1, 200)]
    reference = torch.cat([made["pytorch"](x) for x in images])
    noise = {name: sqnr(reference, torch.cat([call(x) for x in images])) for name, call in made.items()}
    latency = SETTING["latency"]
    times = paired_latency(
        made | {f"onnxruntime {form}": path for form, path in files.items()},
        1, latency["rounds"], latency["seconds"], model.arch.resolution,
    )  # fmt: skip
    return {
        form: {"times": [round(t, 8) for t in values], "sqnr": noise.get(form) if form != "pytorch" else None}
        for form, values in times.items()
    }


def ship(folder: Path = results.FOLDER, work: Path = Path("runs/deployment")) -> list[Path]:
    """Write the float and the int8 file of ``glyph_lite_48``, seed 0, into ``folder``; pixels in [0, 1] in."""
    made = exported("glyph_lite_48", 0, work, ("u8s8",))
    paths = []
    for form, name in SHIPPED.items():
        content = made[form].read_bytes()
        paths.append(folder / name)
        write_atomically(paths[-1], lambda file, content=content: file.write(content))
    return paths


def run(
    journal: Journal, folder: Path, measure: bool, tell: Callable[[str], None], pytorch: bool = False
) -> None:  # fmt: skip
    """Do what is not in the journal yet; with ``measure`` latencies, measured anew; with ``pytorch`` its runtimes'."""
    if pytorch:
        for network in ("glyph_lite_48", "glyph_silu_48"):
            journal.add(job(network, "runtimes"), runtime_latencies(network, folder))
            tell(f"{network} in PyTorch: measured")
        return
    if measure:
        for network in (*NETWORKS, *PHOTOGRAPHS):
            for threads in (1, 2):
                journal.add(job(network, "latency", threads=threads), latencies(network, threads, folder))
                tell(f"{network}, {threads} threads: measured")
        return
    for network in NETWORKS:
        for seed in SEEDS:
            now = job(network, "accuracy", seed=seed)
            if now not in journal:
                journal.add(now, accuracies(network, seed, folder))
                tell(f"{network}, seed {seed}: {100 * journal[now]['float']['validation_accuracy']:.2f} %")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("what", nargs="?", choices=("ship",), help="nothing for the table")
    parser.add_argument("--latency", action="store_true", help="measure latencies, on a quiet machine")
    parser.add_argument("--runtimes", action="store_true", help="measure PyTorch's int8, on a quiet machine")
    parser.add_argument("--quick", action="store_true", help="one network again, compared with the table")
    parser.add_argument("--folder", type=Path, default=Path("runs/deployment"), help="of journal and files")
    args = parser.parse_args()
    torch.set_num_threads(1)

    def tell(line: str) -> None:
        print(line, flush=True)

    if args.what == "ship":
        for path in ship(work=args.folder):
            tell(f"{path}: {path.stat().st_size:,} bytes, {len(CLASSES)} classes")
        return
    if args.quick:
        now = accuracies("glyph_lite", 0, args.folder)
        for form, found in now.items():
            stored = results.load(TABLE).row(f"glyph_lite {form}")["runs"][0]["test_accuracy"]
            tell(f"glyph_lite {form}, seed 0: stored {stored:.4f}, now {found['test_accuracy']:.4f}")
        return
    journal = Journal(args.folder / f"{TABLE}.jsonl")
    run(journal, args.folder, args.latency, tell, args.runtimes)
    tell(str(write(Journal(journal.path))))  # with what others have added meanwhile


if __name__ == "__main__":
    main()
