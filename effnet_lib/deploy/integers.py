"""An int8 ONNX file taken apart into its integers, and run in plain integer arithmetic beside ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from effnet_lib.compress.integer import (
    Grid,
    quantized_add,
    quantized_conv2d,
    quantized_linear,
    quantized_mean,
)
from effnet_lib.deploy.files import contained, need, read_onnx

_KINDS = {"QLinearConv": "conv", "QLinearAdd": "add", "QGemm": "linear"}


@dataclass(frozen=True)
class IntegerLayer:
    """One layer between two tensors of integers.

    ``kind`` is "conv", "depthwise", "pointwise", "linear", "add" or "mean"; ``inputs`` and ``output`` name tensors;
    ``grids`` are those of the inputs, ``grid`` that of the output. Layers with weights have ``weight`` (int8),
    ``weight_scale`` (float32, one number or one a channel), ``bias`` (int32 or None); convolutions ``stride``,
    ``padding`` (left, right, top, bottom) and ``groups``.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    output: str
    grids: tuple[Grid, ...]
    grid: Grid
    weight: Tensor | None = None
    weight_scale: Tensor | None = None
    bias: Tensor | None = None
    stride: int = 1
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1

    def __call__(self, *inputs: Tensor, rounding: str = "float") -> Tensor:
        """Integers to integers, int32, by ``effnet_lib.compress.integer``."""
        if self.kind == "add":
            return quantized_add(*inputs, *self.grids, self.grid, rounding)
        if self.kind == "mean":
            return quantized_mean(*inputs, *self.grids, self.grid, rounding)
        given = (*inputs, self.weight, self.bias, self.grids[0], self.weight_scale, self.grid)
        if self.kind == "linear":
            return quantized_linear(*given, rounding=rounding)
        return quantized_conv2d(*given, self.stride, self.padding, self.groups, rounding)


@dataclass(frozen=True)
class Agreement:
    """How one layer's integers compare: ``equal``, the fraction that is equal; ``largest``, the largest difference."""

    name: str
    kind: str
    values: int
    equal: float
    largest: int


class IntegerNetwork:
    """The layers of an int8 file of the form "u8s8" or "u8s8_operator", in plain integer arithmetic.

    Parameters
    ----------
    path : path
        As ``quantize_onnx`` writes it from a Lite network (convolutions, residual sums, a mean, a linear layer).

    Attributes
    ----------
    layers : tuple of IntegerLayer
        In order.
    input_grid : Grid
        That images, normalised, are quantized to.

    Raises
    ------
    ValueError
        If the file is no ONNX model or has another operator between integers.
    """

    def __init__(self, path: str | Path) -> None:
        read_onnx(path)
        self.path = Path(path)
        runtime = need("onnxruntime")
        options = runtime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, 1
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        with contained() as folder:  # ONNX Runtime fuses the pairs into integer operators, and says which
            options.optimized_model_filepath = str(folder / "fused.onnx")
            runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            self._fused = read_onnx(folder / "fused.onnx")
        self.layers = _layers(self._fused, self.path)
        self.input_grid = self.layers[0].grids[0]
        self._exposed = self._expose(runtime)

    def _expose(self, runtime: Any) -> Any:
        """A session of the fused network that also gives every tensor of integers."""
        onnx = need("onnx")
        proto = type(self._fused)()
        proto.CopyFrom(self._fused)
        for name in dict.fromkeys(n for layer in self.layers for n in (*layer.inputs, layer.output)):
            proto.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, None))
        options = runtime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, 1
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return runtime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def runtime_integers(self, images: Tensor) -> dict[str, Tensor]:
        """Every tensor of integers that ONNX Runtime computes for ``images``, by name; "logits" as well."""
        names = [output.name for output in self._exposed.get_outputs()]
        found = self._exposed.run(None, {self._exposed.get_inputs()[0].name: images.numpy()})
        return dict(zip(["logits", *names[1:]], map(torch.from_numpy, found), strict=True))

    def compare(self, images: Tensor, rounding: str = "float") -> list[Agreement]:
        """Every layer, fed with ONNX Runtime's own integers, against ONNX Runtime's result."""
        theirs, found = self.runtime_integers(images), []
        for layer in self.layers:
            ours = layer(*(theirs[name] for name in layer.inputs), rounding=rounding)
            difference = (ours.flatten() - theirs[layer.output].int().flatten()).abs()
            equal = (difference == 0).double().mean().item()
            found.append(Agreement(layer.name, layer.kind, len(difference), equal, int(difference.max())))
        return found

    def __call__(self, images: Tensor, rounding: str = "float") -> Tensor:
        """Images, as the file takes them, to logits: every layer in integers, from the first to the last."""
        first = self.layers[0].inputs[0]
        held = {first: self.runtime_integers(images)[first].int()}
        for layer in self.layers:
            held[layer.output] = layer(*(held[name] for name in layer.inputs), rounding=rounding)
        last = self.layers[-1]
        return last.grid.dequantize(held[last.output])


