"""Architectures as data: a network is a table with one row a stage (Tan & Le 2019, Table 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

BLOCKS = ("mbconv", "fused")
ACTIVATIONS = ("silu", "relu6", "relu")
PADDINGS = ("symmetric", "same")


def _whole(name: str, value: object, least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def _number(
    name: str, value: object, low: float, high: float, *, below: bool = False, above: bool = False
) -> None:
    """Check low <= value <= high, with ``above``/``below`` making the lower/upper bound strict."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    good = good and (value > low if above else value >= low) and (value < high if below else value <= high)
    if not good:
        interval = f"{'(' if above else '['}{low}, {high}{')' if below else ']'}"
        raise ValueError(f"{name} must be a number in {interval}, got {value!r}")


def _one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


class BlockSpec(NamedTuple):
    """One block with all its widths worked out: what ``blocks.py`` builds and ``cost.py`` counts.

    ``hidden`` is the expanded width ``in_channels * expand``; ``squeeze`` is the width inside
    squeeze-and-excitation (0: none); ``residual`` says whether the input is added to the output.
    """

    name: str
    block: str
    kernel: int
    stride: int
    expand: int
    in_channels: int
    hidden: int
    out_channels: int
    squeeze: int
    residual: bool


@dataclass(frozen=True)
class StageSpec:
    """One row of the table: ``depth`` blocks of one kind; the first has the stride, the rest stride 1.

    Parameters
    ----------
    block : {"mbconv", "fused"}
        MBConv (Sandler et al. 2018, with squeeze-and-excitation) or Fused-MBConv (Tan & Le 2021).
    kernel : int
        Odd kernel size of the depthwise (MBConv) or full (fused) convolution.
    stride : int
        1 or 2.
    expand : int
        Expansion ratio: hidden channels over input channels, at least 1.
    channels : int
        Output channels of every block of the stage.
    depth : int
        Number of blocks.
    se_ratio : float
        Squeeze width over the block's *input* channels, in [0, 1]; 0 leaves squeeze-and-excitation out.

    Raises
    ------
    ValueError
        If a value is none of these.
    """

    block: str
    kernel: int
    stride: int
    expand: int
    channels: int
    depth: int
    se_ratio: float = 0.25

    def __post_init__(self) -> None:
        _one_of("block", self.block, BLOCKS)
        _whole("kernel", self.kernel)
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {self.kernel}")
        if self.stride not in (1, 2):
            raise ValueError(f"stride must be 1 or 2, got {self.stride!r}")
        _whole("expand", self.expand)
        _whole("channels", self.channels)
        _whole("depth", self.depth)
        _number("se_ratio", self.se_ratio, 0, 1)


