"""Search spaces: a base network, and what may be changed in it (Tan et al. 2019, MnasNet, Section 4.1).

A point of a space is a *genotype*: a tuple of whole numbers, one a dimension, each the place of the chosen
option. Every genotype is a network, an :class:`ArchSpec`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from effnet_lib.arch import ArchSpec, StageSpec
from effnet_lib.families import get_arch
from effnet_lib.scaling import round_channels
from effnet_lib.small import glyph_base

Genotype = tuple[int, ...]

FIELDS = ("operation", "block", "kernel", "expand", "se_ratio", "depth", "width")


class Dimension(NamedTuple):
    """One choice: what is chosen, the options, and the stages that it is chosen for.

    Parameters
    ----------
    field : {"operation", "block", "kernel", "expand", "se_ratio", "depth", "width"}
        A field of StageSpec; or ``operation``, a pair (block, kernel); or ``width``, a factor for the
        channels of the base network, rounded by ``round_channels``.
    options : tuple
        At least one, all different. A ``depth`` may be a tuple, one number a stage of ``stages``.
    stages : tuple of int, optional
        Which stages, counted from 0; None for all of them, and then a ``width`` also scales stem and head.
    """

    field: str
    options: tuple[Any, ...]
    stages: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        """``"expand"`` for the whole network, ``"stages.2.kernel"`` or ``"stages.1-3.kernel"`` for some."""
        if self.stages is None:
            return self.field
        return f"stages.{'-'.join(map(str, self.stages))}.{self.field}"


@dataclass(frozen=True)
class SearchSpace:
    """All networks that come from ``base`` by choosing one option in every dimension.

    Parameters
    ----------
    name : str
    base : ArchSpec
        What no dimension speaks of is as it is here.
    dimensions : tuple of Dimension
        Their order is the order of the genotype.
    divisor : int
        Scaled channel counts are multiples of it.

    Raises
    ------
    ValueError
        If a dimension is empty, repeats an option, names an unknown field or stage, or two dimensions set
        the same field of the same stage.
    """

    name: str
    base: ArchSpec
    dimensions: tuple[Dimension, ...]
    divisor: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimensions", tuple(self.dimensions))
        if not self.dimensions:
            raise ValueError("dimensions must hold at least one Dimension, got none")
        spoken_for: set[tuple[int, str]] = set()
        for dimension in self.dimensions:
            self._check(dimension)
            fields = ("block", "kernel") if dimension.field == "operation" else (dimension.field,)
            for place in product(self._stages(dimension), fields):
                if place in spoken_for:
                    raise ValueError(f"dimensions must set {place[1]} of stage {place[0]} once, got it twice")
                spoken_for.add(place)
        object.__setattr__(self, "sizes", tuple(len(d.options) for d in self.dimensions))

    def _stages(self, dimension: Dimension) -> tuple[int, ...]:
        return tuple(range(len(self.base.stages))) if dimension.stages is None else dimension.stages

    def _check(self, dimension: Dimension) -> None:
        name = dimension.name
        if dimension.field not in FIELDS:
            raise ValueError(f"field must be one of {', '.join(FIELDS)}, got {dimension.field!r}")
        stages = self._stages(dimension)
        if not stages or not set(stages) <= set(range(len(self.base.stages))):
            raise ValueError(f"stages must lie in 0 to {len(self.base.stages) - 1}, got {dimension.stages!r}")
        if not dimension.options or len(set(dimension.options)) < len(dimension.options):
            raise ValueError(f"options of {name} must be at least one and differ, got {dimension.options!r}")
        for option in dimension.options:
            if isinstance(option, tuple) and dimension.field == "depth" and len(option) != len(stages):
                raise ValueError(f"options of {name} must have {len(stages)} depths each, got {option!r}")

    @property
    def cardinality(self) -> int:
        """How many points there are."""
        return math.prod(self.sizes)

    def __len__(self) -> int:
        return self.cardinality

    def __iter__(self) -> Iterator[Genotype]:
        """All points in order of their index: the last dimension turns fastest."""
        return product(*map(range, self.sizes))

    def check(self, genotype: Genotype) -> Genotype:
        """``genotype`` as a tuple of plain ints, if it is a point of this space.

        Raises
        ------
        ValueError
            If it has another number of dimensions, or a place that its dimension does not have.
        """
        point = tuple(int(place) for place in genotype)
        if len(point) != len(self.sizes):
            raise ValueError(f"genotype must have {len(self.sizes)} dimensions, got {len(point)}")
        for place, given, dimension in zip(point, genotype, self.dimensions, strict=True):
            last = len(dimension.options) - 1
            if place != given or not 0 <= place <= last:
                raise ValueError(f"genotype must have 0 to {last} for {dimension.name}, got {given!r}")
        return point

    def index(self, genotype: Genotype) -> int:
        """Place of ``genotype`` in the order of iteration, from 0."""
        found = 0
        for place, size in zip(self.check(genotype), self.sizes, strict=True):
            found = found * size + place
        return found

    def genotype(self, index: int) -> Genotype:
        """The point at ``index``: the inverse of ``index``.

        Raises
        ------
        ValueError
            If ``index`` is not in [0, cardinality).
        """
        if not 0 <= index < self.cardinality:
            raise ValueError(f"index must lie in 0 to {self.cardinality - 1}, got {index!r}")
        places, rest = [], int(index)
        for size in reversed(self.sizes):
            rest, place = divmod(rest, size)
            places.append(place)
        return tuple(reversed(places))

    def decode(self, genotype: Genotype) -> dict[str, Any]:
        """The chosen options by the dimensions' names."""
        point = self.check(genotype)
        return {d.name: d.options[place] for d, place in zip(self.dimensions, point, strict=True)}

    def encode(self, choices: Mapping[str, Any]) -> Genotype:
        """The genotype of these options, one a dimension by name: the inverse of ``decode``.

        Raises
        ------
        ValueError
            If a dimension is missing or unknown, or an option is none of its dimension's.
        """
        names = [dimension.name for dimension in self.dimensions]
        if set(choices) != set(names):
            raise ValueError(f"choices must name {', '.join(names)}; got {', '.join(map(str, choices))}")
        for d in self.dimensions:
            if choices[d.name] not in d.options:
                raise ValueError(f"{d.name} must be one of {d.options}, got {choices[d.name]!r}")
        return tuple(d.options.index(choices[d.name]) for d in self.dimensions)

    def arch(self, genotype: Genotype) -> ArchSpec:
        """The network of this genotype, named after the space and the genotype."""
        point = self.check(genotype)
        stages: list[StageSpec] = list(self.base.stages)
        ends = {"stem": self.base.stem, "head": self.base.head}
        for dimension, place in zip(self.dimensions, point, strict=True):
            option, indices = dimension.options[place], self._stages(dimension)
            if dimension.field == "width" and dimension.stages is None:
                ends = {end: self._widened(channels, option) for end, channels in ends.items()}
            for position, i in enumerate(indices):
                stages[i] = replace(stages[i], **self._change(dimension.field, option, position, i))
        label = "".join(np.base_repr(place, 36) for place in point)
        return self.base.replace(name=f"{self.name}-{label}", stages=tuple(stages), **ends)

    def _change(self, field: str, option: Any, position: int, stage: int) -> dict[str, Any]:
        if field == "operation":
            return {"block": option[0], "kernel": option[1]}
        if field == "width":
            return {"channels": self._widened(self.base.stages[stage].channels, option)}
        return {field: option[position] if isinstance(option, tuple) else option}

    def _widened(self, channels: int, factor: float) -> int:
        return channels if factor == 1 else round_channels(channels * factor, self.divisor)

    def sample(self, rng: np.random.Generator) -> Genotype:
        """A point drawn uniformly."""
        return tuple(rng.integers(0, self.sizes).tolist())

    def mutate(self, genotype: Genotype, rng: np.random.Generator) -> Genotype:
        """A neighbour: another option in one dimension, dimension and option drawn uniformly.

        In a space of one single point there is none, and ``genotype`` comes back.
        """
        free = [d for d, size in enumerate(self.sizes) if size > 1]
        if not free:
            return genotype
        d = free[int(rng.integers(len(free)))]
        other = (genotype[d] + 1 + int(rng.integers(self.sizes[d] - 1))) % self.sizes[d]
        return (*genotype[:d], other, *genotype[d + 1 :])

    def crossover(self, mother: Genotype, father: Genotype, rng: np.random.Generator) -> Genotype:
        """A child that has each place from either parent, by the toss of a coin (uniform crossover)."""
        coins = rng.integers(0, 2, len(self.sizes)).tolist()
        return tuple(m if coin else f for m, f, coin in zip(mother, father, coins, strict=True))

    def neighbours(self, genotype: Genotype) -> list[Genotype]:
        """All points that differ in exactly one dimension, in order of dimension and option."""
        point = self.check(genotype)
        return [
            (*point[:d], other, *point[d + 1 :])
            for d, size in enumerate(self.sizes)
            for other in range(size)
            if other != point[d]
        ]


