"""From a trained network to a file that other programs run: ONNX export, int8, running, comparing.

>>> from effnet_lib.deploy import OnnxNetwork, export_onnx, quantize_onnx     # doctest: +SKIP
>>> export_onnx(model, "float.onnx")                                          # doctest: +SKIP
>>> quantize_onnx("float.onnx", "int8.onnx", calibration_batches)             # doctest: +SKIP
>>> OnnxNetwork("int8.onnx")(images)                                          # doctest: +SKIP

Needs the packages ``onnx``, ``onnxscript`` and ``onnxruntime``, which load when a function needs them.
"""

from __future__ import annotations

from effnet_lib.lazy import lazily

_HOME = {
    "export_onnx": "export",
    "FORMS": "int8",
    "quantize_onnx": "int8",
    "calibrated_ranges": "calibration",
    "IntegerLayer": "integers",
    "IntegerNetwork": "integers",
    "OnnxNetwork": "run",
    "onnx_latency": "run",
    "operator_times": "profile",
    "paired_latency": "run",
    "Comparison": "report",
    "compare": "report",
    "pixel_batches": "report",
    "read_onnx": "files",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
