"""What all widgets of the book share: settings that are checked, a text form, and a place in the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from effnet_lib.arch import ArchSpec
from effnet_lib.cost import Cost, cost_of
from effnet_lib.widgets.bundle import style


class Setting(traitlets.TraitType):
    """A value shared with the page. What does not fit raises ValueError and names what would."""

    def __init__(self, default: object, **kwargs: Any) -> None:
        super().__init__(default_value=default, **kwargs)
        self.tag(sync=True)

    def refuse(self, value: object, right: str) -> None:
        raise ValueError(f"{self.name} must be {right}, got {value!r}")


class Number(Setting):
    """A number in [low, high]; ``whole`` asks for an integer. NumPy's numbers are taken as well."""

    def __init__(self, default: float, low: float, high: float, whole: bool = False) -> None:
        super().__init__(default)
        self.low, self.high, self.whole = low, high, whole

    def validate(self, obj: traitlets.HasTraits, value: Any) -> int | float:
        kind = "an integer" if self.whole else "a number"
        try:
            number = float(value)
            good = not isinstance(value, (bool, str)) and math.isfinite(number)
        except (TypeError, ValueError, OverflowError):
            good = False
        if not good or (self.whole and number != int(number)) or not self.low <= number <= self.high:
            self.refuse(value, f"{kind} from {self.low:,} to {self.high:,}")
        return int(number) if self.whole else number


class Choice(Setting):
    """One of a few values."""

    def __init__(self, default: object, options: Sequence[object]) -> None:
        super().__init__(default)
        self.options = list(options)

    def validate(self, obj: traitlets.HasTraits, value: Any) -> object:
        if isinstance(value, bool) or value not in self.options:
            self.refuse(value, f"one of {', '.join(map(repr, self.options))}")
        return self.options[self.options.index(value)]


class Flag(Setting):
    """True or False."""

    def validate(self, obj: traitlets.HasTraits, value: Any) -> bool:
        if not isinstance(value, bool):
            self.refuse(value, "True or False")
        return value


class Text(Setting):
    """A string."""

    def validate(self, obj: traitlets.HasTraits, value: Any) -> str:
        if not isinstance(value, str):
            self.refuse(value, "a string")
        return value


class BookWidget(anywidget.AnyWidget):
    """A widget whose settings are checked and whose text form says what it shows.

    A subclass sets ``_esm = script("name.js")``, declares its settings with the classes above and writes
    ``describe``. ``limits``, sent to the page, has [lowest, highest, default] for a number and the options
    for a choice: the page takes them from here and has none of its own.

    Raises
    ------
    TypeError
        If an argument is not a setting of the widget.
    ValueError
        If a setting gets a value outside what it allows, in the constructor or later.
    """

    _css = style()
    limits = traitlets.Dict().tag(sync=True)

    def __init__(self, **settings: Any) -> None:
        known = [name for name, trait in self.traits().items() if isinstance(trait, Setting)]
        for name in settings:
            if name not in known and name != "layout":
                there = ", ".join(sorted(known))
                raise TypeError(f"{type(self).__name__} has no setting {name!r}; its settings are {there}")
        super().__init__(**settings)
        self.limits = self._limits()

    def _limits(self) -> dict[str, list[object]]:
        limits: dict[str, list[object]] = {}
        for name, trait in self.traits().items():
            if isinstance(trait, Number):
                limits[name] = [trait.low, trait.high, trait.default_value]
            elif isinstance(trait, Choice):
                limits[name] = list(trait.options)
        return limits

    def describe(self) -> str:
        """The widget in plain text, with its numbers: what a reader without a browser sees."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.describe()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, object]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"text/plain": self.describe(), "application/vnd.jupyter.widget-view+json": view}


class Explorer(BookWidget):
    """A widget that computes: ``macs`` and ``params`` follow its settings.

    The page computes its own numbers; these are the library's, computed in Python from the same settings,
    whichever side moved them. ``locked_by`` is the id of a ``Predict``: until that is answered, the explorer
    shows a cover.
    """

    locked_by = Text("")

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass."""
        raise NotImplementedError

    @property
    def params(self) -> int:
        """Learnable parameters."""
        raise NotImplementedError


class ArchExplorer(Explorer):
    """An explorer that shows one whole network, ``arch``: its costs are those of ``effnet_lib.cost_of``."""

    @property
    def arch(self) -> ArchSpec:
        """The network shown."""
        raise NotImplementedError

    @property
    def cost(self) -> Cost:
        """Its cost, from ``effnet_lib.cost_of``."""
        return cost_of(self.arch)

    @property
    def macs(self) -> int:
        return self.cost.macs

    @property
    def params(self) -> int:
        return self.cost.params


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of words as lines of text: first column flush left, others flush right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = (word.rjust(width) if i else word.ljust(width)
                        for i, (word, width) in enumerate(zip(row, widths, strict=True)))  # fmt: skip
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)
