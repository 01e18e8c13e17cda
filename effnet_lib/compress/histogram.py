"""What an observer remembers of a stream: the values themselves while they are few, then a histogram."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 8192


class StreamingHistogram:
    """A summary of all values seen, a channel at a time, in memory that does not grow with the stream.

    The first ``bins`` values of a channel are kept as they are. After that, values are counted in ``bins`` bins over
    [-reach, reach], where reach is a power of 2. A larger value doubles the reach until it fits, and neighbouring
    bins are added up in pairs: an edge stays an edge, so no count is ever split between bins, and 0 is always one.
    Once a histogram, a value is known to within one bin, which is at most 4 / ``bins`` of the largest magnitude seen.

    Parameters
    ----------
    axis : int or None
        The channels' axis; None takes the whole tensor for one channel.
    bins : int
        A multiple of 4.
    """

    def __init__(self, axis: int | None = None, bins: int = BINS) -> None:
        if isinstance(bins, bool) or not isinstance(bins, int) or bins < 4 or bins % 4:
            raise ValueError(f"bins must be a positive multiple of 4, got {bins!r}")
        self.axis, self.bins = axis, bins
        self.low: Tensor | None = None  #: smallest value, (C,)
        self.high: Tensor | None = None  #: largest value, (C,)
        self.seen = 0  #: values a channel
        self._kept: list[Tensor] = []
        self.counts: Tensor | None = None  #: int64 (C, bins), once it is a histogram
        self.reach: Tensor | None = None  #: float64 (C,)

    def add(self, x: Tensor) -> None:
        """Take in the values of ``x``.

        Raises
        ------
        ValueError
            If there is none, one is not finite, or the number of channels is another than before.
        """
        rows = rows_of(x, self.axis)
        low, high = bounds_of(rows)
        if self.low is not None and self.low.shape != low.shape:
            raise ValueError(f"x must have {len(self.low)} channels as before, got {len(low)}")
        self.low = low if self.low is None else torch.minimum(self.low, low)
        self.high = high if self.high is None else torch.maximum(self.high, high)
        self.seen += rows.shape[1]
        if self.counts is None and self.seen <= self.bins:
            self._kept.append(rows.clone())
            return
        if self.counts is None:
            self.counts = torch.zeros(len(low), self.bins, dtype=torch.int64, device=rows.device)
            self.reach = torch.zeros(len(low), dtype=torch.float64, device=rows.device)
            waiting, self._kept = self._kept, []
            for kept in waiting:
                self._count(kept)
        self._count(rows)

    def _count(self, rows: Tensor) -> None:
        largest = torch.maximum(self.high, -self.low).double()
        exponent = torch.frexp(largest).exponent  # largest < 2 ** exponent
        needed = torch.where(largest > 0, torch.ldexp(torch.ones_like(largest), exponent), 0.0)
        needed = torch.maximum(needed, self.reach)
        while (self.reach < needed).any():
            grow = self.reach < needed
            empty = (
                self.reach == 0
            )  # nothing but zeros was counted: they lie right of the middle at any reach
            merged = torch.zeros_like(self.counts)
            quarter = self.bins // 4
            merged[:, quarter:-quarter] = self.counts.view(len(grow), -1, 2).sum(2)
            self.counts = torch.where((grow & ~empty)[:, None], merged, self.counts)
            self.reach = torch.where(empty, needed, torch.where(grow, self.reach * 2, self.reach))
        width = torch.where(self.reach > 0, 2 * self.reach / self.bins, 1.0)
        index = torch.floor(rows.double() / width[:, None]).long() + self.bins // 2
        self.counts.scatter_add_(1, index, torch.ones_like(index))

    def points(self) -> tuple[Tensor, Tensor]:
        """Values in rising order and how often each occurs: float64 and int64, (C, points).

        Of a histogram, the middles of the bins, drawn into [low, high].

        Raises
        ------
        ValueError
            If nothing has been seen.
        """
        if self.low is None:
            raise ValueError("an observer must see at least one value before it can choose a range, got none")
        if self.counts is None:
            values = torch.cat(self._kept, 1).double().sort(1).values
            return values, torch.ones_like(values, dtype=torch.int64)
        middles = torch.arange(self.bins, device=self.counts.device).double() - self.bins / 2 + 0.5
        values = middles * (2 * self.reach / self.bins)[:, None]
        return values.clamp(self.low.double()[:, None], self.high.double()[:, None]), self.counts


def rows_of(x: Tensor, axis: int | None) -> Tensor:
    """``x`` as (C, values): a row a channel, or one row."""
    x = x.detach()
    return x.reshape(1, -1) if axis is None else x.movedim(axis, 0).reshape(x.shape[axis], -1)


def bounds_of(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of every row.

    Raises
    ------
    ValueError
        If there is no value, or one that is not finite.
    """
    if rows.numel() == 0:
        raise ValueError(f"x must hold at least one value, got shape {tuple(rows.shape)}")
    low, high = rows.amin(1), rows.amax(1)
    if not (torch.isfinite(low).all() and torch.isfinite(high).all()):
        bad = rows[~torch.isfinite(rows)]
        raise ValueError(f"x must hold finite values, got {bad[0].item()} and {len(bad) - 1} more like it")
    return low, high
