"""Cross-layer equalization: the same function with weights that one scale a tensor suits (Nagel et al. 2019)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from effnet_lib.blocks import ConvNormAct, MBConv
from effnet_lib.model import EfficientNet

_ROUNDS = 50


class ChannelCap(nn.Module):
    """ReLU with an upper bound for each channel: ``x`` clamped to [0, cap]. ReLU6 is the cap 6 everywhere."""

    def __init__(self, caps: Tensor) -> None:
        super().__init__()
        self.register_buffer("caps", caps.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return torch.minimum(x.clamp(min=0), self.caps.view(1, -1, 1, 1))


class _Pair:
    """A layer that writes channels and the one layer that reads them (and squeeze-and-excitation between)."""

    def __init__(
        self, name: str, writer: ConvNormAct, reader: nn.Module, gate: nn.Module | None = None
    ) -> None:
        self.name, self.writer, self.reader, self.gate = name, writer, reader, gate

    def read_weights(self) -> Tensor:
        """The reader's weight with the channels that it reads first."""
        weight = self.reader.weight
        return weight if getattr(self.reader, "groups", 1) > 1 else weight.transpose(0, 1)

    def ranges(self) -> tuple[Tensor, Tensor]:
        """Largest magnitude of each channel in the writer's weight and in the reader's."""
        return self.writer.conv.weight.abs().flatten(1).amax(1), self.read_weights().abs().flatten(1).amax(1)

    def divide(self, by: Tensor) -> None:
        """Write channels ``by`` times smaller and read them ``by`` times larger, in place."""
        conv = self.writer.conv
        conv.weight.div_(by.view(-1, 1, 1, 1))
        conv.bias.div_(by)
        if isinstance(self.writer.act, ChannelCap):
            self.writer.act.caps.div_(by)
        read = self.read_weights()
        read.mul_(by.view(-1, *[1] * (read.ndim - 1)))
        if self.gate is not None:  # pools the channels before they are gated
            self.gate.squeeze.weight.mul_(by.view(1, -1, 1, 1))


def equalization_pairs(folded: EfficientNet) -> list[_Pair]:
    """Neighbours of which the second alone reads what the first writes: within blocks, and head to classifier."""
    pairs = []
    for i, stage in enumerate(folded.stages):
        for j, block in enumerate(stage):
            name = f"stages.{i}.{j}"
            if isinstance(block, MBConv) and block.expand is not None:
                pairs.append(_Pair(f"{name}.expand", block.expand, block.depthwise.conv))
            last = "depthwise" if isinstance(block, MBConv) else "fused"
            if block.project is not None:
                pairs.append(_Pair(f"{name}.{last}", getattr(block, last), block.project.conv, block.se))
    return [*pairs, _Pair("head", folded.head, folded.classifier)]


@torch.no_grad()
def equalize(folded: EfficientNet, relu6: str = "cap") -> EfficientNet:
    """A copy of ``folded`` that computes the same with weights of equal ranges.

    ReLU lets a positive factor through, so a channel may be written s times smaller and read s times larger. With
    s = sqrt(r1 / r2), where r1 and r2 are the channel's largest magnitudes in the two weights, both become
    sqrt(r1 r2) (Nagel et al. 2019, Section 4.1; Appendix A derives it). Pairs that share a layer pull at each
    other, so this is repeated until nothing moves. A channel that is 0 in either weight is left alone. Pairs are
    those of ``equalization_pairs``: tensors that a residual sum reads keep their scale.

    Parameters
    ----------
    folded : EfficientNet
        Batch norms folded (``fold_batch_norms``), activation ReLU or ReLU6.
    relu6 : {"cap", "relu"}
        What becomes of ReLU6, whose bound 6 does not let a factor through. "cap": the bound is divided as well, one
        for each channel (``ChannelCap``), and logits are what they were, up to rounding. "relu": no bound, as Nagel et al.
        do it; a different function wherever the bound was reached.

    Raises
    ------
    ValueError
        If batch norms are not folded, the activation is another, or ``relu6`` is.
    """
    if relu6 not in ("cap", "relu"):
        raise ValueError(f"relu6 must be 'cap' or 'relu', got {relu6!r}")
    if folded.arch.activation not in ("relu", "relu6"):
        raise ValueError(
            "folded must have the activation relu or relu6, which let a positive factor through, got "
            f"{folded.arch.activation!r}"
        )
    if any(isinstance(m, nn.BatchNorm2d) for m in folded.modules()):
        raise ValueError(
            "folded must have its batch norms folded, got some that are not: use fold_batch_norms(model)"
        )
    equal = copy.deepcopy(folded)
    pairs = equalization_pairs(equal)
    for pair in pairs:
        if isinstance(pair.writer.act, nn.ReLU6):
            conv = pair.writer.conv
            caps = conv.weight.new_full((conv.out_channels,), 6.0)
            pair.writer.act = ChannelCap(caps) if relu6 == "cap" else nn.ReLU(inplace=True)
    for _ in range(_ROUNDS):
        furthest = 0.0
        for pair in pairs:
            written, read = pair.ranges()
            alive = (written > 0) & (read > 0)
            by = torch.where(alive, (written / read).sqrt(), 1.0)
            by = torch.where(torch.isfinite(by) & (by > 0), by, 1.0)
            pair.divide(by)
            furthest = max(furthest, by.log().abs().max().item())
        if furthest < 1e-3:
            break
    return equal
