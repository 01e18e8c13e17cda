"""Bias correction: rounding weights moves the mean of what a layer writes, and its bias can move it back."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from effnet_lib.compress.layers import watch_outputs, weighted_layers
from effnet_lib.compress.network import QuantizedNetwork


@torch.no_grad()
def channel_means(
    model: nn.Module, layers: dict[str, nn.Module], batches: Iterable[Tensor]
) -> dict[str, Tensor]:
    """Mean of what each of ``layers`` writes, before its activation, in every channel: float64 (C,) by name."""
    sums: dict[str, Tensor] = {}
    counts = dict.fromkeys(layers, 0)

    def note(name: str, out: Tensor) -> None:
        rows = out.movedim(1, 0).flatten(1)
        sums[name] = sums.get(name, 0) + rows.double().sum(1)
        counts[name] += rows.shape[1]

    watch_outputs(model, layers, batches, note)
    return {name: total / counts[name] for name, total in sums.items()}


@torch.no_grad()
def correct_bias(
    network: QuantizedNetwork, folded: nn.Module, calibration: Iterable[Tensor]
) -> dict[str, float]:
    """Change the biases of ``network``, in place, until every layer's mean is that of the float network.

    Layer by layer from the input on, with what comes before corrected already, the mean of what a layer writes (before
    its activation) is measured in both networks and the difference taken from the bias: the empirical form of
    bias correction (Nagel et al. 2019, Appendix D). A bias is added in 32 bits, so the correction costs nothing later.

    Parameters
    ----------
    network : QuantizedNetwork
        With batch norms folded.
    folded : nn.Module
        The network that was quantized, batch norms folded, in floats.
    calibration : iterable of Tensor
        Batches (N, C, H, W). Read once for each layer, so it must be possible to read it again: a list, no generator.

    Returns
    -------
    dict of str to float
        Largest shift of a channel's mean that was taken back, by layer.

    Raises
    ------
    ValueError
        If a layer has no bias, ``calibration`` is empty or can be read only once, or the networks differ.
    """
    if iter(calibration) is calibration:
        raise ValueError(f"calibration must be readable more than once, got a {type(calibration).__name__}")
    layers, originals = weighted_layers(network.model), weighted_layers(folded)
    if list(layers) != list(originals):
        raise ValueError("folded must have the layers of network: it is another architecture")
    for name, layer in layers.items():
        if layer.bias is None:
            raise ValueError(f"network must have its batch norms folded, got {name} without a bias")
    truth = channel_means(folded, originals, calibration)
    if not truth:
        raise ValueError("calibration must hold at least one batch, got none")
    moved = {}
    for name, layer in layers.items():
        shift = channel_means(network, {name: layer}, calibration)[name] - truth[name]
        layer.bias.sub_(shift.to(layer.bias.dtype))
        moved[name] = shift.abs().max().item()
    return moved
