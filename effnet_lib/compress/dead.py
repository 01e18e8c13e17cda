"""Dead channels: what reads nothing but zeros may be any number, and decides the scale of all the others."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor

from effnet_lib.compress.equalization import equalization_pairs
from effnet_lib.compress.layers import watch_outputs
from effnet_lib.model import EfficientNet


@torch.no_grad()
def zero_dead_channels(
    folded: EfficientNet, calibration: Iterable[Tensor]
) -> tuple[EfficientNet, dict[str, list[int]]]:
    """A copy of ``folded`` in which weights that read a channel which is 0 for every calibration image are 0.

    A channel that ReLU never lets through has a running variance of about 0 in the batch norm of the layer that reads
    it depthwise, so folding divides by sqrt(epsilon) and makes weights a hundred times larger than any other. They are
    multiplied by 0 and harm nobody, until one scale a tensor has to cover them (Sheng et al. 2018 found it so in
    MobileNet). On the images seen, no logit changes.

    Returns
    -------
    folded : EfficientNet
    dead : dict of str to list of int
        Dead channels by the name of the layer that writes them; only layers that have some.

    Raises
    ------
    ValueError
        If ``calibration`` is empty.
    """
    clean = copy.deepcopy(folded)
    pairs = equalization_pairs(clean)
    largest: dict[str, Tensor] = {}

    def note(name: str, out: Tensor) -> None:
        peak = out.abs().amax((0, 2, 3))
        largest[name] = torch.maximum(largest[name], peak) if name in largest else peak

    watch_outputs(clean, {pair.name: pair.writer for pair in pairs}, calibration, note)
    if not largest:
        raise ValueError("calibration must hold at least one batch, got none")
    dead = {}
    for pair in pairs:
        silent = largest[pair.name] == 0
        if silent.any():
            pair.read_weights()[silent] = 0
            dead[pair.name] = silent.nonzero()[:, 0].tolist()
    return clean, dead
