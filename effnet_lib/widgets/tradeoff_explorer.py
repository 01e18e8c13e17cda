"""Accuracy against what it costs: our measured networks and the published ones, each on axes of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from effnet_lib.arch import ArchSpec
from effnet_lib.families import get_arch
from effnet_lib.results import Table
from effnet_lib.widgets.base import Explorer, Number, Setting, text_table
from effnet_lib.widgets.bundle import script, style
from effnet_lib.widgets.tradeoff_table import (
    AXES,
    as_table,
    best_within,
    budget_range,
    measured_rows,
    published_rows,
    with_axis,
)


class Axis(Setting):
    """One of the costs that the widget's table has."""

    def validate(self, obj: traitlets.HasTraits, value: Any) -> str:
        if not isinstance(value, str) or value not in obj.axes:
            self.refuse(value, f"one of {', '.join(map(repr, obj.axes))}")
        return value


class Selected(Setting):
    """The name of one of the widget's networks, or "" for the best within the budget."""

    def validate(self, obj: traitlets.HasTraits, value: Any) -> str:
        if not isinstance(value, str) or (value and value not in obj.known):
            names = ", ".join(map(repr, obj.known))
            self.refuse(value, f"'' or the name of a network ({names})")
        return value


class TradeoffExplorer(Explorer):
    """Accuracy against cost, with a budget that names the best choice, for measured and published networks.

    In a notebook with a kernel it also measures the network shown on the machine at hand.

    Parameters
    ----------
    table : str, dict or effnet_lib.results.Table
        A measured table: its name, or itself.
    published : bool
        Show the published ImageNet networks beside it, on axes of their own.
    axis : {"macs", "params", "bytes", "cpu", "cuda", "memory"}
        The cost: of these, those that the table has. Latencies are in seconds, stored size and memory in bytes.
    budget, published_budget : float, optional
        The most that a network may cost, in the unit of ``axis``; if left out, a value between the cheapest and
        the dearest network. A new axis brings back this value.
    selected : str
        The network whose card is shown; "" for the best of the table within the budget.
    locked_by : str
        Id of a ``Predict`` that has to be answered first.

    Raises
    ------
    ValueError
        If the table is unknown or malformed, or one of its rows is named like a published network shown.
    """

    _esm = script("tradeoff_explorer.js")
    _css = style("scaling_explorer.css", "tradeoff_explorer.css")
    axis = Axis("macs")
    budget = Number(1, 0, 1e18)
    published_budget = Number(1, 0, 1e18)
    selected = Selected("")
    rows = traitlets.List().tag(sync=True)
    networks = traitlets.List().tag(sync=True)
    ranges = traitlets.Dict().tag(sync=True)
    about = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        table: str | Mapping[str, Any] | Table = "scaling_glyphs",
        published: bool = True,
        **settings: Any,
    ) -> None:
        if not isinstance(published, bool):
            raise ValueError(f"published must be True or False, got {published!r}")
        found = as_table(table)
        rows = measured_rows(found)
        networks = list(published_rows()) if published else []
        if both := {row["name"] for row in rows} & {row["name"] for row in networks}:
            raise ValueError(
                f"table must not name a row like a published network, got {min(both)!r}; rename it, or give "
                "published=False"
            )
        self._archs = {row["name"]: row["arch"] for row in found.rows}
        self._formed = {row["name"] for row in rows if row["form"]}
        self.set_trait("rows", rows)
        self.set_trait("networks", [dict(row) for row in networks])
        self.set_trait("ranges", {
            axis: {"rows": budget_range(rows, axis), "networks": budget_range(networks, axis)} for axis in AXES
        })  # fmt: skip
        about = {"title": found.title, "made_by": dict(found.made_by), "setting": dict(found.setting)}
        self.set_trait("about", about)
        for name, budget in self._starts(settings.get("axis", "macs")).items():
            settings.setdefault(name, budget)
        super().__init__(**settings)
        self.observe(self._new_axis, "axis")
        self.on_msg(self._received)

    @property
    def axes(self) -> list[str]:
        """The costs that the table has."""
        return [axis for axis in AXES if self.ranges.get(axis, {}).get("rows")]

    @property
    def known(self) -> list[str]:
        """Names of all networks shown."""
        return [row["name"] for row in (*self.rows, *self.networks)]

    @property
    def best(self) -> str | None:
        """Name of the measured network that is best on validation within the budget; None if none fits."""
        row = best_within(self.rows, self.axis, self.budget)
        return None if row is None else row["name"]

    @property
    def best_published(self) -> str | None:
        """The same for the published networks, by their published accuracy."""
        row = best_within(self.networks, self.axis, self.published_budget)
        return None if row is None else row["name"]

    @property
    def arch(self) -> ArchSpec:
        """The network whose card is shown: the selected one or else the best, or the first if none fits."""
        name = self.selected or self.best or self.rows[0]["name"]
        return self._arch(name)

    @property
    def macs(self) -> int:
        return self._shown("macs")

    @property
    def params(self) -> int:
        return self._shown("params")

    def _shown(self, cost: str) -> int:
        name = self.selected or self.best or self.rows[0]["name"]
        return next(row[cost] for row in (*self.rows, *self.networks) if row["name"] == name)

    def _arch(self, name: str) -> ArchSpec:
        return ArchSpec.from_dict(self._archs[name]) if name in self._archs else get_arch(name)

    def _limits(self) -> dict[str, list[object]]:
        limits = super()._limits()
        for name, start in self._starts(self.axis).items():
            limits[name] = [*limits[name][:2], start]
        return limits | {"axis": list(self.axes)}

    def _starts(self, axis: str) -> dict[str, float]:
        """Default budgets along ``axis``."""
        ranges = self.ranges.get(axis, {}) if isinstance(axis, str) else {}
        names = {"rows": "budget", "networks": "published_budget"}
        return {name: ranges[key]["start"] for key, name in names.items() if ranges.get(key)}

    def _new_axis(self, change: Any) -> None:
        for name, budget in self._starts(self.axis).items():
            setattr(self, name, budget)

    def _received(self, _: object, content: Any, buffers: object = None) -> None:
        """Answer the page: that a kernel is here, or how long a network takes on this machine."""
        if not isinstance(content, dict):
            return
        if "hello" in content:
            self.send({"kernel": True})
        elif "measure" in content:
            name = content["measure"]
            try:
                if name in self._formed:
                    raise ValueError(
                        f"{name} is not a float network of PyTorch, so its time cannot be measured here"
                    )
                self.send({"measured": name, "took": measure_here(self._arch(name))})
            except Exception as error:  # whatever went wrong is told where the reader asked
                self.send({"measured": name, "error": f"{type(error).__name__}: {error}"})

    def describe(self) -> str:
        lines = [f"Accuracy against {AXES[self.axis]}. {self.about['title']}"]
        table = [("", "MACs", "parameters", "validation, %", "test, %", "runs")]
        for row in self.rows:
            (valid, _, runs), (test, spread, _) = row["validation"], row["test"]
            score = f"{100 * test:.1f}" + (f" ± {100 * spread:.1f}" if spread is not None else "")
            counts = (f"{row['macs']:,}", f"{row['params']:,}")
            table.append((row["name"], *counts, f"{100 * valid:.1f}", score, str(runs)))
        lines.append(text_table(table))
        if missing := len(self.rows) - len(with_axis(self.rows, self.axis)):
            lines.append(f"Left out, {AXES[self.axis]} not measured: {missing}")
        lines.append(f"Best on validation within {self._words(self.budget, 'rows')}: {self.best or 'none'}")
        if self.ranges[self.axis]["networks"]:
            said = self._words(self.published_budget, "networks")
            lines.append(f"Best of {len(self.networks)} published networks within {said}: "
                         f"{self.best_published or 'none'}")  # fmt: skip
        elif self.networks:
            lines.append(f"No published {AXES[self.axis]} can be compared with ours")
        return "\n".join(lines)

    def _words(self, budget: float, which: str) -> str:
        found = self.ranges[self.axis][which]
        return f"{budget / found['scale']:.4g} {found['unit']}"


def measure_here(arch: ArchSpec, seconds: float = 0.5) -> list[dict[str, Any]]:
    """Latency of one image on this machine, in seconds: on one CPU thread, and on the GPU if there is one."""
    import torch

    from effnet_lib.measure import latency
    from effnet_lib.model import EfficientNet

    model, found = EfficientNet(arch).eval(), []
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        took = latency(model.to(device), batch=1, threads=1, seconds=seconds)
        found.append({"median": took.median, "low": took.low, "high": took.high, "threads": took.threads,
                      "batch": took.batch, "device": took.device})  # fmt: skip
    return found
