"""Unstructured magnitude pruning: which single weights stay, and how they are kept at zero."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

SCOPES = ("layer", "global")


def prunable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of convolutions and linear layers, by parameter name: what can be pruned singly.

    Biases and batch norms are few, and every one of them acts on a whole channel.
    """
    return {
        f"{name}.weight" if name else "weight": module.weight
        for name, module in model.named_modules() if isinstance(module, (nn.Conv2d, nn.Linear))
    }  # fmt: skip


@torch.no_grad()
def magnitude_masks(
    model: nn.Module, amount: float, scope: str = "layer", exclude: Iterable[str] = ()
) -> dict[str, Tensor]:
    """Masks that leave out the weights nearest to zero (Han et al. 2015, arXiv:1506.02626).

    Parameters
    ----------
    amount : float
        Fraction of weights to leave out, in [0, 1].
    scope : {"layer", "global"}
        The same fraction of every layer, or the smallest weights of all layers together: then layers lose different
        fractions, and a layer with small weights may lose most of them.
    exclude : names
        Parameters that stay whole, and are not counted: names, or patterns such as ``"*.depthwise.*"``.

    Returns
    -------
    dict of str to Tensor
        For every weight that is not excluded, by parameter name: bool, of its shape, True where it stays.

    Raises
    ------
    ValueError
        If ``amount`` or ``scope`` is none of these, or a name in ``exclude`` fits no weight.
    """
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 <= amount <= 1:
        raise ValueError(f"amount must be a number in [0, 1], got {amount!r}")
    if scope not in SCOPES:
        raise ValueError(f"scope must be one of {', '.join(map(repr, SCOPES))}, got {scope!r}")
    weights = prunable(model)
    for pattern in [exclude] if isinstance(exclude, str) else exclude:
        fits = fnmatch.filter(weights, pattern)
        if not fits:
            raise ValueError(
                f"exclude: no convolution or linear weight fits {pattern!r}, got {sorted(weights)[:3]}..."
            )
        weights = {name: weight for name, weight in weights.items() if name not in fits}
    if scope == "layer":
        return {name: _largest(w.abs().flatten(), amount).view_as(w) for name, w in weights.items()}
    if not weights:
        return {}
    kept = _largest(torch.cat([w.abs().flatten() for w in weights.values()]), amount)
    parts = kept.split([w.numel() for w in weights.values()])
    return {name: part.view_as(w) for part, (name, w) in zip(parts, weights.items(), strict=True)}


def _largest(sizes: Tensor, amount: float) -> Tensor:
    """True for all but the round(amount * n) smallest of ``sizes``, (n,)."""
    kept = torch.ones_like(sizes, dtype=torch.bool)
    kept[sizes.topk(round(amount * sizes.numel()), largest=False).indices] = False
    return kept


class MaskHandle:
    """Masks that are in force on a model: see ``apply_masks``. ``masks`` are those of now."""

    def __init__(self, model: nn.Module, masks: Mapping[str, Tensor]) -> None:
        self.model, self.masks = model, {}
        self._gradients: list[RemovableHandle] = []
        self.replace(masks)
        self._passes = model.register_forward_pre_hook(self._before)

    def __deepcopy__(self, memo: dict) -> MaskHandle:
        return self  # a copy of the model brings the hook with it, and is free all the same: see ``_before``

    def _before(self, model: nn.Module, inputs: tuple) -> None:
        if model is self.model:
            self.apply()

    def replace(self, masks: Mapping[str, Tensor]) -> None:
        """Put other masks in force; weights that they bring back start at zero."""
        weights = prunable(self.model)
        for name, mask in masks.items():
            if name not in weights:
                raise ValueError(f"masks: the model has no convolution or linear weight {name!r}")
            if mask.dtype != torch.bool or mask.shape != weights[name].shape:
                raise ValueError(
                    f"masks[{name!r}] must be bool {tuple(weights[name].shape)}, got {mask.dtype} {tuple(mask.shape)}"
                )
        for hook in self._gradients:
            hook.remove()
        self.masks = {name: mask.to(weights[name].device) for name, mask in masks.items()}
        self._gradients = [
            weights[name].register_hook(lambda grad, mask=mask: grad * mask)
            for name, mask in self.masks.items()
            if weights[name].requires_grad
        ]
        self.apply()

    @torch.no_grad()
    def apply(self) -> None:
        """Set every masked weight to zero now."""
        weights = prunable(self.model)
        for name, mask in self.masks.items():
            weights[name].mul_(mask)

    def remove(self) -> None:
        """Set masked weights to zero a last time, and let go of the model."""
        self.apply()
        for hook in (self._passes, *self._gradients):
            hook.remove()


def apply_masks(model: nn.Module, masks: Mapping[str, Tensor]) -> MaskHandle:
    """Set the weights that ``masks`` leave out to zero, in place, and keep them there while ``model`` is trained.

    Gradients of masked weights are zero, and masked weights are set to zero again before every forward pass: an
    optimizer that remembers gradients from before moves them all the same. The network stays as large and as slow as
    it was: its kernels multiply by the zeros.

    Returns
    -------
    MaskHandle
        ``.remove()`` ends it, after training; the zeros stay.

    Raises
    ------
    ValueError
        If a mask's name, type or shape does not fit the model.
    """
    return MaskHandle(model, masks)


def sparsity(model: nn.Module) -> float:
    """Fraction of the weights of convolutions and linear layers that are exactly zero."""
    weights = list(prunable(model).values())
    zeros = sum(int((w == 0).sum()) for w in weights)
    return zeros / max(1, sum(w.numel() for w in weights))


def cubic_schedule(step: float, steps: float, final: float, initial: float = 0.0) -> float:
    """Sparsity at ``step``: fast at first, slowly at the end (Zhu & Gupta 2017, arXiv:1710.01878, Equation 1).

    final + (initial - final) * (1 - step / steps)^3 for 0 <= step <= steps; ``final`` afterwards.

    Raises
    ------
    ValueError
        If ``step`` is negative, ``steps`` is not positive, or a sparsity is not in [0, 1].
    """
    for name, value in (("initial", initial), ("final", final)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be in [0, 1], got {value!r}")
    if not 0 < steps < math.inf:
        raise ValueError(f"steps must be positive, got {steps!r}")
    if not step >= 0:
        raise ValueError(f"step must be at least 0, got {step!r}")
    return final + (initial - final) * (1 - min(step, steps) / steps) ** 3
