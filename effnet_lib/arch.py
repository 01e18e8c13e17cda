"""Architectures as data: a network is a table with one row a stage (Tan & Le 2019, Table 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

from effnet_lib.checks import known_fields, number, one_of, whole

BLOCKS = ("mbconv", "fused")
ACTIVATIONS = ("silu", "relu6", "relu")
PADDINGS = ("symmetric", "same")
_PER_BLOCK = ("hidden", "squeeze", "residual")  # fields of StageSpec that only irregular networks need


class BlockSpec(NamedTuple):
    """One block with all its widths worked out: what ``blocks.py`` builds and ``cost.py`` counts.

    ``hidden`` is the expanded width, ``in_channels * expand`` unless the stage says otherwise; ``squeeze``
    is the width inside squeeze-and-excitation (0: none); ``residual`` says whether the input is added to
    the output. There is an expansion layer unless ``expand`` is 1, whatever ``hidden`` is.
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
    hidden, squeeze : tuple of int, optional
        One width a block where ratios cannot say it, as in a pruned network; None leaves them to ``expand``
        and ``se_ratio``. Without an expansion (1) or squeeze-and-excitation (0) there is no such width.
    residual : tuple of bool, optional
        Whether each block adds its input. None: wherever the shapes agree. A pruned network needs it where
        two widths that differed became equal by chance.

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
    hidden: tuple[int, ...] | None = None
    squeeze: tuple[int, ...] | None = None
    residual: tuple[bool, ...] | None = None

    def __post_init__(self) -> None:
        one_of("block", self.block, BLOCKS)
        whole("kernel", self.kernel)
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {self.kernel}")
        if self.stride not in (1, 2):
            raise ValueError(f"stride must be 1 or 2, got {self.stride!r}")
        whole("expand", self.expand)
        whole("channels", self.channels)
        whole("depth", self.depth)
        number("se_ratio", self.se_ratio, 0, 1)
        for name, absent in (
            ("hidden", self.expand == 1),
            ("squeeze", not self.se_ratio),
            ("residual", False),
        ):
            self._check_per_block(name, absent)

    def _check_per_block(self, name: str, absent: bool) -> None:
        values = getattr(self, name)
        if values is None:
            return
        if absent:
            ratio = f"expand is {self.expand}" if name == "hidden" else f"se_ratio is {self.se_ratio}"
            raise ValueError(f"{name} must be None where {ratio}, got {values!r}")
        if isinstance(values, (str, int)) or len(values) != self.depth:
            raise ValueError(f"{name} must hold one value a block, {self.depth}, got {values!r}")
        object.__setattr__(self, name, tuple(values))
        for value in values:
            if name != "residual":
                whole(name, value)
            elif not isinstance(value, bool):
                raise ValueError(f"residual must hold True or False only, got {value!r}")

    @property
    def irregular(self) -> bool:
        """Whether some width or residual is given block by block, as pruning leaves it."""
        return any(getattr(self, name) is not None for name in _PER_BLOCK)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON; what is not given block by block is left out."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items() if not (name in _PER_BLOCK and value is None)
        }  # fmt: skip

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.to_dict())
        return f"StageSpec({given})"


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
            whole(name, getattr(self, name))
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("padding", self.padding, PADDINGS)
        number("dropout", self.dropout, 0, 1, below=True)
        number("drop_path", self.drop_path, 0, 1, below=True)
        number("bn_eps", self.bn_eps, 0, 1, above=True)
        number("bn_momentum", self.bn_momentum, 0, 1, above=True)
        if self.stem_stride not in (1, 2):
            raise ValueError(f"stem_stride must be 1 or 2, got {self.stem_stride!r}")
        self.check_resolution(self.resolution)
        for block in self.blocks() if self.irregular else ():
            if block.residual and (block.stride != 1 or block.in_channels != block.out_channels):
                raise ValueError(
                    f"residual of {block.name} must be False: its stride is {block.stride} and its widths are "
                    f"{block.in_channels} and {block.out_channels}, so its input cannot be added to its output"
                )

    @property
    def irregular(self) -> bool:
        """Whether some stage gives widths or residuals block by block, as pruning leaves it."""
        return any(stage.irregular for stage in self.stages)

    @property
    def total_stride(self) -> int:
        """Input pixels a side for one pixel of the last feature map."""
        stride = self.stem_stride
        for stage in self.stages:
            stride *= stage.stride
        return stride

    def check_resolution(self, resolution: int) -> int:
        """Return ``resolution`` (pixels) if this network can take it, else raise ValueError."""
        whole("resolution", resolution)
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
                hidden = channels * stage.expand
                squeeze = max(1, int(channels * stage.se_ratio)) if stage.se_ratio else 0
                residual = stride == 1 and channels == stage.channels
                if stage.hidden is not None:
                    hidden = stage.hidden[j]
                if stage.squeeze is not None:
                    squeeze = stage.squeeze[j]
                if stage.residual is not None:
                    residual = stage.residual[j]
                found.append(
                    BlockSpec(
                        f"stages.{i}.{j}", stage.block, stage.kernel, stride, stage.expand, channels, hidden,
                        stage.channels, squeeze, residual,
                    )
                )  # fmt: skip
                channels = stage.channels
        return found

    def to_dict(self) -> dict[str, Any]:
        """As plain dicts, lists, numbers and strings, ready for JSON; ``from_dict`` reads it back."""
        return asdict(self) | {"stages": [stage.to_dict() for stage in self.stages]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ArchSpec:
        """The inverse of ``to_dict``.

        Raises
        ------
        ValueError
            If a key is unknown or missing, or a value is not allowed.
        """
        values = known_fields(cls, values)
        values["stages"] = tuple(StageSpec(**known_fields(StageSpec, stage)) for stage in values["stages"])
        return cls(**values)

    def replace(self, **changes: Any) -> ArchSpec:
        """A copy with some fields changed, checked again."""
        return replace(self, **changes)
