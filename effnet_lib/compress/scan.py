"""Sensitivity: how much accuracy goes when one part of a network alone is pruned."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import NamedTuple

import torch

from effnet_lib.compress.channels import chosen_groups, prune_fraction
from effnet_lib.compress.masks import magnitude_masks, prunable
from effnet_lib.cost import cost_of
from effnet_lib.data.sets import ImageData
from effnet_lib.model import EfficientNet
from effnet_lib.train.batch_norm import recalibrate
from effnet_lib.train.evaluation import split_accuracy

STRUCTURES = ("channels", "weights")


class SensitivityRow(NamedTuple):
    """``group`` pruned by ``amount`` and nothing else: accuracy on the split, and what that network costs.

    ``group`` is "" and ``amount`` 0 for the network as it was. ``params`` counts nonzero weights.
    """

    group: str
    amount: float
    accuracy: float
    params: int
    macs: int


def sensitivity(
    model: EfficientNet, data: ImageData, amounts: Iterable[float] = (0.25, 0.5, 0.75), *,
    structure: str = "channels", criterion: str = "l1", groups: str | Iterable[str] = "hidden",
    recalibrate_images: int = 0, split: str = "validation", seed: int = 0,
) -> list[SensitivityRow]:  # fmt: skip
    """Prune every group alone by every amount, and see what it costs (Li et al. 2017, Section 3.2).

    Parameters
    ----------
    model : EfficientNet
        Left as it is.
    data : ImageData
    amounts : fractions
    structure : {"channels", "weights"}
        Whole channels of a group (``prune_fraction``), or single weights of a layer (``magnitude_masks``).
    criterion, groups, seed
        As in ``prune_fraction``; of single weights the smallest go, and every layer is a group.
    recalibrate_images : int
        Take batch-norm statistics anew from so many training images (``recalibrate``) before looking; 0: do not.
    split : str
        Of ``data``; not "test", for the scan is there to choose with.

    Returns
    -------
    list of SensitivityRow
        The untouched network first, then groups in order, amounts as given.

    Raises
    ------
    ValueError
        If an argument is none of these.
    """
    if structure not in STRUCTURES:
        raise ValueError(f"structure must be one of {', '.join(map(repr, STRUCTURES))}, got {structure!r}")
    if split not in ("train", "validation"):
        raise ValueError(f"split must be 'validation' or 'train': a scan is used to choose, got {split!r}")
    amounts = list(amounts)
    cost = cost_of(model.arch)
    rows = [SensitivityRow("", 0.0, split_accuracy(model, data, split), cost.params, cost.macs)]
    names = (
        list(prunable(model)) if structure == "weights" else [g.name for g in chosen_groups(model, groups)]
    )
    for name in names:
        for amount in amounts:
            if structure == "weights":
                pruned = _without_weights(model, name, amount)
            else:
                pruned = prune_fraction(model, amount, criterion, [name], seed=seed)
            if recalibrate_images:
                recalibrate(pruned, data, recalibrate_images, seed=seed)
            cost = cost_of(pruned.arch)
            zeros = sum(int((w == 0).sum()) for w in prunable(pruned).values())
            rows.append(
                SensitivityRow(
                    name, amount, split_accuracy(pruned, data, split), cost.params - zeros, cost.macs
                )
            )
    return rows


@torch.no_grad()
def _without_weights(model: EfficientNet, name: str, amount: float) -> EfficientNet:
    pruned = copy.deepcopy(model)
    others = [other for other in prunable(pruned) if other != name]
    for key, mask in magnitude_masks(pruned, amount, exclude=others).items():
        prunable(pruned)[key].mul_(mask)
    return pruned
