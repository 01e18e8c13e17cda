"""The ways in which ``effnet_lib.experiments.pruning`` makes a network smaller, and how each is repaired."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from effnet_lib.compress import apply_masks, magnitude_masks, prune_fraction
from effnet_lib.experiments.glyph_net import DATA, RECIPES_OF
from effnet_lib.model import EfficientNet
from effnet_lib.train.recipe import Recipe

NETWORK = "glyph_net"
FULL = RECIPES_OF[32]
EPOCHS = 2  # of fine-tuning
PILOT = {"rates": (4e-3, 8e-3, 1.2e-2, 1.6e-2, 2.4e-2, 3.2e-2, 4.8e-2), "seeds": 3}
SETTING = {
    "network": NETWORK,
    "data": {"set": "glyphs", **DATA},
    "fine_tuning": FULL.replace(name="fine-tuning", epochs=EPOCHS, warm_up=0.1).to_dict() | {"lr": None},
    "full": FULL.to_dict(),
    "recalibration": 1000,  # training images for batch-norm statistics
    "gradual": {"until": 0.6, "every": 10},  # of all steps; steps between two changes of the masks
    "threads": 1,
}  # fmt: skip
WEIGHTS, CHANNELS = (0.3, 0.5, 0.7, 0.8), (0.25, 0.5, 0.75)
SCRATCH = (("all", 0.5), ("hidden", 0.75))  # groups and amounts of the shapes that are trained from scratch

#: One way to make the network smaller: ``structure``, ``method``, ``groups``, ``amount``.
How = Mapping[str, Any]


def ways() -> Iterator[dict[str, Any]]:
    """Every row, in the order in which they are measured."""

    def way(structure: str, method: str, groups: str, amount: float) -> dict[str, Any]:
        return {"structure": structure, "method": method, "groups": groups, "amount": amount}

    yield way("none", "none", "none", 0.0)
    yield from (way("channels", "l1", "hidden", amount) for amount in CHANNELS)
    yield from (way("weights", "global", "all", amount) for amount in WEIGHTS)
    yield from (way("channels", "l1", "all", amount) for amount in CHANNELS[:2])
    yield from (way("channels", "scratch, short", groups, amount) for groups, amount in SCRATCH)
    yield from (way("channels", "bn", "hidden", amount) for amount in CHANNELS)
    yield way("channels", "random", "hidden", CHANNELS[1])
    yield way("weights", "gradual", "all", WEIGHTS[-1])
    yield way("weights", "layer", "all", WEIGHTS[1])
    yield from (way("channels", "scratch", groups, amount) for groups, amount in SCRATCH)  # the longest


def name_of(how: How) -> str:
    """What a row is called: "weights global 80 %", "channels l1 hidden 50 %"."""
    if how["structure"] == "none":
        return "not pruned"
    groups = f" {how['groups']}" if how["structure"] == "channels" else ""
    return f"{how['structure']} {how['method']}{groups} {100 * how['amount']:.0f} %"


def smaller(model: EfficientNet, how: How, seed: int) -> EfficientNet:
    """``model`` made smaller as ``how`` says, not repaired; masks of single weights are not held in force."""
    if how["structure"] == "channels":
        criterion = how["method"] if how["method"] in ("l1", "bn", "random") else "random"
        return prune_fraction(model, how["amount"], criterion, how["groups"], seed=seed)
    pruned = copy.deepcopy(model)
    if how["structure"] == "weights":
        scope = "layer" if how["method"] == "layer" else "global"
        apply_masks(pruned, magnitude_masks(pruned, how["amount"], scope)).remove()
    return pruned


def recipe_of(how: How, rate: float, setting: Mapping[str, Any] = SETTING) -> Recipe:
    """Fine-tuning; the full recipe; or the full recipe shortened to the epochs of fine-tuning."""
    tuning = Recipe(**setting["fine_tuning"] | {"lr": rate})
    full = Recipe(**setting["full"])
    return {"scratch": full, "scratch, short": full.replace(epochs=tuning.epochs)}.get(how["method"], tuning)


def job_of(
    how: How, seed: int, rate: float, setting: Mapping[str, Any] = SETTING, **more: Any
) -> dict[str, Any]:
    """One run as plain values."""
    return {
        "pruning": {k: v for k, v in setting.items() if k not in ("full", "fine_tuning")},
        "recipe": recipe_of(how, rate, setting).to_dict(), "how": dict(how), "seed": seed, **more,
    }  # fmt: skip


def pilot_ways() -> list[dict[str, Any]]:
    """What the pilot fine-tunes: one of either structure, strong enough to need it."""
    return [
        {"structure": "weights", "method": "global", "groups": "all", "amount": 0.8},
        {"structure": "channels", "method": "l1", "groups": "hidden", "amount": 0.5},
    ]


def pilot_jobs(
    pilot: Mapping[str, Any], setting: Mapping[str, Any] = SETTING
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Name, rate and seed of every run of the pilot, and its job."""
    for how in pilot_ways():
        for rate in pilot["rates"]:
            for seed in range(pilot["seeds"]):
                label = {"name": name_of(how), "rate": rate, "seed": seed}
                yield label, job_of(how, seed, rate, setting, pilot=True)
