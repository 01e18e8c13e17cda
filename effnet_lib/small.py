"""The book's own small networks: EfficientNet-B0's plan at a size that a laptop trains in a minute."""

from __future__ import annotations

from effnet_lib.arch import ArchSpec, StageSpec


def glyph_base(resolution: int = 22, classes: int = 40) -> ArchSpec:
    """The base network of the book's scaling experiments on drawn letters: five MBConv blocks.

    Like B0 it starts with an unexpanded block, mixes kernels of 3 and 5, and has squeeze-and-excitation
    and SiLU throughout. Dropout and stochastic depth are off: at this size they only cost accuracy.
    """
    stages = (
        StageSpec("mbconv", kernel=3, stride=1, expand=1, channels=8, depth=1),
        StageSpec("mbconv", kernel=3, stride=2, expand=4, channels=12, depth=1),
        StageSpec("mbconv", kernel=5, stride=2, expand=4, channels=20, depth=2),
        StageSpec("mbconv", kernel=3, stride=1, expand=4, channels=28, depth=1),
    )
    return ArchSpec(
        "glyph_base", stages, stem=8, head=64, resolution=resolution, classes=classes, dropout=0.0,
        drop_path=0.0,
    )  # fmt: skip


def cifar_base(resolution: int = 32, classes: int = 10) -> ArchSpec:
    """A network for 32-pixel photographs: the same plan, wider, with a stem of stride 1."""
    stages = (
        StageSpec("mbconv", kernel=3, stride=1, expand=1, channels=12, depth=1),
        StageSpec("mbconv", kernel=3, stride=2, expand=4, channels=20, depth=1),
        StageSpec("mbconv", kernel=5, stride=2, expand=4, channels=32, depth=2),
        StageSpec("mbconv", kernel=3, stride=1, expand=4, channels=48, depth=1),
    )
    return ArchSpec(
        "cifar_base", stages, stem=16, head=128, resolution=resolution, classes=classes, dropout=0.0,
        drop_path=0.0, stem_stride=1,
    )  # fmt: skip


SMALL = {"glyph_base": glyph_base, "cifar_base": cifar_base}
