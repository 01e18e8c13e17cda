"""Which range the integers should cover: three answers, from a stream of which little is kept."""

from __future__ import annotations

import torch
from torch import Tensor

from effnet_lib.compress.affine import Scheme, scale_and_zero_point
from effnet_lib.compress.histogram import BINS, StreamingHistogram, bounds_of, rows_of

FRACTIONS = 100  #: candidates for either end of the range that MseObserver tries
_ROUNDS = 3
_CELLS = 1_000_000  # values that it looks at in one go


class MinMaxObserver:
    """The range of everything seen: nothing is clipped, and one outlier decides the scale of all.

    Parameters
    ----------
    scheme : Scheme
    axis : int or None
        One range for every index of this axis, or one for the tensor.
    """

    def __init__(self, scheme: Scheme, axis: int | None = None) -> None:
        self.scheme, self.axis = scheme, axis
        self._low: Tensor | None = None
        self._high: Tensor | None = None

    def observe(self, x: Tensor) -> None:
        """Take in a tensor. Raises ValueError if it is empty or holds a value that is not finite."""
        low, high = bounds_of(rows_of(x, self.axis))
        self._low = low if self._low is None else torch.minimum(self._low, low)
        self._high = high if self._high is None else torch.maximum(self._high, high)

    def adopt(self, histogram: StreamingHistogram) -> None:
        """Take what ``histogram`` has seen for what this observer has: one reading serves many schemes."""
        self._low, self._high = histogram.low, histogram.high

    def range(self) -> tuple[Tensor, Tensor]:
        """Low and high, float32: 0-dimensional, or (C,) with an axis. Raises ValueError if nothing was seen."""
        if self._low is None:
            raise ValueError("an observer must see at least one value before it can choose a range, got none")
        return self._shaped(self._low), self._shaped(self._high)

    def _shaped(self, bound: Tensor) -> Tensor:
        return (bound[0] if self.axis is None else bound).float()

    def scale_and_zero_point(self) -> tuple[Tensor, Tensor]:
        """As ``affine.scale_and_zero_point`` of ``range()``."""
        return scale_and_zero_point(*self.range(), self.scheme)


class PercentileObserver(MinMaxObserver):
    """The range that holds ``scheme.percentile`` percent of the values seen; the rest is clipped.

    Symmetric: the percentile of the magnitudes. Affine: as much is cut off below as above. A percentile is the
    smallest value that at least so many values do not exceed (numpy's "inverted_cdf"); once the stream is longer than
    ``bins`` values it is known to within one bin, 4 / ``bins`` of the largest magnitude.
    """

    def __init__(self, scheme: Scheme, axis: int | None = None, bins: int = BINS) -> None:
        super().__init__(scheme, axis)
        self.histogram = StreamingHistogram(axis, bins)

    def observe(self, x: Tensor) -> None:
        """Take in a tensor. Raises ValueError if it is empty or holds a value that is not finite."""
        self.histogram.add(x)

    def adopt(self, histogram: StreamingHistogram) -> None:
        """Take ``histogram`` for this observer's own: one reading serves many schemes."""
        self.histogram = histogram

    def range(self) -> tuple[Tensor, Tensor]:
        """Low and high, float32: 0-dimensional, or (C,) with an axis. Raises ValueError if nothing was seen."""
        values, counts = self.histogram.points()
        share = self.scheme.percentile / 100
        if self.scheme.symmetric:
            magnitudes, order = values.abs().sort(1)
            high = _percentile(magnitudes, counts.gather(1, order), share)
            low = torch.where(self.histogram.low < 0, -high, torch.zeros_like(high))
            return self._shaped(low), self._shaped(high)
        tail = (1 - share) / 2
        low, high = (_percentile(values, counts, part) for part in (tail, 1 - tail))
        return self._shaped(low), self._shaped(high)


def _percentile(values: Tensor, counts: Tensor, share: float) -> Tensor:
    """The smallest of the rising ``values`` that at least ``share`` of all are not above, a row at a time."""
    reached = counts.cumsum(1)
    needed = torch.ceil(reached[:, -1:].double() * share - 1e-9).clamp(min=1).long()
    return values.gather(1, torch.searchsorted(reached, needed))[:, 0]


class MseObserver(PercentileObserver):
    """The range with the smallest mean squared error of quantization: clipping costs, and so do coarse steps.

    Symmetric: the best of ``FRACTIONS`` fractions of the largest magnitude. Affine: the best fraction of either end in
    turn, three times over, from the full range. It is never worse than min/max on the values that it looks at.
    """

    def range(self) -> tuple[Tensor, Tensor]:
        """Low and high, float32: 0-dimensional, or (C,) with an axis. Raises ValueError if nothing was seen."""
        values, counts = self.histogram.points()
        low, high = self.histogram.low.float().clamp(max=0), self.histogram.high.float().clamp(min=0)
        used = (counts > 0).any(0)  # not the bins that are empty in every channel
        values, counts = values[:, used].float(), counts[:, used].float()
        fractions = torch.arange(FRACTIONS, 0, -1, device=low.device)[:, None] / FRACTIONS
        full = {"low": fractions * low, "high": fractions * high}
        best = self._errors(values, counts, low[None], high[None])[0]
        for moving in (("low", "high"),) if self.scheme.symmetric else (("high",), ("low",)) * _ROUNDS:
            lows = full["low"] if "low" in moving else low.expand(FRACTIONS, -1)
            highs = full["high"] if "high" in moving else high.expand(FRACTIONS, -1)
            found, index = self._errors(values, counts, lows, highs).min(0)
            better = found < best
            best = torch.where(better, found, best)
            low = torch.where(better, lows.gather(0, index[None])[0], low)
            high = torch.where(better, highs.gather(0, index[None])[0], high)
        return self._shaped(low), self._shaped(high)

    def _errors(self, values: Tensor, counts: Tensor, lows: Tensor, highs: Tensor) -> Tensor:
        """Summed squared errors, float64 (K, C), of K candidate ranges a channel."""
        qmin, qmax = self.scheme.range
        found = []
        for low, high in zip(
            *(ends.split(max(1, _CELLS // values.numel())) for ends in (lows, highs)), strict=True
        ):
            scale, zero_point = (t[..., None] for t in scale_and_zero_point(low, high, self.scheme))
            rounded = torch.round(values / scale).clamp_(qmin - zero_point, qmax - zero_point).mul_(scale)
            found.append(rounded.sub_(values).square_().mul_(counts).sum(-1, dtype=torch.float64))
        return torch.cat(found)


_MAKE = {"minmax": MinMaxObserver, "percentile": PercentileObserver, "mse": MseObserver}


def make_observer(scheme: Scheme, axis: int | None = None) -> MinMaxObserver:
    """The observer that ``scheme.observer`` names."""
    return _MAKE[scheme.observer](scheme, axis)
