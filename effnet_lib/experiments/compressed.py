"""Compressed networks side by side: accuracy, stored bytes and latency, for the trade-off explorer.

``python -m effnet_lib.experiments.compressed`` gathers rows of the tables of pruning, distillation, quantization and
deployment, and writes ``compressed_glyphs.json``. Accuracies are those tables'. Latencies are measured here, all in
one runtime (ONNX Runtime, one thread, one picture) and in turn, so that they can be compared: ``--latency``, for a quiet
machine. Without it they are carried over from the table that is there.
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import torch

from effnet_lib import results
from effnet_lib.arch import ArchSpec
from effnet_lib.cost import cost_of
from effnet_lib.data.sets import ImageData
from effnet_lib.deploy import export_onnx, paired_latency, pixel_batches, quantize_onnx
from effnet_lib.experiments.deployment_table import NETWORKS, SETTING, spread
from effnet_lib.experiments.glyph_net import load_seed
from effnet_lib.experiments.runs import data_of
from effnet_lib.experiments.tables import hardware, provenance, put
from effnet_lib.model import EfficientNet
from effnet_lib.small import SMALL
from effnet_lib.train import recalibrate

COMMAND = "python -m effnet_lib.experiments.compressed"
TABLE = "compressed_glyphs"
TITLE = "compressed networks on drawn letters"
ROUNDS, SECONDS = 15, 0.1
FLOAT, INT8 = "", "int8 weights and activations, ONNX Runtime"
CHANNELS = (
    "channels l1 hidden 25 %",
    "channels l1 hidden 50 %",
    "channels l1 hidden 75 %",
    "channels l1 all 50 %",
)
WEIGHTS = ("weights global 50 %", "weights gradual 80 %")
SCRATCH = ("channels scratch all 50 %",)
FOUR_BITS = "weights 4 bits, activations 8 bits: per channel, fine-tuned with quantization"


class Source(NamedTuple):
    """Where a row comes from, and how its network is stored.

    ``file`` says which ONNX file stands for it, "float" or "int8"; None if no runtime gains from its form: its bytes are
    then those of the packed numbers, and its latency is unknown.
    """

    name: str
    family: str
    arch: ArchSpec
    runs: list[dict[str, Any]]
    form: str
    file: str | None
    bytes: int | None = None


def accuracies(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs of a row, without what the explorer does not show."""
    kept = ("seed", "validation_accuracy", "test_accuracy")
    return [{key: run[key] for key in kept} for run in row["runs"]]


def sources() -> list[Source]:
    """All rows, from the four tables.

    Raises
    ------
    ValueError
        If a table or a row of it is not there.
    """
    deployed, pruned = results.load("deployment"), results.load("pruning_glyphs")
    distilled, rounded = results.load("distillation_glyphs"), results.load("quantization_glyphs")
    found = []
    for name in NETWORKS:
        arch = SMALL[name]()
        found.append(
            Source(name, "not compressed", arch, accuracies(deployed.row(f"{name} float")), FLOAT, "float")
        )
        found.append(
            Source(f"{name}, int8", "int8", arch, accuracies(deployed.row(f"{name} u8s8")), INT8, "int8")
        )
    for name in (*CHANNELS, *SCRATCH):
        row = pruned.row(name)
        family = "trained small" if name in SCRATCH else "channels pruned"
        label = name.replace("channels scratch", "trained as").replace("channels l1", "channels pruned,")
        arch = ArchSpec.from_dict(row["arch"])
        found.append(Source(label, family, arch, accuracies(row), FLOAT, "float"))
    for name in WEIGHTS:
        row = pruned.row(name)
        size = round(fmean(run["bytes"]["bitmask"] for run in row["runs"]))
        found.append(Source(name.replace("weights", "weights pruned,"), "weights pruned",
                            ArchSpec.from_dict(row["arch"]), accuracies(row),
                            "nonzero 32-bit floats and a bitmask; unpacked to be run", None, size))  # fmt: skip
    for name, family in (("labels", "trained small"), (distilled.setting["chosen"], "distilled")):
        row = distilled.row(name)
        label = "student, short training" + (", taught" if family == "distilled" else "")
        found.append(Source(label, family, ArchSpec.from_dict(row["arch"]), accuracies(row), FLOAT, "float"))
    row = rounded.row(FOUR_BITS)
    form = "4-bit weights packed, 8-bit activations; fine-tuned; no runtime at hand"
    arch, runs = SMALL["glyph_lite"](), accuracies(row)
    found.append(Source("glyph_lite, 4-bit weights", "4 bits", arch, runs, form, None, row["bytes"]))
    return found