@dataclass(frozen=True)
class ArchSpec:
    """A whole network: 3x3 stem, stages, 1x1 head, global pooling, classifier.

    Parameters
    ----------
    name : str
    stages : tuple of StageSpec
        Any number from one up, in order.
    stem, head : int
        Output channels of the stem convolution and of the last 1x1 convolution.
    resolution : int
        Input height and width in pixels that the network is meant for; at least its total stride.
    classes, in_channels : int
    activation : {"silu", "relu6", "relu"}
    padding : {"symmetric", "same"}
        PyTorch's kernel // 2 on every side, or TensorFlow's SAME, which depends on the input size.
    dropout : float
        Before the classifier, in [0, 1).
    drop_path : float
        Stochastic depth of the last block, in [0, 1); block i of n has ``drop_path * i / n``.
    bn_eps, bn_momentum : float
        Batch norm's epsilon, and its momentum in PyTorch's sense (TensorFlow's 0.99 is 0.01 here).
    stem_stride : int
        2 as published; 1 suits 32-pixel images.
    fixed_ends : bool
        Scaling leaves stem and head alone and does not deepen the first and last stage
        (EfficientNet-Lite).

    Raises
    ------
    ValueError
        If a value is none of these.
    """

    name: str
    stages: tuple[StageSpec, ...]
    stem: int
    head: int
    resolution: int
    classes: int = 1000
    in_channels: int = 3
    activation: str = "silu"
    padding: str = "symmetric"
    dropout: float = 0.2
    drop_path: float = 0.2
    bn_eps: float = 1e-5
    bn_momentum: float = 0.1
    stem_stride: int = 2
    fixed_ends: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name must be a non-empty string, got {self.name!r}")
        object.__setattr__(self, "stages", tuple(self.stages))
        if not self.stages:
            raise ValueError("stages must hold at least one StageSpec, got none")
        for stage in self.stages:
            if not isinstance(stage, StageSpec):
                raise ValueError(f"stages must hold StageSpec rows only, got {stage!r}")
        for name in ("stem", "head", "resolution", "classes", "in_channels"):
            _whole(name, getattr(self, name))
        _one_of("activation", self.activation, ACTIVATIONS)
        _one_of("padding", self.padding, PADDINGS)
        _number("dropout", self.dropout, 0, 1, below=True)
        _number("drop_path", self.drop_path, 0, 1, below=True)
        _number("bn_eps", self.bn_eps, 0, 1, above=True)
        _number("bn_momentum", self.bn_momentum, 0, 1, above=True)
        if self.stem_stride not in (1, 2):
            raise ValueError(f"stem_stride must be 1 or 2, got {self.stem_stride!r}")
        self.check_resolution(self.resolution)

    @property
    def total_stride(self) -> int:
        """Input pixels a side for one pixel of the last feature map."""
        stride = self.stem_stride
        for stage in self.stages:
            stride *= stage.stride
        return stride

    def check_resolution(self, resolution: int) -> int:
        """Return ``resolution`` (pixels) if this network can take it, else raise ValueError."""
        _whole("resolution", resolution)
        if resolution < self.total_stride:
            raise ValueError(
                f"resolution must be at least {self.total_stride} pixels, the total stride of {self.name!r}, "
                f"got {resolution}"
            )
        return resolution

    def blocks(self) -> list[BlockSpec]:
        """Every block in order, named ``stages.<stage>.<block>`` as in the built model, counted from 0."""
        found, channels = [], self.stem
        for i, stage in enumerate(self.stages):
            for j in range(stage.depth):
                stride = stage.stride if j == 0 else 1
                squeeze = max(1, int(channels * stage.se_ratio)) if stage.se_ratio else 0
                found.append(
                    BlockSpec(
                        f"stages.{i}.{j}", stage.block, stage.kernel, stride, stage.expand, channels,
                        channels * stage.expand, stage.channels, squeeze,
                        stride == 1 and channels == stage.channels,
                    )
                )  # fmt: skip
                channels = stage.channels
        return found

    def to_dict(self) -> dict[str, Any]:
        """As plain dicts, lists, numbers and strings, ready for JSON; ``from_dict`` reads it back."""
        return asdict(self) | {"stages": [asdict(stage) for stage in self.stages]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ArchSpec:
        """The inverse of ``to_dict``.

        Raises
        ------
        ValueError
            If a key is unknown or missing, or a value is not allowed.
        """
        values = _known(cls, values)
        values["stages"] = tuple(StageSpec(**_known(StageSpec, stage)) for stage in values["stages"])
        return cls(**values)

    def replace(self, **changes: Any) -> ArchSpec:
        """A copy with some fields changed, checked again."""
        return replace(self, **changes)


def _known(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise ValueError(f"{cls.__name__} must be read from a mapping, got {type(values).__name__}")
    allowed = {f.name for f in fields(cls)}
    needed = {f.name for f in fields(cls) if f.default is f.default_factory}  # both MISSING: no default
    if unknown := sorted(set(values) - allowed, key=str):
        its = ", ".join(sorted(allowed))
        raise ValueError(f"{cls.__name__} has no field {unknown[0]!r}; its fields are {its}")
    if missing := sorted(needed - set(values)):
        raise ValueError(f"{cls.__name__} needs the field {missing[0]!r}, got {sorted(values)}")
    return dict(values)
