"""Channel pruning: a smaller network out of a trained one, by leaving channels out of all tensors that share them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from effnet_lib.arch import ArchSpec
from effnet_lib.compress.groups import KINDS, ChannelGroup, channel_groups
from effnet_lib.compress.scores import channel_scores, group_named
from effnet_lib.model import EfficientNet


def prune_channels(
    model: EfficientNet, keep: Mapping[str, Sequence[int] | Tensor], name: str | None = None
) -> EfficientNet:
    """A new, smaller network with the channels that ``keep`` lists; ``model`` stays as it is.

    Parameters
    ----------
    model : EfficientNet
    keep : mapping of group name to indices
        For every group of ``channel_groups(model.arch)`` that is to shrink, the channels that stay, in any order.
        Groups that are not named stay whole.
    name : str, optional
        Of the new ``arch``; the old name if None.

    Returns
    -------
    EfficientNet
        On the same device, in the same mode, with the same numbers in the weights that survive, and with an ``arch``
        of its own: ``cost_of(smaller.arch)`` counts what it executes. It shares no memory with ``model``.

    Raises
    ------
    ValueError
        If a group is unknown or tied to another, or a list is empty, repeats an index or goes beyond the group; or if
        ``model`` is not as its ``arch`` says (for one, because its batch norms are folded).

    Notes
    -----
    Batch-norm statistics are carried over. Where what was removed was not exactly zero they no longer fit:
    ``effnet_lib.train.recalibrate`` takes them anew.
    """
    kept = {}
    for key, indices in keep.items():
        group = group_named(model, key)
        kept[group.name] = _checked(group, indices)
    groups = channel_groups(model.arch)
    arch = _smaller(model.arch, groups, {name: len(indices) for name, indices in kept.items()}, name)
    tensors = model.state_dict()
    _must_fit(model.arch, tensors)
    for group in groups:
        if group.name in kept:
            for member in group.members:
                tensor = tensors[member.tensor]
                tensors[member.tensor] = tensor.index_select(member.axis, kept[group.name].to(tensor.device))
    with torch.device("meta"):  # no random numbers are drawn, nothing is allocated twice
        smaller = EfficientNet(arch)
    # a copy in the same memory format: a network that was trained channels last stays so
    smaller.load_state_dict({k: v.detach().clone() for k, v in tensors.items()}, assign=True)
    for (_, new), (_, old) in zip(smaller.named_parameters(), model.named_parameters(), strict=True):
        new.requires_grad_(old.requires_grad)
    return smaller.train(model.training)


def prune_fraction(
    model: EfficientNet, amount: float, criterion: str = "l1", groups: str | Iterable[str] = "hidden",
    divisor: int = 1, seed: int = 0, name: str | None = None,
) -> EfficientNet:  # fmt: skip
    """``prune_channels`` with the same fraction of every group removed, the least important channels first.

    Parameters
    ----------
    amount : float
        Fraction to remove, in [0, 1): a group of n keeps round(n * (1 - amount)) channels, at least 1.
    criterion, seed
        As in ``channel_scores``.
    groups : {"hidden", "squeeze", "width", "all"} or names
        ``"hidden"``: the expanded width of every block, which touches no other block. ``"width"``: stem, stages and
        head. ``"all"``: every group.
    divisor : int
        Round what is kept to the nearest multiple (at least one), as hardware likes it; never above the group's size.
    name : str, optional
        Of the new ``arch``.

    Raises
    ------
    ValueError
        If an argument is none of these; as ``channel_scores`` does for the criterion.
    """
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 <= amount < 1:
        raise ValueError(f"amount must be a number in [0, 1), got {amount!r}")
    if isinstance(divisor, bool) or not isinstance(divisor, int) or divisor < 1:
        raise ValueError(f"divisor must be a positive integer, got {divisor!r}")
    keep = {}
    for group in chosen_groups(model, groups):
        scores = channel_scores(model, group, criterion, seed)
        order = scores.argsort(descending=True, stable=True)
        keep[group.name] = order[: kept_count(group.size, amount, divisor)]
    return prune_channels(model, keep, name)


def kept_count(size: int, amount: float, divisor: int = 1) -> int:
    """How many of ``size`` channels stay when a fraction ``amount`` is removed: the nearest multiple of ``divisor``,
    halves up, at least one multiple and at most ``size``."""
    multiples = int(size * (1 - amount) / divisor + 0.5 + 1e-9)
    return min(size, max(1, multiples) * divisor)


def chosen_groups(model: EfficientNet, groups: str | Iterable[str]) -> list[ChannelGroup]:
    """The groups that ``groups`` means: of one kind, all, or those named.

    Raises
    ------
    ValueError
        If a name is unknown, or ``model`` has no group of that kind.
    """
    if not isinstance(groups, str):
        return [group_named(model, name) for name in groups]
    if groups not in (*KINDS, "all"):
        allowed = ", ".join(map(repr, (*KINDS, "all")))
        raise ValueError(f"groups must be one of {allowed} or a list of names, got {groups!r}")
    found = [g for g in channel_groups(model.arch) if groups in ("all", g.kind)]
    if not found:
        raise ValueError(f"groups: {model.arch.name!r} has no group of the kind {groups!r}")
    return found


def _checked(group: ChannelGroup, indices: Sequence[int] | Tensor) -> Tensor:
    values = indices.tolist() if isinstance(indices, Tensor) else list(indices)
    if not values:
        raise ValueError(f"keep[{group.name!r}] must hold at least one of {group.size} channels, got none")
    for value in values:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise ValueError(
                f"keep[{group.name!r}] must hold indices, got {value!r}; for a mask, mask.nonzero()[:, 0]"
            )
        if not 0 <= value < group.size:
            raise ValueError(f"keep[{group.name!r}] must lie in 0 to {group.size - 1}, got {value}")
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise ValueError(f"keep[{group.name!r}] must name a channel once, got {twice} twice")
    return torch.tensor(sorted(values))


def _must_fit(arch: ArchSpec, tensors: Mapping[str, Tensor]) -> None:
    with torch.device("meta"):
        expected = {name: tensor.shape for name, tensor in EfficientNet(arch).state_dict().items()}
    for name in expected.keys() | tensors.keys():
        if name not in expected or name not in tensors or expected[name] != tensors[name].shape:
            raise ValueError(
                f"model must be as its arch {arch.name!r} says, but differs in {name!r}; prune before folding batch "
                "norms or changing layers"
            )


def _smaller(
    arch: ArchSpec, groups: Sequence[ChannelGroup], sizes: Mapping[str, int], name: str | None
) -> ArchSpec:
    """``arch`` with the widths that are left; what ratios still say is left to them."""
    width = {g.name: sizes.get(g.name, g.size) for g in groups}
    width |= {tie: width[g.name] for g in groups for tie in g.ties}
    plain = arch.replace(
        name=name or arch.name, stem=width["stem"], head=width["head"],
        stages=tuple(
            replace(stage, channels=width[f"stages.{i}"], hidden=None, squeeze=None, residual=None)
            for i, stage in enumerate(arch.stages)
        ),
    )  # fmt: skip
    stages, blocks = [], list(zip(arch.blocks(), plain.blocks(), strict=True))
    for i, stage in enumerate(plain.stages):
        rows = [pair for pair in blocks if pair[0].name.startswith(f"stages.{i}.")]
        changes = {
            "hidden": [(width.get(f"{old.name}.hidden", new.hidden), new.hidden) for old, new in rows],
            "squeeze": [(width.get(f"{old.name}.squeeze", 0), new.squeeze) for old, new in rows],
            "residual": [(old.residual, new.residual) for old, new in rows],
        }
        needed = {
            key: tuple(a for a, _ in pairs) for key, pairs in changes.items() if any(a != b for a, b in pairs)
        }
        stages.append(replace(stage, **needed))
    return plain.replace(stages=tuple(stages))
