"""A network whose weights and activations pass through fake quantization: what int8 does to it, in floats."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from effnet_lib.blocks import SqueezeExcite
from effnet_lib.compress.affine import Scheme
from effnet_lib.compress.fake import FakeQuantize
from effnet_lib.compress.layers import QuantizedLayer, described, weighted_layers
from effnet_lib.model import EfficientNet, fold_batch_norms


class QuantizedNetwork(nn.Module):
    """An ``EfficientNet`` with fake quantization of weights and activations: made by ``quantized`` or ``prepare_qat``.

    Quantized activations are all the tensors that a convolution, a linear layer or an addition reads: the images, what
    every convolution writes after its activation, sums of residual blocks, what squeeze-and-excitation computes, and
    the pooled vector. Logits stay in floats, and so do biases, which a chip adds in 32 bits.

    Attributes
    ----------
    model : EfficientNet
        Its convolutions' weights are parametrized by ``FakeQuantize``.
    tensors : nn.ModuleDict
        ``FakeQuantize`` by the name of the activation, with "/" for ".".
    arch : ArchSpec
    """

    def __init__(self, model: EfficientNet) -> None:
        super().__init__()
        self.model, self.arch = model, model.arch
        self.tensors = nn.ModuleDict()
        self._naming: list[str] | None = None

    def _at(self, name: str, x: Tensor) -> Tensor:
        """``x`` as the activation ``name``."""
        if self._naming is not None:
            self._naming.append(name)
        key = name.replace(".", "/")
        return self.tensors[key](x) if key in self.tensors else x

    def _gate(self, name: str, se: SqueezeExcite, x: Tensor) -> Tensor:
        pooled = self._at(f"{name}.pooled", F.adaptive_avg_pool2d(x, 1))
        squeezed = self._at(f"{name}.squeeze", se.act(se.squeeze(pooled)))
        gate = self._at(f"{name}.excite", torch.sigmoid(se.excite(squeezed)))
        return self._at(name, gate * x)

    def _block(self, name: str, block: nn.Module, x: Tensor) -> Tensor:
        h = x
        for part in ("fused", "expand", "depthwise"):
            if getattr(block, part, None) is not None:
                h = self._at(f"{name}.{part}", getattr(block, part)(h))
        if block.se is not None:
            h = self._gate(f"{name}.se", block.se, h)
        if block.project is not None:
            h = self._at(f"{name}.project", block.project(h))
        return self._at(f"{name}.sum", x + block.drop_path(h)) if block.residual else h

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to logits, (N, classes)."""
        net = self.model
        x = self._at("stem", net.stem(self._at("images", x)))
        for i, stage in enumerate(net.stages):
            for j, block in enumerate(stage):
                x = self._block(f"stages.{i}.{j}", block, x)
        x = self._at("head", net.head(x))
        pooled = self._at("pooled", F.adaptive_avg_pool2d(x, 1).flatten(1))
        return net.classifier(net.dropout(pooled))

    def tensor_names(self) -> list[str]:
        """Names of all activations that can be quantized, in the order in which they are computed."""
        was, self._naming = self.training, []
        self.eval()
        p = self.arch
        images = next(self.parameters()).new_zeros(1, p.in_channels, p.resolution, p.resolution)
        looking = {q: q.observer for q in self.tensors.values()}
        try:
            for quantizer in looking:
                quantizer.observer = None
            with torch.no_grad():
                self(images)
            return self._naming
        finally:
            for quantizer, observer in looking.items():
                quantizer.observer = observer
            self._naming = None
            self.train(was)

    def activation(self, name: str) -> FakeQuantize:
        """The quantizer of the activation ``name``.

        Raises
        ------
        ValueError
            If no activation of that name is quantized.
        """
        key = name.replace(".", "/")
        if key not in self.tensors:
            known = ", ".join(self.tensors).replace("/", ".") or "none of them: activations are in floats"
            raise ValueError(f"name must be one of {known}; got {name!r}")
        return self.tensors[key]

    def layers(self) -> list[QuantizedLayer]:
        """Every layer with weights, in order."""
        return [described(name, layer) for name, layer in weighted_layers(self.model).items()]

    def weight_bytes(self) -> int:
        """Bytes of everything that has to be stored: weights at their bits, scales, zero points, biases."""
        return sum(layer.bytes for layer in self.layers())


