"""Quantization-aware training: the network learns with the rounding that it will be used with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor
from torch.nn.utils import parametrize

from effnet_lib.compress.affine import Scheme
from effnet_lib.compress.layers import weighted_layers
from effnet_lib.compress.network import QuantizedNetwork, quantized
from effnet_lib.model import EfficientNet


def prepare_qat(
    model: EfficientNet, weights: Scheme | Mapping[str, Scheme | None] | None,
    activations: Scheme | None = None, calibration: Iterable[Tensor] | None = None, *,
    skip: Iterable[str] = (),
) -> QuantizedNetwork:  # fmt: skip
    """A fake-quantized copy of ``model`` that ``fit`` can train; it is trained in the form in which it is used.

    Batch norms are *folded first*, with the statistics that training left, and what is trained are the folded weights
    and biases: unlike Jacob et al. 2018, Section 3.2, who fold with the statistics of every batch. It is simpler, and
    the network that is trained is exactly the one that is deployed; it suits fine-tuning at a low rate, not training
    from scratch. Gradients pass the rounding straight through (``fake_quantize``).

    Scales of weights with the observer "minmax" follow the weights at every step; those of other observers stay what
    they are at the beginning, as the ranges of activations do, from ``calibration``.

    Parameters and errors as in ``quantized``. With ``weights`` and ``activations`` None nothing is rounded: the same
    fine-tuning without quantization, for comparison.
    """
    network = quantized(model, weights, activations, calibration, skip=skip)
    for layer in weighted_layers(network.model).values():
        if parametrize.is_parametrized(layer, "weight"):
            quantizer = layer.parametrizations.weight[0]
            quantizer.follow = quantizer.scheme.observer == "minmax"
    return network.requires_grad_(True)
