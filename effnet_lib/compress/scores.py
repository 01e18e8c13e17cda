"""How much a channel matters, guessed from the weights alone; and which channels do not matter at all."""

from __future__ import annotations

import zlib

import torch
from torch import Tensor, nn

from effnet_lib.compress.groups import ChannelGroup, channel_groups

CRITERIA = ("l1", "l2", "bn", "random")


def group_named(model: nn.Module, group: ChannelGroup | str) -> ChannelGroup:
    """The group of ``model`` called ``group``, or ``group`` itself if it is one of the model's.

    Raises
    ------
    ValueError
        If ``model`` has no such group; the message names the group it is tied to, or all there are.
    """
    if not hasattr(model, "arch"):
        raise ValueError(f"model must be an EfficientNet, which has an .arch, got {type(model).__name__}")
    name = group.name if isinstance(group, ChannelGroup) else group
    groups = channel_groups(model.arch)
    for found in groups:
        if found.name == name:
            if isinstance(group, ChannelGroup) and group != found:
                raise ValueError(
                    f"group {name!r} has {found.size} channels in this model, got one of {group.size}"
                )
            return found
        if name in found.ties:
            raise ValueError(
                f"group {name!r} is tied to {found.name!r} by a residual: name that group instead"
            )
    raise ValueError(f"group must be one of {', '.join(g.name for g in groups)}; got {name!r}")


def _by_channel(tensor: Tensor, axis: int) -> Tensor:
    """(channels, everything else)."""
    return tensor.detach().movedim(axis, 0).reshape(tensor.shape[axis], -1)


@torch.no_grad()
def channel_scores(
    model: nn.Module, group: ChannelGroup | str, criterion: str = "l1", seed: int = 0
) -> Tensor:
    """A number a channel; the channels with the smallest are the ones to remove first.

    Parameters
    ----------
    model : EfficientNet
    group : ChannelGroup or str
        One of ``channel_groups(model.arch)``, or its name.
    criterion : {"l1", "l2", "bn", "random"}
        ``"l1"``, ``"l2"``: sum of absolute values, or root of the sum of squares, over the filters that make the
        channel (Li et al. 2017, arXiv:1608.08710, Section 3.1); all of them, where a residual adds several.
        ``"bn"``: sum of the absolute scales of the channel's batch norms (Liu et al. 2017, arXiv:1708.06519,
        without their penalty in training). ``"random"``: uniform in [0, 1), the control.
    seed : int
        Of ``"random"``; every group has numbers of its own.

    Returns
    -------
    Tensor
        float, (group.size,), on the CPU.

    Raises
    ------
    ValueError
        If the group or the criterion is unknown, or ``"bn"`` is asked of a group that has no batch norm.
    """
    group = group_named(model, group)
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(map(repr, CRITERIA))}, got {criterion!r}")
    if criterion == "random":
        generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {group.name}".encode()))
        return torch.rand(group.size, generator=generator)
    state = model.state_dict()
    if criterion == "bn":
        scales = [m for m in group.named("norm") if m.tensor.endswith(".norm.weight")]
        if not scales:
            raise ValueError(
                f"criterion 'bn' needs a batch norm, and group {group.name!r} has none: take 'l1'"
            )
        return sum(state[m.tensor].detach().abs().float().cpu() for m in scales)
    made = [_by_channel(state[m.tensor], m.axis).float().cpu() for m in group.named("writes", "filters")]
    if criterion == "l1":
        return sum(weights.abs().sum(1) for weights in made)
    return sum(weights.square().sum(1) for weights in made).sqrt()


@torch.no_grad()
def zero_channels(model: nn.Module, group: ChannelGroup | str) -> Tensor:
    """Which channels contribute exactly nothing in evaluation: removing them changes no logit.

    A filter of zeros is not enough: batch norm adds a constant to the zeros that it makes, and every layer that reads
    the channel reads that constant. A channel contributes nothing if

    - every layer that reads it has zero weights for it, squeeze-and-excitation included; or
    - it is zero itself: all its batch norms have scale and shift zero (SiLU, ReLU and ReLU6 leave 0 at 0, and so does
      a gate), or, within squeeze-and-excitation, its weights and bias are zero.

    Returns
    -------
    Tensor
        bool, (group.size,), on the CPU.

    Raises
    ------
    ValueError
        If the group is unknown.

    Notes
    -----
    The sums that remain are sums of the same numbers without some zeros; a kernel may add them in another order, so
    logits agree up to rounding, not always bit by bit.
    """
    group = group_named(model, group)
    state = model.state_dict()

    def zero(*roles: str, only: tuple[str, ...] = ("weight", "bias")) -> Tensor:
        members = [m for m in group.named(*roles) if m.tensor.rpartition(".")[2] in only]
        rows = [(_by_channel(state[m.tensor], m.axis) == 0).all(1).cpu() for m in members]
        return torch.stack(rows).all(0)

    silent = zero("writes", "bias") if group.kind == "squeeze" else zero("norm")
    return silent | zero("reads")
