"""From a data set to the batches of an epoch: which images, in which order, changed how.

Order and augmentation depend on the seed, the epoch and the image alone, not on what was drawn before, on how
many processes share the work or on how many workers decode: a run can stop and go on anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from effnet_lib.data.sets import ImageData, Images, TensorImages

_EVALUATION_BATCH = 256


def _generator(seed: int, epoch: int, salt: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1_000_003 + epoch) * 16 + salt)


def epoch_order(n: int, seed: int, epoch: int) -> Tensor:
    """A permutation of ``n`` images, int64 (n,), the same for the same seed and epoch."""
    return torch.randperm(n, generator=_generator(seed, epoch, 0))


def flip_and_crop(images: Tensor, draws: Tensor) -> Tensor:
    """Mirror half of the images and shift each by up to an eighth of its side, edges reflected.

    Parameters
    ----------
    images : Tensor
        (N, C, H, W).
    draws : Tensor
        (N, 3), uniform in [0, 1): mirror or not, shift down, shift right.
    """
    n, _, height, width = images.shape
    reach_y, reach_x = height // 8, width // 8
    down = (draws[:, 1] * (2 * reach_y + 1)).long() - reach_y
    right = (draws[:, 2] * (2 * reach_x + 1)).long() - reach_x
    rows = torch.arange(height) + down[:, None]
    columns = torch.arange(width) + right[:, None]
    columns = torch.where(draws[:, :1] < 0.5, columns, width - 1 - columns)
    rows = (height - 1) - ((height - 1) - rows.abs()).abs()  # reflect at both edges
    columns = (width - 1) - ((width - 1) - columns.abs()).abs()
    return images[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(
        0, 3, 1, 2
    )


def _policy(augment: str) -> Callable[[Tensor], Tensor] | None:
    if augment not in ("autoaugment", "randaugment"):
        return None
    from torchvision.transforms import v2

    return v2.AutoAugment() if augment == "autoaugment" else v2.RandAugment()


class _Augmented(Dataset):
    """Single augmented images of one epoch, for a DataLoader's workers."""

    def __init__(self, images: Images, augment: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.images, self.augment = images, augment

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, label = self.images[index]
        return self.augment(image[None], torch.tensor([index]))[0], label


class Batches:
    """Normalised batches of one split.

    Parameters
    ----------
    data : ImageData
    split : {"train", "validation", "test"}
    device : torch.device
        Where batches are wanted; floats in channels-last layout.
    augment : str
        As in ``Recipe``; "none" for evaluation.
    seed : int
    rank, world : int
        This process among those that share every batch.
    workers : int
        Processes that decode files, for splits that are not in memory.
    """

    def __init__(
        self, data: ImageData, split: str, device: torch.device, augment: str = "none", seed: int = 0,
        rank: int = 0, world: int = 1, workers: int = 0,
    ) -> None:  # fmt: skip
        if split not in ("train", "validation", "test"):
            raise ValueError(f"split must be 'train', 'validation' or 'test', got {split!r}")
        self.images: Images = getattr(data, split)
        self.device, self.augment, self.seed = device, augment, seed
        self.rank, self.world, self.workers = rank, world, workers
        std = torch.tensor(data.std).view(1, -1, 1, 1) * 255
        self._scale = (1 / std).to(device)
        self._shift = (-torch.tensor(data.mean).view(1, -1, 1, 1) * 255 / std).to(device)
        self._policy = _policy(augment)

    def __len__(self) -> int:
        return len(self.images)

    def _augmenter(self, epoch: int) -> Callable[[Tensor, Tensor], Tensor]:
        if self.augment == "none":
            return lambda images, index: images
        draws = torch.rand(len(self.images), 3, generator=_generator(self.seed, epoch, 1))

        def change(images: Tensor, index: Tensor) -> Tensor:
            images = flip_and_crop(images, draws[index])
            if self._policy is None:
                return images
            changed = []
            for image, i in zip(images, index.tolist(), strict=True):
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed((self.seed * 1_000_003 + epoch) * 1_000_003 + i)
                    changed.append(self._policy(image.contiguous()))
            return torch.stack(changed)

        return change

    def _ready(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        images = images.to(self.device, non_blocking=True).float()
        images = torch.addcmul(self._shift, images, self._scale)
        return images.contiguous(memory_format=torch.channels_last), labels.to(self.device, non_blocking=True)

    def _fetch(self, rows: list[Tensor], epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        change = self._augmenter(epoch)
        if isinstance(self.images, TensorImages):
            for index in rows:
                yield self._ready(change(self.images.images[index], index), self.images.labels[index])
            return
        loader = DataLoader(
            _Augmented(self.images, change), batch_sampler=[index.tolist() for index in rows],
            num_workers=self.workers, pin_memory=self.device.type == "cuda",
            multiprocessing_context="fork" if self.workers else None,
            generator=torch.Generator(),  # else its start would draw from the global state, at every resumption
        )  # fmt: skip
        for images, labels in loader:
            yield self._ready(images, labels)

    def epoch(self, epoch: int, batch: int, first: int = 0, last: int | None = None) -> Iterator:
        """Steps ``first`` up to ``last`` of a training epoch; ``batch`` images over all processes.

        Yields (images, labels): float (batch / world, C, H, W) and int64 (batch / world,).

        Raises
        ------
        ValueError
            If ``batch`` is no multiple of the number of processes.
        """
        if batch % self.world:
            raise ValueError(f"batch must be a multiple of the {self.world} processes, got {batch}")
        steps = len(self.images) // batch
        last = steps if last is None else min(last, steps)
        share = batch // self.world
        order = epoch_order(len(self.images), self.seed, epoch)
        rows = [order[k * batch + self.rank * share :][:share] for k in range(first, last)]
        return self._fetch(rows, epoch)

    def once(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image of this process' share once, in order, unchanged."""
        index = torch.arange(self.rank, len(self.images), self.world)
        return self._fetch(list(index.split(_EVALUATION_BATCH)), 0)
