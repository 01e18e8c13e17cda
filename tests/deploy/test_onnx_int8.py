import logging
import math
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnxruntime import quantization as peer
from tiny_networks import MEAN, STD

from effnet_lib.compress import sqnr
from effnet_lib.deploy import FORMS, OnnxNetwork, calibrated_ranges, quantize_onnx, read_onnx
from effnet_lib.deploy.files import contained
from effnet_lib.deploy.int8 import prepared


class AllAtOnce(peer.CalibrationDataReader):
    """ONNX Runtime's own way: a reader that is emptied in one go."""

    def __init__(self, batches):
        self.left = iter(batches)

    def get_next(self):
        batch = next(self.left, None)
        return None if batch is None else {"images": batch.numpy()}


def tensors(path):
    return {t.name: numpy_helper.to_array(t) for t in read_onnx(path).graph.initializer}


@pytest.fixture(scope="module")
def forms(float_file, pixels, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    return {form: quantize_onnx(float_file, folder / f"{form}.onnx", pixels, form) for form in FORMS}


@pytest.mark.parametrize("form", list(FORMS))
def test_every_form_answers_nearly_as_the_float_network(form, forms, float_file, pixels):
    images = torch.cat(pixels)
    expected, found = OnnxNetwork(float_file)(images), OnnxNetwork(forms[form])(images)
    assert sqnr(expected, found) > (15 if form in ("dynamic", "u8s8_per_tensor") else 20)
    assert not torch.equal(expected, found), "it really is another network"
    one = torch.cat([OnnxNetwork(forms[form])(image[None]) for image in images[:5]])
    if form != "dynamic":  # whose ranges are those of the batch
        torch.testing.assert_close(one, found[:5], atol=1e-5, rtol=1e-5)


def test_forms_differ_in_what_their_names_say(forms):
    found = {form: read_onnx(path) for form, path in forms.items()}
    operators = {form: [node.op_type for node in model.graph.node] for form, model in found.items()}
    for form in ("u8s8", "u8s8_per_tensor", "s8s8", "s8s8_symmetric"):
        assert {"QuantizeLinear", "DequantizeLinear", "Conv"} <= set(operators[form])
    assert operators["u8s8_operator"].count("QLinearConv") == operators["u8s8"].count("Conv") == 7
    assert operators["dynamic"].count("ConvInteger") == 7
    for form in FORMS:
        held = tensors(forms[form])
        weights = {n: t for n, t in held.items() if n.endswith(("weight_quantized", "conv.weight_quantized"))}
        assert {t.dtype for t in weights.values()} == {np.dtype("uint8" if form == "dynamic" else "int8")}
        stem = held["network.stem.conv.weight_scale"]
        assert stem.size == (1 if form in ("dynamic", "u8s8_per_tensor") else 8)
        zeros = [
            t for n, t in held.items() if n.endswith("zero_point") and "weight" not in n and "bias" not in n
        ]
        if form == "s8s8_symmetric":
            assert all(t.dtype == np.int8 and not t.any() for t in zeros)
        elif form != "dynamic":
            assert {t.dtype for t in zeros} == {np.dtype("int8" if form == "s8s8" else "uint8")}
        path, name = [], "images"
        for _ in range(3):
            node = next(node for node in found[form].graph.node if name in node.input)
            path, name = [*path, node.op_type], node.output[0]
        assert path[:2] == ["Sub", "Div"], "pixels are normalised in floats"
        assert path[2] == ("DynamicQuantizeLinear" if form == "dynamic" else "QuantizeLinear")
        domains = {opset.domain for opset in found[form].opset_import}
        assert domains == {"", *(node.domain for node in found[form].graph.node)}, "no operator set in vain"
        assert not found[form].metadata_props


def test_streamed_calibration_equals_all_batches_at_once(float_file, int8_file, pixels, tmp_path):
    with contained() as folder:
        ready = prepared(float_file, folder)
        peer.quantize_static(
            ready, tmp_path / "peer.onnx", AllAtOnce(pixels), per_channel=True, nodes_to_exclude=["node_sub", "node_div"],
            activation_type=peer.QuantType.QUInt8, weight_type=peer.QuantType.QInt8,
        )  # fmt: skip
    ours, theirs = tensors(int8_file), tensors(tmp_path / "peer.onnx")
    assert ours.keys() == theirs.keys()
    assert len(ours) > 30
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)
    ranges = calibrated_ranges(float_file, pixels)
    images = (torch.cat(pixels) - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
    assert ranges["div"] == pytest.approx((images.min().item(), images.max().item()))
    assert len(ranges) > 10


# In a process of its own: what other tests have left in this one's memory moves the peak by megabytes.
STREAMS = """
import gc, sys, weakref
from pathlib import Path
import torch
from effnet_lib.deploy import quantize_onnx

torch.set_num_threads(1)
source, out, size, alive = sys.argv[1], sys.argv[2], int(sys.argv[3]), []

def stream(n):
    generator = torch.Generator().manual_seed(0)
    for _ in range(n):
        batch = torch.rand(size, 3, 16, 16, generator=generator)
        alive.append(weakref.ref(batch))
        yield batch
        del batch
        assert sum(ref() is not None for ref in alive) <= 2, "batches are let go of"

for batches in (20, 20, 200):  # the first makes room for what is loaded once
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    quantize_onnx(source, out, stream(batches))
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) * 1024)
assert sum(ref() is not None for ref in alive) <= 1
"""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's peak memory")
def test_ten_times_more_calibration_takes_no_more_memory(float_file, tmp_path):
    size = 256
    command = [sys.executable, "-c", STREAMS, str(float_file), str(tmp_path / "a.onnx"), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    _, few, many = map(int, done.stdout.split())
    batch_bytes = size * 3 * 16 * 16 * 4
    assert many - few < 10 * batch_bytes, (few, many, "180 more batches hold less than 10 of them")


def test_quantizing_prints_nothing_and_leaves_logging_and_files_alone(
    float_file, pixels, tmp_path, capfd, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    handlers, level = list(logging.root.handlers), logging.root.manager.disable
    for form in FORMS:
        quantize_onnx(float_file, "a.onnx", iter(pixels), form)
    assert os.listdir(tmp_path) == ["a.onnx"]
    assert (logging.root.handlers, logging.root.manager.disable) == (handlers, level)
    assert capfd.readouterr() == ("", "")


def poisoned(pixels, value):
    batch = pixels[0].clone()
    batch[3, 1, 2, 2] = value
    return [pixels[0], batch]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: [], "calibration must hold at least one batch of images, got none"),
        (lambda p: None, "calibration must be an iterable of batches for the form 'u8s8', got None"),
        (lambda p: poisoned(p, math.nan), "calibration batch 1 must hold finite numbers, got 1 that are NaN"),
        (lambda p: poisoned(p, math.inf), "calibration batch 1 must hold finite numbers, got 1 that are NaN"),
        (lambda p: poisoned(p, 3e38), "calibration makes .* overflow"),
        (
            lambda p: [p[0], p[1][:, :1]],
            r"calibration batch 1 must be \(N, 3, 16, 16\).*got \(16, 1, 16, 16\)",
        ),
        (lambda p: [p[0][:0]], r"calibration batch 0 must be \(N, 3, 16, 16\) with N at least 1"),
        (lambda p: [(255 * p[0]).byte()], "calibration batch 0 must be of floats.*got uint8"),
    ],
    ids=["empty", "none", "nan", "inf", "overflow", "shape", "no image", "bytes"],
)
def test_bad_calibration_is_refused_and_the_old_file_stays(change, message, float_file, pixels, kept):
    with pytest.raises(ValueError, match=message):
        quantize_onnx(float_file, kept, change(pixels))


