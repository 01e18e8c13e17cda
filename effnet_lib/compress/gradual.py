"""Gradual pruning: more and more weights are masked while a network is trained."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from effnet_lib.compress.masks import MaskHandle, cubic_schedule, magnitude_masks


class GradualPruning(MaskHandle):
    """Counts training steps and masks more weights every ``every`` of them: see ``prune_gradually``."""

    def __init__(
        self, model: nn.Module, final: float, steps: int, initial: float, every: int, scope: str,
        exclude: Iterable[str],
    ) -> None:  # fmt: skip
        for name, value in (("steps", steps), ("every", every)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        self.step, self.final, self.steps, self.initial, self.every = 0, final, steps, initial, every
        self.scope, self.exclude = scope, tuple([exclude] if isinstance(exclude, str) else exclude)
        super().__init__(model, magnitude_masks(model, self.amount, scope, self.exclude))

    @property
    def amount(self) -> float:
        """The fraction of weights that is masked by now."""
        reached = min(self.step, self.steps)
        reached -= reached % self.every if reached < self.steps else 0
        return cubic_schedule(reached, self.steps, self.final, self.initial)

    def _before(self, model: nn.Module, inputs: tuple) -> None:
        if model is not self.model:
            return
        self.apply()  # masked weights are zero again, so they are the smallest: what is masked stays masked
        if model.training:
            if (self.step % self.every == 0 and self.step < self.steps) or self.step == self.steps:
                self.replace(magnitude_masks(model, self.amount, self.scope, self.exclude))
            self.step += 1


def prune_gradually(
    model: nn.Module, final: float, steps: int, initial: float = 0.0, every: int = 10, scope: str = "layer",
    exclude: Iterable[str] = (),
) -> GradualPruning:  # fmt: skip
    """Mask more and more of ``model``'s smallest weights while somebody trains it (Zhu & Gupta 2017).

    Call it, train, then call ``.remove()`` of what it returns. Every forward pass in training mode counts as one
    step; the fraction follows ``cubic_schedule`` from ``initial`` at step 0 to ``final`` at ``steps`` and stays there.

    Parameters
    ----------
    final, initial : float
        Fractions of the weights that are masked at the end and at the beginning.
    steps : int
        After how many steps ``final`` is reached: leave some training for after it.
    every : int
        Steps between two changes of the masks.
    scope, exclude
        As in ``magnitude_masks``.

    Raises
    ------
    ValueError
        If an argument is none of these.
    """
    return GradualPruning(model, final, steps, initial, every, scope, exclude)
