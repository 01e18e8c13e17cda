"""Integer arithmetic as a chip does it: small integers times small integers, summed in 32 bits, brought back to 8.

A tensor of integers q lies on a grid: real = scale * (q - zero_point). Then a layer's sum of products is a sum of
products of integers times one real number, x_scale * weight_scale (Jacob et al. 2018, Section 2.2):

    y = y_zero + round(multiplier * sum((x - x_zero) * w)),   multiplier = x_scale * weight_scale / y_scale

The sum is exact in int32. The one real number is all that is left to approximate, in one of two ways: ``"float"``
multiplies in 32-bit floating point and rounds halves to even, as ONNX Runtime does; ``"fixed"`` multiplies by an
integer and shifts, for chips without floating point, as gemmlowp and TensorFlow Lite do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

ROUNDINGS = ("float", "fixed")
_INT32 = 2**31
_ADD_SHIFT = 20  # bits by which a sum of two 8-bit numbers is refined before they are rescaled


@dataclass(frozen=True)
class Grid:
    """Where integers lie: real = ``scale`` * (q - ``zero_point``), q from ``qmin`` to ``qmax``. uint8 by default.

    Raises
    ------
    ValueError
        If ``scale`` is not positive and finite, or ``zero_point`` is not within the limits.
    """

    scale: float
    zero_point: int = 0
    qmin: int = 0
    qmax: int = 255

    def __post_init__(self) -> None:
        if not (self.scale > 0 and math.isfinite(self.scale)):
            raise ValueError(f"scale must be positive and finite, got {self.scale!r}")
        if not self.qmin <= self.zero_point <= self.qmax:
            raise ValueError(f"zero_point must be from {self.qmin} to {self.qmax}, got {self.zero_point!r}")

    def quantize(self, real: Tensor) -> Tensor:
        """The nearest grid points of a float tensor, int32, clamped to the limits."""
        return (torch.round(real / self.scale) + self.zero_point).clamp(self.qmin, self.qmax).int()

    def dequantize(self, integers: Tensor) -> Tensor:
        """The real numbers, float32, that integers stand for."""
        return (integers.int() - self.zero_point).float() * self.scale


def _must_be_integers(**tensors: Tensor | None) -> None:
    for name, tensor in tensors.items():
        if tensor is not None and (tensor.is_floating_point() or tensor.dtype == torch.bool):
            raise ValueError(f"{name} must be a tensor of integers, got {tensor.dtype}")


def accumulate_conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, x_zero: int = 0, stride: int = 1,
    padding: int | tuple[int, int, int, int] = 0, groups: int = 1,
) -> Tensor:  # fmt: skip
    """The int32 sums of a convolution of integers, one kernel position after the other.

    Parameters
    ----------
    x : Tensor
        Integers, (N, C_in, H, W).
    weight : Tensor
        Integers with zero point 0, (C_out, C_in / groups, K, K). ``groups`` = C_in = C_out is a depthwise
        convolution, K = 1 a pointwise one.
    bias : Tensor, optional
        int32, (C_out,), in units of x_scale * weight_scale.
    x_zero : int
        What stands for 0 in ``x``, and what is padded with.
    padding : int or (before, after, before, after)
        Pixels on all sides, or left, right, top and bottom.

    Returns
    -------
    Tensor
        int32, (N, C_out, H', W').

    Raises
    ------
    ValueError
        If a tensor holds no integers or the shapes do not fit.
    """
    _must_be_integers(x=x, weight=weight, bias=bias)
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != groups * weight.shape[1] or len(weight) % groups:
        raise ValueError(
            f"weight must be (C_out, C_in / groups, K, K) for x {tuple(x.shape)} in {groups} groups, "
            f"got {tuple(weight.shape)}"
        )
    sides = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
    centred = F.pad(x.int() - x_zero, sides)  # a padded pixel stands for the real number 0
    weight = weight.int()
    kernel_h, kernel_w = weight.shape[2:]
    height = (centred.shape[2] - kernel_h) // stride + 1
    width = (centred.shape[3] - kernel_w) // stride + 1
    sums = torch.zeros(len(x), len(weight), height, width, dtype=torch.int32)
    for i in range(kernel_h):
        for j in range(kernel_w):
            seen = centred[:, :, i : i + stride * height : stride, j : j + stride * width : stride]
            sums += _one_position(seen, weight[:, :, i, j], groups)
    return sums if bias is None else sums + bias.int().view(1, -1, 1, 1)


def _one_position(seen: Tensor, weight: Tensor, groups: int) -> Tensor:
    """Products at one kernel position: (N, C_in, H, W) and (C_out, C_in / groups) to (N, C_out, H, W), int32."""
    if weight.shape[1] == 1 and len(weight) == groups:  # depthwise: every channel by its own number
        return seen * weight.view(1, -1, 1, 1)
    n, _, height, width = seen.shape
    columns = seen.reshape(n, groups, -1, height * width)
    products = torch.matmul(weight.view(groups, -1, weight.shape[1]), columns)
    return products.reshape(n, len(weight), height, width)


def fixed_point(multiplier: float) -> tuple[int, int]:
    """A positive real ``multiplier`` as (m, shift): multiplier = m * 2**-31 * 2**-shift, m in [2**30, 2**31).

    Jacob et al. 2018, Equation 6: 31 bits are at least 30 bits of accuracy, more than the 24 of a float.

    Raises
    ------
    ValueError
        If ``multiplier`` is not positive and finite.
    """
    if not (multiplier > 0 and math.isfinite(multiplier)):
        raise ValueError(f"multiplier must be positive and finite, got {multiplier!r}")
    fraction, exponent = math.frexp(multiplier)  # fraction in [0.5, 1)
    m = round(fraction * _INT32)
    if m == _INT32:
        m, exponent = m // 2, exponent + 1
    return m, -exponent


def multiply_fixed(sums: Tensor, m: Tensor | int, shift: Tensor | int) -> Tensor:
    """``sums`` * m * 2**-31 * 2**-shift in integers: the high half of a product, then a shift, each rounded.

    Two roundings, as in gemmlowp: the product rounds halves upwards, the shift away from zero. A number that is just
    below a half after the first may be a half before the second, so the result can be one off the nearest integer.
    What a chip keeps in 64-bit products is int64 here.
    """
    sums, shift = sums.long(), torch.as_tensor(shift)
    sums = (sums << (-shift).clamp(min=0)).clamp(
        -_INT32, _INT32 - 1
    )  # a multiplier above 1 shifts left, first
    product = sums * m
    nudge = torch.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = torch.div(product + nudge, _INT32, rounding_mode="trunc")
    right = shift.clamp(min=0)
    mask = (torch.ones_like(right) << right) - 1
    remainder, threshold = high & mask, (mask >> 1) + (high < 0).long()
    return (high >> right) + (remainder > threshold).long()


def requantize(
    sums: Tensor, multiplier: Tensor | float, y: Grid, rounding: str = "float", axis: int = 1
) -> Tensor:
    """int32 sums to integers on the grid ``y``: one multiplication, one rounding, the zero point, the limits.

    Parameters
    ----------
    sums : Tensor
        int32.
    multiplier : float or Tensor
        x_scale * weight_scale / y_scale: one number, or one a channel along ``axis``.
    rounding : {"float", "fixed"}
        As the module says.

    Returns
    -------
    Tensor
        int32, from ``y.qmin`` to ``y.qmax``.

    Raises
    ------
    ValueError
        If ``rounding`` is unknown or a multiplier is not positive and finite.
    """
    if rounding not in ROUNDINGS:
        raise ValueError(f"rounding must be 'float' or 'fixed', got {rounding!r}")
    multiplier = torch.as_tensor(multiplier, dtype=torch.float32)
    if not bool((multiplier > 0).all() and multiplier.isfinite().all()):
        raise ValueError(f"multiplier must be positive and finite, got {multiplier.min().item()!r} at least")
    if multiplier.ndim:
        multiplier = multiplier.view([-1 if d == axis else 1 for d in range(sums.ndim)])
    if rounding == "float":
        scaled = torch.round(sums.float() * multiplier).double()  # PyTorch rounds halves to even
    else:
        pairs = [fixed_point(value) for value in multiplier.flatten().tolist()]
        m, shift = (torch.tensor(part).view(multiplier.shape) for part in zip(*pairs, strict=True))
        scaled = multiply_fixed(sums, m, shift)
    return (scaled + y.zero_point).clamp(y.qmin, y.qmax).int()


def quantized_conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None, x_grid: Grid, weight_scale: Tensor, y_grid: Grid,
    stride: int = 1, padding: int | tuple[int, int, int, int] = 0, groups: int = 1, rounding: str = "float",
) -> Tensor:  # fmt: skip
    """A convolution from integers to integers: full, depthwise or pointwise, as in ``accumulate_conv2d``.

    ``weight_scale``: float32, one number or (C_out,). A ReLU or ReLU6 after it is the clamping to the limits of
    ``y_grid``, if that begins at 0. Returns int32 within the limits of ``y_grid``; raises as the parts do.
    """
    sums = accumulate_conv2d(x, weight, bias, x_grid.zero_point, stride, padding, groups)
    return requantize(sums, _multiplier(x_grid, weight_scale, y_grid), y_grid, rounding)


def quantized_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, x_grid: Grid, weight_scale: Tensor, y_grid: Grid,
    rounding: str = "float",
) -> Tensor:  # fmt: skip
    """A linear layer, integers (N, C_in) to (N, C_out), ``weight`` (C_out, C_in). Raises as its parts do."""
    _must_be_integers(x=x, weight=weight, bias=bias)
    sums = torch.matmul(x.int() - x_grid.zero_point, weight.int().T)
    if bias is not None:
        sums = sums + bias.int()
    return requantize(sums, _multiplier(x_grid, weight_scale, y_grid), y_grid, rounding)


def quantized_add(
    a: Tensor, b: Tensor, a_grid: Grid, b_grid: Grid, y_grid: Grid, rounding: str = "float"
) -> Tensor:  # fmt: skip
    """A residual sum: two grids have to be brought onto a third before anything can be added.

    ``"fixed"`` refines both by 20 bits, rescales both to twice the larger scale, adds, and rescales the sum.
    """
    _must_be_integers(a=a, b=b)
    if rounding == "float":
        ratio_a, ratio_b = a_grid.scale / y_grid.scale, b_grid.scale / y_grid.scale
        total = (a.int() - a_grid.zero_point).double() * ratio_a + (
            b.int() - b_grid.zero_point
        ).double() * ratio_b
        return (torch.round(total) + y_grid.zero_point).clamp(y_grid.qmin, y_grid.qmax).int()
    twice = 2 * max(a_grid.scale, b_grid.scale)
    parts = [
        multiply_fixed((q.int() - grid.zero_point) << _ADD_SHIFT, *fixed_point(grid.scale / twice))
        for q, grid in ((a, a_grid), (b, b_grid))
    ]
    return requantize(parts[0] + parts[1], twice / (2**_ADD_SHIFT * y_grid.scale), y_grid, rounding)


def quantized_mean(x: Tensor, x_grid: Grid, y_grid: Grid, rounding: str = "float") -> Tensor:
    """Global average pooling, (N, C, H, W) to (N, C): an int32 sum whose multiplier holds the division by H * W."""
    _must_be_integers(x=x)
    sums = (x.int() - x_grid.zero_point).sum((2, 3), dtype=torch.int32)
    pixels = x.shape[2] * x.shape[3]
    return requantize(sums, x_grid.scale / (pixels * y_grid.scale), y_grid, rounding)


def _multiplier(x: Grid, weight_scale: Tensor, y: Grid) -> Tensor:
    scale = torch.as_tensor(weight_scale, dtype=torch.float32)
    return torch.tensor(x.scale, dtype=torch.float32) * scale / torch.tensor(y.scale, dtype=torch.float32)
