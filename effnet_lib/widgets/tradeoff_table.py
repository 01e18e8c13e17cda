"""What the trade-off explorer plots: measured tables summed up, published networks, budgets, best choices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import Any

from effnet_lib import results
from effnet_lib.arch import ArchSpec
from effnet_lib.cost import cost_of
from effnet_lib.families import VARIANTS, get_arch
from effnet_lib.widgets.network_explorer import rows as compact

#: Key of a cost in a row -> what it is called.
AXES = {
    "macs": "MACs",
    "params": "parameters",
    "bytes": "stored size",
    "cpu": "CPU latency",
    "cuda": "GPU latency",
    "memory": "peak memory",
}
_UNITS = {
    "macs": ((1e9, "G MACs"), (1e6, "M MACs"), (1e3, "k MACs"), (1, "MACs")),
    "params": ((1e6, "M parameters"), (1e3, "k parameters"), (1, "parameters")),
    "bytes": ((1024**2, "MiB"), (1024, "KiB"), (1, "bytes")),
    "memory": ((1024**2, "MiB"), (1024, "KiB"), (1, "bytes")),
    "cpu": ((1, "s"), (1e-3, "ms"), (1e-6, "µs")),
}
_UNITS["cuda"] = _UNITS["cpu"]
_SERIES = (("efficientnet_lite", "EfficientNet-Lite", "Lite"), ("efficientnet_v2_", "EfficientNetV2", "V2-"),
           ("efficientnet_", "EfficientNet", ""))  # fmt: skip


def as_table(table: str | Mapping[str, Any] | results.Table) -> results.Table:
    """``table`` as a ``results.Table``: loaded by name, read from the format's dict, or as it is.

    Raises
    ------
    ValueError
        If there is no such table, or the dict lacks one of the format's keys.
    """
    if isinstance(table, results.Table):
        return table
    if isinstance(table, str):
        return results.load(table)
    if not isinstance(table, Mapping):
        raise ValueError(f"table must be the name of a table or a table, got {table!r}")
    keys = ("table", "title", "made_by", "setting", "rows")
    if missing := [key for key in keys if key not in table]:
        raise ValueError(f"table must have the keys {', '.join(keys)}; got none called {missing[0]!r}")
    for key, kind in (("title", str), ("made_by", Mapping), ("setting", Mapping), ("rows", Sequence)):
        if not isinstance(table[key], kind):
            raise ValueError(f"table's {key} must be a {kind.__name__.lower()}, got {table[key]!r}")
    return results.Table(*(table[key] for key in keys[:-1]), tuple(table["rows"]))


def measured_rows(table: results.Table) -> list[dict[str, Any]]:
    """A row of numbers for every network of ``table``, as plain values.

    ``validation`` and ``test`` are [mean, sample standard deviation, runs], the deviation None for one run;
    ``cpu`` and ``cuda`` are seconds, ``memory`` and ``bytes`` (of the stored network) are in bytes, all None where
    the table has none. ``form`` says how a compressed network is stored and run, "" for float in PyTorch.

    Raises
    ------
    ValueError
        If the table has no rows, two of one name, or one with a value that cannot be.
    """
    if not table.rows:
        raise ValueError("table must have at least one row, got none")
    found: list[dict[str, Any]] = []
    for row in table.rows:
        name = row.get("name") if isinstance(row, Mapping) else None
        if not isinstance(name, str) or not name:
            raise ValueError(f"rows must have a name each, got {row!r}")
        if any(name == other["name"] for other in found):
            raise ValueError(f"rows must have different names, got {name!r} twice")
        try:
            found.append(_row(row))
        except KeyError as error:
            raise ValueError(f"row {name!r} must have a value for {error}, got none") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"row {name!r}: {error}") from error
    return found


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    runs = sorted(row["runs"], key=lambda run: run["seed"])
    if not runs:
        raise ValueError("runs must hold at least one run, got none")
    for run in runs:
        for split in ("validation", "test"):
            share = run[f"{split}_accuracy"]
            if not isinstance(share, int | float) or not 0 <= share <= 1:
                raise ValueError(f"{split}_accuracy must be from 0 to 1, got {share!r}")
    form = row.get("form", "")
    if not isinstance(form, str):
        raise ValueError(f"form must be words, got {form!r}")
    costs = {
        "macs": row["macs"],
        "params": row["params"],
        "bytes": row.get("bytes"),
        "memory": row.get("peak_bytes"),
    }
    latency = {device: took for device, took in (row.get("latency") or {}).items() if took}
    for device in ("cpu", "cuda"):
        costs[device] = latency[device]["median"] if device in latency else None
    for axis, cost in costs.items():
        usable = isinstance(cost, int | float) and math.isfinite(cost) and cost > 0
        if not usable and (cost is not None or axis in ("macs", "params")):
            raise ValueError(f"{AXES[axis]} must be a positive number, got {cost!r}")
    return {
        "name": row["name"], "label": row["name"], "family": str(row["family"]), **costs,
        "arch": shape(ArchSpec.from_dict(row["arch"])), "form": form, "latency": latency,
        "validation": _summary(row, "validation"), "test": _summary(row, "test"),
        "runs": [[run["seed"], run["validation_accuracy"], run["test_accuracy"]] for run in runs],
    }  # fmt: skip


def shape(arch: ArchSpec) -> dict[str, Any]:
    """What the card shows of ``arch``: ``hidden`` has the widths of the stages that give them block by block."""
    regular = tuple(replace(stage, hidden=None, squeeze=None, residual=None) for stage in arch.stages)
    hidden = {str(i): list(stage.hidden) for i, stage in enumerate(arch.stages) if stage.hidden}
    return compact(arch.replace(stages=regular)) | ({"hidden": hidden} if hidden else {})


def _summary(row: Mapping[str, Any], split: str) -> list[Any]:
    spread = results.std(row, split)
    return [results.mean(row, split), None if math.isnan(spread) else spread, len(row["runs"])]


@lru_cache(maxsize=1)
def published_rows() -> tuple[dict[str, Any], ...]:
    """The published ImageNet networks, in the form of ``measured_rows``: one published top-1, no runs.

    MACs, parameters, bytes (of 32-bit floats) and memory are counted by ``cost_of``; no latency is given, since the
    published ones are of other devices and programs.
    """
    found = []
    for v in VARIANTS:
        prefix, family, short = next(series for series in _SERIES if v.name.startswith(series[0]))
        arch = get_arch(v.name)
        cost = cost_of(arch)
        found.append({
            "name": v.name, "label": short + v.name.removeprefix(prefix).upper(), "family": family,
            "macs": cost.macs, "params": cost.params, "bytes": cost.weight_bytes, "memory": cost.peak_bytes,
            "cpu": None, "cuda": None, "arch": compact(arch), "form": "", "latency": {}, "validation": None,
            "test": [round(v.top1 / 100, 6), None, 0], "runs": [], "source": v.source,
        })  # fmt: skip
    return tuple(found)


def with_axis(rows: Sequence[Mapping[str, Any]], axis: str) -> list[Mapping[str, Any]]:
    """The rows whose cost ``axis`` is known."""
    return [row for row in rows if row[axis] is not None]


def best_within(rows: Sequence[Mapping[str, Any]], axis: str, budget: float) -> Mapping[str, Any] | None:
    """The best of the rows whose cost is at most ``budget``, or None if there is none.

    Best on the validation set, or, where a row has no runs, by its published accuracy; of equals the cheapest, of
    equally cheap ones the first.

    Raises
    ------
    ValueError
        If ``axis`` is not one of ``AXES``.
    """
    if axis not in AXES:
        raise ValueError(f"axis must be one of {', '.join(map(repr, AXES))}, got {axis!r}")
    best = None
    for row in with_axis(rows, axis):
        if row[axis] <= budget:
            key = (_score(row), -row[axis])
            if best is None or key > (_score(best), -best[axis]):
                best = row
    return best


def _score(row: Mapping[str, Any]) -> float:
    return (row["validation"] or row["test"])[0]


def budget_range(rows: Sequence[Mapping[str, Any]], axis: str) -> dict[str, Any] | None:
    """Where a budget along ``axis`` may lie: from the cheapest row to the dearest, None without any.

    ``low`` and ``high`` are in ``unit``, of which one is ``scale``, rounded up to three digits, so that the
    cheapest fits at ``low``; ``start``, the default, is in the axis' own unit (MACs, seconds, bytes).
    """
    costs = [row[axis] for row in with_axis(rows, axis)]
    if not costs:
        return None
    units = _UNITS[axis]
    scale, unit = next((u for u in units if max(costs) >= u[0]), units[-1])
    low, high = _three_up(min(costs) / scale), _three_up(max(costs) / scale)
    start = _three_up(low**0.3 * high**0.7)
    whole = axis not in ("cpu", "cuda")
    start = math.ceil(start * scale) if whole else round(start * scale, 9)
    return {"low": low, "high": high, "start": start, "scale": scale, "unit": unit, "whole": whole}


def _three_up(value: float) -> float:
    """``value`` rounded up to three significant digits."""
    exact = Decimal(repr(value))
    return float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 2), ROUND_CEILING))
