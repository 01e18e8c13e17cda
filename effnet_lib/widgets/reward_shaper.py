"""MnasNet's reward on a measured space: which network an exponent and a target make the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from effnet_lib.arch import ArchSpec
from effnet_lib.widgets.base import Choice, Explorer, Number, Setting, text_table
from effnet_lib.widgets.bundle import script, style
from effnet_lib.widgets.reward_points import EXPONENTS, PAPER, Contender, contenders, exponents, winner
from effnet_lib.widgets.search_points import (
    as_search_table,
    check_tabular,
    costs,
    deviations,
    means,
    ranks,
    search_points,
)
from effnet_lib.widgets.tradeoff_table import budget_range

if TYPE_CHECKING:
    from effnet_lib.search.table import SearchTable

_AXES = {"macs": "macs", "latency": "cpu"}  # as tradeoff_table calls them
_WORDS = {"macs": "MACs", "latency": "latency"}


def _range(values: list[float], cost: str) -> dict[str, Any]:
    """Where the target may lie, as ``budget_range`` has it; it starts at the cost of a cheap network.

    About a quarter of the networks keep to it, so that a hard target has something to exclude.
    """
    axis = _AXES[cost]
    found = budget_range([{axis: value} for value in values], axis)
    start = float(f"{sorted(values)[len(values) // 4]:.3g}")
    return found | {"start": int(start) if found["whole"] else start}


class Cost(Setting):
    """One of the costs that every network of the widget's table has."""

    def validate(self, obj: traitlets.HasTraits, value: Any) -> str:
        if not isinstance(value, str) or value not in obj.ranges:
            self.refuse(value, f"one of {', '.join(map(repr, obj.ranges))}")
        return value