def tabular_space(resolution: int = 20, classes: int = 40) -> SearchSpace:
    """432 small networks around ``glyph_base``: few enough to train every one.

    Three stages choose MBConv with kernel 3 or 5, or Fused-MBConv with kernel 3; expansion, squeeze-and-
    excitation, width and depth are chosen for the whole network.
    """
    operations = (("mbconv", 3), ("mbconv", 5), ("fused", 3))
    searched = (1, 2, 3)
    dimensions = (
        *(Dimension("operation", operations, (stage,)) for stage in searched),
        Dimension("expand", (2, 4), searched),  # the first stage, as in B0, does not expand
        Dimension("se_ratio", (0, 0.25)),
        Dimension("width", (1, 1.4)),
        Dimension("depth", ((1, 1, 2, 1), (1, 2, 2, 2))),
    )
    return SearchSpace("tabular", glyph_base(resolution, classes), dimensions, divisor=2)


def mnasnet_space() -> SearchSpace:
    """EfficientNet-B0 with every stage free, after MnasNet's space (Tan et al. 2019, Section 4.1): 9.7 * 10^15.

    Stage by stage: Fused-MBConv or MBConv (with expansion 1 these are MnasNet's regular and depthwise
    convolution), kernel 3 or 5, expansion 1, 3 or 6, squeeze-and-excitation or none, a block less, as many
    or one more, and 0.75, 1 or 1.25 of the channels. The paper's choice of skip operation is not here.
    Stages of one block are not emptied: they choose between one block and two. Channels are multiples
    of 4, so that no two factors give the same width.
    """
    base = get_arch("efficientnet_b0")
    dimensions = []
    for i, stage in enumerate(base.stages):
        depths = tuple(depth for depth in (stage.depth - 1, stage.depth, stage.depth + 1) if depth)
        options = {
            "block": ("mbconv", "fused"), "kernel": (3, 5), "expand": (1, 3, 6), "se_ratio": (0, 0.25),
            "depth": depths, "width": (0.75, 1, 1.25),
        }  # fmt: skip
        dimensions += [Dimension(field, values, (i,)) for field, values in options.items()]
    return SearchSpace("mnasnet", base, tuple(dimensions), divisor=4)
