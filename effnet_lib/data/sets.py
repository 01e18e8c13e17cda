"""One interface for every data set: three splits of uint8 images with labels, and how to normalise them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

_BLOCK = 1000  # images that are held as floats at once


class Images(Dataset):
    """A split: ``images[i]`` is a uint8 tensor (C, H, W) and its label, an int.

    A subclass sets ``labels``, int64 (N,), and defines ``__getitem__``.
    """

    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")


def _kind(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def _must_be_images(images: Tensor) -> None:
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.ndim != 4:
        raise ValueError(f"images must be a uint8 tensor (N, C, H, W), got {_kind(images)}")


def _must_be_labels(labels: Tensor) -> None:
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.ndim != 1:
        raise ValueError(f"labels must be an int64 tensor (N,), got {_kind(labels)}")


class TensorImages(Images):
    """A split in memory.

    Parameters
    ----------
    images : Tensor
        uint8, (N, C, H, W).
    labels : Tensor
        int64, (N,).

    Raises
    ------
    ValueError
        If a type or shape is another, or there are not as many labels as images.
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        _must_be_images(images)
        _must_be_labels(labels)
        if len(labels) != len(images):
            raise ValueError(f"labels must be as many as images, {len(images)}, got {len(labels)}")
        self.images, self.labels = images, labels

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], int(self.labels[index])


@dataclass(frozen=True)
class ImageData:
    """Three splits that share their classes.

    ``mean`` and ``std``, one number a channel on [0, 1], normalise every split; they come from the train
    split alone, or are published figures where the function that made the set says so.

    Raises
    ------
    ValueError
        If a label has no class, ``mean`` and ``std`` differ in length, or a deviation is not positive.
    """

    train: Images
    validation: Images
    test: Images
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    name: str

    def __post_init__(self) -> None:
        for split in ("train", "validation", "test"):
            labels = getattr(self, split).labels
            if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(self.classes):
                raise ValueError(
                    f"{split} must have labels from 0 to {len(self.classes) - 1}, one for each of classes, "
                    f"got {int(labels.min())} to {int(labels.max())}"
                )
        if len(self.mean) != len(self.std):
            raise ValueError(f"std must have as many channels as mean, {len(self.mean)}, got {len(self.std)}")
        if not all(value > 0 for value in self.std):
            raise ValueError(f"std must be positive in every channel, got {self.std}")


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel over all pixels, on [0, 1].

    Counts how often each of the 256 values occurs, so nothing is rounded and no float copy is made.

    Parameters
    ----------
    images : Tensor
        uint8, (N, C, H, W), N at least 1.

    Returns
    -------
    mean, std : tuple of float
        One number a channel; ``std`` is that of the population, divided by the number of pixels.

    Raises
    ------
    ValueError
        If ``images`` is another tensor or has no pixel.
    """
    _must_be_images(images)
    if images.numel() == 0:
        raise ValueError(f"images must hold at least one pixel, got {_kind(images)}")
    counts = torch.zeros(images.shape[1], 256, dtype=torch.int64)
    for block in images.split(_BLOCK):
        for channel, values in enumerate(block.unbind(1)):
            counts[channel] += torch.bincount(values.flatten().cpu(), minlength=256)
    share = counts.double() / counts.sum(1, keepdim=True)
    values = torch.arange(256, dtype=torch.float64) / 255
    mean = share @ values
    std = (share * (values - mean[:, None]).square()).sum(1).sqrt()
    return tuple(mean.tolist()), tuple(std.tolist())


def resized(images: Tensor, resolution: int) -> Tensor:
    """uint8 images (N, C, H, W) at ``resolution`` pixels a side: bilinear, and averaged where they shrink.

    Without averaging (antialiasing) a smaller image would pick single pixels and show patterns that are not
    there. A larger image has more pixels and no more information.

    Raises
    ------
    ValueError
        If ``resolution`` is not a positive integer or ``images`` is another tensor.
    """
    _must_be_images(images)
    if isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < 1:
        raise ValueError(f"resolution must be a positive integer, got {resolution!r}")
    if images.shape[-2:] == (resolution, resolution):
        return images
    out = images.new_empty(*images.shape[:2], resolution, resolution)
    for target, block in zip(out.split(_BLOCK), images.split(_BLOCK), strict=True):
        floats = F.interpolate(block.float(), (resolution, resolution), mode="bilinear", antialias=True)
        target.copy_(floats.round_().clamp_(0, 255))
    return out


def _shares(available: Tensor, size: int | float) -> Tensor:
    """Images to take of every class: a fraction of each, or ``size`` in all by largest remainders."""
    if isinstance(size, float):
        return (available.double() * size).round().long().clamp(min=1)
    quotas = available.double() * size / max(1, int(available.sum()))
    taken = quotas.long()
    largest = (quotas - taken).argsort(descending=True, stable=True)[: size - int(taken.sum())]
    taken[largest] += 1
    return taken


def split_indices(labels: Tensor, sizes: Sequence[int | float], seed: int = 0) -> tuple[Tensor, ...]:
    """Disjoint stratified index sets: one for each of ``sizes``, then one of all that is left.

    Each set has the classes in the proportions of what the sets before it left, in a mixed order, so that
    its first n images are a fair sample too. A set depends on ``seed`` and the sizes before it alone:
    another size of a later one leaves it as it was.

    Parameters
    ----------
    labels : Tensor
        int64, (N,).
    sizes : sequence of int or float
        A whole number is that many images in all; a fraction between 0 and 1 is that part of every class
        of ``labels``, at least one image.

    Returns
    -------
    tuple of Tensor
        int64 index tensors, ``len(sizes) + 1`` of them; the last may be empty.

    Raises
    ------
    ValueError
        If a size is neither, or a class has not images enough.
    """
    _must_be_labels(labels)
    for size in sizes:
        whole = isinstance(size, int) and not isinstance(size, bool) and size >= 0
        if not whole and not (isinstance(size, float) and 0 < size < 1):
            raise ValueError(f"sizes must be whole numbers or fractions between 0 and 1, got {size!r}")
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randperm(len(labels), generator=generator)
    order = mixed[labels[mixed].argsort(stable=True)]
    classes, counts = labels.unique(return_counts=True)
    queues = list(order.split(counts.tolist()))
    found = []
    for size in sizes:
        left = torch.tensor([len(queue) for queue in queues], dtype=torch.int64)
        if isinstance(size, int) and size > left.sum():
            raise ValueError(f"sizes must add up to at most {len(labels)} images, got {list(sizes)}")
        taken = _shares(counts if isinstance(size, float) else left, size)
        for label, need, have in zip(classes.tolist(), taken.tolist(), left.tolist(), strict=True):
            if need > have:
                raise ValueError(
                    f"sizes {list(sizes)} need more than the {int((labels == label).sum())} images of label {label}"
                )
        found.append(torch.cat([q[:n] for q, n in zip(queues, taken.tolist(), strict=True)]))
        queues = [q[n:] for q, n in zip(queues, taken.tolist(), strict=True)]
    found.append(torch.cat(queues) if queues else labels.new_empty(0))
    return tuple(index[torch.randperm(len(index), generator=generator)] for index in found)
