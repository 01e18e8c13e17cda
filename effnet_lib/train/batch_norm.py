"""Batch-norm statistics taken anew: for weights that were shared, pruned or averaged after their statistics were."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from effnet_lib.data.sets import ImageData
from effnet_lib.train.batches import Batches


@torch.no_grad()
def recalibrate(
    model: nn.Module, data: ImageData, images: int = 1000, *, batch: int = 250, seed: int = 0
) -> nn.Module:  # fmt: skip
    """Replace the running statistics of every batch norm in ``model`` by their mean over training batches.

    No weight changes and no label is looked at. While the statistics are taken, batch norms normalise by the
    batch as in training; dropout and stochastic depth are off. What was there before is forgotten: the result
    is a plain mean over batches, not a moving average. Yu & Huang 2019 do so for every width of a slimmable
    network, Guo et al. 2020 for every child of a supernet.

    Parameters
    ----------
    model : nn.Module
        Changed in place, on its own device.
    data : ImageData
        Its train split is used, unaugmented.
    images : int
        How many images: a multiple of ``batch``.
    batch : int
        Images a batch. The variance within small batches varies more.
    seed : int
        Of the choice of images.

    Returns
    -------
    nn.Module
        ``model``, in the mode in which it came.

    Raises
    ------
    ValueError
        If ``images`` is no positive multiple of ``batch``, or more than the train split has, or ``batch`` is
        not an integer of at least 2.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 2:
        raise ValueError(f"batch must be an integer of at least 2, got {batch!r}")
    if isinstance(images, bool) or not isinstance(images, int) or images < 1 or images % batch:
        raise ValueError(f"images must be a positive multiple of batch, {batch}, got {images!r}")
    if images > len(data.train):
        raise ValueError(f"images must be at most the {len(data.train)} of the train split, got {images}")
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return model
    modes = {module: module.training for module in model.modules()}
    momenta = [norm.momentum for norm in norms]
    device = next(model.parameters()).device
    try:
        model.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.train()
            norm.momentum = None  # PyTorch then keeps the mean of all batches
        for inputs, _ in Batches(data, "train", device, seed=seed).epoch(0, batch, 0, images // batch):
            model(inputs)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, mode in modes.items():
            module.training = mode
    return model
