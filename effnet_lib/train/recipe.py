"""Recipes: everything about a training run that is neither the network nor the data, as a frozen record."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn

OPTIMIZERS = ("adamw", "rmsprop", "sgd")
SCHEDULES = ("cosine", "exponential", "constant")
AUGMENTATIONS = ("none", "flip-crop", "autoaugment", "randaugment")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Parameters
    ----------
    name : str
    epochs : float
        Passes over the training split; a fraction is allowed.
    batch : int
        Images a step, over all processes together.
    optimizer : {"adamw", "rmsprop", "sgd"}
    lr : float
        Highest learning rate, for a batch of ``lr_batch`` images; it grows in proportion to ``batch``.
    lr_batch : int or None
        None: ``lr`` holds for whatever ``batch`` is.
    weight_decay : float
        Of weights with two or more dimensions; biases and batch norm have none.
    momentum : float
        Of RMSProp and SGD, or Adam's first beta.
    smoothing : float
        Decay of the squared gradient's average: RMSProp's, or Adam's second beta.
    eps : float
        The optimizer's epsilon.
    schedule : {"cosine", "exponential", "constant"}
    warm_up : float
        Fraction of all steps during which the rate rises linearly from 0.
    decay, decay_epochs : float
        Exponential schedule: the rate is multiplied by ``decay`` every ``decay_epochs`` epochs, in stairs.
    label_smoothing : float
    ema : float
        Decay of the exponential moving average of the weights; 0: none.
    augment : {"none", "flip-crop", "autoaugment", "randaugment"}
        The last two flip and crop as well.
    clip : float
        Largest norm of the gradient; 0: not clipped.

    Raises
    ------
    ValueError
        If a value is none of these.
    """

    name: str
    epochs: float
    batch: int
    optimizer: str
    lr: float
    lr_batch: int | None = None
    weight_decay: float = 0.0
    momentum: float = 0.9
    smoothing: float = 0.999
    eps: float = 1e-8
    schedule: str = "cosine"
    warm_up: float = 0.0
    decay: float = 0.97
    decay_epochs: float = 2.4
    label_smoothing: float = 0.0
    ema: float = 0.0
    augment: str = "none"
    clip: float = 0.0

    def __post_init__(self) -> None:
        for name, choices in (
            ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("augment", AUGMENTATIONS)
        ):  # fmt: skip
            if getattr(self, name) not in choices:
                allowed = ", ".join(map(repr, choices))
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")
        for name in ("epochs", "lr", "eps", "decay", "decay_epochs"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a positive number, got {getattr(self, name)!r}")
        for name in ("batch", "lr_batch"):
            value = getattr(self, name)
            if not (name == "lr_batch" and value is None) and not (isinstance(value, int) and value > 0):
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        for name in ("momentum", "smoothing", "warm_up", "label_smoothing", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)!r}")
        for name in ("weight_decay", "clip"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)!r}")

    def steps(self, images: int) -> tuple[int, int]:
        """Steps of one epoch and of the whole run, for a training split of ``images``.

        A last, smaller batch is left out, so that every step costs and counts the same.

        Raises
        ------
        ValueError
            If there are fewer images than one batch.
        """
        if images < self.batch:
            raise ValueError(
                f"batch must be at most the {images} images of the training split, got {self.batch}"
            )
        per_epoch = images // self.batch
        return per_epoch, max(1, round(self.epochs * per_epoch))

    def rate(self, step: int, per_epoch: int, total: int) -> float:
        """Learning rate of step ``step`` (from 0) of ``total``."""
        peak = self.lr * (self.batch / self.lr_batch if self.lr_batch else 1.0)
        rising = round(self.warm_up * total)
        if step < rising:
            return peak * (step + 1) / rising
        if self.schedule == "cosine":
            return peak * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))
        if self.schedule == "exponential":
            return peak * self.decay ** math.floor(step / per_epoch / self.decay_epochs + 1e-9)
        return peak

    def replace(self, **changes: Any) -> Recipe:
        """A copy with some fields changed, checked again."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON; ``Recipe(**values)`` reads it back."""
        return asdict(self)


RECIPES = {
    "small": Recipe(
        "small", epochs=10, batch=64, optimizer="adamw", lr=1.6e-2, weight_decay=0.02, warm_up=0.2,
        label_smoothing=0.1,
    ),
    "paper": Recipe(
        "paper", epochs=350, batch=4096, optimizer="rmsprop", lr=0.016, lr_batch=256, weight_decay=1e-5,
        momentum=0.9, smoothing=0.9, eps=1e-3, schedule="exponential", warm_up=5 / 350, decay=0.97,
        decay_epochs=2.4, label_smoothing=0.1, ema=0.9999, augment="autoaugment",
    ),
}  # fmt: skip
"""``"small"``: AdamW, warm-up and cosine, for networks of tens of thousands of weights and runs of minutes.
``"paper"``: the one that EfficientNet was published with (Tan & Le 2019, Section 5.2, and its code: label
smoothing, five epochs of warm-up, the moving average). Stochastic depth and dropout belong to the ArchSpec.
PyTorch's RMSProp adds epsilon outside the root and starts its average at 0 where TensorFlow's adds it inside
and starts at 1: early steps differ."""


def get_recipe(recipe: str | Recipe) -> Recipe:
    """The recipe of that name, or ``recipe`` itself.

    Raises
    ------
    ValueError
        If there is no recipe of that name.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise ValueError(f"recipe must be a Recipe or one of {', '.join(map(repr, RECIPES))}, got {recipe!r}")
    return RECIPES[recipe]


def parameter_groups(
    model: nn.Module, weight_decay: float, rates: dict[str, float] | None = None
) -> list[dict[str, Any]]:
    """Trainable parameters in groups: with and without weight decay, and by learning rate.

    ``rates`` maps the beginning of a parameter's name ("stem", "stages.0", "classifier") to what its
    learning rate is multiplied by; the longest match counts, 1 without one. Parameters that do not
    require gradients are left out.

    Raises
    ------
    ValueError
        If a name in ``rates`` begins no parameter's name, or nothing is left to train.
    """
    rates = rates or {}
    names = [name for name, _ in model.named_parameters()]
    for prefix in rates:
        if not any(name == prefix or name.startswith(prefix + ".") for name in names):
            raise ValueError(f"rates: no parameter's name begins with {prefix!r}")
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        fits = [prefix for prefix in rates if name == prefix or name.startswith(prefix + ".")]
        factor = rates[max(fits, key=len)] if fits else 1.0
        groups.setdefault((factor, weight_decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    if not groups:
        raise ValueError("model has no parameter that requires a gradient: thaw some of it first")
    return [
        {"params": params, "weight_decay": decay, "factor": factor}
        for (factor, decay), params in groups.items()
    ]


def make_optimizer(recipe: Recipe, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The recipe's optimizer over ``parameter_groups``; learning rates are set at every step."""
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, recipe.smoothing)
        return torch.optim.AdamW(groups, lr=recipe.lr, betas=betas, eps=recipe.eps, fused=True)
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(
            groups, lr=recipe.lr, alpha=recipe.smoothing, eps=recipe.eps, momentum=recipe.momentum
        )
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0)
