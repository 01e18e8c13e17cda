import math
from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F

from effnet_lib.compress.integer import (
    Grid,
    accumulate_conv2d,
    fixed_point,
    multiply_fixed,
    quantized_add,
    quantized_conv2d,
    quantized_linear,
    quantized_mean,
    requantize,
)
from effnet_lib.data.glyphs import draw_glyphs
from effnet_lib.deploy import OnnxNetwork, export_onnx, quantize_onnx
from effnet_lib.deploy.integers import IntegerNetwork
from effnet_lib.trained import FOLDER

INT8 = FOLDER / "glyph_lite_48_int8.onnx"


def one_layer(operator, inputs, constants, domain="", **attributes):
    """What ONNX Runtime makes of ``inputs`` in a network of one integer operator; None in inputs is a constant's place."""
    names, given, kept = [], [], {k: np.asarray(v) for k, v in constants.items()}
    for name, value in inputs.items():
        names.append(name)
        if value is None:
            continue
        given.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, list(value.shape)))
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(operator, names, ["y"], domain=domain, **attributes)], "one", given,
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.UINT8, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in kept.items()],
    )  # fmt: skip
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {name: value.numpy() for name, value in inputs.items() if value is not None}
    return torch.from_numpy(session.run(None, feed)[0])


def draw(seed):
    print("seed", seed)
    return torch.Generator().manual_seed(seed)


def integers(generator, low, high, *shape):
    return torch.randint(low, high + 1, shape, generator=generator)


