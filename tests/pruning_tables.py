"""A made-up table of pruning, in the shape of the real one, for widgets' tests."""

from __future__ import annotations

import random
from typing import Any

from effnet_lib.experiments.pruning import name_of, ways
from effnet_lib.small import glyph_net


def made_up_pruning(seed: int = 0, seeds: int = 3, latency: bool = True) -> dict[str, Any]:
    """Accuracies that fall with the amount, drawn from a seed."""
    draw, rows = random.Random(seed), []

    def share(most: float) -> float:
        return round(max(0.0, min(1.0, most + draw.uniform(-0.03, 0.03))), 5)

    for how in ways():
        lost, runs = how["amount"] ** 2, []
        for number in range(seeds):
            run = {"seed": number, "test_accuracy": share(0.97 - 0.2 * lost), "validation_accuracy": 0.9}
            if how["method"] not in ("gradual", "scratch", "scratch, short"):
                run |= {
                    "before": {"test": share(0.97 - lost)},
                    "recalibrated": {"test": share(0.97 - 0.5 * lost)},
                }
            runs.append(run)
        took = {"cpu": {"median": 0.001 * (1 - how["amount"] / 3)}} if latency else None
        rows.append({
            "name": name_of(how), "family": how["structure"], **how, "arch": glyph_net().to_dict(), "params": 1,
            "macs": 1, "latency": took, "runs": runs,
        })  # fmt: skip
    return {
        "table": "made_up", "title": "Made up", "made_by": {"command": "none", "date": "2020-01-01"}, "rows": rows,
        "setting": {"fine_tuning": {"epochs": 2}, "full": {"epochs": 24}, "recalibration": 1000},
    }  # fmt: skip
