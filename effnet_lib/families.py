"""The published families as tables: EfficientNet-B0 to B7, Lite0 to Lite4, EfficientNetV2-S, M and L."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from effnet_lib.arch import ArchSpec, StageSpec
from effnet_lib.scaling import scale

PAPER = "Tan & Le 2019, Table 2 and 8, arXiv:1905.11946v5"
LITE = "tensorflow/tpu, models/official/efficientnet/lite, README"
V2 = "google/automl, efficientnetv2, README"


class Variant(NamedTuple):
    """One published network: its multipliers and what its authors report for it.

    ``macs`` is what the source prints, in 10^9 multiply-adds (the paper's column says FLOPS);
    ``top1`` is ImageNet top-1 accuracy in percent; ``params`` is in 10^6.
    """

    name: str
    width: float
    depth: float
    resolution: int
    dropout: float
    params: float
    macs: float
    top1: float
    source: str


VARIANTS = (
    #        name            width depth  res  drop params macs  top-1
    Variant("efficientnet_b0", 1.0, 1.0, 224, 0.2, 5.3, 0.39, 77.1, PAPER),
    Variant("efficientnet_b1", 1.0, 1.1, 240, 0.2, 7.8, 0.70, 79.1, PAPER),
    Variant("efficientnet_b2", 1.1, 1.2, 260, 0.3, 9.2, 1.0, 80.1, PAPER),
    Variant("efficientnet_b3", 1.2, 1.4, 300, 0.3, 12, 1.8, 81.6, PAPER),
    Variant("efficientnet_b4", 1.4, 1.8, 380, 0.4, 19, 4.2, 82.9, PAPER),
    Variant("efficientnet_b5", 1.6, 2.2, 456, 0.4, 30, 9.9, 83.6, PAPER),
    Variant("efficientnet_b6", 1.8, 2.6, 528, 0.5, 43, 19, 84.0, PAPER),
    Variant("efficientnet_b7", 2.0, 3.1, 600, 0.5, 66, 37, 84.3, PAPER),
    Variant("efficientnet_lite0", 1.0, 1.0, 224, 0.2, 4.7, 0.407, 75.1, LITE),
    Variant("efficientnet_lite1", 1.0, 1.1, 240, 0.2, 5.4, 0.631, 76.7, LITE),
    Variant("efficientnet_lite2", 1.1, 1.2, 260, 0.3, 6.1, 0.899, 77.6, LITE),
    Variant("efficientnet_lite3", 1.2, 1.4, 280, 0.3, 8.2, 1.44, 79.8, LITE),
    Variant("efficientnet_lite4", 1.4, 1.8, 300, 0.3, 13.0, 2.64, 81.5, LITE),
    Variant("efficientnet_v2_s", 1.0, 1.0, 384, 0.2, 21.5, 8.4, 83.9, V2),
    Variant("efficientnet_v2_m", 1.0, 1.0, 480, 0.3, 54.1, 24.7, 85.2, V2),
    Variant("efficientnet_v2_l", 1.0, 1.0, 480, 0.4, 119.5, 56.3, 85.7, V2),
)

# block, kernel, stride, expansion, channels, depth, squeeze ratio of the block's input
_B0 = (
    ("mbconv", 3, 1, 1, 16, 1, 0.25),
    ("mbconv", 3, 2, 6, 24, 2, 0.25),
    ("mbconv", 5, 2, 6, 40, 2, 0.25),
    ("mbconv", 3, 2, 6, 80, 3, 0.25),
    ("mbconv", 5, 1, 6, 112, 3, 0.25),
    ("mbconv", 5, 2, 6, 192, 4, 0.25),
    ("mbconv", 3, 1, 6, 320, 1, 0.25),
)
_V2_S = (
    ("fused", 3, 1, 1, 24, 2, 0),
    ("fused", 3, 2, 4, 48, 4, 0),
    ("fused", 3, 2, 4, 64, 4, 0),
    ("mbconv", 3, 2, 4, 128, 6, 0.25),
    ("mbconv", 3, 1, 6, 160, 9, 0.25),
    ("mbconv", 3, 2, 6, 256, 15, 0.25),
)
_V2_M = (
    ("fused", 3, 1, 1, 24, 3, 0),
    ("fused", 3, 2, 4, 48, 5, 0),
    ("fused", 3, 2, 4, 80, 5, 0),
    ("mbconv", 3, 2, 4, 160, 7, 0.25),
    ("mbconv", 3, 1, 6, 176, 14, 0.25),
    ("mbconv", 3, 2, 6, 304, 18, 0.25),
    ("mbconv", 3, 1, 6, 512, 5, 0.25),
)
_V2_L = (
    ("fused", 3, 1, 1, 32, 4, 0),
    ("fused", 3, 2, 4, 64, 7, 0),
    ("fused", 3, 2, 4, 96, 7, 0),
    ("mbconv", 3, 2, 4, 192, 10, 0.25),
    ("mbconv", 3, 1, 6, 224, 19, 0.25),
    ("mbconv", 3, 2, 6, 384, 25, 0.25),
    ("mbconv", 3, 1, 6, 640, 7, 0.25),
)


class OneDimension(NamedTuple):
    """A row of the paper's Table 7: B0 scaled by the given multipliers, and the top-1 accuracy it reached.

    ``flops`` is the cost the table prints, in 10^9. It is not the same for every row, nor what the
    multipliers cost when they are worked out: ``cost_of(scale(...))`` says what they do.
    """

    label: str
    width: float
    depth: float
    resolution: float
    flops: float
    top1: float


PUBLISHED_SCALING = (
    OneDimension("baseline", 1.0, 1.0, 1.0, 0.4, 77.3),
    OneDimension("depth", 1.0, 4.0, 1.0, 1.8, 79.0),
    OneDimension("width", 2.0, 1.0, 1.0, 1.8, 78.9),
    OneDimension("resolution", 1.0, 1.0, 2.0, 1.9, 79.1),
    OneDimension("compound", 1.2, 1.4, 1.3, 1.8, 81.1),
)


def _rows(table: tuple[tuple, ...], **same: float) -> tuple[StageSpec, ...]:
    columns = ("block", "kernel", "stride", "expand", "channels", "depth", "se_ratio")
    return tuple(StageSpec(**dict(zip(columns, row, strict=True)) | same) for row in table)


def available() -> tuple[str, ...]:
    """The names that ``get_arch`` knows."""
    return tuple(variant.name for variant in VARIANTS)


def get_variant(name: str) -> Variant:
    """The published row of ``name``.

    Raises
    ------
    ValueError
        If ``name`` is not in ``available()``.
    """
    for variant in VARIANTS:
        if variant.name == name:
            return variant
    close = difflib.get_close_matches(str(name), available(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"the variants are {', '.join(available())}"
    raise ValueError(f"name must be a published variant, got {name!r}; {hint}")


def get_arch(name: str) -> ArchSpec:
    """A published network, ``"efficientnet_b0"`` … ``"efficientnet_v2_l"``, as an ArchSpec.

    B0 to B7 and V2 are as torchvision ships them (symmetric padding, its batch-norm constants); Lite is
    as TensorFlow ships it (SAME padding, epsilon 1e-3, ReLU6, no squeeze-and-excitation). For
    TensorFlow's own B0 to B7 use ``get_arch(name).replace(padding="same", bn_eps=1e-3, bn_momentum=0.01)``.

    Raises
    ------
    ValueError
        If ``name`` is not in ``available()``.
    """
    v = get_variant(name)
    family = name.removeprefix("efficientnet_")
    shared = {"name": name, "head": 1280, "resolution": v.resolution, "dropout": v.dropout, "drop_path": 0.2}
    if family.startswith("v2"):
        stages = _rows({"v2_s": _V2_S, "v2_m": _V2_M, "v2_l": _V2_L}[family])
        return ArchSpec(stages=stages, stem=stages[0].channels, bn_eps=1e-3, **shared)
    if family.startswith("lite"):
        base = ArchSpec(
            stages=_rows(_B0, se_ratio=0), stem=32, activation="relu6", padding="same",
            bn_eps=1e-3, bn_momentum=0.01, fixed_ends=True, **shared,
        )  # fmt: skip
    else:
        batch_norm = {"bn_eps": 1e-3, "bn_momentum": 0.01} if family in ("b5", "b6", "b7") else {}
        base = ArchSpec(stages=_rows(_B0), stem=32, **batch_norm, **shared)
    return scale(base, width=v.width, depth=v.depth)
