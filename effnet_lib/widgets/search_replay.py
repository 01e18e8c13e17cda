"""Searches played again, evaluation by evaluation, over the plane of accuracy and MACs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from effnet_lib.widgets.base import BookWidget, Number, Setting, Text, text_table
from effnet_lib.widgets.bundle import script, style
from effnet_lib.widgets.search_moment import Moment, checked_alive, checked_runs
from effnet_lib.widgets.search_points import as_search_table, search_points

if TYPE_CHECKING:
    from effnet_lib.search.space import Dimension, SearchSpace
    from effnet_lib.search.table import SearchTable

RECENT = 20
_BLOCKS = {"mbconv": "MBConv", "fused": "Fused"}


class Offered(Setting):
    """One of the values that the widget offers for this setting."""

    def validate(self, obj: traitlets.HasTraits, value: Any) -> Any:
        options = obj.offered(self.name)
        plain = isinstance(value, str | int | float | np.number) and not isinstance(value, bool)
        if not plain or value not in options:
            self.refuse(value, f"one of {', '.join(map(repr, options))}")
        return options[options.index(value)]


class Evaluations(Number):
    """A number of evaluations: at most as many as the searches have."""

    def validate(self, obj: traitlets.HasTraits, value: Any) -> int | float:
        within = Number(0, self.low, obj.budget, whole=True)
        within.name = self.name
        return within.validate(obj, value)


class SearchReplay(BookWidget):
    """Searches of a table of trained networks, to be played or stepped through, one or two strategies at a time.

    What a search sees is the validation accuracy of one training seed: search ``r`` sees that of seed
    ``r % table.seeds``, as in ``effnet_lib.search.regret_curves``. What it chose by that is judged by mean test
    accuracy.

    Parameters
    ----------
    runs : dict
        From a strategy's name to its searches, one a seed, each a list of indices in order of evaluation, as
        ``effnet_lib.search.search_table`` returns it; all of one length, the budget.
    table : str or SearchTable, optional
        The table that was searched: its name, or itself; the one that ships with the library, if None.
    alive : dict, optional
        From the name of a strategy with a population, whose members are the last so many networks evaluated, to
        their number. For other strategies the last 20 are marked as recent.
    strategy : str
        Whose searches are shown; by default the first of ``runs``.
    against : str
        Which strategy is shown beside it, "" for none; by default the second of ``runs``, if there is one.
    seed : int
        Which of the searches, from 0.
    step : int
        After how many evaluations, from 0 to the budget, which is the default.
    locked_by : str
        Id of a ``Predict`` that has to be answered first.

    Raises
    ------
    ValueError
        If the table is unknown or incomplete, ``runs`` or ``alive`` is not as above, or a setting is none of those
        that there are.
    """

    _esm = script("search_replay.js")
    _css = style("scaling_explorer.css", "search_plane.css", "search_replay.css")
    strategy = Offered("")
    against = Offered("")
    seed = Offered(0)
    step = Evaluations(0, 0, 1e9, whole=True)
    locked_by = Text("")
    runs = traitlets.Dict().tag(sync=True)
    alive = traitlets.Dict().tag(sync=True)
    points = traitlets.Dict().tag(sync=True)
    words = traitlets.List().tag(sync=True)

    def __init__(
        self,
        runs: Mapping[str, Sequence[Sequence[int]]],
        table: str | SearchTable | None = None,
        alive: Mapping[str, int] | None = None,
        **settings: Any,
    ) -> None:
        self.table = as_search_table(table)
        plain = checked_runs(runs, len(self.table))
        self.set_trait("runs", plain)
        self.set_trait("alive", checked_alive({} if alive is None else alive, list(plain)))
        self.set_trait("points", search_points(self.table))
        self.set_trait("words", words_of(self.table.space))
        names = list(plain)
        settings.setdefault("strategy", names[0])
        settings.setdefault("against", next((name for name in names[:2] if name != settings["strategy"]), ""))
        settings.setdefault("step", self.budget)
        super().__init__(**settings)

    @property
    def budget(self) -> int:
        """Evaluations of every search."""
        return len(next(iter(self.runs.values()))[0])

    @property
    def searches(self) -> int:
        """How many searches there are of every strategy."""
        return len(next(iter(self.runs.values())))

    def offered(self, setting: str) -> list[Any]:
        """The values that ``setting`` may have: strategy, against or seed."""
        if setting == "seed":
            return list(range(self.searches))
        return [*self.runs, *([""] if setting == "against" else [])]

    def _limits(self) -> dict[str, list[object]]:
        choices = {name: self.offered(name) for name in ("strategy", "against", "seed")}
        return super()._limits() | choices | {"step": [0, self.budget, self.budget]}

    def moment(self, strategy: str | None = None, seed: int | None = None) -> Moment:
        """What a search has come to at ``step``: of ``strategy`` and ``seed``, those shown if None."""
        name, r = self.strategy if strategy is None else strategy, self.seed if seed is None else seed
        return Moment(self.table, self.runs[name][r][: self.step], r, self.alive.get(name, RECENT))

    @property
    def incumbent(self) -> int | None:
        """Index of the network that looked best to the search so far; None at step 0."""
        return self.moment().incumbent

    @property
    def regret(self) -> float | None:
        """Mean test accuracy of the best network minus that of ``incumbent``; None at step 0."""
        return self.moment().regret

    @property
    def regrets(self) -> dict[str, list[float | None]]:
        """The same for every search of every strategy."""
        seeds = range(self.searches)
        return {name: [self.moment(name, r).regret for r in seeds] for name in self.runs}

    @property
    def distinct(self) -> int:
        """How many different networks the search has evaluated."""
        return self.moment().distinct

    @property
    def front(self) -> list[int]:
        """Indices of the best trade-offs found, as the search saw them, cheapest first."""
        return self.moment().front

    @property
    def hypervolume(self) -> float:
        """What ``front`` dominates by mean test accuracy, as a share of what the whole space's front does."""
        return self.moment().hypervolume

    def describe(self) -> str:
        lines = [
            f"Search replay: {self.step} of {self.budget} evaluations, search {self.seed} of {self.searches} "
            f"(it sees training seed {self.seed % self.table.seeds})"
        ]
        names = [self.strategy, *([self.against] if self.against not in ("", self.strategy) else [])]
        moments = [self.moment(name) for name in names]
        if self.step:
            lines.append(text_table([("", *names), *self._numbers(moments)]))
            lines += [f"Best so far, {n}: {self._words(m.incumbent)}" for n, m in zip(names, moments, strict=True)]
            lines.append(f"Mean regret of {self.searches} searches, in points of accuracy:")
            lines.append(text_table([(name, _spread(values)) for name, values in self.regrets.items()]))
        else:
            lines.append(f"Nothing evaluated yet by {' and '.join(names)}")
        return "\n".join(lines)

    def _numbers(self, moments: Sequence[Moment]) -> list[tuple[str, ...]]:
        def row(label: str, word: Any) -> tuple[str, ...]:
            return (label, *map(word, moments))

        tested, macs = self.table.tested(), self.table.macs
        return [
            row("different networks", lambda m: str(m.distinct)),
            row("mean of the latest, %", lambda m: f"{100 * m.level:.1f}"),
            row("best so far: validation seen, %", lambda m: f"{100 * m.seen[m.incumbent]:.1f}"),
            row("best so far: mean test, %", lambda m: f"{100 * tested[m.incumbent]:.1f}"),
            row("best so far: MACs", lambda m: f"{macs[m.incumbent]:,}"),
            row("regret, points", lambda m: f"{100 * m.regret:.2f}"),
            row("hypervolume, % of the space's", lambda m: f"{100 * m.hypervolume:.1f}"),
        ]

    def _words(self, index: int) -> str:
        places = self.table.space.genotype(index)
        return ", ".join(options[place] for options, place in zip(self.words, places, strict=True))


def words_of(space: SearchSpace) -> list[list[str]]:
    """What every option of every dimension of ``space`` is called: ``[["stage 1 MBConv 3×3", ...], ...]``."""
    return [[_where(dimension) + _word(dimension.field, option) for option in dimension.options]
            for dimension in space.dimensions]  # fmt: skip


def _where(dimension: Dimension) -> str:
    one_of_many = dimension.stages is not None and len(dimension.stages) == 1
    return f"stage {dimension.stages[0]} " if one_of_many else ""


def _word(field: str, option: Any) -> str:
    if field == "operation":
        return f"{_BLOCKS.get(option[0], option[0])} {option[1]}×{option[1]}"
    if field == "block":
        return _BLOCKS.get(option, str(option))
    if field == "kernel":
        return f"{option}×{option}"
    if field == "se_ratio":
        return f"SE {option:g}" if option else "no SE"
    if field == "depth":
        return f"{'+'.join(map(str, option)) if isinstance(option, tuple) else option} blocks"
    return f"{'expansion' if field == 'expand' else field} ×{option:g}"


def _spread(values: Sequence[float]) -> str:
    mean = f"{100 * fmean(values):.2f}"
    return f"{mean} ± {100 * stdev(values):.2f}" if len(values) > 1 else mean
