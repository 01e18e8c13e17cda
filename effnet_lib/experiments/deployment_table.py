"""The table ``deployment``: from the journal of ``effnet_lib.experiments.deployment`` to rows, and what they choose."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, median
from typing import Any

from effnet_lib import results
from effnet_lib.cost import cost_of
from effnet_lib.deploy import FORMS
from effnet_lib.experiments.glyph_net import DATA
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.tables import provenance, put
from effnet_lib.families import get_arch
from effnet_lib.small import SMALL

COMMAND = "python -m effnet_lib.experiments.deployment"
TABLE = "deployment"
TITLE = "Int8 in ONNX Runtime: forms, accuracy and latency"
NETWORKS = ("glyph_lite", "glyph_net", "glyph_lite_48", "glyph_silu_48")
PHOTOGRAPHS = ("efficientnet_lite0", "efficientnet_b0")  #: measured for latency alone, with random weights
SEEDS = (0, 1, 2)
SETTING = {
    "data": {"set": "glyphs"} | DATA,
    "calibration": {"images": 500, "batch": 50, "split": "train", "observer": "minmax"},
    "latency": {"rounds": 15, "seconds": 0.1, "batch": 1, "seed": 0},
    "forms": FORMS,
    "most_points_lost": 1.0,
}
PROFILED = ("float", "u8s8")  #: forms whose operators are timed one by one


def job(network: str, what: str, **more: Any) -> dict[str, Any]:
    """One piece of work as plain values: "accuracy" of a ``seed``, "latency" with so many ``threads``, "runtimes"."""
    part = {"accuracy": ("data", "calibration"), "latency": ("latency",), "runtimes": ("latency",)}[what]
    return {"deployment": {k: SETTING[k] for k in part}, "network": network, "what": what, **more}


def spread(values: list[float], digits: int) -> dict[str, float]:
    """Median and quartiles."""
    ordered = sorted(values)
    quartile = len(ordered) // 4
    low, high = ordered[quartile], ordered[-1 - quartile]
    return {"median": round(median(ordered), digits), "low": round(low, digits), "high": round(high, digits)}


def rows(journal: Journal) -> list[dict[str, Any]]:
    """One row a network and form, of what the journal holds."""
    made = []
    for network in (*NETWORKS, *PHOTOGRAPHS):
        arch = get_arch(network) if network in PHOTOGRAPHS else SMALL[network]()
        jobs = {seed: job(network, "accuracy", seed=seed) for seed in SEEDS}
        found = {seed: journal[one] for seed, one in jobs.items() if one in journal}
        timed = {n: journal[one] for n in (1, 2) if (one := job(network, "latency", threads=n)) in journal}
        for form in ("float", *FORMS, "pytorch"):
            runs = [{"seed": seed} | result[form] for seed, result in found.items() if form in result]
            latency = {
                str(n): spread(times[form], 8)
                | {"speedup": spread([a / b for a, b in zip(times["float"], times[form], strict=True)], 3)}
                for n, times in timed.items()
                if form in times
            }
            if runs or latency:
                sizes = [run.pop("bytes") for run in runs] or [
                    times["bytes"][form] for times in timed.values() if form in times["bytes"]
                ]
                made.append({
                    "name": f"{network} {form}", "family": network, "network": network, "form": form,
                    "params": cost_of(arch).params, "macs": cost_of(arch).macs,
                    "bytes": round(fmean(sizes)) if sizes else None,
                    "latency": latency or None, "runs": runs,
                    "operators": operators(timed[1]["operators"][form]) if 1 in timed and form in PROFILED else None,
                })  # fmt: skip
    for network in NETWORKS:
        if (one := job(network, "runtimes")) in journal:
            made += runtime_rows(network, journal[one])
    return made


def operators(found: dict[str, Any]) -> dict[str, Any]:
    """Microseconds of a call and number, of each kind of operator."""
    return {name: {"us": round(1e6 * seconds, 2), "count": count} for name, (seconds, count) in found.items()}


def runtime_rows(network: str, found: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a way of running ``network`` in PyTorch, and ONNX Runtime's two from the same rounds."""
    reference = found["pytorch"]["times"]
    return [
        {
            "name": f"{network} runtimes {form}", "family": f"{network} runtimes", "network": network, "form": form,
            "sqnr": None if one["sqnr"] is None else round(one["sqnr"], 2), "runs": [],
            "latency": {"1": spread(one["times"], 8) | {
                "speedup": spread([a / b for a, b in zip(reference, one["times"], strict=True)], 3)
            }},
        }
        for form, one in found.items()
    ]  # fmt: skip


def choose(table: list[dict[str, Any]], network: str) -> str:
    """The form to deploy ``network`` in, from validation accuracy (mean over seeds) and speed at one thread.

    Of the forms that lose at most one point against float, those within a tenth of the fastest are as good as equal
    in speed; the most accurate of them is chosen, the first in order if several are. The float network is a form, too;
    forms without a latency are passed over.
    """
    mine = {row["form"]: row for row in table if row["family"] == network and row["runs"]}
    accuracy = {form: results.mean(row, "validation") for form, row in mine.items()}
    allowed = accuracy["float"] - SETTING["most_points_lost"] / 100
    speed = {
        form: row["latency"]["1"]["speedup"]["median"]
        for form, row in mine.items()
        if row["latency"] and accuracy[form] >= allowed
    }
    fast = [form for form in speed if speed[form] >= 0.9 * max(speed.values())]
    return max(fast, key=accuracy.__getitem__) if fast else "float"


def write(journal: Journal, folder: Path = results.FOLDER) -> Path:
    """Write the table of what the journal holds.

    Raises
    ------
    ValueError
        If it holds nothing.
    """
    table = rows(journal)
    if not table:
        raise ValueError("journal must hold at least one finished piece of work, got none")
    path = folder / f"{TABLE}.json"
    before = json.loads(path.read_text()) if path.is_file() else {"rows": None}
    made = provenance(COMMAND, SEEDS)
    made["versions"] |= {name: version(name) for name in ("onnx", "onnxruntime", "onnxscript")}
    chosen = {
        name: choose(table, name)
        for name in NETWORKS
        if any(r["runs"] and r["family"] == name for r in table)
    }
    head = {
        "table": TABLE, "title": TITLE,
        "made_by": before["made_by"] if before["rows"] == table else made,
        "setting": SETTING | {
            "chosen": chosen,
            "random_weights": list(PHOTOGRAPHS),
            "networks": {
                name: (get_arch(name) if name in PHOTOGRAPHS else SMALL[name]()).to_dict()
                for name in (*NETWORKS, *PHOTOGRAPHS)
            },
        },
    }  # fmt: skip
    put(path, head, table)
    return path
