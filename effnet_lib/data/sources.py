"""Small published data sets in memory: digits, CIFAR-10 and Fashion-MNIST.

Nothing is downloaded unless ``download=True`` asks for it.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from effnet_lib.data.cifar10 import CLASSES, read_cifar10
from effnet_lib.data.sets import ImageData, TensorImages, channel_statistics, resized, split_indices


def data_root(root: str | Path | None = None) -> Path:
    """Folder of the data sets: ``root``, else the environment variable EFFNET_DATA, else ``./data``.

    The folder need not exist.
    """
    return Path(root or os.environ.get("EFFNET_DATA") or "data").expanduser()


def _count(name: str, value: int | None, most: int, of: str) -> int:
    if value is None:
        return most
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name} must be from 1 to {most}, {of}, got {value!r}")
    return value


def _image_data(
    fitting: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor] | None, sizes: tuple[int | None, ...],
    resolution: int, seed: int, classes: tuple[str, ...], name: str,
) -> ImageData:  # fmt: skip
    """Stratified splits of the images and labels of ``fitting``, and a test split of ``held_out`` if there
    is one; ``sizes`` are those of train, validation and test."""
    train, validation, test = sizes
    total = len(fitting[1])
    parts = {}
    if held_out is None:
        test = _count("test", test, total - 2, "so that images are left for the other splits")
        parts["test"], rest = split_indices(fitting[1], [test], seed)
    else:
        test = _count("test", test, len(held_out[1]), "the images of the test set")
        parts["test"] = split_indices(held_out[1], [test], seed)[0]
        rest = torch.arange(total)
    validation = _count("validation", validation, len(rest) - 1, "so that images are left to train on")
    train = _count("train", train, len(rest) - validation, "the images that validation leaves")
    labels = fitting[1][rest]
    parts["validation"], parts["train"], _ = (
        rest[i] for i in split_indices(labels, [validation, train], seed)
    )
    sets = {}
    for split in ("train", "validation", "test"):
        images, of = held_out if split == "test" and held_out is not None else fitting
        sets[split] = TensorImages(resized(images[parts[split]], resolution), of[parts[split]])
    mean, std = channel_statistics(sets["train"].images)
    return ImageData(**sets, classes=classes, mean=mean, std=std, name=f"{name} ({resolution} px)")


def digits_data(
    resolution: int = 32, validation: int = 360, test: int = 360, seed: int = 0, train: int | None = None
) -> ImageData:
    """The 1,797 handwritten digits that come with scikit-learn, grey repeated in three channels.

    They are 8 x 8 pixels of 17 grey levels, brought to 0 ... 255 and enlarged to ``resolution``.

    Parameters
    ----------
    resolution : int
        Pixels a side.
    validation, test, train : int
        Images of these splits, stratified; all others train if ``train`` is None.
    seed : int
        Which images those are.

    Raises
    ------
    ValueError
        If the sizes do not fit, or ``resolution`` is not a positive integer.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = (torch.from_numpy(digits.images) * (255 / 16)).round().to(torch.uint8)
    images = grey[:, None].expand(-1, 3, -1, -1).contiguous()
    labels = torch.from_numpy(digits.target).long()
    classes = tuple(str(name) for name in digits.target_names)
    return _image_data((images, labels), None, (train, validation, test), resolution, seed, classes, "digits")


def cifar10_data(
    root: str | Path | None = None, resolution: int = 32, train: int | None = None, validation: int = 5000,
    test: int | None = None, seed: int = 0, download: bool = False, cache: bool = False,
) -> ImageData:  # fmt: skip
    """CIFAR-10: 60,000 photographs of 32 x 32 pixels in 10 classes (Krizhevsky 2009).

    Looked for in ``data_root(root)``, in this order: ``cifar10.pt`` (written by ``cache``); the original
    batches in ``cifar-10-batches-py/``, as torchvision keeps them; pictures in
    ``cifar10/train/<class>/`` and ``cifar10/test/<class>/``, or ``train/`` and ``test/`` in the root itself;
    the same in ``cifar10.zip``, which is read without unpacking it. Pictures that were stored as JPEG differ
    a little from the original pixels.

    Parameters
    ----------
    root : str or Path, optional
        See ``data_root``.
    resolution : int
        Pixels a side; below 32 the pictures are averaged down.
    train, validation, test : int, optional
        Images of these splits, stratified. ``validation`` is taken from the 50,000 training images first, so
        it is the same for every ``train``; None means all that are left, or all test images.
    seed : int
        Which images those are.
    download : bool
        Fetch the original batches (170 MB) into the root if no form of the data set is there.
    cache : bool
        Keep the decoded pictures as ``cifar10.pt`` (185 MB) in the root, for a faster start next time.

    Raises
    ------
    FileNotFoundError
        If the root holds none of these and ``download`` is False.
    ValueError
        If a file is damaged or a class is missing (the message names it), or a size does not fit.
    OSError
        If a download or the writing of the cache fails.
    """
    fitting, held_out = read_cifar10(data_root(root), download, cache)
    return _image_data(fitting, held_out, (train, validation, test), resolution, seed, CLASSES, "CIFAR-10")


def fashion_mnist_data(
    root: str | Path | None = None, resolution: int = 32, train: int | None = None, validation: int = 5000,
    test: int | None = None, seed: int = 0, download: bool = False,
) -> ImageData:  # fmt: skip
    """Fashion-MNIST: 70,000 grey pictures of clothes, 28 x 28 pixels, 10 classes (Xiao et al. 2017).

    Read from ``FashionMNIST/raw/`` in ``data_root(root)``, as torchvision keeps it; grey is repeated in three
    channels. The parameters are those of ``cifar10_data``; a download is 31 MB.

    Raises
    ------
    FileNotFoundError
        If the files are not there and ``download`` is False.
    ValueError
        If they are damaged, or a size does not fit.
    OSError
        If a download fails.
    """
    from torchvision.datasets import FashionMNIST

    folder = data_root(root) / "FashionMNIST" / "raw"
    names = [Path(file).stem for file, _ in FashionMNIST.resources]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing and not download:
        raise FileNotFoundError(
            f"Fashion-MNIST is not in {folder.resolve()}: {missing[0]} is missing; download=True fetches it "
            "there, or name another folder by root or EFFNET_DATA"
        )
    if missing:
        try:
            FashionMNIST(data_root(root), download=True)
        except (OSError, RuntimeError) as error:
            raise OSError(
                f"Fashion-MNIST could not be downloaded into {folder.resolve()}: {error}"
            ) from error
    sets = []
    for is_train in (True, False):
        try:
            read = FashionMNIST(data_root(root), train=is_train)
            images, labels = read.data[:, None].expand(-1, 3, -1, -1), read.targets.long()
            if len(images) != len(labels) or images.shape[-2:] != (28, 28):
                raise ValueError(f"images {tuple(read.data.shape)} and labels {tuple(labels.shape)}")
        except Exception as error:  # torchvision's reader asserts, indexes and reshapes
            files = " or ".join(name for name in names if name.startswith("train" if is_train else "t10k"))
            raise ValueError(
                f"{folder.resolve()} holds a damaged file, {files} ({error}); delete both and use download=True"
            ) from error
        sets.append((images, labels))
    classes = tuple(FashionMNIST.classes)
    return _image_data(*sets, (train, validation, test), resolution, seed, classes, "Fashion-MNIST")
