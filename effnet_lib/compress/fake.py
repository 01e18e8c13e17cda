"""Fake quantization as a module: it learns its range from what passes, then rounds what passes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from effnet_lib.compress.affine import Scheme, fake_quantize
from effnet_lib.compress.observers import MinMaxObserver, make_observer


class FakeQuantize(nn.Module):
    """Rounds what passes through it to the grid of ``scheme``.

    While ``observer`` is there it looks on and changes nothing. With ``follow`` the range is the smallest and largest
    value of every tensor anew, as the weights of a network in training need it.
    """

    def __init__(self, scheme: Scheme, axis: int | None = None) -> None:
        super().__init__()
        self.scheme, self.axis, self.follow = scheme, axis, False
        self.observer: MinMaxObserver | None = None
        self.register_buffer("scale", torch.tensor(1.0))
        self.register_buffer("zero_point", torch.tensor(0, dtype=torch.int32))

    def observe(self) -> None:
        """Begin to look at what passes."""
        self.observer = make_observer(self.scheme, self.axis)

    def settle(self) -> None:
        """Take scale and zero point from what was seen. Raises ValueError if nothing was."""
        self.scale, self.zero_point = self.observer.scale_and_zero_point()
        self.observer = None

    def forward(self, x: Tensor) -> Tensor:
        """A tensor of the same shape."""
        if self.observer is not None:
            self.observer.observe(x)
            return x
        if self.follow:
            seen = MinMaxObserver(self.scheme, self.axis)
            seen.observe(x)
            for buffer, now in zip((self.scale, self.zero_point), seen.scale_and_zero_point(), strict=True):
                buffer.copy_(now)
        return fake_quantize(x, self.scale, self.zero_point, *self.scheme.range, self.axis)

    def extra_repr(self) -> str:
        """The scheme."""
        return f"{self.scheme}, axis={self.axis}"
