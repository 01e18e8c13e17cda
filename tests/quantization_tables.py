"""A made-up table of quantized networks, in the form of ``quantization_glyphs``."""

from __future__ import annotations

import random
from typing import Any


def made_up_table(seed: int = 0, seeds: int = 3) -> dict[str, Any]:
    """Plausible accuracies: nothing in it was measured."""
    draw = random.Random(seed)

    def runs(mean: float) -> list[dict[str, Any]]:
        found = []
        for number in range(seeds):
            share = min(1.0, max(0.025, mean + draw.gauss(0, 0.02)))
            found.append({"seed": number, "validation_accuracy": share, "test_accuracy": round(share, 5)})
        return found

    rows = [{"name": "float", "family": "float", "runs": runs(0.98)}]
    for kind, per_channels in (("weights", (False, True)), ("activations", (False,))):
        for per_channel in per_channels:
            for symmetric in (True, False):
                for observer in ("minmax", "percentile", "mse"):
                    for bits in range(2, 9):
                        if observer == "percentile" and not symmetric and bits == 2:
                            continue  # not measured
                        good = bits + per_channel + 0.5 * (not symmetric) + 0.5 * (observer == "mse")
                        words = (f"{kind} {bits} bits", "symmetric" if symmetric else "affine",
                                 "per channel" if per_channel else "per tensor", observer)  # fmt: skip
                        rows.append({
                            "name": ", ".join(words), "family": kind, "part": kind, "bits": bits, "symmetric": symmetric,
                            "per_channel": per_channel, "observer": observer,
                            "runs": runs(0.98 - 0.96 * 2 ** -max(0.05, good - 2.5)),
                        })  # fmt: skip
    other = {"part": "weights", "bits": 4, "symmetric": True, "per_channel": False, "observer": "minmax"}
    rows.append(
        {"name": "only depthwise", "family": "kinds", **other, "kind": "depthwise", "runs": runs(0.5)}
    )
    rows.append({"name": "both", "family": "both", **other, "part": "both", "runs": runs(0.5)})
    made_by = {"command": "a made-up command", "date": "2026-01-02", "hardware": "made-up cpu",
               "versions": {"python": "3.11"}, "seeds": list(range(seeds))}  # fmt: skip
    return {"table": "made_up", "title": "Made up", "made_by": made_by, "setting": {}, "rows": rows}