SUMS = torch.zeros(1, 1, dtype=torch.int32)
CONVOLUTIONS = [  # channels in, out, kernel, stride, groups
    (3, 8, 3, 2, 1), (6, 5, 5, 1, 1), (8, 16, 1, 1, 1), (16, 16, 3, 1, 16), (12, 12, 5, 2, 12), (8, 12, 3, 1, 4),
]  # fmt: skip


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_a_convolution_of_integers_equals_onnx_runtimes(case, seed):
    c_in, c_out, kernel, stride, groups = case
    g = draw(seed)
    x = integers(g, 0, 255, 2, c_in, 9, 11).to(torch.uint8)
    weight = integers(g, -127, 127, c_out, c_in // groups, kernel, kernel).to(torch.int8)
    bias = integers(g, -5000, 5000, c_out).int()
    scales = 0.001 + 0.02 * torch.rand(c_out, generator=g)
    terms = c_in // groups * kernel**2
    x_grid = Grid(float(np.float32(0.02)), int(integers(g, 0, 255, 1)))
    y_grid = Grid(
        float(np.float32(0.02 * 0.011 * 64 * 70 * math.sqrt(terms) / 100)), int(integers(g, 0, 255, 1))
    )
    constants = {
        "xs": np.float32(x_grid.scale), "xz": np.uint8(x_grid.zero_point), "w": weight.numpy(), "ws": scales.numpy(),
        "wz": np.zeros(c_out, np.int8), "ys": np.float32(y_grid.scale), "yz": np.uint8(y_grid.zero_point),
        "b": bias.numpy(),
    }  # fmt: skip
    theirs = one_layer(
        "QLinearConv", {"x": x} | dict.fromkeys(constants), constants, kernel_shape=[kernel] * 2, strides=[stride] * 2,
        pads=[kernel // 2] * 4, group=groups,
    )  # fmt: skip
    assert len(theirs.unique()) > 50, "the case exercises the range"
    ours = quantized_conv2d(x, weight, bias, x_grid, scales, y_grid, stride, kernel // 2, groups)
    assert (ours.min(), ours.max()) == (theirs.min(), theirs.max())
    torch.testing.assert_close(ours, theirs.int(), atol=1, rtol=0)
    assert (ours == theirs).double().mean() > 0.999
    fixed = quantized_conv2d(x, weight, bias, x_grid, scales, y_grid, stride, kernel // 2, groups, "fixed")
    torch.testing.assert_close(fixed, theirs.int(), atol=1, rtol=0)


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_sums_are_those_of_exact_arithmetic(case):
    c_in, c_out, kernel, stride, groups = case
    g = draw(7)
    x = integers(g, 0, 255, 3, c_in, 8, 8).to(torch.uint8)
    weight = integers(g, -128, 127, c_out, c_in // groups, kernel, kernel).to(torch.int8)
    exact = F.conv2d(F.pad(x.double() - 77, (1, 2, 0, 3)), weight.double(), None, stride, 0, 1, groups)
    ours = accumulate_conv2d(x, weight, None, 77, stride, (1, 2, 0, 3), groups)
    assert ours.dtype == torch.int32
    torch.testing.assert_close(ours.double(), exact, atol=0, rtol=0)


@pytest.mark.parametrize("seed", range(5))
def test_a_linear_layer_and_a_residual_sum_equal_onnx_runtimes(seed):
    g = draw(seed)
    x = integers(g, 0, 255, 4, 40).to(torch.uint8)
    weight, bias = integers(g, -127, 127, 10, 40).to(torch.int8), integers(g, -9000, 9000, 10).int()
    scales = 0.001 + 0.02 * torch.rand(10, generator=g)
    x_grid, y_grid = Grid(float(np.float32(0.03)), 12), Grid(float(np.float32(0.9)), 130)
    constants = {
        "xs": np.float32(x_grid.scale), "xz": np.uint8(12), "w": weight.numpy(), "ws": scales.numpy(),
        "wz": np.zeros(10, np.int8), "b": bias.numpy(), "ys": np.float32(y_grid.scale), "yz": np.uint8(130),
    }  # fmt: skip
    theirs = one_layer("QGemm", {"x": x} | dict.fromkeys(constants), constants, "com.microsoft", transB=1)
    for rounding in ("float", "fixed"):
        ours = quantized_linear(x, weight, bias, x_grid, scales, y_grid, rounding)
        torch.testing.assert_close(ours, theirs.int(), atol=1, rtol=0)
    a, b = (integers(g, 0, 255, 2, 8, 7, 7).to(torch.uint8) for _ in range(2))
    grids = [
        Grid(float(np.float32(0.005 + torch.rand(1, generator=g).item())), int(integers(g, 0, 255, 1)))
        for _ in "ab"
    ]
    grids.append(Grid(float(np.float32(grids[0].scale + grids[1].scale)), 128))
    constants = {
        f"{name}{part}": value
        for name, grid in zip("aby", grids, strict=True)
        for part, value in (("s", np.float32(grid.scale)), ("z", np.uint8(grid.zero_point)))
    }
    inputs = {"a": a, "as": None, "az": None, "b": b, "bs": None, "bz": None, "ys": None, "yz": None}
    theirs = one_layer("QLinearAdd", inputs, constants, "com.microsoft")
    assert len(theirs.unique()) > 100
    for rounding in ("float", "fixed"):
        torch.testing.assert_close(quantized_add(a, b, *grids, rounding), theirs.int(), atol=1, rtol=0)
    inputs = {"x": a, "xs": None, "xz": None, "ys": None, "yz": None}
    constants = {"xs": np.float32(0.1), "xz": np.uint8(9), "ys": np.float32(0.06), "yz": np.uint8(3)}
    theirs = one_layer(
        "QLinearGlobalAveragePool", inputs, constants, "com.microsoft", channels_last=0
    ).flatten(1)
    for rounding in ("float", "fixed"):
        ours = quantized_mean(a, Grid(float(np.float32(0.1)), 9), Grid(float(np.float32(0.06)), 3), rounding)
        torch.testing.assert_close(ours, theirs.int(), atol=1, rtol=0)


@pytest.mark.parametrize("multiplier", [1e-6, 0.00123, 0.25, 0.499999999, 0.5, 1.0, 1.7, 40.0])
def test_a_fixed_point_multiplier_is_exact_to_one_unit(multiplier):
    m, shift = fixed_point(multiplier)
    assert 2**30 <= m < 2**31
    assert (
        abs(Fraction(m, 2**31) / Fraction(2) ** shift - Fraction(multiplier)) <= Fraction(multiplier) / 2**31
    )
    largest = int(min(2**31 - 1, 2**24 / multiplier))
    sums = integers(draw(3), -largest, largest, 2000)
    sums[:3] = torch.tensor([0, largest, -largest])
    for total, scaled in zip(sums.tolist(), multiply_fixed(sums, m, shift).tolist(), strict=True):
        assert abs(scaled - Fraction(multiplier) * total) <= Fraction(501, 1000) + Fraction(
            total and 1, 2 ** max(0, shift)
        )


def test_halves_go_to_even_in_floats_and_as_in_gemmlowp_in_fixed_point():
    sums = torch.tensor([1, 3, 5, -1, -3, -5, 2, -2])
    wide = Grid(1.0, 0, -100, 100)
    assert requantize(sums, 0.5, wide).tolist() == [0, 2, 2, 0, -2, -2, 1, -1]
    assert requantize(sums, 0.5, wide, "fixed").tolist() == [1, 2, 3, 0, -1, -2, 1, -1], (
        "a product rounds halves up"
    )
    assert requantize(2 * sums, 0.25, wide, "fixed").tolist() == [1, 2, 3, -1, -2, -3, 1, -1], (
        "a shift away from zero"
    )
    assert requantize(torch.tensor([1000, -1000]), 1.0, Grid(1.0, 3)).tolist() == [255, 0], "limits"


@pytest.fixture(scope="module")
def glyph_network():
    return IntegerNetwork(INT8)


@pytest.fixture(scope="module")
def letters():
    return draw_glyphs(100, 48, "test", "hard").images.float() / 255


def test_every_layer_of_a_whole_network_equals_onnx_runtimes_to_one_unit(glyph_network, letters):
    found = glyph_network.compare(letters[:6])
    kinds = [layer.kind for layer in found]
    assert (len(kinds), kinds.count("depthwise"), kinds.count("add")) == (20, 5, 2)
    assert {"conv", "depthwise", "pointwise", "add", "mean", "linear"} == set(kinds)
    for layer in found:
        assert layer.largest <= 1, layer
        assert layer.equal > 0.999, layer
    for layer in glyph_network.compare(letters[:6], "fixed"):
        assert layer.largest <= 1, layer
        assert layer.equal > 0.95, layer


def test_a_whole_network_in_integers_answers_as_onnx_runtime(glyph_network, letters):
    theirs = OnnxNetwork(INT8)(letters)
    assert len(theirs.argmax(1).unique()) > 25
    ours = torch.cat([glyph_network(batch) for batch in letters.split(50)])
    assert (ours.argmax(1) == theirs.argmax(1)).double().mean() > 0.99
    torch.testing.assert_close(ours, theirs, atol=3 * glyph_network.layers[-1].grid.scale, rtol=0)
    fixed = torch.cat([glyph_network(batch, "fixed") for batch in letters[:40].split(40)])
    assert (fixed.argmax(1) == theirs[:40].argmax(1)).double().mean() > 0.97


def test_what_is_no_lite_network_in_integers_is_refused(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.SiLU(), torch.nn.Conv2d(4, 4, 1)
    ).eval()
    path = export_onnx(model, tmp_path / "silu.onnx", resolution=8)
    with pytest.raises(ValueError, match="between its integers stands Conv"):
        IntegerNetwork(path)
    quantize_onnx(path, tmp_path / "int8.onnx", [torch.rand(4, 3, 8, 8)])
    with pytest.raises(ValueError, match="between its integers stands QLinear"):
        IntegerNetwork(tmp_path / "int8.onnx")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Grid(0.0), r"scale must be positive and finite, got 0\.0"),
        (lambda: Grid(1.0, 300), "zero_point must be from 0 to 255, got 300"),
        (
            lambda: accumulate_conv2d(torch.zeros(1, 3, 4, 4), torch.zeros(2, 3, 1, 1).int()),
            r"x must be a tensor of integers, got torch\.float32",
        ),
        (
            lambda: accumulate_conv2d(torch.zeros(1, 3, 4, 4).int(), torch.zeros(2, 2, 1, 1).int()),
            r"weight must be \(C_out, C_in / groups, K, K\) for x \(1, 3, 4, 4\) in 1 groups, got \(2, 2, 1, 1\)",
        ),
        (lambda: requantize(SUMS, 1.0, Grid(1.0), "up"), "rounding must be 'float' or 'fixed', got 'up'"),
        (lambda: requantize(SUMS, -1.0, Grid(1.0)), r"multiplier must be positive and finite, got -1\.0"),
        (lambda: fixed_point(0.0), r"multiplier must be positive and finite, got 0\.0"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
