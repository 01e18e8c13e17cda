"""The book's own small networks: EfficientNet-B0's plan at a size that a laptop trains in a minute."""

from __future__ import annotations

from dataclasses import replace

from effnet_lib.arch import ArchSpec, StageSpec
from effnet_lib.scaling import scale


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


def lite(arch: ArchSpec, name: str) -> ArchSpec:
    """``arch`` without squeeze-and-excitation and with ReLU6 for its activation, as EfficientNet-Lite differs from B0."""
    stages = tuple(replace(stage, se_ratio=0) for stage in arch.stages)
    return arch.replace(name=name, stages=stages, activation="relu6")


def glyph_net(resolution: int = 32, classes: int = 40) -> ArchSpec:
    """The base network at twice its widths: the network that the book trains to the end, and prunes."""
    return scale(glyph_base(resolution, classes), width=2.0).replace(name="glyph_net")


def glyph_lite(resolution: int = 32, classes: int = 40) -> ArchSpec:
    """``glyph_net`` in the Lite form: the network that the book quantizes."""
    return lite(glyph_net(resolution, classes), "glyph_lite")


def glyph_silu_48(resolution: int = 48, classes: int = 40) -> ArchSpec:
    """The base network at four times its widths, for 48 pixels: enough arithmetic for int8 to matter."""
    return scale(glyph_base(resolution, classes), width=4.0).replace(name="glyph_silu_48")


def glyph_lite_48(resolution: int = 48, classes: int = 40) -> ArchSpec:
    """``glyph_silu_48`` in the Lite form: the network that the book deploys."""
    return lite(glyph_silu_48(resolution, classes), "glyph_lite_48")


SMALL = {
    "glyph_base": glyph_base, "cifar_base": cifar_base, "glyph_net": glyph_net, "glyph_lite": glyph_lite,
    "glyph_silu_48": glyph_silu_48, "glyph_lite_48": glyph_lite_48,
}  # fmt: skip
