"""Letters in noise: pictures drawn at any resolution, from a seed, without a network.

A scene is one light letter of 20, with or without serifs (40 classes), turned, sheared, shifted and scaled on
a colour gradient among fragments of other letters, under pixel noise. It is drawn once, on a square canvas;
a lower resolution is that canvas averaged down. The same scenes so exist at every resolution, and a lower one
strictly loses information, as it does for photographs. Letters come from fonts that matplotlib ships.

Random numbers are NumPy's PCG64 streams, one for every block of 250 scenes, so that scene i is the same on
every machine however many are drawn; pixels agree to the rounding of a sum (tests hold a stored fingerprint).
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from effnet_lib.data.sets import ImageData, TensorImages, channel_statistics

LETTERS = "ABCDEFGHJKLMNPRSTUVX"
STYLES = ("sans", "serif")
#: Class names in the order of their labels: "A sans", "A serif", "B sans", ...
CLASSES = tuple(f"{letter} {style}" for letter in LETTERS for style in STYLES)
SPLITS = ("train", "validation", "test")
BLOCK = 250  #: scenes drawn from one random stream

_FONTS = {
    "sans": ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "cmss10"),
    "serif": (
        "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol", "cmr10",
    ),
}  # fmt: skip
_MASK = 96  # pixels a side of a letter's mask
_CLUTTER = 3  # fragments of other letters in a scene


class Difficulty(NamedTuple):
    """What makes a set easier or harder: the letter's size with the empty border of its type, as a fraction of
    the canvas, and the noise."""

    smallest: float
    largest: float
    noise: float


DIFFICULTIES = {"easy": Difficulty(0.45, 0.9, 0.1), "hard": Difficulty(0.35, 0.7, 0.1)}


@functools.cache
def _masks() -> tuple[Tensor, tuple[int, ...]]:
    """Every letter in every font as coverage in [0, 1], (fonts of all classes, 1, 96, 96), and where each
    class begins."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    masks, starts = [], [0]
    for letter in LETTERS:
        for style in STYLES:
            for name in _FONTS[style]:
                font = ImageFont.truetype(folder / f"{name}.ttf", 2 * _MASK)
                sheet = Image.new("L", (4 * _MASK, 4 * _MASK))
                ImageDraw.Draw(sheet).text((_MASK, _MASK // 2), letter, fill=255, font=font)
                drawn = sheet.crop(sheet.getbbox())
                factor = 0.72 * _MASK / max(drawn.size)
                size = [max(1, round(side * factor)) for side in drawn.size]
                drawn = drawn.resize(size, Image.Resampling.LANCZOS)
                mask = Image.new("L", (_MASK, _MASK))
                mask.paste(drawn, tuple((_MASK - side) // 2 for side in size))
                masks.append(torch.from_numpy(np.asarray(mask, np.float32) / 255))
            starts.append(len(masks))
    return torch.stack(masks)[:, None], tuple(starts)


def _placements(
    rng: np.random.Generator, n: int, turn: float, sizes: tuple[float, float], shear: float, shift: float
) -> Tensor:
    """``n`` affine maps from canvas to mask coordinates, (n, 2, 3); ``turn`` in degrees either way."""
    angle = np.radians(rng.uniform(-turn, turn, n))
    size = rng.uniform(*sizes, n)
    aspect = np.exp(rng.uniform(-0.15, 0.15, n))
    slant = rng.uniform(-shear, shear, n)
    centre = rng.uniform(-shift, shift, (n, 2))
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [[cos * aspect, (slant - sin) * aspect], [sin / aspect, cos / aspect]]
    linear = np.transpose(np.array(rows) / size, (2, 0, 1))
    offset = -np.einsum("nij,nj->ni", linear, centre)
    return torch.from_numpy(np.concatenate([linear, offset[:, :, None]], 2).astype(np.float32))


def _placed(masks: Tensor, maps: Tensor, canvas: int) -> Tensor:
    grid = F.affine_grid(maps, [len(maps), 1, canvas, canvas], align_corners=False)
    return F.grid_sample(masks, grid, align_corners=False)


def _uniform(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.random(shape, dtype=np.float32))


def _block(stream: tuple[int, ...], level: Difficulty, canvas: int) -> tuple[Tensor, Tensor]:
    """One block of scenes, uint8 (250, 3, canvas, canvas), and their labels."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(stream)))
    masks, starts = _masks()
    labels = rng.permutation((np.arange(BLOCK) + stream[-1] * BLOCK) % len(CLASSES))
    first, after = np.array(starts)[labels], np.array(starts)[labels + 1]
    chosen = first + (rng.random(BLOCK) * (after - first)).astype(np.int64)
    maps = _placements(rng, BLOCK, 25, (level.smallest, level.largest), 0.2, 0.28)
    corners = _uniform(rng, BLOCK, 3, 3, 3)
    scene = 0.25 + 0.5 * F.interpolate(corners, size=(canvas, canvas), mode="bilinear", align_corners=True)
    for _ in range(_CLUTTER):
        fragment = masks[rng.integers(0, len(masks), BLOCK)]
        cover = _placed(fragment, _placements(rng, BLOCK, 180, (0.25, 1.6), 0.3, 0.9), canvas)
        colour = _uniform(rng, BLOCK, 3, 1, 1)
        cover *= 0.5 * _uniform(rng, BLOCK, 1, 1, 1)
        scene.lerp_(colour.expand_as(scene), cover.expand_as(scene))
    lift = 0.25 + 0.3 * _uniform(rng, BLOCK, 1, 1, 1) + 0.25 * (_uniform(rng, BLOCK, 3, 1, 1) - 0.5)
    ink = (scene.mean((1, 2, 3), keepdim=True) + lift).expand_as(scene)
    scene.lerp_(ink, _placed(masks[chosen], maps, canvas).expand_as(scene))
    noise = rng.standard_normal(scene.shape, dtype=np.float32)
    scene.add_(torch.from_numpy(noise), alpha=level.noise)
    return scene.clamp_(0, 1).mul_(255).round_().to(torch.uint8), torch.from_numpy(labels)


def shrink(images: Tensor, resolution: int) -> Tensor:
    """Average uint8 images (N, C, H, H) down to ``resolution`` pixels a side, without aliasing.

    Raises
    ------
    ValueError
        If ``resolution`` is larger than the images: enlarging them would add pixels and no information.
    """
    if not 0 < resolution <= images.shape[-1]:
        raise ValueError(
            f"resolution must be at least 1 and at most the canvas of {images.shape[-1]} pixels, got {resolution}"
        )
    if images.shape[-1] == resolution:
        return images
    small = F.interpolate(images.float(), size=(resolution, resolution), mode="bilinear", antialias=True)
    return small.round_().clamp_(0, 255).to(torch.uint8)


def _whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def draw_glyphs(
    n: int, resolution: int = 32, split: str = "train", difficulty: str = "easy", seed: int = 0,
    canvas: int = 64,
) -> TensorImages:  # fmt: skip
    """The first ``n`` scenes of an endless split, as uint8 (n, 3, resolution, resolution) with labels.

    Parameters
    ----------
    resolution : int
        Pixels a side, at most ``canvas``.
    split : {"train", "validation", "test"}
        Scenes of two splits come from different random streams and never meet.
    difficulty : {"easy", "hard"}
        Letters fill 45 to 90 % of the picture's side (easy) or 35 to 70 % (hard).
    seed : int
        Another seed is another data set of the same kind.
    canvas : int
        Pixels a side of the drawing that is averaged down. Pictures of two canvases differ: keep it the
        same for all resolutions that are to be compared.

    Raises
    ------
    ValueError
        If an argument is none of these.
    """
    for name, value, least in (
        ("n", n, 1), ("resolution", resolution, 1), ("seed", seed, 0), ("canvas", canvas, 8)
    ):  # fmt: skip
        _whole(name, value, least)
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(map(repr, SPLITS))}, got {split!r}")
    if difficulty not in DIFFICULTIES:
        raise ValueError(
            f"difficulty must be one of {', '.join(map(repr, DIFFICULTIES))}, got {difficulty!r}"
        )
    if resolution > canvas:
        raise ValueError(
            f"resolution must be at most the canvas of {canvas} pixels, got {resolution}; raise canvas too"
        )
    blocks = math.ceil(n / BLOCK)
    images = torch.empty(blocks * BLOCK, 3, resolution, resolution, dtype=torch.uint8)
    labels = torch.empty(blocks * BLOCK, dtype=torch.int64)
    kind = (seed, SPLITS.index(split), list(DIFFICULTIES).index(difficulty))
    for block in range(blocks):
        rows = slice(block * BLOCK, (block + 1) * BLOCK)
        drawn, labels[rows] = _block((*kind, block), DIFFICULTIES[difficulty], canvas)
        images[rows] = shrink(drawn, resolution)
    return TensorImages(images[:n].clone(), labels[:n].clone())


def glyph_data(
    resolution: int = 32, train: int = 4000, validation: int = 2000, test: int = 2000,
    difficulty: str = "easy", seed: int = 0, canvas: int = 64,
) -> ImageData:  # fmt: skip
    """Three disjoint splits of drawn letters: 40 classes, equally frequent in every 1,000 scenes.

    ``train``, ``validation`` and ``test`` are numbers of images; the rest as in ``draw_glyphs``.
    ``mean`` and ``std`` are those of the train split.
    """
    sizes = zip(SPLITS, (train, validation, test), strict=True)
    sets = {split: draw_glyphs(n, resolution, split, difficulty, seed, canvas) for split, n in sizes}
    mean, std = channel_statistics(sets["train"].images)
    return ImageData(
        **sets, classes=CLASSES, mean=mean, std=std, name=f"glyphs ({difficulty}, {resolution} px)"
    )
