"""Numbers as integers: the affine map real = scale * (integer - zero point), and fake quantization (Jacob et al. 2018).

Everything else about quantization is a choice of scale and zero point; these functions are all the arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

OBSERVERS = ("minmax", "percentile", "mse")
MOST_BITS = 16


@dataclass(frozen=True)
class Scheme:
    """How a tensor becomes integers.

    Parameters
    ----------
    bits : int
        From 2 to 16.
    symmetric : bool
        True: the zero point is 0 and the range is [-r, r]; signed integers then leave the lowest one unused
        (-127 to 127), so that a number and its negative are equally well represented. False: the range may
        lie anywhere around 0 and has a zero point.
    per_channel : bool
        One scale for every output channel of a *weight*. Activations have one scale a tensor whatever this says:
        a scale for every input channel could not be taken out of the sum over input channels.
    signed : bool
        Integers around 0, or from 0 up.
    observer : {"minmax", "percentile", "mse"}
        What chooses the range: see ``effnet_lib.compress.observers``.
    percentile : float
        Of the values, in percent, that "percentile" keeps within the range; in (50, 100].

    Raises
    ------
    ValueError
        If a value is none of these.
    """

    bits: int = 8
    symmetric: bool = True
    per_channel: bool = True
    signed: bool = True
    observer: str = "minmax"
    percentile: float = 99.9

    def __post_init__(self) -> None:
        _check_bits(self.bits, MOST_BITS)
        if self.observer not in OBSERVERS:
            raise ValueError(
                f"observer must be one of {', '.join(map(repr, OBSERVERS))}, got {self.observer!r}"
            )
        if not 50 < self.percentile <= 100:
            raise ValueError(f"percentile must be in (50, 100], got {self.percentile!r}")

    @property
    def range(self) -> tuple[int, int]:
        """Lowest and highest integer."""
        return integer_range(self.bits, self.signed, narrow=self.symmetric and self.signed)


def _check_bits(bits: object, most: int) -> None:
    if isinstance(bits, bool) or not isinstance(bits, int) or not 2 <= bits <= most:
        raise ValueError(f"bits must be an integer from 2 to {most}, got {bits!r}")


def integer_range(bits: int, signed: bool = True, narrow: bool = False) -> tuple[int, int]:
    """Lowest and highest integer of ``bits`` bits: (-128, 127), (0, 255), or narrow (-127, 127).

    Raises
    ------
    ValueError
        If ``bits`` is not from 2 to 32, or ``narrow`` is asked of unsigned integers.
    """
    _check_bits(bits, 32)
    if narrow and not signed:
        raise ValueError(
            "narrow must be False for unsigned integers: they have no lowest negative one to leave out"
        )
    if not signed:
        return 0, 2**bits - 1
    return -(2 ** (bits - 1)) + bool(narrow), 2 ** (bits - 1) - 1


def scale_and_zero_point(low: Tensor | float, high: Tensor | float, scheme: Scheme) -> tuple[Tensor, Tensor]:
    """The scale and zero point with which ``scheme`` covers [low, high], and 0.

    Symmetric: scale = max(abs(low), abs(high)) / qmax and zero point 0. Affine: scale = (high - low) / (qmax - qmin)
    after the range is widened to hold 0, and the zero point is the integer that stands for 0 exactly: padding
    and ReLU make zeros, which must not carry an error (Jacob et al. 2018, Section 2.1).

    Parameters
    ----------
    low, high : float or Tensor
        Numbers, or one a channel, (C,).

    Returns
    -------
    scale, zero_point : Tensor
        float32 and int32 in the shape of ``low``. Where the range holds nothing but 0, the scale is 1.

    Raises
    ------
    ValueError
        If a bound is not finite, ``low`` is above ``high``, or values below 0 meet symmetric unsigned integers.
    """
    low, high = (torch.as_tensor(bound, dtype=torch.float32) for bound in (low, high))
    for name, bound in (("low", low), ("high", high)):
        if not torch.isfinite(bound).all():
            raise ValueError(
                f"{name} must be finite, got {bound[~torch.isfinite(bound)].flatten()[0].item()}"
            )
    if low.shape != high.shape or (low > high).any():
        raise ValueError(f"low must be at most high and of its shape, got {_brief(low)} and {_brief(high)}")
    qmin, qmax = scheme.range
    low, high = low.clamp(max=0.0), high.clamp(min=0.0)
    if scheme.symmetric:
        if not scheme.signed and (low < 0).any():
            raise ValueError(
                f"low must be at least 0 for symmetric unsigned integers, got {low.min().item():.6g}: "
                "use signed=True or symmetric=False"
            )
        scale = torch.maximum(-low, high) / qmax
    else:
        scale = (high - low) / (qmax - qmin)
    scale = torch.where(scale < torch.finfo(torch.float32).tiny, torch.ones_like(scale), scale)
    if scheme.symmetric:
        zero_point = torch.zeros_like(scale, dtype=torch.int32)
    else:
        zero_point = (qmin - torch.round(low / scale)).clamp(qmin, qmax).to(torch.int32)
    return scale, zero_point


def _brief(bound: Tensor) -> str:
    return f"{bound.item():.6g}" if bound.ndim == 0 else f"a tensor of shape {tuple(bound.shape)}"


def along(values: Tensor, axis: int | None, ndim: int) -> Tensor:
    """``values``, one a channel, in a shape that multiplies a tensor of ``ndim`` dimensions along ``axis``."""
    if axis is None or values.ndim == 0:
        return values
    shape = [1] * ndim
    shape[axis] = -1
    return values.reshape(shape)


def quantize(
    x: Tensor, scale: Tensor, zero_point: Tensor, qmin: int, qmax: int, axis: int | None = None
) -> Tensor:  # fmt: skip
    """The integers that stand for ``x``: round(x / scale) + zero point, clamped to [qmin, qmax].

    Ties go to the even integer. The division is a multiplication by 1 / scale in float32, as PyTorch's own
    operators do it: at a tie the two can differ by one.

    Parameters
    ----------
    x : Tensor
        Float, any shape.
    scale, zero_point : Tensor
        One number, or one for every index of ``axis``.

    Returns
    -------
    Tensor
        int32, in the shape of ``x``.

    Raises
    ------
    ValueError
        If ``x`` holds a NaN, for which no integer stands, or a scale is not positive.
    """
    if torch.isnan(x).any():
        raise ValueError(f"x must hold no NaN, got {int(torch.isnan(x).sum())} of them in {x.numel()} values")
    scale, zero_point = torch.as_tensor(scale), torch.as_tensor(zero_point)
    if not (scale > 0).all():
        raise ValueError(f"scale must be positive, got {scale.min().item():.6g}")
    inverse = along(1.0 / scale, axis, x.ndim)
    return (torch.round(x * inverse) + along(zero_point, axis, x.ndim)).clamp(qmin, qmax).to(torch.int32)


def dequantize(q: Tensor, scale: Tensor, zero_point: Tensor, axis: int | None = None) -> Tensor:
    """The real numbers, float32, that the integers ``q`` stand for: (q - zero point) * scale."""
    scale, zero_point = torch.as_tensor(scale), torch.as_tensor(zero_point)
    return (q - along(zero_point, axis, q.ndim)).to(torch.float32) * along(scale, axis, q.ndim)


class _StraightThrough(torch.autograd.Function):
    """Forward: quantize and dequantize. Backward: the identity where nothing was clamped, else 0."""

    @staticmethod
    def forward(ctx, x, inverse, scale, low, high):
        q = torch.round(x * inverse)
        ctx.save_for_backward((q >= low) & (q <= high))
        return torch.clamp(q, low, high).mul_(scale)

    @staticmethod
    def backward(ctx, grad):
        (inside,) = ctx.saved_tensors
        return grad * inside, None, None, None, None


def fake_quantize(
    x: Tensor, scale: Tensor, zero_point: Tensor, qmin: int, qmax: int, axis: int | None = None
) -> Tensor:  # fmt: skip
    """``dequantize(quantize(x))`` in floats, with a gradient that trains (Bengio et al. 2013).

    Rounding has the gradient 0 almost everywhere, so nothing would learn. The straight-through estimator takes
    rounding for the identity: the gradient passes where the *rounded* value lies within [qmin, qmax] and is 0
    where it was clamped. Parameters as in ``quantize``; a NaN stays a NaN.
    """
    scale = along(torch.as_tensor(scale, dtype=torch.float32), axis, x.ndim)
    zero_point = along(torch.as_tensor(zero_point, dtype=torch.float32), axis, x.ndim)
    inverse, low, high = 1.0 / scale, qmin - zero_point, qmax - zero_point
    if torch.is_grad_enabled() and x.requires_grad:
        return _StraightThrough.apply(x, inverse, scale, low, high)
    return torch.round(x * inverse).clamp_(low, high).mul_(scale)


def sqnr(reference: Tensor, approximation: Tensor) -> float:
    """Signal to quantization noise ratio in decibels: 10 log10(sum of reference² / sum of error²).

    6.02 dB is a factor of 2 in the error, one bit. Infinite if nothing differs.

    Raises
    ------
    ValueError
        If the shapes differ, a value is not finite, or the reference is 0 throughout.
    """
    if reference.shape != approximation.shape:
        raise ValueError(
            f"approximation must have the shape of reference, {tuple(reference.shape)}, got {tuple(approximation.shape)}"
        )
    reference, approximation = reference.detach().double(), approximation.detach().double()
    signal = reference.square().sum().item()
    noise = (reference - approximation).square().sum().item()
    if not (math.isfinite(signal) and math.isfinite(noise)):
        raise ValueError(f"reference and approximation must be finite, got energies {signal} and {noise}")
    if signal == 0:
        raise ValueError("reference must hold something other than 0, got 0 throughout")
    return math.inf if noise == 0 else 10 * math.log10(signal / noise)
