"""Tables for tests of the trade-off explorer. Their accuracies and times are made up: they are no results."""

from __future__ import annotations

import random
from typing import Any

from effnet_lib.cost import cost_of
from effnet_lib.scaling import compound_scale, scale
from effnet_lib.small import glyph_base

BASE = glyph_base(24)


def made_up_table(
    seeds: int = 5, devices: tuple[str, ...] = ("cpu", "cuda"), seed: int = 0
) -> dict[str, Any]:
    """Sixteen networks, five families, in the format of ``effnet_lib.results``."""
    draw = random.Random(seed)
    gains = {"width": 0.012, "depth": 0.009, "resolution": 0.035, "paper": 0.03, "own": 0.041}
    rows = [_row("base", "base", 1, BASE, 0.71, seeds, devices, draw)]
    for step, factor in enumerate((2, 4, 8), 1):
        archs = {
            "width": scale(BASE, factor**0.5, 1),
            "depth": scale(BASE, 1, factor),
            "resolution": scale(BASE, 1, 1, round(24 * factor**0.5)),
            "paper": compound_scale(BASE, step, 1.2, 1.1, 1.15),
            "own": compound_scale(BASE, step, 1.0, 1.1, 1.3),
        }
        for family, arch in archs.items():
            top = 0.71 + gains[family] * step - 0.002 * step**2
            rows.append(_row(f"{factor}x {family}", family, factor, arch, top, seeds, devices, draw))
    made_by = {
        "command": "python -m made.up", "date": "2026-01-01", "hardware": "no machine: made-up numbers",
        "versions": {"python": "3.11", "torch": "2.12"}, "seeds": list(range(seeds)),
    }  # fmt: skip
    setting = {"data": {"set": "none", "train": 1}, "recipe": {"name": "none", "epochs": 1}}
    return {"table": "made_up", "title": "made-up numbers for tests", "made_by": made_by, "setting": setting,
            "rows": rows}  # fmt: skip


def _row(name, family, factor, arch, top, seeds, devices, draw) -> dict[str, Any]:
    arch = arch.replace(name=name)
    cost = cost_of(arch)
    took = {"cpu": 4e-4 + cost.macs / 1.2e9 * draw.uniform(0.8, 1.3), "cuda": 6e-4 * draw.uniform(0.9, 1.6)}
    latency = {
        device: {"median": round(took[device], 7), "low": round(0.97 * took[device], 7),
                 "high": round(1.05 * took[device], 7), "threads": 1, "batch": 1, "device": f"made-up {device}"}
        for device in devices
    }  # fmt: skip
    runs = [
        {"seed": i, "validation_accuracy": round(top + draw.gauss(0.004, 0.006), 4),
         "test_accuracy": round(top + draw.gauss(0, 0.006), 4), "train_accuracy": 0.9, "seconds": 1.0}
        for i in range(seeds)
    ]  # fmt: skip
    return {"name": name, "family": family, "factor": factor, "arch": arch.to_dict(), "params": cost.params,
            "macs": cost.macs, "bytes": cost.weight_bytes, "peak_bytes": cost.peak_bytes,
            "latency": latency or None, "runs": runs}  # fmt: skip
