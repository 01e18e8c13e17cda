"""CIFAR-10 in each of the forms that it is handed around in."""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from effnet_lib.data.decode import decoded
from effnet_lib.data.sets import TensorImages

#: Class names in the order of their labels.
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_NAME = re.compile(r"(?:.*/)?(train|test)/([^/]+)/([^/.][^/]*\.(?:jpe?g|png))", re.IGNORECASE)
SPLITS = ("train", "test")
Split = tuple[Tensor, Tensor]  # uint8 (N, 3, 32, 32) and int64 (N,)


def _pictures(names: Iterable[str], read: Callable[[str], bytes], where: Path) -> tuple[Split, Split]:
    """Both splits from pictures named ``.../train/<class>/<file>``, in the order of their names."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in sorted(names):
        if match := _NAME.fullmatch(name):
            found.setdefault((match[1].lower(), match[2]), []).append(name)
    missing = [f"{split}/{c}" for split in SPLITS for c in CLASSES if (split, c) not in found]
    if missing:
        raise ValueError(f"{where} must hold pictures of every class of CIFAR-10, got none of {missing[0]}")
    splits = []
    for split in SPLITS:
        pictures = [(name, label) for label, c in enumerate(CLASSES) for name in found[split, c]]
        images = torch.empty(len(pictures), 3, 32, 32, dtype=torch.uint8)
        for target, (name, _) in zip(images, pictures, strict=True):
            image = decoded(read(name), f"{where}/{name}")
            if image.shape != target.shape:
                raise ValueError(f"{where}/{name} must be 32 x 32 pixels, got {tuple(image.shape[1:])}")
            target.copy_(image)
        splits.append((images, torch.tensor([label for _, label in pictures])))
    return splits[0], splits[1]


def _from_folder(folder: Path) -> tuple[Split, Split]:
    names = (path.relative_to(folder).as_posix() for split in SPLITS for path in (folder / split).glob("*/*"))
    return _pictures(names, lambda name: (folder / name).read_bytes(), folder)


def _from_zip(path: Path) -> tuple[Split, Split]:
    try:
        with zipfile.ZipFile(path) as archive:
            return _pictures(archive.namelist(), archive.read, path)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path} is damaged or no zip file ({error})") from error


def _from_batches(root: Path) -> tuple[Split, Split]:
    from torchvision.datasets import CIFAR10

    try:
        sets = [CIFAR10(root, train=is_train) for is_train in (True, False)]
    except RuntimeError as error:
        raise ValueError(
            f"{root / CIFAR10.base_folder} is incomplete or damaged (its MD5 sums are not those of CIFAR-10); "
            "delete it and use download=True"
        ) from error
    first, second = (
        (torch.from_numpy(read.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(read.targets))
        for read in sets
    )
    return first, second


def _from_cache(path: Path) -> tuple[Split, Split]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        first, second = (
            TensorImages(stored[f"{split}_images"], stored[f"{split}_labels"]) for split in SPLITS
        )
    except Exception as error:  # torch raises many kinds for a cut or foreign file
        raise ValueError(f"{path} is damaged or not a cache of CIFAR-10; delete it") from error
    return (first.images, first.labels), (second.images, second.labels)


def _keep(path: Path, splits: tuple[Split, Split]) -> None:
    """Write the cache under a temporary name and rename it, so that it is there whole or not at all."""
    tensors = {}
    for split, (images, labels) in zip(SPLITS, splits, strict=True):
        tensors |= {f"{split}_images": images, f"{split}_labels": labels}
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(tensors, file)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _download(root: Path) -> None:
    from torchvision.datasets import CIFAR10

    try:
        CIFAR10(root, download=True)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"CIFAR-10 could not be downloaded from {CIFAR10.url} into {root.resolve()}: {error}"
        ) from error


def read_cifar10(root: Path, download: bool = False, cache: bool = False) -> tuple[Split, Split]:
    """Training and test set, each uint8 images (N, 3, 32, 32) and int64 labels (N,).

    ``cifar10_data`` says where they are looked for, what the arguments mean and what is raised.
    """
    cached, batches, archive = root / "cifar10.pt", root / "cifar-10-batches-py", root / "cifar10.zip"
    folders = [folder for folder in (root / "cifar10", root) if (folder / "train" / CLASSES[0]).is_dir()]
    if cached.is_file():
        return _from_cache(cached)
    if not (batches.is_dir() or folders or archive.is_file()):
        if not download:
            raise FileNotFoundError(
                f"CIFAR-10 is not in {root.resolve()}: looked for {cached.name}, {batches.name}/, "
                f"cifar10/train/, train/{CLASSES[0]}/ and {archive.name}; download=True fetches it there, "
                "or name another folder by root or EFFNET_DATA"
            )
        _download(root)
    if batches.is_dir():
        splits = _from_batches(root)
    elif folders:
        splits = _from_folder(folders[0])
    else:
        splits = _from_zip(archive)
    if cache:
        _keep(cached, splits)
    return splits