def quantized(
    model: EfficientNet, weights: Scheme | Mapping[str, Scheme | None] | None = None,
    activations: Scheme | None = None, calibration: Iterable[Tensor] | None = None, *,
    skip: Iterable[str] = (), fold: bool = True,
) -> QuantizedNetwork:  # fmt: skip
    """A copy of ``model`` in evaluation mode whose weights and activations are fake-quantized.

    Parameters
    ----------
    model : EfficientNet
        In evaluation mode; batch norms may have been folded already.
    weights : Scheme, mapping of layer name to Scheme or None, or None
        None leaves the weights in floats; a mapping decides layer by layer, and layers that it does not name stay in
        floats. Names are those of ``cost_of(model.arch).layers``.
    activations : Scheme or None
        One scale for each tensor. None leaves activations in floats.
    calibration : iterable of Tensor
        Batches (N, C, H, W), normalised as in training. Read once; none is kept. Ranges are those of the float network.
        Needed for ``activations`` only.
    skip : iterable of str
        Beginnings of names ("stem", "stages.0", "classifier") of layers and activations that stay in floats.
    fold : bool
        Fold batch norms into the convolutions before the weights are quantized, as deployment does. False quantizes
        the convolution's own weights and leaves batch norm in floats.

    Raises
    ------
    ValueError
        If ``model`` is another network or in training mode; a name fits nothing; or activations are to be quantized and
        ``calibration`` holds no batch, a batch of another shape, or a value that is not finite.
    """
    if not isinstance(model, EfficientNet):
        raise ValueError(f"model must be an EfficientNet, got {type(model).__name__}")
    if fold:
        inner = fold_batch_norms(model)  # a copy
    elif model.training:
        raise ValueError("model must be in evaluation mode, got training mode; call model.eval() first")
    else:
        inner = copy.deepcopy(model).requires_grad_(False)
    network = QuantizedNetwork(inner).eval()
    skip = tuple(skip)
    schemes = _schemes(inner, weights)
    known = {*weighted_layers(inner), *network.tensor_names()}
    for prefix in skip:
        if not any(begins(name, prefix) for name in known):
            raise ValueError(f"skip: no layer's or activation's name begins with {prefix!r}")
    if activations is not None:
        names = [name for name in network.tensor_names() if not any(begins(name, prefix) for prefix in skip)]
        for name in names:
            quantizer = FakeQuantize(activations).to(next(inner.parameters()).device)
            network.tensors[name.replace(".", "/")] = quantizer
        calibrate(network, calibration)
    for name, scheme in schemes.items():
        if scheme is not None and not any(begins(name, prefix) for prefix in skip):
            layer = inner.get_submodule(name)
            quantizer = FakeQuantize(scheme, 0 if scheme.per_channel else None)
            quantizer.observe()
            _named(name, quantizer, layer.weight)
            parametrize.register_parametrization(layer, "weight", quantizer.eval(), unsafe=True)
    return network


def begins(name: str, prefix: str) -> bool:
    """Whether ``prefix`` is ``name`` or its beginning up to a dot."""
    return name == prefix or name.startswith(prefix + ".")


def _named(name: str, quantizer: FakeQuantize, x: Tensor | None = None) -> None:
    """Settle ``quantizer``, after a look at ``x``; an error names the tensor."""
    try:
        if x is not None:
            quantizer(x)
        quantizer.settle()
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _schemes(
    model: nn.Module, weights: Scheme | Mapping[str, Scheme | None] | None
) -> dict[str, Scheme | None]:  # fmt: skip
    names = weighted_layers(model)
    if not isinstance(weights, Mapping):
        return dict.fromkeys(names, weights)
    for name in weights:
        if name not in names:
            raise ValueError(f"weights: a layer must be one of {', '.join(names)}; got {name!r}")
    return dict(weights)


@torch.no_grad()
def calibrate(network: QuantizedNetwork, calibration: Iterable[Tensor] | None) -> None:
    """Set the ranges of all activations from batches (N, C, H, W), read once; weights must be floats still.

    Raises
    ------
    ValueError
        If there is no batch, or one has another shape or holds a value that is not finite.
    """
    for quantizer in network.tensors.values():
        quantizer.observe()
    device, batches = next(network.parameters()).device, 0
    for images in () if calibration is None else calibration:
        if not isinstance(images, Tensor) or images.ndim != 4:
            got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
            raise ValueError(
                f"calibration must be batches (N, C, H, W), as images.split(100) makes them; got {got}"
            )
        if not torch.isfinite(images).all():
            raise ValueError(f"calibration must hold finite values, got a NaN or infinity in batch {batches}")
        network(images.to(device))
        batches += 1
    if batches == 0:
        raise ValueError(
            f"calibration must hold at least one batch, got {'None' if calibration is None else 'none'}"
        )
    for key, quantizer in network.tensors.items():
        _named(key.replace("/", "."), quantizer)
