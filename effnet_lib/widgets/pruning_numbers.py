"""What the pruning explorer knows of the trained network: its layers, which channels go first, what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from statistics import fmean, stdev
from typing import Any

from effnet_lib import results
from effnet_lib.widgets.tradeoff_table import as_table

NETWORK = "glyph_net"
TABLE = "pruning_glyphs"
MOST = 95  # percent
SCOPES = ("global", "layer")
#: Ways to choose channels, each with the criterion and the groups that ``prune_fraction`` takes.
CRITERIA = {
    "l1": ("l1", "hidden"),
    "bn": ("bn", "hidden"),
    "random": ("random", "hidden"),
    "everywhere": ("l1", "all"),
}


@lru_cache(1)
def trained_network() -> Any:
    """The trained network that is pruned: glyph_net of seed 0, in evaluation mode."""
    from effnet_lib.trained import load_trained

    return load_trained(NETWORK)


@lru_cache(1)
def stored_layers() -> tuple[dict[str, Any], ...]:
    """Every convolution and linear layer, as the page needs it to count.

    ``into`` and ``out`` name the groups of its input and output channels, "" where they are given by the task;
    ``kernel`` is weights a channel pair, ``pixels`` the output positions, ``bias`` and ``norm`` whether it has them.
    """
    from effnet_lib.compress import channel_groups
    from effnet_lib.cost import cost_of

    model = trained_network()
    of = {(m.tensor, m.axis): g.name for g in channel_groups(model.arch) for m in g.members}
    rows = []
    for layer in cost_of(model.arch).layers:
        weight = model.get_parameter(f"{layer.name}.weight")
        depthwise = layer.kind == "depthwise"
        out = of.get((f"{layer.name}.weight", 0), "")
        rows.append({
            "name": layer.name, "kind": layer.kind, "out": out,
            "into": "" if depthwise else of.get((f"{layer.name}.weight", 1), ""),
            "shape": [weight.shape[0], weight.shape[1]], "kernel": weight[0, 0].numel(), "depthwise": depthwise,
            "pixels": layer.out_shape[1] * layer.out_shape[2], "norm": layer.norm > 0,
        })  # fmt: skip
    return tuple(rows)


@lru_cache(1)
def stored_groups() -> tuple[dict[str, Any], ...]:
    """Every group of channels: its name, kind and size, and by way of choosing the channels in order, best first.

    Orders are written as words, which take a stored notebook less room than lists.
    """
    from effnet_lib.compress import channel_groups, channel_scores

    model, rows = trained_network(), []
    for group in channel_groups(model.arch):
        orders = {}
        for way, (criterion, groups) in CRITERIA.items():
            if groups in ("all", group.kind):
                scores = channel_scores(model, group, criterion)
                orders[way] = " ".join(map(str, scores.argsort(descending=True, stable=True).tolist()))
        rows.append({"name": group.name, "kind": group.kind, "size": group.size, "orders": orders})
    return tuple(rows)


@lru_cache(1)
def stored_survivors() -> tuple[str, ...]:
    """Weights that each layer keeps when the smallest of all layers go, from 0 to ``MOST`` percent.

    A layer's words are its size, and how many go with every further percent.
    """
    from effnet_lib.compress import magnitude_masks

    model = trained_network()
    names = [f"{layer['name']}.weight" for layer in stored_layers()]
    found = []
    for percent in range(MOST + 1):
        masks = magnitude_masks(model, percent / 100, "global")
        found.append([int(masks[name].sum()) for name in names])
    drops = ([before - after for before, after in pairwise(kept)] for kept in zip(*found, strict=True))
    return tuple(" ".join(map(str, (size, *gone))) for size, gone in zip(found[0], drops, strict=True))


def measured(table: str | Mapping[str, Any] | results.Table | None = None) -> dict[str, Any]:
    """Test accuracies of the table, by what was done: "weights global", "channels everywhere", ..., then by percent.

    Each has, where it was measured, ``before``, ``recalibrated``, ``tuned``, ``gradual``, ``scratch`` and
    ``short``, every one [mean, sample standard deviation or None, seeds]; ``ms`` is the latency in milliseconds.
    Empty if ``table`` is None and no table ships.

    Raises
    ------
    ValueError
        If the table is unknown or is not one of ``python -m effnet_lib.experiments.pruning``.
    """
    if table is None and TABLE not in results.available():
        return {}
    found = as_table(TABLE if table is None else table)
    by_way: dict[str, dict[str, dict[str, Any]]] = {}
    whole: dict[str, Any] = {}
    for row in found.rows:
        try:
            structure, method, groups = row["structure"], row["method"], row["groups"]
            percent = round(100 * row["amount"])
            entry = _entry(row)
        except KeyError as error:
            raise ValueError(
                f"table must be one of pruning, but row {row.get('name')!r} has no {error}"
            ) from error
        if structure == "none":
            whole = entry
            continue
        kind = {"gradual": "gradual", "scratch": "scratch", "scratch, short": "short"}.get(method)
        if kind == "gradual":
            method = "global"
        elif kind:
            method = "l1"
        way = "everywhere" if structure == "channels" and groups == "all" else method
        place = by_way.setdefault(f"{structure} {way}", {}).setdefault(str(percent), {})
        place |= {kind: entry["tuned"]} if kind else entry
    made = {"date": found.made_by.get("date", ""), "command": found.made_by.get("command", "")}
    return {"ways": by_way, "whole": whole, "made": made} | _recipe(found)


def _recipe(table: results.Table) -> dict[str, Any]:
    tuning, full = table.setting.get("fine_tuning", {}), table.setting.get("full", {})
    return {
        "epochs": tuning.get("epochs"), "full": full.get("epochs"), "images": table.setting.get("recalibration"),
    }  # fmt: skip


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    runs = sorted(row["runs"], key=lambda run: run["seed"])
    found: dict[str, Any] = {"tuned": _spread([run["test_accuracy"] for run in runs])}
    for look in ("before", "recalibrated"):
        if runs and all(look in run for run in runs):
            found[look] = _spread([run[look]["test"] for run in runs])
    took = (row.get("latency") or {}).get("cpu")
    if took:
        found["ms"] = round(1e3 * took["median"], 4)
    return found


def _spread(values: list[float]) -> list[Any]:
    return [round(fmean(values), 5), round(stdev(values), 5) if len(values) > 1 else None, len(values)]
