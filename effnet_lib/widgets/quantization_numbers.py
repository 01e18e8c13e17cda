"""A tensor, quantized: what the Quantization explorer says of it, computed by ``effnet_lib.compress``."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from effnet_lib import results

if TYPE_CHECKING:
    from torch import Tensor

    from effnet_lib.compress.affine import Scheme

TENSORS = "quantization_tensors"


@lru_cache(maxsize=1)
def stored_tensors() -> tuple[dict[str, Any], ...]:
    """The rows of the table ``quantization_tensors``, made by the experiment of that name.

    Each has ``name``, ``kind`` ("weights" or "activations"), ``layer``, ``label``, ``shape`` (of activations: of one
    picture's) and ``values``, half-precision numbers in base64: all weights, or a sample of the activations.
    """
    return tuple(dict(row) for row in results.load(TENSORS))


def decoded(row: dict[str, Any]) -> Tensor:
    """The numbers of a row, float32: weights in their shape, activations flat."""
    import torch

    values = np.frombuffer(base64.b64decode(row["values"]), "<f2").astype(np.float32)
    return torch.from_numpy(values).reshape(row["shape"] if row["kind"] == "weights" else -1)


@dataclass(frozen=True)
class Quantized:
    """What quantization makes of a tensor.

    ``scale`` and ``zero_point`` hold one number, or one a channel. ``rounding`` and ``clipping`` are the parts of the
    mean squared error that fall on values within and beyond the range; ``clipped`` counts the latter. ``sqnr`` is in
    decibels. ``used`` counts the different integers that occur, of ``levels``. ``spans`` says of every channel of a
    weight how many levels lie from its lowest to its highest integer, ``own`` is each channel's own SQNR.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    q: tuple[int, ...]
    rounding: float
    clipping: float
    clipped: int
    sqnr: float
    used: int
    levels: int
    spans: tuple[int, ...]
    own: tuple[float, ...]

    @property
    def median_span(self) -> float:
        """Levels that the median channel's values span."""
        return median(self.spans)

    @property
    def median_own(self) -> float:
        """SQNR of the median channel, in decibels."""
        return median(self.own)


def quantized_numbers(x: Tensor, scheme: Scheme) -> Quantized:
    """``x``, (C, ...) for a weight or flat, under ``scheme``; a flat tensor is one channel."""
    import torch

    from effnet_lib.compress.affine import dequantize, quantize, sqnr
    from effnet_lib.compress.histogram import rows_of
    from effnet_lib.compress.observers import make_observer

    axis = 0 if scheme.per_channel and x.ndim > 1 else None
    observer = make_observer(scheme, axis)
    observer.observe(x)
    scale, zero_point = observer.scale_and_zero_point()
    qmin, qmax = scheme.range
    q = quantize(x, scale, zero_point, qmin, qmax, axis)
    back = dequantize(q, scale, zero_point, axis)
    free = quantize(x, scale, zero_point, -(2**30), 2**30, axis)
    error = (x.double() - back.double()).square()
    beyond = q != free
    signals, noises, integers = (
        rows_of(t, 0 if x.ndim > 1 else None) for t in (x.double().square(), error, q)
    )
    own = [
        _decibels(signal, noise)
        for signal, noise in zip(signals.sum(1).tolist(), noises.sum(1).tolist(), strict=True)
    ]
    spans = integers.amax(1) - integers.amin(1) + 1
    return Quantized(
        tuple(scale.reshape(-1).tolist()), tuple(zero_point.reshape(-1).tolist()), tuple(q.flatten().tolist()),
        error[~beyond].sum().item() / x.numel(), error[beyond].sum().item() / x.numel(), int(beyond.sum()),
        sqnr(x, back), len(torch.unique(q)), qmax - qmin + 1, tuple(spans.tolist()), tuple(own),
    )  # fmt: skip


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
