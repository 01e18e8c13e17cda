"""Your own pictures, or ImageNet's, in folders: one folder a split, and in it one folder a class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from effnet_lib.data.decode import rgb_picture
from effnet_lib.data.sets import ImageData, Images, channel_statistics, split_indices

#: Mean and standard deviation of ImageNet's channels, as torchvision's published weights use them.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_VALIDATION = ("validation", "val", "valid")


class FolderImages(Images):
    """A split of picture files, each decoded when it is asked for and never kept.

    ``images[i]`` is the largest central square of the picture, resized to ``resolution``: what resizing the
    shorter side and cropping the centre leaves. Every kind of picture comes out as RGB, upright as its EXIF
    orientation says; ``rgb_picture`` says how.

    Parameters
    ----------
    paths : sequence of str or Path
        N picture files.
    labels : Tensor
        int64, (N,).
    resolution : int
        Pixels a side.

    Raises
    ------
    ValueError
        If an argument is none of these; from ``images[i]``, naming the file, if it is no picture or damaged.
    FileNotFoundError
        From ``images[i]``, if the file has gone.
    """

    def __init__(self, paths: Sequence[str | Path], labels: Tensor, resolution: int) -> None:
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.shape != (len(paths),):
            got = f"{labels.dtype} {tuple(labels.shape)}" if isinstance(labels, Tensor) else type(labels)
            raise ValueError(f"labels must be an int64 tensor ({len(paths)},), one for each path, got {got}")
        if isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < 1:
            raise ValueError(f"resolution must be a positive integer, got {resolution!r}")
        self.paths, self.labels, self.resolution = tuple(str(path) for path in paths), labels, resolution

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from torchvision.transforms.v2 import functional as change

        path = self.paths[index]
        picture = rgb_picture(Path(path).read_bytes(), path)
        square = change.center_crop(picture, [min(picture.size)] * 2)
        image = change.pil_to_tensor(change.resize(square, [self.resolution] * 2))
        return image, int(self.labels[index])


def _listing(folder: Path) -> dict[str, list[Path]]:
    """Picture files of every class folder, both in the order of their names; hidden ones are passed over."""
    from torchvision.datasets.folder import IMG_EXTENSIONS

    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} must be a folder with one folder a class, got no such folder")
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != ".")
    if not names:
        raise ValueError(f"{folder} must hold one folder a class with its pictures, got no folder in it")
    found = {}
    for name in names:
        pictures = [
            Path(place, file)
            for place, _, files in os.walk(folder / name, followlinks=True)
            for file in files
            if file.lower().endswith(IMG_EXTENSIONS) and file[0] != "."
        ]
        if not pictures:
            known = ", ".join(IMG_EXTENSIONS)
            raise ValueError(f"{folder / name} must hold at least one picture ({known}), got none")
        found[name] = sorted(pictures)
    return found


def _splits(root: Path) -> dict[str, dict[str, list[Path]]]:
    """The listings of the splits that ``root`` has as folders, of the same classes."""
    if not root.is_dir():
        raise FileNotFoundError(f"root must be a folder, got {str(root)!r}, which does not exist")
    if not (root / "train").is_dir():
        raise FileNotFoundError(
            f"{root} must hold train/<class>/*.jpg, got no folder 'train'; put the class folders into it"
        )
    folders = {"train": root / "train"}
    validation = [root / name for name in _VALIDATION if (root / name).is_dir()]
    if len(validation) > 1:
        raise ValueError(
            f"{root} must hold one validation split, got {' and '.join(p.name for p in validation)}"
        )
    if validation:
        folders["validation"] = validation[0]
    if (root / "test").is_dir():
        folders["test"] = root / "test"
    found = {split: _listing(folder) for split, folder in folders.items()}
    for split, folder in folders.items():
        for name in sorted(found["train"].keys() ^ found[split].keys()):
            lacks, has = (folder, "train") if name in found["train"] else (root / "train", folder.name)
            raise ValueError(f"{lacks} must have the same classes as {has}, got no folder {name!r}")
    return found


def verify_folder(root: str | Path) -> int:
    """Decode every picture of ``root`` once, and return how many there are.

    Raises
    ------
    FileNotFoundError, ValueError
        If the folders are not as ``folder_data`` needs them.
    ValueError
        If a file is no picture or damaged: the first one is named, and how many there are.
    """
    paths = [path for listing in _splits(Path(root)).values() for files in listing.values() for path in files]
    bad = []
    for path in paths:
        try:
            rgb_picture(path.read_bytes(), str(path))
        except (ValueError, OSError) as error:
            bad.append(error)
    if bad:
        raise ValueError(f"{bad[0]}; {len(bad)} of {len(paths)} pictures are bad") from bad[0]
    return len(paths)


def _take(
    root: Path, train: dict[str, list[Path]], fractions: dict[str, float], seed: int
) -> dict[str, list]:
    """(path, label) of train and of every split of ``fractions``, taken from the train folder."""
    pairs = [(path, label) for label, files in enumerate(train.values()) for path in files]
    if not fractions:
        return {"train": pairs}
    for name, files in train.items():
        taken = sum(max(1, round(fraction * len(files))) for fraction in fractions.values())
        if taken >= len(files):
            raise ValueError(
                f"{root / 'train' / name} must have more pictures than the {taken} that {' and '.join(fractions)} "
                f"take, got {len(files)}; add pictures, lower the fractions or make folders of those splits"
            )
    labels = torch.tensor([label for _, label in pairs])
    parts = split_indices(labels, list(fractions.values()), seed)
    return {
        split: [pairs[i] for i in index.tolist()]
        for split, index in zip((*fractions, "train"), parts, strict=True)
    }


def folder_data(
    root: str | Path, resolution: int = 224, validation: float = 0.1, seed: int = 0, test: float = 0.1,
    sample: int | None = None, check: bool = False,
) -> ImageData:  # fmt: skip
    """Pictures in ImageNet's layout: ``root/train/<class>/*.jpg``.

    ``root/validation`` (or ``val``, ``valid``) and ``root/test`` hold the other splits, with the same class folders. A
    split that is missing is taken from the pictures in ``train``, stratified, the same for the same seed and
    files. Classes are in the order of their folders' names. Pictures are decoded when they are used.

    Parameters
    ----------
    resolution : int
        Pixels a side of the central square that each picture is cut and resized to.
    validation, test : float
        Part of every class of ``train``, at least one picture, that makes a missing split.
    seed : int
        Which pictures those are, and which are sampled.
    sample : int, optional
        ``mean`` and ``std`` are ImageNet's published figures, right for published weights, if None; else they
        are computed from so many pictures of the train split, all of them if it has fewer.
    check : bool
        Decode every file first, so that a damaged one is found now (see ``verify_folder``).

    Raises
    ------
    FileNotFoundError
        If ``root`` or ``root/train`` does not exist.
    ValueError
        If a split has no class folder, a class has no picture or too few to split, splits differ in their
        classes, a file is damaged (with ``check``, or ``sample``), or an argument is out of range.
    """
    root = Path(root)
    for name, value in (("validation", validation), ("test", test)):
        if not isinstance(value, float) or not 0 < value < 1:
            raise ValueError(f"{name} must be a fraction between 0 and 1, got {value!r}")
    if sample is not None and (isinstance(sample, bool) or not isinstance(sample, int) or sample < 1):
        raise ValueError(f"sample must be a positive integer or None, got {sample!r}")
    found = _splits(root)
    fractions = {s: f for s, f in (("test", test), ("validation", validation)) if s not in found}
    pairs = _take(root, found["train"], fractions, seed)
    for split, listing in found.items():
        if split != "train":
            pairs[split] = [(path, label) for label, files in enumerate(listing.values()) for path in files]
    sets = {
        split: FolderImages([p for p, _ in rows], torch.tensor([label for _, label in rows]), resolution)
        for split, rows in pairs.items()
    }
    if check:
        verify_folder(root)
    mean, std = IMAGENET_MEAN, IMAGENET_STD
    if sample is not None:
        n = min(sample, len(sets["train"]))
        chosen = torch.randperm(len(sets["train"]), generator=torch.Generator().manual_seed(seed))[:n]
        mean, std = channel_statistics(torch.stack([sets["train"][i][0] for i in chosen.tolist()]))
    return ImageData(
        **sets, classes=tuple(found["train"]), mean=mean, std=std, name=f"{root.name} ({resolution} px)"
    )
