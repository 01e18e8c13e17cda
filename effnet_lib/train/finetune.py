"""Another task for a trained network: a new head, frozen parts, learning rates that fall towards the input."""

from __future__ import annotations

import torch
from torch import nn

from effnet_lib.model import EfficientNet


def replace_head(model: EfficientNet, classes: int, seed: int | None = None) -> EfficientNet:
    """Give ``model`` a new classifier for ``classes`` classes, in place; everything before it stays.

    Raises
    ------
    ValueError
        If ``classes`` is not a positive integer.
    """
    arch = model.arch.replace(classes=classes)
    old = model.classifier
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        model.classifier = nn.Linear(old.in_features, classes).to(old.weight.device)
    model.arch = arch
    return model


def _parts(model: nn.Module, prefixes: tuple[str, ...]) -> list[nn.Parameter]:
    found = []
    for prefix in prefixes or ("",):
        fits = [
            p for name, p in model.named_parameters()
            if not prefix or name == prefix or name.startswith(prefix + ".")
        ]  # fmt: skip
        if not fits:
            raise ValueError(f"no parameter's name begins with {prefix!r}")
        found += fits
    return found


def freeze(model: nn.Module, *prefixes: str) -> nn.Module:
    """Stop training the parameters whose names begin with one of ``prefixes`` ("stem", "stages.0"), or all.

    Frozen batch norms keep updating their running statistics in training mode: those are not parameters.

    Raises
    ------
    ValueError
        If a prefix fits no parameter.
    """
    for parameter in _parts(model, prefixes):
        parameter.requires_grad_(False)
    return model


def thaw(model: nn.Module, *prefixes: str) -> nn.Module:
    """The inverse of ``freeze``; raises as it does."""
    for parameter in _parts(model, prefixes):
        parameter.requires_grad_(True)
    return model


def stage_rates(model: EfficientNet, decay: float = 0.7) -> dict[str, float]:
    """Learning-rate factors for ``fit(rates=...)``: 1 for the classifier, ``decay`` times less with every
    stage towards the input (Howard & Ruder 2018 call it discriminative fine-tuning).

    Raises
    ------
    ValueError
        If ``decay`` is not in (0, 1].
    """
    if not 0 < decay <= 1:
        raise ValueError(f"decay must be in (0, 1], got {decay!r}")
    parts = ["classifier", "head", *(f"stages.{i}" for i in reversed(range(len(model.stages)))), "stem"]
    return {part: decay**i for i, part in enumerate(parts)}
