"""A searched space, network by network: what each choice costs and gains, and what lies one choice away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import traitlets

from effnet_lib.arch import ArchSpec
from effnet_lib.widgets.base import ArchExplorer, Choice, text_table
from effnet_lib.widgets.bundle import script, style
from effnet_lib.widgets.search_points import (
    as_search_table,
    check_tabular,
    deviations,
    means,
    ranks,
    search_points,
    space_columns,
)

if TYPE_CHECKING:
    from effnet_lib.search.table import SearchTable

Genotype = tuple[int, ...]

OPERATIONS = ("mbconv3", "mbconv5", "fused3")
#: The settings in the order of the space's dimensions, each with its values in the order of the options.
CHOICES = {
    "stage1": OPERATIONS, "stage2": OPERATIONS, "stage3": OPERATIONS, "expand": (2, 4), "se_ratio": (0, 0.25),
    "width": (1, 1.4), "blocks": (5, 7),
}  # fmt: skip


class SpaceExplorer(ArchExplorer):
    """One of the networks of the tabular space: its cost, its measured accuracy and rank, and its neighbours.

    Parameters
    ----------
    table : SearchTable or str, optional
        A measured table of ``effnet_lib.search.tabular_space``; if left out, the one that ships with the library.
    genotype : sequence of int, optional
        The network to begin with, instead of the settings that follow; if neither is given, the hand-made base.
    stage1, stage2, stage3 : {"mbconv3", "mbconv5", "fused3"}
        Operation of a stage: MBConv with kernel 3 or 5, or Fused-MBConv with kernel 3.
    expand : {2, 4}
        Expansion ratio of these stages.
    se_ratio : {0, 0.25}
        Squeeze-and-excitation: none, or its ratio.
    width : {1, 1.4}
        Factor of all channels.
    blocks : {5, 7}
        Number of blocks: 1, 1, 2 and 1 in the four stages, or 1, 2, 2 and 2.
    locked_by : str
        Id of a ``Predict`` that has to be answered first.

    Raises
    ------
    ValueError
        If the table is unknown, incomplete or of another space, or both a genotype and its settings are given.
    """

    _esm = script("space_explorer.js")
    _css = style("scaling_explorer.css", "search_plane.css", "space_explorer.css")
    stage1 = Choice("mbconv3", OPERATIONS)
    stage2 = Choice("mbconv5", OPERATIONS)
    stage3 = Choice("mbconv3", OPERATIONS)
    expand = Choice(4, CHOICES["expand"])
    se_ratio = Choice(0.25, CHOICES["se_ratio"])
    width = Choice(1, CHOICES["width"])
    blocks = Choice(5, CHOICES["blocks"])
    points = traitlets.Dict().tag(sync=True)
    space = traitlets.Dict().tag(sync=True)

    def __init__(
        self, table: SearchTable | str | None = None, genotype: Sequence[int] | None = None, **settings: Any
    ) -> None:
        found = as_search_table(table)
        self._space = found.space
        check_tabular(found.space)
        if genotype is not None:
            if both := [name for name in CHOICES if name in settings]:
                raise ValueError(f"genotype must not be given together with {both[0]}, got {genotype!r}")
            settings |= self._settings(genotype)
        self.set_trait("points", search_points(found))
        self.set_trait("space", space_columns(found.space))
        super().__init__(**settings)

    def _settings(self, genotype: Sequence[int]) -> dict[str, Any]:
        point = self._space.check(tuple(genotype))
        return {name: options[place] for (name, options), place in zip(CHOICES.items(), point, strict=True)}

    @property
    def genotype(self) -> Genotype:
        """The network as a point of the space; may be set."""
        return tuple(options.index(getattr(self, name)) for name, options in CHOICES.items())

    @genotype.setter
    def genotype(self, genotype: Sequence[int]) -> None:
        with self.hold_sync():
            for name, value in self._settings(genotype).items():
                setattr(self, name, value)

    @property
    def index(self) -> int:
        """Its place in the order of the space."""
        return self._space.index(self.genotype)

    @property
    def arch(self) -> ArchSpec:
        """The network."""
        return self._space.arch(self.genotype)

    @property
    def rank(self) -> int:
        """Its rank by mean validation accuracy: 1 is the best, equals share the better rank."""
        return ranks(self.points)[self.index]

    @property
    def best_change(self) -> Genotype | None:
        """The neighbour that gains most mean validation accuracy, of equals the cheapest, then the first.

        None if none gains: the network is a local optimum.
        """
        shares, macs = means(self.points), self.points["macs"]
        near = [self._space.index(point) for point in self._space.neighbours(self.genotype)]
        best = min(near, key=lambda i: (-shares[i], macs[i]))
        return self._space.genotype(best) if shares[best] > shares[self.index] else None

    @property
    def noise(self) -> float | None:
        """Standard error of the difference of two networks' mean validation accuracies, pooled over all networks.

        None if there is one seed.
        """
        seeds = len(self.points["validation"])
        if seeds < 2:
            return None
        variances = [spread**2 for spread in deviations(self.points)]
        return math.sqrt(2 * sum(variances) / len(variances) / seeds)

    def describe(self) -> str:
        points, here, cost = self.points, self.index, self.cost
        names = ", ".join(f"{name} {getattr(self, name)}" for name in CHOICES)
        count, seeds = len(points["macs"]), len(points["validation"])
        latency = points["latency"][here]
        lines = [
            f"One of {count} networks: {names}",
            f"{cost.macs:,} MACs, {cost.params:,} parameters, "
            + (f"{latency:,.0f} µs for one picture" if latency is not None else "latency not measured"),
        ]
        share = {split: means(points, split) for split in ("validation", "test")}
        spread = {split: deviations(points, split) for split in share}
        place = {split: ranks(points, split) for split in share}

        def words(split: str, i: int) -> str:
            more = "" if spread[split][i] is None else f" ± {100 * spread[split][i]:.1f}"
            return f"{100 * share[split][i]:.1f}{more}"

        lines += [f"{split} accuracy {words(split, here)} %, rank {place[split][here]}" for split in share]
        lines.append(f"Accuracies: mean{' ± standard deviation' if seeds > 1 else ''} over {seeds} "
                     f"seed{'s' if seeds > 1 else ''}. One choice away:")  # fmt: skip
        rows = [("", "MACs", "validation, %", "gain, points", "test, %", "rank")]
        for point in self._space.neighbours(self.genotype):
            i = self._space.index(point)
            name = next(name for name, a, b in zip(CHOICES, point, self.genotype, strict=True) if a != b)
            gain = 100 * (share["validation"][i] - share["validation"][here])
            rows.append((f"{name} {self._settings(point)[name]}", f"{points['macs'][i]:,}", words("validation", i),
                         f"{gain:+.1f}", words("test", i), str(place["validation"][i])))  # fmt: skip
        best = self.best_change
        if best is None:
            said = "No single change gains on validation: a local optimum"
        else:
            name = next(name for name, a, b in zip(CHOICES, best, self.genotype, strict=True) if a != b)
            said = f"The best single change on validation: {name} {self._settings(best)[name]}"
        if self.noise is not None:
            said += f"\nStandard error of a gain, pooled over all networks: {100 * self.noise:.1f} points"
        return "\n".join([*lines, text_table(rows), said])
