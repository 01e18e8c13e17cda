"""How few bits the small network bears, and what repairs it.

``python -m effnet_lib.experiments.quantization`` quantizes ``glyph_lite`` in every setting of ``rows()``, from each seed
of its training, and writes ``quantization_glyphs.json``; stop and start it as you like. ``--quick`` measures a few
settings again and compares them with the table.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from effnet_lib import results
from effnet_lib.compress.affine import OBSERVERS, Scheme, sqnr
from effnet_lib.compress.fake import FakeQuantize
from effnet_lib.compress.histogram import StreamingHistogram
from effnet_lib.compress.layers import kind_of, weighted_layers
from effnet_lib.compress.network import QuantizedNetwork, quantized
from effnet_lib.cost import cost_of
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.data.sets import ImageData
from effnet_lib.experiments import quantization_repairs as repairs
from effnet_lib.experiments.glyph_net import load_seed
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.tables import provenance, put
from effnet_lib.model import EfficientNet, fold_batch_norms
from effnet_lib.small import SMALL
from effnet_lib.train import predict
from effnet_lib.train.batches import Batches

COMMAND = "python -m effnet_lib.experiments.quantization"
TABLE = "quantization_glyphs"
TITLE = (
    "glyph_lite with 2 to 8 bits: post-training quantization, its failure and its repairs, on drawn letters"
)
NETWORK = "glyph_lite"
BITS = (8, 7, 6, 5, 4, 3, 2)
KINDS = ("all", "depthwise", "pointwise")
MOST_SEEDS = 20
SETTING = {
    "network": NETWORK,
    "data": {"train": 12000, "validation": 2000, "test": 2000, "difficulty": "hard"},
    "calibration": 1024,  # training images, for ranges and dead channels
    "bias_calibration": 512,  # the first of them, for biases and sensitivities
    "percentile": 99.9,
    "fine_tuning": repairs.RECIPE.to_dict(),
    "mixed_choices": list(repairs.CHOICES),
    "threads": 1,
}  # fmt: skip


def name_of(part: str, bits: int, symmetric: bool, per_channel: bool, observer: str) -> str:
    """The name of a row of the families "weights", "activations" and "both"."""
    kind, grain = "symmetric" if symmetric else "affine", "per channel" if per_channel else "per tensor"
    return f"{part} {bits} bits, {kind}, {grain}, {observer}"


def sweep_rows() -> Iterator[dict[str, Any]]:
    """Parts (a) to (c): every setting of weights, of activations, and of both alike."""
    for part in ("weights", "activations", "both"):
        for bits, symmetric, per_channel, observer in itertools.product(
            BITS, (True, False), (False, True), OBSERVERS
        ):
            redundant = per_channel if part == "activations" else observer == "percentile" and part == "both"
            if not redundant:
                yield {
                    "name": name_of(part, bits, symmetric, per_channel, observer), "family": part, "part": part,
                    "bits": bits, "symmetric": symmetric, "per_channel": per_channel, "observer": observer,
                }  # fmt: skip


def kind_rows() -> Iterator[dict[str, Any]]:
    """Part (d): one scale a tensor in one kind of layer alone, batch norms folded or not."""
    for folded, kind, bits in itertools.product((True, False), KINDS, (8, 6, 5, 4, 3)):
        yield {
            "name": f"weights {bits} bits, per tensor, {kind}, {'folded' if folded else 'not folded'}",
            "family": "kinds", "part": "weights", "bits": bits, "symmetric": True, "per_channel": False,
            "observer": "minmax", "kind": kind, "folded": folded,
        }  # fmt: skip


def rows() -> list[dict[str, Any]]:
    """Every row of the table but for what is measured."""
    return [{"name": "float", "family": "float"}, *sweep_rows(), *kind_rows(), *repairs.rows()]


class Seed:
    """The network of one seed of its training, and everything that its rows share."""

    def __init__(self, seed: int, data: ImageData) -> None:
        self.model, self.data = load_seed(NETWORK, seed), data
        self.folded = fold_batch_norms(self.model)
        images = Batches(data, "train", torch.device("cpu")).epoch(0, 256, 0, SETTING["calibration"] // 256)
        self.calibration = [batch for batch, _ in images]
        self.bench = repairs.Bench(self.folded, data, self.calibration, seed)
        self.histograms = histograms(self.folded, self.calibration)
        self.truth = predict(self.folded, data)[0]

    def network(self, row: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
        """The network of a row, and what else its making found."""
        if row["name"] == "float":
            return quantized(self.folded), {}
        if "repair" in row:
            return self.bench.build(row)
        weights = Scheme(
            row["bits"], row["symmetric"], row["per_channel"], observer=row["observer"],
            percentile=SETTING["percentile"],
        )  # fmt: skip
        if row["family"] == "kinds":
            layers = weighted_layers(self.model)
            schemes = {name: weights for name in layers if row["kind"] in ("all", kind_of(layers[name]))}
            return quantized(self.model, schemes, fold=row["folded"]), {}
        network = quantized(self.folded, None if row["part"] == "activations" else weights)
        if row["part"] != "weights":
            with_activations(network, replace(weights, signed=row["symmetric"]), self.histograms)
        return network, {}

    def measure(self, row: dict[str, Any]) -> dict[str, Any]:
        """Accuracies, and the logits' signal to noise ratio on validation, of a row."""
        network, more = self.network(row)
        logits, labels = predict(network, self.data)
        ratio = sqnr(self.truth, logits)
        tested, truth = predict(network, self.data, "test")
        found = {
            "validation_accuracy": accuracy(logits, labels), "test_accuracy": accuracy(tested, truth),
            "sqnr": round(ratio, 1) if math.isfinite(ratio) else None,
        }  # fmt: skip
        return found | more | {"bytes": network.weight_bytes()}


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Fraction of ``logits`` (N, classes) with the right answer."""
    return round((logits.argmax(1) == labels).double().mean().item(), 4)


def histograms(folded: EfficientNet, calibration: list[Tensor]) -> dict[str, StreamingHistogram]:
    """What passes through every activation of the float network, by name."""
    looking = Scheme(observer="percentile")
    network = quantized(folded)
    for name in network.tensor_names():
        network.tensors[name.replace(".", "/")] = FakeQuantize(looking)
    for quantizer in network.tensors.values():
        quantizer.observe()
    with torch.inference_mode():
        for images in calibration:
            network(images)
    return {key: quantizer.observer.histogram for key, quantizer in network.tensors.items()}


def with_activations(
    network: QuantizedNetwork, scheme: Scheme, seen: dict[str, StreamingHistogram]
) -> None:  # fmt: skip
    """Quantize the activations of ``network``, in place, with the ranges of ``seen``: as ``quantized`` would, but
    without reading the calibration images for every setting."""
    for key, histogram in seen.items():
        quantizer = FakeQuantize(scheme)
        quantizer.observe()
        quantizer.observer.adopt(histogram)
        quantizer.settle()
        network.tensors[key] = quantizer.eval()


def phase(row: dict[str, Any]) -> int:
    """When a row is measured: what chapters tell most of first, for all seeds."""
    if row["family"] == "repairs":
        return 1 if row["bits"] != 5 else 2
    return {"float": 0, "weights": 0, "kinds": 0, "activations": 2, "both": 3}[row["family"]]


def job(seed: int, row: dict[str, Any]) -> dict[str, Any]:
    """One piece of work as plain values."""
    return {"quantization": SETTING, "seed": seed, "row": row}


def write(journal: Journal, folder: Path = results.FOLDER) -> Path | None:
    """Write the table, every row with the seeds that have been measured; None if there is none."""
    table, cost = [], cost_of(SMALL[NETWORK]())
    for row in rows():
        seeds = [seed for seed in range(MOST_SEEDS) if job(seed, row) in journal]
        runs = [{"seed": seed, **journal[job(seed, row)]} for seed in seeds]
        sizes = [run.pop("bytes") for run in runs]
        if runs:
            table.append(row | {"bytes": sizes[0], "params": cost.params, "macs": cost.macs, "runs": runs})
    if not table:
        return None
    path = folder / f"{TABLE}.json"
    before = json.loads(path.read_text()) if path.is_file() else {"rows": None}
    made = (
        before["made_by"]
        if before["rows"] == table
        else provenance(COMMAND, {run["seed"] for row in table for run in row["runs"]})
    )
    head = {"table": TABLE, "title": TITLE, "made_by": made, "setting": SETTING}
    put(path, head, table)
    return path


def again(seed: int = 0) -> Iterator[tuple[str, float, float]]:
    """A few settings measured again: name, stored validation accuracy, and now."""
    bench = Seed(seed, glyph_data(32, **SETTING["data"]))
    stored = {row["name"]: row for row in results.load(TABLE)}
    for row in [row for row in rows() if row["family"] != "repairs" and row.get("bits", 4) == 4][::12]:
        was = next(run for run in stored[row["name"]]["runs"] if run["seed"] == seed)
        yield row["name"], was["validation_accuracy"], bench.measure(row)["validation_accuracy"]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--folder", type=Path, default=Path("experiments"), help="of the journal")
    parser.add_argument("--quick", action="store_true", help="measure a few settings again and compare")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.quick:
        for name, stored, now in again():
            print(f"{name}, seed 0: stored {stored:.4f}, now {now:.4f}")
        return
    journal = Journal(args.folder / f"{TABLE}.jsonl")
    data = glyph_data(32, **SETTING["data"])
    benches: dict[int, Seed] = {}
    for now, seed in itertools.product(range(4), range(args.seeds)):
        for row in [row for row in rows() if phase(row) == now and job(seed, row) not in journal]:
            if seed not in benches:
                benches[seed] = Seed(seed, data)
            journal.add(job(seed, row), found := benches[seed].measure(row))
            print(f"seed {seed}, {row['name']}: {100 * found['validation_accuracy']:.1f} %", flush=True)
        if path := write(journal):
            print(path, flush=True)


if __name__ == "__main__":
    main()