def test_bad_files_places_and_forms_are_refused_and_the_old_file_stays(
    float_file, int8_file, pixels, kept, tmp_path
):
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(float_file.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="could not be read as an ONNX model: it is damaged"):
        quantize_onnx(bad, kept, pixels)
    with pytest.raises(
        ValueError, match=r"source must be a float model, got .*int8\.onnx', which already has Deq"
    ):
        quantize_onnx(int8_file, kept, pixels)
    with pytest.raises(ValueError, match=r"form must be one of 'u8s8', .*got 'int4'"):
        quantize_onnx(float_file, kept, pixels, "int4")
    with pytest.raises(ValueError, match="target must be a file, got the folder"):
        quantize_onnx(float_file, tmp_path, pixels)
    with pytest.raises(ValueError, match="target cannot be written at"):
        quantize_onnx(float_file, kept / "below.onnx", pixels)
    two = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Add", ["a", "b"], ["c"])], "two",
            [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 2]) for n in "ab"],
            [onnx.helper.make_tensor_value_info("c", onnx.TensorProto.FLOAT, [1, 2])],
        )
    )  # fmt: skip
    bad.write_bytes(two.SerializeToString())
    with pytest.raises(ValueError, match=r"must take one input of shape \(N, C, H, W\), got 2 inputs"):
        quantize_onnx(bad, kept, pixels)


def test_a_missing_runtime_is_named_with_what_to_install(float_file, pixels, kept, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "onnxruntime.quantization", None)
    with pytest.raises(ImportError, match=r"needs the package 'onnxruntime'.*pip install"):
        quantize_onnx(float_file, kept, pixels)
