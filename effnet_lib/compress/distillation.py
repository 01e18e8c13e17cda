"""Distillation: a small network learns from a trained one's soft answers (Hinton, Vinyals and Dean 2015)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from effnet_lib.data.sets import ImageData
from effnet_lib.train.batches import Batches
from effnet_lib.train.history import History
from effnet_lib.train.loop import fit
from effnet_lib.train.recipe import Recipe, get_recipe
from effnet_lib.train.run import default_device


def soft_loss(
    student_logits: Tensor, teacher_logits: Tensor, temperature: float = 4.0, scale_by_t2: bool = True
) -> Tensor:
    """How far the student's softened answers are from the teacher's: a mean of KL(teacher || student) in nats.

    Both softmaxes are taken of logits divided by ``temperature``, which moves probability from the first answer to
    the others. The gradient with respect to a logit then falls as 1/T², so the result is multiplied by T² (Hinton
    et al. 2015, Section 2): a change of T no longer changes the weight of this term.

    Parameters
    ----------
    student_logits, teacher_logits : Tensor
        float, (N, classes). No gradient goes to the teacher.
    temperature : float
        T, above 0; 1 leaves the probabilities as they are.
    scale_by_t2 : bool
        False leaves T² out.

    Returns
    -------
    Tensor
        Scalar: summed over classes, averaged over the N images ("batchmean" in PyTorch, not "mean").

    Raises
    ------
    ValueError
        If ``temperature`` is not a positive number, or the logits differ in shape or are not (N, classes).
    """
    _must_be_temperature(temperature)
    if student_logits.ndim != 2 or student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"teacher_logits must be (N, classes) as student_logits are, {tuple(student_logits.shape)}, "
            f"got {tuple(teacher_logits.shape)}"
        )
    student, teacher = _softened(student_logits, temperature), _softened(teacher_logits.detach(), temperature)
    divergence = (teacher.exp() * (teacher - student)).sum(1).mean()
    return divergence * temperature**2 if scale_by_t2 else divergence


def _softened(logits: Tensor, temperature: float) -> Tensor:
    """Logarithms of the softened probabilities, in at least 32 bits."""
    logits = logits.float() if logits.itemsize < 4 else logits
    return (logits / temperature).log_softmax(1)


def distillation_loss(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, temperature: float = 4.0, alpha: float = 0.5,
    scale_by_t2: bool = True, label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """``alpha`` times the soft loss plus ``1 - alpha`` times the cross-entropy with the labels.

    The cross-entropy is taken at temperature 1, as in Hinton et al. 2015, Section 2. With ``alpha`` 0 it is all
    there is, with 1 the labels are not looked at.

    Parameters
    ----------
    student_logits, teacher_logits : Tensor
        float, (N, classes). No gradient goes to the teacher.
    labels : Tensor
        int64, (N,).
    temperature, scale_by_t2
        As in ``soft_loss``.
    alpha : float
        From 0 to 1.
    label_smoothing : float
        Of the labels in the cross-entropy.

    Returns
    -------
    Tensor
        Scalar.

    Raises
    ------
    ValueError
        If ``temperature`` is not a positive number, ``alpha`` is not in [0, 1] or the logits differ in shape.
    """
    _must_be_share(alpha)
    soft = soft_loss(student_logits, teacher_logits, temperature, scale_by_t2)
    if alpha == 1:
        return soft
    hard = F.cross_entropy(student_logits, labels, label_smoothing=label_smoothing)
    return hard if alpha == 0 else alpha * soft + (1 - alpha) * hard


def distill(
    student: nn.Module, teacher: nn.Module, data: ImageData, recipe: str | Recipe = "small", *,
    temperature: float = 4.0, alpha: float = 0.5, scale_by_t2: bool = True, seed: int = 0,
    device: torch.device | str | None = None, amp: bool | None = None, workers: int = 0,
    checkpoint: str | Path | None = None, save_every: int | None = None, resume: bool = True,
    progress: bool = False, on_epoch: Callable[[History], None] | None = None,
) -> History:  # fmt: skip
    """Train ``student`` in place on the labels and on what ``teacher`` says of the same images.

    The loop, the order of images, the augmentation and the budget are those of ``fit``; only the loss of a
    training batch is another. The teacher answers for exactly the pictures that the student sees, augmented and
    normalised by ``data``: normalise them as the teacher was trained (``effnet_lib.trained.normalisation``).

    Parameters
    ----------
    student : nn.Module
        (N, C, H, W) to logits (N, classes). Left in evaluation mode.
    teacher : nn.Module
        Likewise, with the same classes. It is moved to ``device``, asked in evaluation mode and without gradients,
        and left in the mode in which it came.
    data, recipe, seed, device, amp, workers, checkpoint, save_every, resume, progress, on_epoch
        As in ``fit``. The recipe's label smoothing is that of the cross-entropy with the labels.
    temperature, alpha, scale_by_t2
        As in ``distillation_loss``. ``alpha`` 0 is ``fit``, to the last bit.

    Returns
    -------
    History
        ``train_loss`` is the distillation loss, ``validation_loss`` the cross-entropy with the labels.

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be read or belongs to another run, another teacher included.
    ValueError
        If ``temperature`` or ``alpha`` is out of range, teacher and student are one network or share weights,
        or their classes differ.
    """
    _must_be_temperature(temperature)
    _must_be_share(alpha)
    ours = {id(parameter) for parameter in student.parameters()}
    if any(id(parameter) in ours for parameter in teacher.parameters()):
        raise ValueError("teacher must share no weights with student: copy it before training")
    device = default_device() if device is None else torch.device(device)
    modes = {module: module.training for module in teacher.modules()}
    teacher.to(device, memory_format=torch.channels_last).eval()
    try:
        _must_know_the_classes(teacher, data, device)
        loss = _Distilling(teacher, temperature, alpha, scale_by_t2, get_recipe(recipe).label_smoothing)
        return fit(
            student, data, recipe, seed=seed, device=device, amp=amp, workers=workers, checkpoint=checkpoint,
            save_every=save_every, resume=resume, progress=progress, on_epoch=on_epoch, loss=loss,
        )  # fmt: skip
    finally:
        for module, mode in modes.items():
            module.training = mode


class _Distilling:
    """The loss of a training batch, as ``fit`` asks for it."""

    def __init__(
        self, teacher: nn.Module, temperature: float, alpha: float, scale_by_t2: bool, label_smoothing: float
    ) -> None:
        self.teacher, self.temperature, self.alpha = teacher, temperature, alpha
        self.scale_by_t2, self.label_smoothing = scale_by_t2, label_smoothing
        self.identity: dict[str, Any] = {
            "distillation": "Hinton et al. 2015", "temperature": temperature, "alpha": alpha,
            "scale_by_t2": scale_by_t2, "teacher": _fingerprint(teacher),
        }  # fmt: skip

    def __call__(self, images: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            answers = self.teacher(images)
        return distillation_loss(
            logits, answers, labels, self.temperature, self.alpha, self.scale_by_t2, self.label_smoothing
        )


def _fingerprint(model: nn.Module) -> str:
    """A short name for a network's weights and buffers, the same for the same values."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.no_grad()
def _must_know_the_classes(teacher: nn.Module, data: ImageData, device: torch.device) -> None:
    images, _ = next(Batches(data, "train", device).epoch(0, 1, 0, 1))
    found, classes = tuple(teacher(images).shape), len(data.classes)
    if found != (1, classes):
        raise ValueError(
            f"teacher must answer with logits for the {classes} classes of data, (N, {classes}); one image gave {found}"
        )


def _must_be_temperature(temperature: float) -> None:
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be a positive number, got {temperature!r}")


def _must_be_share(alpha: float) -> None:
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in [0, 1], got {alpha!r}")