class RewardShaper(Explorer):
    """The reward accuracy * (cost / target)^w over a table of networks, and the network that has the most of it.

    Accuracy is the mean on validation over all seeds; what the winner reaches on test is shown, and chooses
    nothing. ``macs`` and ``params`` are the winner's.

    Parameters
    ----------
    table : SearchTable or str, optional
        A measured table of ``effnet_lib.search.tabular_space``; if left out, the one that ships with the library.
    mode : {"soft", "hard"}
        Whether the exponent holds on both sides of the target, or only beyond it (0 up to it).
    exponent : float
        w, from -1 to 0; if left out, the paper's: -0.07 if soft, -1 if hard. A new mode brings it back.
    cost : {"macs", "latency"}
        Latency only if the table has it for every network.
    target : float, optional
        In MACs or seconds; if left out, one that about a quarter of the networks keep to. A new cost brings it back.
    locked_by : str
        Id of a ``Predict`` that has to be answered first.

    Raises
    ------
    ValueError
        If the table is unknown, incomplete or of another space.
    """

    _esm = script("reward_shaper.js")
    _css = style("scaling_explorer.css", "search_plane.css", "reward_shaper.css")
    mode = Choice("soft", tuple(PAPER))
    exponent = Number(PAPER["soft"], -1, 0)
    cost = Cost("macs")
    target = Number(1, 1e-9, 1e18)
    points = traitlets.Dict().tag(sync=True)
    ranges = traitlets.Dict().tag(sync=True)

    def __init__(self, table: SearchTable | str | None = None, **settings: Any) -> None:
        found = as_search_table(table)
        check_tabular(found.space)
        self._space = found.space
        points = search_points(found)
        known = {name: costs(points, name) for name in _AXES}
        self.set_trait("points", points)
        self.set_trait("ranges", {name: _range(known[name], name) for name in _AXES if None not in known[name]})
        settings.setdefault("exponent", PAPER["hard" if settings.get("mode") == "hard" else "soft"])
        settings.setdefault("target", self._start(settings.get("cost", "macs")))
        super().__init__(**settings)
        self.observe(lambda _: self.set_trait("exponent", PAPER[self.mode]), "mode")
        self.observe(lambda _: self.set_trait("target", self._start(self.cost)), "cost")

    def _start(self, cost: Any) -> float:
        return self.ranges.get(cost if isinstance(cost, str) else "macs", self.ranges["macs"])["start"]

    def _limits(self) -> dict[str, list[object]]:
        limits = super()._limits()
        return limits | {"cost": list(self.ranges), "target": [*limits["target"][:2], self._start(self.cost)]}

    @property
    def exponents(self) -> tuple[float, float]:
        """The exponents up to the target and beyond it, as ``mnasnet_reward`` takes them."""
        return exponents(self.mode, self.exponent)

    @property
    def rewards(self) -> list[float]:
        """Reward of every network, in the order of the space."""
        return self._rewards(self.exponent)

    def _rewards(self, exponent: float) -> list[float]:
        from effnet_lib.search import mnasnet_reward

        pair = exponents(self.mode, exponent)
        both = zip(means(self.points), costs(self.points, self.cost), strict=True)
        return [mnasnet_reward(share, cost, self.target, pair) for share, cost in both]

    @property
    def winner(self) -> int:
        """Index of the network with the highest reward; of equals the cheapest, then the first."""
        return self.winner_at(self.exponent)

    def winner_at(self, exponent: float) -> int:
        """The same for another exponent."""
        return winner(self._rewards(exponent), costs(self.points, self.cost))

    @property
    def contenders(self) -> list[Contender]:
        """The networks that win at some exponent from 0 to -1, with the exponents at which they do."""
        return contenders(costs(self.points, self.cost), means(self.points), self.target, self.mode)

    @property
    def front(self) -> list[int]:
        """Indices of the Pareto front of cost and mean validation accuracy, the cheapest first."""
        from effnet_lib.search import pareto_front

        return pareto_front(list(zip(costs(self.points, self.cost), means(self.points), strict=True)))

    @property
    def genotype(self) -> tuple[int, ...]:
        """The winner as a point of the space."""
        return self._space.genotype(self.winner)

    @property
    def arch(self) -> ArchSpec:
        """The winner."""
        return self._space.arch(self.genotype)

    @property
    def macs(self) -> int:
        return self.points["macs"][self.winner]

    @property
    def params(self) -> int:
        return self.points["params"][self.winner]

    def _words(self, value: float) -> str:
        found = self.ranges[self.cost]
        return f"{value / found['scale']:.4g} {found['unit']}"

    def describe(self) -> str:
        within, beyond = self.exponents
        best, cost = self.winner, costs(self.points, self.cost)
        share = {split: means(self.points, split) for split in ("validation", "test")}
        spread = {split: deviations(self.points, split) for split in share}

        def words(split: str, i: int) -> str:
            more = "" if spread[split][i] is None else f" ± {100 * spread[split][i]:.1f}"
            return f"{100 * share[split][i]:.1f}{more}"

        lines = [
            f"Reward: validation accuracy * ({_WORDS[self.cost]} / {self._words(self.target)})^w, "
            f"w = {within:g} up to the target, {beyond:g} beyond it",
            f"The highest, {max(self.rewards):.4f}, goes to genotype {self._name(best)}: {self.macs:,} MACs, "
            f"{self.params:,} parameters, validation {words('validation', best)} % (rank "
            f"{ranks(self.points)[best]} of {len(cost)}), test {words('test', best)} %",
        ]
        table = [("w", "genotype", _WORDS[self.cost], "validation, %", "test, %", "reward")]
        for exponent in EXPONENTS:
            i = self.winner_at(exponent)
            table.append((f"{exponent:g}", self._name(i), self._words(cost[i]), words("validation", i),
                          words("test", i), f"{self._rewards(exponent)[i]:.4f}"))  # fmt: skip
        able = {contender.index for contender in self.contenders}
        front = self.front
        lines += [text_table(table), f"Of {len(front)} networks on the Pareto front, "
                  f"{len(able & set(front))} win at some exponent from 0 to -1"]  # fmt: skip
        return "\n".join(lines)

    def _name(self, index: int) -> str:
        return "".join(map(str, self._space.genotype(index)))