def _layers(model: Any, path: Path) -> tuple[IntegerLayer, ...]:
    onnx = need("onnx")
    values = {t.name: np.array(onnx.numpy_helper.to_array(t)) for t in model.graph.initializer}

    def grid(scale: str, zero: str) -> Grid:
        zero_point = values[zero]
        if zero_point.dtype != np.uint8:
            raise ValueError(f"{str(path)!r} must have uint8 activations, got {zero_point.dtype}")
        return Grid(float(values[scale]), int(zero_point))

    layers, reals = [], {}  # reals: float tensors that are a dequantized tensor, or a mean of one
    for node in model.graph.node:
        given = list(node.input)
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "DequantizeLinear":
            reals[node.output[0]] = ("integers", given[0], grid(given[1], given[2]))
        elif node.op_type == "ReduceMean" and given[0] in reals:
            reals[node.output[0]] = ("mean", *reals[given[0]][1:])
        elif node.op_type == "QuantizeLinear" and reals.get(given[0], [""])[0] == "mean":
            _, source, x = reals[given[0]]
            layers.append(
                IntegerLayer("mean", "mean", (source,), node.output[0], (x,), grid(given[1], given[2]))
            )
        elif node.op_type == "Reshape" and (given[0] in reals or _made(layers, given[0])):
            if given[0] in reals:
                reals[node.output[0]] = reals[given[0]]
            else:  # the flattened tensor holds the same integers
                layers[-1] = IntegerLayer(**{**layers[-1].__dict__, "output": node.output[0]})
        elif node.op_type == "QLinearConv":
            layers.append(_conv(given, node.output[0], attributes, values, grid))
        elif node.op_type == "QGemm":
            if attributes.get("transB", 0) != 1 or attributes.get("alpha", 1.0) != 1.0:
                raise ValueError(f"{str(path)!r} has a linear layer of another layout: {attributes}")
            layers.append(_weighted("linear", given, given[7:9], given[6], node.output[0], values, grid))
        elif node.op_type == "QLinearAdd":
            grids = (grid(*given[1:3]), grid(*given[4:6]))
            layers.append(IntegerLayer(
                node.output[0].removesuffix("_QuantizeLinear_Output").removesuffix("_quantized"), "add",
                (given[0], given[3]), node.output[0], grids, grid(*given[6:8]),
            ))  # fmt: skip
        elif node.op_type not in ("Sub", "Div", "QuantizeLinear"):
            raise ValueError(
                f"{str(path)!r} must be a Lite network in the form 'u8s8' or 'u8s8_operator'; "
                f"between its integers stands {node.op_type}"
            )
    if not layers:
        raise ValueError(f"{str(path)!r} must be an int8 network, got one without a layer of integers")
    return tuple(layers)


def _made(layers: list[IntegerLayer], name: str) -> bool:
    return bool(layers) and layers[-1].output == name


def _weighted(
    kind: str, given: list[str], y: list[str], bias: str, output: str, values: dict[str, np.ndarray], grid: Any, **more: Any
) -> IntegerLayer:  # fmt: skip
    if values[given[5]].any():
        raise ValueError(f"weights must have zero point 0, got another in {given[3]}")
    name = (
        given[3]
        .removesuffix("_quantized")
        .removesuffix(".weight")
        .removeprefix("network.")
        .removesuffix(".conv")
    )
    scale = torch.from_numpy(values[given[4]]).flatten()
    return IntegerLayer(
        name, kind, (given[0],), output, (grid(given[1], given[2]),), grid(*y), torch.from_numpy(values[given[3]]),
        scale if len(scale) > 1 else scale[0], torch.from_numpy(values[bias]) if bias else None, **more,
    )  # fmt: skip


def _conv(given: list[str], output: str, attributes: dict[str, Any], values: Any, grid: Any) -> IntegerLayer:
    weight, groups = values[given[3]], attributes.get("group", 1)
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    strides, dilations = attributes.get("strides", (1, 1)), attributes.get("dilations", (1, 1))
    if len(set(strides)) > 1 or set(dilations) != {1}:
        raise ValueError(f"convolutions must have one stride and no dilation, got {strides} and {dilations}")
    depthwise = groups == len(weight) and groups > 1
    kind = "depthwise" if depthwise else "pointwise" if weight.shape[2:] == (1, 1) else "conv"
    return _weighted(
        kind, given, given[6:8], given[8] if len(given) > 8 else "", output, values, grid,
        stride=strides[0], padding=(left, right, top, bottom), groups=groups,
    )  # fmt: skip
