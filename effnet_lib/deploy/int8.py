"""Float ONNX to int8 ONNX, in the form that pays on an x86 processor and in those that do not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from effnet_lib.deploy.calibration import save_ranges
from effnet_lib.deploy.files import anonymous, contained, image_input, must_be_writable, need, put, read_onnx
from effnet_lib.deploy.run import OnnxNetwork

FORMS = {
    "u8s8": "uint8 activations, int8 weights with a scale a channel, written as quantize-dequantize pairs",
    "u8s8_per_tensor": "the same with one scale for all channels of a layer",
    "u8s8_operator": "the same as u8s8, written with quantized operators (QLinearConv) instead of pairs",
    "s8s8": "int8 activations with a zero point, int8 weights with a scale a channel",
    "s8s8_symmetric": "int8 activations with zero point 0, int8 weights with a scale a channel",
    "dynamic": "uint8 weights, ranges of activations found anew for every input (no calibration)",
}  #: names of the forms, each with what it is


@dataclass(frozen=True)
class _Static:
    format: str = "QDQ"
    activations: str = "QUInt8"
    per_channel: bool = True
    symmetric: bool = False


_STATIC = {
    "u8s8": _Static(),
    "u8s8_per_tensor": _Static(per_channel=False),
    "u8s8_operator": _Static(format="QOperator"),
    "s8s8": _Static(activations="QInt8"),
    "s8s8_symmetric": _Static(activations="QInt8", symmetric=True),
}
_QUANTIZED = {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger", "DynamicQuantizeLinear"}


def prepared(source: Path, folder: Path) -> Path:
    """The model in ``source``, its constants folded and its shapes inferred, in a file in ``folder``.

    Raises
    ------
    ValueError
        If ``source`` is no float ONNX model with one image input.
    """
    model = read_onnx(source)
    image_input(model, source)
    if found := sorted(_QUANTIZED & {node.op_type for node in model.graph.node}):
        raise ValueError(f"source must be a float model, got {str(source)!r}, which already has {found[0]}")
    ready = folder / "prepared.onnx"
    try:
        need("onnxruntime.quantization.shape_inference").quant_pre_process(model, ready)
    except Exception as error:
        raise ValueError(
            f"source {str(source)!r} cannot be prepared: {type(error).__name__}: {error}"
        ) from error
    return ready


def _left_float(path: Path) -> list[str]:
    """Names of the operators before the first convolution: the normalisation of pixels stays in floats."""
    graph = read_onnx(path).graph
    names = []
    for node in graph.node:
        if node.op_type not in ("Sub", "Div", "Mul", "Add"):
            break
        names.append(node.name)
    return names


def quantize_onnx(
    source: str | Path, target: str | Path, calibration: Iterable[Tensor | np.ndarray] | None = None,
    form: str = "u8s8",
) -> Path:  # fmt: skip
    """Write an int8 version of the float ONNX model in ``source`` to ``target``.

    Activations take the range from their smallest to their largest value over the calibration batches, which are
    taken one at a time and not kept. The arithmetic on pixels before the first convolution, which normalises them,
    stays in floats.

    Parameters
    ----------
    source : path
        As ``export_onnx`` writes it.
    target : path
        Replaced whole at the end; if anything fails before, what was there stays.
    calibration : iterable of Tensor or array
        Batches of images as the network takes them, float (N, C, H, W); some hundred images do. None for "dynamic".
    form : str
        One of ``FORMS``.

    Returns
    -------
    Path
        ``target``.

    Raises
    ------
    ValueError
        If ``source`` is no float ONNX model, ``calibration`` is empty, does not fit or is not finite, ``form`` is
        unknown, or ``target`` cannot be written.
    ImportError
        If onnx or onnxruntime is missing.
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(map(repr, FORMS))}, got {form!r}")
    if calibration is None and form != "dynamic":
        raise ValueError(f"calibration must be an iterable of batches for the form {form!r}, got None")
    quantization = need("onnxruntime.quantization")
    source, target = Path(source), must_be_writable("target", target)
    kinds, formats = quantization.QuantType, quantization.QuantFormat
    with contained() as folder:
        ready, made = prepared(source, folder), folder / "int8.onnx"
        if form == "dynamic":
            quantization.quantize_dynamic(ready, made, weight_type=kinds.QUInt8)
        else:
            chosen, ranges = _STATIC[form], folder / "ranges.json"
            save_ranges(ready, calibration, ranges, folder)
            quantization.quantize_static(
                ready, made, None, quant_format=formats[chosen.format], per_channel=chosen.per_channel,
                activation_type=kinds[chosen.activations], weight_type=kinds.QInt8,
                nodes_to_exclude=_left_float(ready), calibration_cache_path=ranges,
                extra_options={"ActivationSymmetric": chosen.symmetric},
            )  # fmt: skip
        made.write_bytes(anonymous(read_onnx(made)).SerializeToString())
        network = OnnxNetwork(made)  # must load, and answer
        if all(network.shape[1:]):
            logits = network(np.zeros(network.sized(2), np.float32))
            if not np.isfinite(logits).all():
                raise ValueError(
                    f"the int8 model of {str(source)!r} answers with numbers that are not finite"
                )
        content = made.read_bytes()
    return put(target, content)
