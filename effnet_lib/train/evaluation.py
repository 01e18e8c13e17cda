"""How good a classifier is, and how sure one can be of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from effnet_lib.data.sets import ImageData
from effnet_lib.train.batches import Batches
from effnet_lib.train.distributed import place


@torch.inference_mode()
def predict(
    model: nn.Module, data: ImageData, split: str = "validation", device: torch.device | str | None = None,
    workers: int = 0,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Logits, float (N, classes), and labels, int64 (N,), of a whole split, on the CPU.

    ``device`` None means where the model is. The model is put into evaluation mode and left as it was.
    """
    device = next(model.parameters()).device if device is None else torch.device(device)
    was_training = model.training
    model.to(device).eval()
    logits, labels = [], []
    try:
        for images, truth in Batches(data, split, device, workers=workers).once():
            logits.append(model(images).float().cpu())
            labels.append(truth.cpu())
    finally:
        model.train(was_training)
    return torch.cat(logits), torch.cat(labels)


def split_accuracy(model: nn.Module, data: ImageData, split: str = "validation") -> float:
    """Fraction of a split's images that ``model`` names rightly."""
    logits, labels = predict(model, data, split)
    return (logits.argmax(1) == labels).double().mean().item()


def wilson_interval(right: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Confidence interval of a proportion, 95 % with the default ``z`` (Wilson 1927).

    Unlike "± 1.96 standard errors" it stays within [0, 1] and is right near its ends.

    Raises
    ------
    ValueError
        If not 0 <= right <= n with n positive.
    """
    if n < 1 or not 0 <= right <= n:
        raise ValueError(f"right must lie in [0, n] with n positive, got {right} of {n}")
    p = right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def calibration_error(logits: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Expected calibration error: mean gap between confidence and accuracy (Guo et al. 2017, Equation 3).

    ``logits`` (N, classes); confidences fall into ``bins`` intervals of equal width.
    """
    confidence, answer = logits.double().softmax(1).max(1)
    right = (answer == labels).double()
    bin_of = (confidence * bins).ceil().clamp(1, bins).long() - 1
    gap = torch.zeros(bins, dtype=torch.float64).index_add_(0, bin_of, right - confidence)
    return gap.abs().sum().item() / len(labels)


@dataclass(frozen=True)
class Report:
    """What ``evaluate`` found.

    ``accuracy`` with its 95 % ``interval``; mean cross-entropy ``loss`` in nats; ``calibration_error``;
    ``per_class``: name to precision, recall, f1 and support; ``confusion``: rows true, columns predicted.
    """

    split: str
    images: int
    accuracy: float
    interval: tuple[float, float]
    loss: float
    calibration_error: float
    per_class: dict[str, dict[str, float]]
    confusion: list[list[int]]
    classes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return {**self.__dict__, "interval": list(self.interval), "classes": list(self.classes)}

    def worst(self, n: int = 5) -> list[tuple[str, float]]:
        """The ``n`` classes with the lowest F1, worst first."""
        ranked = sorted(self.per_class.items(), key=lambda item: item[1]["f1"])
        return [(name, scores["f1"]) for name, scores in ranked[:n]]

    def confused(self, n: int = 5) -> list[tuple[str, str, int]]:
        """The ``n`` most frequent mistakes: (true class, predicted class, how often)."""
        pairs = [
            (self.classes[i], self.classes[j], count)
            for i, row in enumerate(self.confusion)
            for j, count in enumerate(row)
            if i != j and count
        ]
        return sorted(pairs, key=lambda pair: -pair[2])[:n]

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.split}: accuracy {100 * self.accuracy:.1f} % (95 % interval {100 * low:.1f} to "
            f"{100 * high:.1f}) on {self.images:,} images, loss {self.loss:.3f}, calibration error "
            f"{100 * self.calibration_error:.1f} %"
        )


def evaluate(
    model: nn.Module, data: ImageData, split: str = "validation", device: torch.device | str | None = None,
    workers: int = 0,
) -> Report:  # fmt: skip
    """Evaluate ``model`` on one split; scores by class and confusion matrix are scikit-learn's.

    A class of which the split holds no image has recall 0 and support 0; one that is never predicted has
    precision 0.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    if place().world > 1 and place().rank > 0:
        raise ValueError("evaluate must be called in one process; call it where place().rank is 0")
    logits, labels = predict(model, data, split, device, workers)
    answers, numbers = logits.argmax(1), list(range(len(data.classes)))
    scores = precision_recall_fscore_support(
        labels.numpy(), answers.numpy(), labels=numbers, zero_division=0
    )  # fmt: skip
    per_class = {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for name, p, r, f, s in zip(data.classes, *scores, strict=True)
    }
    right = int((answers == labels).sum())
    return Report(
        split=split,
        images=len(labels),
        accuracy=right / len(labels),
        interval=wilson_interval(right, len(labels)),
        loss=nn.functional.cross_entropy(logits, labels).item(),
        calibration_error=calibration_error(logits, labels),
        per_class=per_class,
        confusion=confusion_matrix(labels.numpy(), answers.numpy(), labels=numbers).tolist(),
        classes=tuple(data.classes),
    )
