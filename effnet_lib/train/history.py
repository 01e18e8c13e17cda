"""What happened in a training run, epoch by epoch: as data, as a plot, and as a bar while it happens."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass
class History:
    """One list entry an epoch (the last may be a part of one).

    Losses are means over images, accuracies fractions in [0, 1]; ``validation_*`` are of the averaged
    weights where the recipe averages; ``rate`` is the learning rate of the epoch's last step; ``seconds``
    are those of training, without validation.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.train_loss)

    def add(self, **values: float) -> None:
        """Append one epoch's values."""
        for column in fields(self):
            getattr(self, column.name).append(values[column.name])

    def to_dict(self) -> dict[str, list[float]]:
        """As plain lists, ready for JSON; ``History(**values)`` reads it back."""
        return {column.name: list(getattr(self, column.name)) for column in fields(self)}

    def plot(self) -> Any:
        """Loss and accuracy against epochs: a matplotlib Figure in the book's style."""
        from effnet_lib import figures

        fig, axes = figures.canvas(2.6, columns=2)
        epochs = list(range(1, len(self) + 1))
        for ax, what in zip(axes, ("loss", "accuracy"), strict=True):
            series = {split: getattr(self, f"{split}_{what}") for split in ("train", "validation")}
            figures.lines(epochs, series, xlabel="epoch", ylabel=what, ax=ax)
        return fig

    def __repr__(self) -> str:
        if not len(self):
            return "History of no epoch"
        return (
            f"History of {len(self)} epochs: train loss {self.train_loss[-1]:.3f}, validation accuracy "
            f"{100 * self.validation_accuracy[-1]:.1f} %"
        )


class Bar:
    """A progress bar with loss, accuracy and the time left; does nothing when ``shown`` is false."""

    def __init__(self, shown: bool, total: int, done: int) -> None:
        self._bar = None
        if shown:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, initial=done, unit="step", dynamic_ncols=True)

    def step(self, loss: float = math.nan, accuracy: float = math.nan, every: int = 10) -> None:
        """Count one step."""
        if self._bar is not None:
            self._bar.update()

    def note(self, **values: float) -> None:
        """Show ``values`` behind the bar, three digits each."""
        if self._bar is not None:
            self._bar.set_postfix({name: f"{value:.3g}" for name, value in values.items()}, refresh=False)

    def close(self) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.close()
