"""The layers with weights of a quantized network: what is stored of each, and in how many bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from effnet_lib.compress.affine import Scheme, dequantize, quantize


@dataclass(frozen=True)
class QuantizedLayer:
    """One layer with weights, as ``QuantizedNetwork.layers()`` lists them.

    ``kind``: "convolution", "depthwise", "pointwise" or "linear". ``weight`` is the float weight before rounding,
    ``integers`` (int32) what is stored, with ``scale`` and ``zero_point``; these are None, as is ``scheme``, where the
    layer stays in floats. ``bytes``: of weights, scales, zero points and 32-bit biases.
    """

    name: str
    kind: str
    scheme: Scheme | None
    weight: Tensor
    integers: Tensor | None
    scale: Tensor | None
    zero_point: Tensor | None
    bias: Tensor | None
    bytes: int

    @property
    def rounded(self) -> Tensor:
        """The weight that the network computes with."""
        if self.integers is None:
            return self.weight
        return dequantize(self.integers, self.scale, self.zero_point, 0 if self.scale.ndim else None)


def weighted_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Convolutions and linear layers of ``model`` by the names that ``cost_of`` gives them, in order."""
    return {name: m for name, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}


def kind_of(layer: nn.Module) -> str:
    """ "convolution", "depthwise", "pointwise" or "linear"."""
    if isinstance(layer, nn.Linear):
        return "linear"
    if layer.groups == layer.in_channels == layer.out_channels and layer.groups > 1:
        return "depthwise"
    return "pointwise" if layer.kernel_size == (1, 1) else "convolution"


def layer_bytes(weights: int, channels: int, scheme: Scheme | None, bias: bool = True) -> int:
    """Bytes of a layer: its ``weights`` packed at ``scheme.bits``, scales and biases in 4 bytes each, zero points in
    one; 4 bytes a number without a scheme."""
    rest = 4 * channels if bias else 0
    if scheme is None:
        return 4 * weights + rest
    scales = channels if scheme.per_channel else 1
    return -(-weights * scheme.bits // 8) + rest + scales * (4 if scheme.symmetric else 5)


@torch.no_grad()
def described(name: str, layer: nn.Module) -> QuantizedLayer:
    """What there is to say of ``layer``, quantized or not, under ``name``."""
    bias = None if layer.bias is None else layer.bias.detach()
    if not parametrize.is_parametrized(layer, "weight"):
        weight, scheme, integers, scale, zero = layer.weight.detach(), None, None, None, None
    else:
        layer.weight  # noqa: B018  # brings a scale that follows the weight up to date
        quantizer = layer.parametrizations.weight[0]
        weight, scheme = layer.parametrizations.weight.original.detach(), quantizer.scheme
        scale, zero = quantizer.scale.clone(), quantizer.zero_point.clone()
        integers = quantize(weight, scale, zero, *scheme.range, quantizer.axis)
    size = layer_bytes(weight.numel(), len(weight), scheme, bias is not None)
    return QuantizedLayer(name, kind_of(layer), scheme, weight, integers, scale, zero, bias, size)


def watch_outputs(
    model: nn.Module, layers: Mapping[str, nn.Module], batches: Iterable[Tensor],
    note: Callable[[str, Tensor], None],
) -> None:  # fmt: skip
    """Run ``model`` on batches (N, C, H, W), on its own device, and call ``note(name, output)`` for each of ``layers``."""
    handles = [
        layer.register_forward_hook(lambda module, args, out, name=name: note(name, out))
        for name, layer in layers.items()
    ]
    device = next(model.parameters()).device
    try:
        for images in batches:
            model(images.to(device))
    finally:
        for handle in handles:
            handle.remove()
