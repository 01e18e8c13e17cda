"""Which tensors share a channel: what has to be removed together, so that a network stays a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from effnet_lib.arch import ArchSpec, BlockSpec

KINDS = ("hidden", "squeeze", "width")


class Member(NamedTuple):
    """One axis of one tensor of the model's ``state_dict``.

    ``role`` says what the axis is for: ``"writes"`` (filters that make the channel), ``"filters"`` (those of a depthwise
    convolution, which makes the channel from itself), ``"norm"`` (batch norm), ``"bias"``, ``"gate"`` (what multiplies
    the channel in squeeze-and-excitation) or ``"reads"`` (weights that take the channel as input).
    """

    tensor: str
    axis: int
    role: str


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that can only be removed together.

    Attributes
    ----------
    name : str
        "stem", "stages.<i>" (output width of the stage), "stages.<i>.<j>.hidden", "stages.<i>.<j>.squeeze" or "head".
    kind : {"hidden", "squeeze", "width"}
    size : int
        How many channels.
    members : tuple of Member
        Every axis, of every tensor, that has one entry a channel.
    ties : tuple of str
        Other widths that are the same channels, because a residual adds them to these.
    """

    name: str
    kind: str
    size: int
    members: tuple[Member, ...]
    ties: tuple[str, ...] = ()

    def named(self, *roles: str) -> tuple[Member, ...]:
        """The members with one of ``roles``."""
        return tuple(member for member in self.members if member.role in roles)


def channel_groups(arch: ArchSpec) -> tuple[ChannelGroup, ...]:
    """All groups of ``arch``, in order of execution.

    All blocks of a stage have one output width, which residuals tie; where the first block of a stage has a residual as
    well, the stage shares the width before it, and the group bears the earlier name. In an MBConv
    block with ``expand`` 1 the depthwise convolution works on the input itself, so its channels are those of the
    width before; in a Fused-MBConv block with ``expand`` 1 they are the output's.
    """
    width = _Width("stem", arch.stem, [])
    width.members += _conv_norm("stem", "writes")
    widths, inner = [width], {}
    for block in arch.blocks():
        stage, _, j = block.name.rpartition(".")
        after = width
        if j == "0" and not block.residual:
            after = _Width(stage, block.out_channels, [])
            widths.append(after)
        elif j == "0":
            width.ties.append(stage)
        inner[block.name] = (after, list(_inside(block, width, after)))
        width = after
    width.members.append(Member("head.conv.weight", 1, "reads"))
    head = ChannelGroup(
        "head", "width", arch.head,
        (*_conv_norm("head", "writes"), Member("classifier.weight", 1, "reads")),
    )  # fmt: skip
    return (*_in_order(widths, inner), head)


class _Width:
    """A width between blocks, while its members are collected."""

    def __init__(self, name: str, size: int, members: list[Member]) -> None:
        self.name, self.size, self.members, self.ties = name, size, members, []

    def group(self) -> ChannelGroup:
        return ChannelGroup(self.name, "width", self.size, tuple(self.members), tuple(self.ties))


def _conv_norm(name: str, role: str) -> list[Member]:
    norm = [
        Member(f"{name}.norm.{part}", 0, "norm") for part in ("weight", "bias", "running_mean", "running_var")
    ]
    return [Member(f"{name}.conv.weight", 0, role), *norm]


def _inside(block: BlockSpec, before: _Width, after: _Width) -> Iterator[ChannelGroup]:
    """Groups of one block's own; its tensors join the widths before and after it."""
    name = block.name
    hidden: list[Member] = []
    if block.block == "fused":
        before.members.append(Member(f"{name}.fused.conv.weight", 1, "reads"))
        channels = after.members if block.expand == 1 else hidden
        channels += _conv_norm(f"{name}.fused", "writes")
    else:
        channels = before.members if block.expand == 1 else hidden
        if block.expand != 1:
            before.members.append(Member(f"{name}.expand.conv.weight", 1, "reads"))
            hidden += _conv_norm(f"{name}.expand", "writes")
        channels += _conv_norm(f"{name}.depthwise", "filters")
    if block.squeeze:
        channels += [
            Member(f"{name}.se.squeeze.weight", 1, "reads"),
            Member(f"{name}.se.excite.weight", 0, "gate"),
            Member(f"{name}.se.excite.bias", 0, "gate"),
        ]
    if not (block.block == "fused" and block.expand == 1):
        channels.append(Member(f"{name}.project.conv.weight", 1, "reads"))
        after.members += _conv_norm(f"{name}.project", "writes")
    if hidden:
        yield ChannelGroup(f"{name}.hidden", "hidden", block.hidden, tuple(hidden))
    if block.squeeze:
        members = (
            Member(f"{name}.se.squeeze.weight", 0, "writes"), Member(f"{name}.se.squeeze.bias", 0, "bias"),
            Member(f"{name}.se.excite.weight", 1, "reads"),
        )  # fmt: skip
        yield ChannelGroup(f"{name}.squeeze", "squeeze", block.squeeze, members)


def _in_order(
    widths: list[_Width], inner: dict[str, tuple[_Width, list[ChannelGroup]]]
) -> Iterator[ChannelGroup]:
    """The stem's width, then every block's own groups, each width after the block that begins it."""
    told = {id(widths[0])}
    yield widths[0].group()
    for after, groups in inner.values():
        yield from groups
        if id(after) not in told:
            told.add(id(after))
            yield after.group()
