"""From a journal to a table with its provenance."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from effnet_lib import results
from effnet_lib.arch import ArchSpec
from effnet_lib.cost import cost_of
from effnet_lib.experiments.journal import Journal
from effnet_lib.experiments.runs import altered
from effnet_lib.measure import latency
from effnet_lib.model import EfficientNet
from effnet_lib.train.checkpoint import write_atomically


def hardware() -> str:
    """The processor and the number of cores, and the GPU if there is one."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        models = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        name = models[0] if models else name
    elif platform.system() == "Darwin":
        asked = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True)
        name = asked.stdout.strip() or name
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{name}, {os.cpu_count()} cores{gpu}"


def provenance(command: str, seeds: Iterable[int]) -> dict[str, Any]:
    """What a reader needs to make the table again."""
    packages = ("torch", "numpy", "pillow", "matplotlib")
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "hardware": hardware(),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
        "seeds": sorted(seeds),
    }


def measured_latency(arch: ArchSpec, change: str | None = None, seconds: float = 1.0) -> dict[str, Any]:
    """Seconds of one forward pass of one image, on one CPU thread and on the GPU if there is one.

    ``change`` as in ``effnet_lib.experiments.runs.altered``.
    """
    model = altered(EfficientNet(arch), change).eval()
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    found = {}
    for device in devices:
        took = latency(model.to(device), batch=1, threads=1, seconds=seconds)
        found[device] = {
            "median": round(took.median, 7), "low": round(took.low, 7), "high": round(took.high, 7),
            "threads": took.threads, "batch": took.batch,
            "device": hardware() if device == "cpu" else took.device,
        }  # fmt: skip
    return found


def row_of(
    name: str, family: str, arch: ArchSpec, jobs: Iterable[Mapping[str, Any]], journal: Journal, **more: Any
) -> dict[str, Any]:
    """A row with those of ``jobs`` that are in the journal."""
    cost = cost_of(arch)
    return {
        "name": name, "family": family, **more, "arch": arch.to_dict(), "params": cost.params,
        "macs": cost.macs, "peak_bytes": cost.peak_bytes, "latency": None,
        "runs": [journal[job] for job in jobs if job in journal],
    }  # fmt: skip


def put(path: Path, head: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``head`` and ``rows``, a line each, as the table at ``path``, replacing the old one whole."""
    start = json.dumps(head, indent=1)[: -len("\n}")] + ',\n "rows": [\n'
    body = start + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]}\n"
    write_atomically(path, lambda file: file.write(body.encode()))


def write(
    table: str, title: str, command: str, setting: Mapping[str, Any], rows: list[dict[str, Any]],
    measure: bool = False, folder: Path = results.FOLDER,
) -> Path:  # fmt: skip
    """Write ``<table>.json``, replacing the old one whole.

    Rows without a finished run are left out. Latencies are measured if ``measure``; otherwise they are
    carried over from the file that is there, for rows whose network is the same. What made the file is
    kept, too, when no run has been added: date and versions are those of the training.

    Raises
    ------
    ValueError
        If no row has a finished run.
    """
    rows = [row for row in rows if row["runs"]]
    if not rows:
        raise ValueError(f"rows must have at least one finished run to make the table {table}, got none")
    path = folder / f"{table}.json"
    before = json.loads(path.read_text()) if path.is_file() else {"rows": []}
    old = {row["name"]: row for row in before["rows"]}
    for row in rows:
        before_it = old.get(row["name"])
        if measure:
            row["latency"] = measured_latency(ArchSpec.from_dict(row["arch"]), row.get("change"))
        elif row["latency"] is None and before_it and before_it["arch"] == json.loads(json.dumps(row["arch"])):
            row["latency"] = before_it["latency"]
    seeds = {run["seed"] for row in rows for run in row["runs"]}
    unchanged = [old.get(row["name"], {}).get("runs") for row in rows] == [row["runs"] for row in rows]
    made = before["made_by"] if unchanged else provenance(command, seeds)
    put(path, {"table": table, "title": title, "made_by": made, "setting": dict(setting)}, rows)
    return path