def exported(source: Source, data: Callable[[int], ImageData], folder: Path) -> Path:
    """The ONNX file of a network of this shape; its weights are trained ones where the library has them.

    Bytes and latency depend on the shape alone. A shape without trained weights here gets random ones, with batch
    norms calibrated on letters.
    """
    path = folder / f"{source.name}.onnx"
    name = source.arch.name
    if name in SMALL and source.arch == SMALL[name]() and name in NETWORKS:
        model = load_seed(name, 0)
    else:
        torch.manual_seed(0)
        model = recalibrate(EfficientNet(source.arch).eval(), data(source.arch.resolution), 250)
    mean, std = data(source.arch.resolution).mean, data(source.arch.resolution).std
    export_onnx(model, path, normalise=(mean, std))
    if source.file == "int8":
        sizes = SETTING["calibration"]
        train = data(source.arch.resolution).train
        batches = (x for x, _ in pixel_batches(train, sizes["batch"], sizes["images"]))
        quantize_onnx(path, path, batches)
    return path


def measured(found: list[Source]) -> dict[str, dict[str, Any]]:
    """Bytes of the file and seconds of one picture, for every source that has a file, by name."""

    @functools.cache
    def data(resolution: int) -> ImageData:
        return data_of(SETTING["data"], resolution)

    with tempfile.TemporaryDirectory() as folder:
        files = {source.name: exported(source, data, Path(folder)) for source in found if source.file}
        times = paired_latency(files, 1, ROUNDS, SECONDS)
        sizes = {name: path.stat().st_size for name, path in files.items()}
    runtime = {
        "threads": 1,
        "batch": 1,
        "device": hardware(),
        "runtime": f"ONNX Runtime {version('onnxruntime')}",
    }
    return {
        name: {"bytes": sizes[name], "latency": {"cpu": spread(taken, 8) | runtime}}
        for name, taken in times.items()
    }


def rows_of(found: list[Source], costs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows in the form of ``results.Table``; int8 and packed rows have no peak memory, which is counted for floats."""
    made = []
    for source in found:
        cost = cost_of(source.arch)
        its = costs.get(source.name) or {"bytes": source.bytes, "latency": None}
        made.append({
            "name": source.name, "family": source.family, "form": source.form, "arch": source.arch.to_dict(),
            "params": cost.params, "macs": cost.macs, "peak_bytes": None if source.form else cost.peak_bytes,
            "bytes": its["bytes"], "latency": its["latency"], "runs": source.runs,
        })  # fmt: skip
    return made


def write(measure: bool, folder: Path = results.FOLDER) -> Path:
    """Write the table, with new latencies if ``measure``, else with those of the table that is there.

    Raises
    ------
    ValueError
        If a source table lacks a row, or latencies are to be carried over and there are none.
    """
    found, path = sources(), folder / f"{TABLE}.json"
    before = json.loads(path.read_text()) if path.is_file() else {"rows": []}
    if not measure and not before["rows"]:
        raise ValueError(
            f"measure must be True the first time: there is no {path} to carry latencies over from"
        )
    costs = measured(found) if measure else {row["name"]: row for row in before["rows"]}
    rows = rows_of(found, costs)
    setting = {
        "data": SETTING["data"], "latency": {"rounds": ROUNDS, "seconds": SECONDS, "batch": 1, "threads": 1},
        "from": ["pruning_glyphs", "distillation_glyphs", "quantization_glyphs", "deployment"],
    }  # fmt: skip
    seeds = {run["seed"] for source in found for run in source.runs}
    made = before["made_by"] if before["rows"] == rows else provenance(COMMAND, seeds)
    put(path, {"table": TABLE, "title": TITLE, "made_by": made, "setting": setting}, rows)
    return path


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument(
        "--latency", action="store_true", help="measure bytes and latencies anew, on a quiet machine"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(write(args.latency))


if __name__ == "__main__":
    main()
