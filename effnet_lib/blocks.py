"""The parts of an efficient network: convolution with norm, squeeze-and-excitation, MBConv, Fused-MBConv."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from effnet_lib.arch import ArchSpec, BlockSpec

_ACTIVATIONS = {"silu": nn.SiLU, "relu6": nn.ReLU6, "relu": nn.ReLU}


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding before and after one dimension of ``size`` pixels.

    The output has ceil(size / stride) pixels; an odd total puts the extra pixel after.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding, worked out from every input's own size."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, ceil(H / stride), ceil(W / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        top, bottom = same_padding(x.shape[-2], kernel, stride)
        left, right = same_padding(x.shape[-1], kernel, stride)
        if top == bottom and left == right:
            padding = (top, left)
        else:  # the convolution itself can only pad both sides alike
            x, padding = F.pad(x, (left, right, top, bottom)), 0
        return F.conv2d(x, self.weight, self.bias, stride, padding, 1, self.groups)


class ConvNormAct(nn.Module):
    """Convolution without bias, batch norm, and an activation or none.

    Parameters
    ----------
    in_channels, out_channels, kernel, stride, groups : int
    activation : {"silu", "relu6", "relu"} or None
        None leaves the block linear.
    padding : {"symmetric", "same"}
    bn_eps, bn_momentum : float
        As in ``ArchSpec``.

    Raises
    ------
    ValueError
        If ``kernel`` is even, or ``activation`` or ``padding`` is unknown.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, groups: int = 1, *,
        activation: str | None = "silu", padding: str = "symmetric", bn_eps: float = 1e-5,
        bn_momentum: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {kernel}")
        if activation is not None and activation not in _ACTIVATIONS:
            raise ValueError(f"activation must be one of {sorted(_ACTIVATIONS)} or None, got {activation!r}")
        if padding not in ("symmetric", "same"):
            raise ValueError(f"padding must be 'symmetric' or 'same', got {padding!r}")
        make, pad = (SameConv2d, 0) if padding == "same" else (nn.Conv2d, kernel // 2)
        self.conv = make(in_channels, out_channels, kernel, stride, pad, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out_channels, eps=bn_eps, momentum=bn_momentum)
        self.act = _ACTIVATIONS[activation](inplace=True) if activation else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, ceil(H / stride), ceil(W / stride))."""
        return self.act(self.norm(self.conv(x)))


class SqueezeExcite(nn.Module):
    """Channel attention: pool to one number a channel, squeeze, excite, gate (Hu et al. 2018, Section 3).

    ``squeeze`` is the inner width: EfficientNet takes a quarter of the *block's input* channels, not of
    the expanded ones.
    """

    def __init__(self, channels: int, squeeze: int, activation: str = "silu") -> None:
        super().__init__()
        for name, value in (("channels", channels), ("squeeze", squeeze)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.act = _ACTIVATIONS[activation](inplace=True)
        self.excite = nn.Conv2d(squeeze, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape, every channel multiplied by a gate in (0, 1)."""
        pooled = F.adaptive_avg_pool2d(x, 1)
        return torch.sigmoid(self.excite(self.act(self.squeeze(pooled)))) * x


class StochasticDepth(nn.Module):
    """Drops whole samples of a residual branch in training (Huang et al. 2016); identity in evaluation.

    Called "drop connect" in EfficientNet's code. A kept sample is divided by the survival probability, so
    that the expectation stays what it was.

    Raises
    ------
    ValueError
        If ``rate`` is not in [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1), got {rate!r}")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        if not self.training or self.rate == 0:
            return x
        kept = x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(1 - self.rate)
        return x * kept.div_(1 - self.rate)

    def extra_repr(self) -> str:
        """The rate."""
        return f"rate={self.rate}"


def _conv_norm_act(arch: ArchSpec) -> partial[ConvNormAct]:
    return partial(
        ConvNormAct, activation=arch.activation, padding=arch.padding, bn_eps=arch.bn_eps,
        bn_momentum=arch.bn_momentum,
    )  # fmt: skip


class MBConv(nn.Module):
    """Inverted residual block: expand, filter depthwise, gate, project without activation.

    Sandler et al. 2018, Figure 3b, with squeeze-and-excitation after the depthwise convolution (Tan et
    al. 2019, Figure 7). With ``expand`` 1 there is no expansion layer.

    Parameters
    ----------
    block : BlockSpec
        Widths, kernel, stride.
    arch : ArchSpec
        Activation, padding and batch norm's constants.
    drop_path : float
        Stochastic depth rate, used only where there is a residual.
    """

    def __init__(self, block: BlockSpec, arch: ArchSpec, drop_path: float = 0.0) -> None:
        super().__init__()
        make = _conv_norm_act(arch)
        self.residual = block.residual
        self.expand = make(block.in_channels, block.hidden) if block.expand != 1 else None
        self.depthwise = make(block.hidden, block.hidden, block.kernel, block.stride, block.hidden)
        self.se = SqueezeExcite(block.hidden, block.squeeze, arch.activation) if block.squeeze else None
        self.project = make(block.hidden, block.out_channels, activation=None)
        self.drop_path = StochasticDepth(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, ceil(H / stride), ceil(W / stride))."""
        h = x if self.expand is None else self.expand(x)
        h = self.depthwise(h)
        if self.se is not None:
            h = self.se(h)
        h = self.project(h)
        return x + self.drop_path(h) if self.residual else h


class FusedMBConv(nn.Module):
    """MBConv with expansion and depthwise convolution fused into one full convolution.

    Tan & Le 2021, Figure 2. With ``expand`` 1 the block is that one convolution, with its activation.
    Parameters as in ``MBConv``.
    """

    def __init__(self, block: BlockSpec, arch: ArchSpec, drop_path: float = 0.0) -> None:
        super().__init__()
        make = _conv_norm_act(arch)
        self.residual = block.residual
        width = block.out_channels if block.expand == 1 else block.hidden
        self.fused = make(block.in_channels, width, block.kernel, block.stride)
        self.se = SqueezeExcite(width, block.squeeze, arch.activation) if block.squeeze else None
        self.project = None if block.expand == 1 else make(width, block.out_channels, activation=None)
        self.drop_path = StochasticDepth(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, ceil(H / stride), ceil(W / stride))."""
        h = self.fused(x)
        if self.se is not None:
            h = self.se(h)
        if self.project is not None:
            h = self.project(h)
        return x + self.drop_path(h) if self.residual else h
