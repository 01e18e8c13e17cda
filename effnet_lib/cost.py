"""What a network costs, layer by layer, from its ArchSpec alone: parameters, MACs, activations, memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from effnet_lib.arch import ArchSpec, BlockSpec

BYTES = 4  # of one float32

Shape = tuple[int, int, int]  # channels, height, width


class LayerCost(NamedTuple):
    """One convolution or linear layer, with the batch norm that follows it.

    ``name`` is the layer's path in the built model; ``weights`` counts the layer's own parameters (bias
    included), ``norm`` those of its batch norm; shapes are (channels, height, width) for one image.
    """

    name: str
    kind: str
    weights: int
    norm: int
    macs: int
    in_shape: Shape
    out_shape: Shape

    @property
    def params(self) -> int:
        """Trainable parameters, batch norm included."""
        return self.weights + self.norm

    @property
    def activation_bytes(self) -> int:
        """Bytes of the layer's output, float32, batch 1."""
        c, h, w = self.out_shape
        return BYTES * c * h * w


class Share(NamedTuple):
    """Cost of a group of layers: a stage, or all layers of one kind."""

    name: str
    params: int
    macs: int
    activation_bytes: int


@dataclass(frozen=True)
class Cost:
    """What ``cost_of`` found; every number is for one image.

    Attributes
    ----------
    resolution : int
        Input height and width in pixels.
    layers : tuple of LayerCost
        In order of execution.
    peak_bytes : int
        Most bytes of activations alive at once in eager float32 inference: see ``cost_of``.
    """

    resolution: int
    layers: tuple[LayerCost, ...]
    peak_bytes: int

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return sum(layer.weights + layer.norm for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of convolutions and linear layers."""
        return sum(layer.macs for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Bytes of all layers' outputs together, float32, batch 1."""
        return sum(layer.activation_bytes for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        """Bytes of the parameters in float32."""
        return BYTES * self.params

    def by_stage(self) -> list[Share]:
        """Cost of stem, every stage ("stages.0", ...), head and classifier, in order."""
        return _shares((_place(layer.name, 2), layer) for layer in self.layers)

    def by_block(self) -> list[Share]:
        """Cost of stem, every block ("stages.0.0", ...), head and classifier, in order."""
        return _shares((_place(layer.name, 3), layer) for layer in self.layers)

    def by_kind(self) -> dict[str, Share]:
        """Cost of all layers of one kind ("depthwise", "project", ...), by kind."""
        return {share.name: share for share in _shares((layer.kind, layer) for layer in self.layers)}


def _place(name: str, parts: int) -> str:
    return ".".join(name.split(".")[: parts if name.startswith("stages") else 1])


def _shares(named: Iterable[tuple[str, LayerCost]]) -> list[Share]:
    sums: dict[str, list[int]] = {}
    for name, layer in named:
        row = sums.setdefault(name, [0, 0, 0])
        row[0] += layer.params
        row[1] += layer.macs
        row[2] += layer.activation_bytes
    return [Share(name, *row) for name, row in sums.items()]


def out_size(size: int, stride: int) -> int:
    """Height or width after a layer with ``stride``: size / stride, rounded up (either padding)."""
    return -(-size // stride)


def conv_params(in_channels: int, out_channels: int, kernel: int, groups: int = 1, bias: bool = False) -> int:
    """Weights of a 2-d convolution: k^2 * C_in / groups * C_out, plus C_out with a bias.

    Raises
    ------
    ValueError
        If a count is not positive, or ``groups`` divides not both channel counts.
    """
    counts = {"in_channels": in_channels, "out_channels": out_channels, "kernel": kernel, "groups": groups}
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"groups must divide both {in_channels} and {out_channels} channels, got {groups}")
    return kernel * kernel * (in_channels // groups) * out_channels + (out_channels if bias else 0)


def conv_macs(in_channels: int, out_channels: int, kernel: int, out_height: int, out_width: int | None = None,
              groups: int = 1) -> int:  # fmt: skip
    """MACs of a 2-d convolution on one image: every weight is used once for every output position.

    ``out_width`` defaults to ``out_height``. Raises ValueError as ``conv_params`` does.
    """
    width = out_height if out_width is None else out_width
    for name, value in (("out_height", out_height), ("out_width", width)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
    return out_height * width * conv_params(in_channels, out_channels, kernel, groups)


def _conv(
    name: str, kind: str, cin: int, cout: int, kernel: int, size: int, stride: int = 1, groups: int = 1
):
    weights = kernel * kernel * (cin // groups) * cout
    after = -(-size // stride)  # out_size without its call: this line runs for every layer
    shapes = (cin, size, size), (cout, after, after)
    return LayerCost(name, kind, weights, 2 * cout, after * after * weights, *shapes)


def _squeeze_excite(name: str, channels: int, squeeze: int) -> list[LayerCost]:
    inner, outer = (squeeze, 1, 1), (channels, 1, 1)
    weights = channels * squeeze
    return [
        LayerCost(f"{name}.se.squeeze", "squeeze", weights + squeeze, 0, weights, outer, inner),
        LayerCost(f"{name}.se.excite", "excite", weights + channels, 0, weights, inner, outer),
    ]


def block_layers(block: BlockSpec, size: int) -> list[LayerCost]:
    """The layers of one block on an input of ``size`` by ``size`` pixels, in order of execution."""
    name, hidden = block.name, block.hidden
    after = -(-size // block.stride)
    gates = _squeeze_excite(name, hidden, block.squeeze) if block.squeeze else []
    if block.block == "fused":
        if block.expand == 1:  # one convolution, whose gates are as wide as its output
            hidden = block.out_channels
            gates = _squeeze_excite(name, hidden, block.squeeze) if block.squeeze else []
        fused = _conv(
            f"{name}.fused.conv", "fused", block.in_channels, hidden, block.kernel, size, block.stride
        )
        if block.expand == 1:
            return [fused, *gates]
        return [fused, *gates, _conv(f"{name}.project.conv", "project", hidden, block.out_channels, 1, after)]
    first = []
    if block.expand != 1:
        first.append(_conv(f"{name}.expand.conv", "expand", block.in_channels, hidden, 1, size))
    first.append(
        _conv(f"{name}.depthwise.conv", "depthwise", hidden, hidden, block.kernel, size, block.stride, hidden)
    )
    return first + gates + [_conv(f"{name}.project.conv", "project", hidden, block.out_channels, 1, after)]


def _peak_elements(layers: list[LayerCost], same: bool, residual: bool = False) -> int:
    """Most numbers alive at once while these layers run (see ``cost_of``)."""
    held = _elements(layers[0].in_shape)  # the caller holds the block's input until the block returns
    previous, peak = 0, 0  # output of the layer before, inside the block
    for layer in layers:
        if layer.kind == "excite":
            peak = max(peak, held + 2 * previous)  # the gated copy beside the original
        elif layer.kind != "squeeze":
            out = _elements(layer.out_shape)
            copied = _padded_copy(layer) if same else 0  # given back before batch norm runs
            peak = max(peak, held + previous + out + max(out, copied))  # batch norm writes beside its input
            previous = out
    return max(peak, held + 2 * previous) if residual else peak  # the sum beside both terms


def _elements(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2]


def _padded_copy(layer: LayerCost) -> int:
    """Numbers in the padded copy of the input that uneven SAME padding needs; 0 where padding is even."""
    (channels, size, _), (out_channels, after, _) = layer.in_shape, layer.out_shape
    inputs = 1 if layer.kind == "depthwise" else channels
    kernel = math.isqrt(layer.weights // (inputs * out_channels))
    stride = 1 if after == size else 2
    total = max((after - 1) * stride + kernel - size, 0)
    return channels * (size + total) ** 2 if total % 2 else 0


def cost_of(arch: ArchSpec, resolution: int | None = None) -> Cost:
    """Parameters, MACs, activations and peak memory of ``arch`` on one square image.

    Parameters
    ----------
    arch : ArchSpec
    resolution : int, optional
        Input height and width in pixels; ``arch.resolution`` if None.

    Returns
    -------
    Cost

    Raises
    ------
    ValueError
        If ``resolution`` is not an integer of at least the network's total stride.

    Notes
    -----
    MACs are those of convolutions and linear layers, 1x1 convolutions of squeeze-and-excitation included:
    what the paper's tables call FLOPS, and half of what counters call FLOPs. Batch norm, activations,
    pooling and gating are not counted.

    ``peak_bytes`` is a model of eager float32 inference at batch 1: the image, a block's input and the
    tensor that a layer reads live while the layer runs; batch norm, gating and the residual sum write
    a new tensor, and so does SAME padding that is uneven; activation functions work in place. Weights are
    not in it, nor what a kernel takes as scratch space.
    """
    size = arch.resolution if resolution is None else arch.check_resolution(resolution)
    same = arch.padding == "same"
    stem = _conv("stem.conv", "stem", arch.in_channels, arch.stem, 3, size, arch.stem_stride)
    layers, peak = [stem], _peak_elements([stem], same)
    image = arch.in_channels * size * size
    size = stem.out_shape[1]
    for block in arch.blocks():
        found = block_layers(block, size)
        peak = max(peak, image + _peak_elements(found, same, block.residual))
        layers += found
        size = -(-size // block.stride)
    channels = arch.stages[-1].channels
    head = _conv("head.conv", "head", channels, arch.head, 1, size)
    peak = max(peak, image + _peak_elements([head], same))
    weights = arch.head * arch.classes
    shapes = (arch.head, 1, 1), (arch.classes, 1, 1)
    classifier = LayerCost("classifier", "classifier", weights + arch.classes, 0, weights, *shapes)
    return Cost(stem.in_shape[1], (*layers, head, classifier), BYTES * peak)
