"""Predict: the reader commits to a guess before the answer, and what gives it away, opens up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from effnet_lib.widgets.base import BookWidget, Setting
from effnet_lib.widgets.bundle import script, style
from effnet_lib.widgets.questions import Identifier, Prose, option_list


class Predict(BookWidget):
    """A question whose answer shows once the reader has guessed; explorers ``locked_by`` its id open too.

    The guess is remembered in the reader's browser and can be taken back.

    Parameters
    ----------
    id : str
        Unique in the book: ``"ch01-latency"``.
    question : str
        May mark code by backticks, as the other texts may.
    options : sequence of str, optional
        What to choose from. Without options, the guess is a number.
    answer : int or float
        Index of the right option, or the number.
    explanation : str
        Shown with the answer.
    unit : str, optional
        Of the number: ``"parameters"``, ``"ms"``.
    tolerance : float
        How far off a number may be and count as close: from 1 on a factor (1.5: from two thirds to one and a
        half times the answer), below 1 a share of the answer.

    Raises
    ------
    ValueError
        If a text is empty, an id is malformed, ``answer`` is no index of ``options`` or no finite number, or
        ``unit`` stands beside options.
    """

    _esm = script("predict.js")
    _css = style("questions.css")
    id = Identifier("unnamed")
    question = Prose("?")
    options = Setting([])
    answer = Setting(0)
    explanation = Prose("?")
    unit = Setting("")
    tolerance = Setting(1.5)

    def __init__(
        self,
        *,
        id: str,
        question: str,
        answer: float,
        explanation: str,
        options: Sequence[str] = (),
        unit: str = "",
        tolerance: float = 1.5,
    ) -> None:
        if isinstance(options, str):
            raise ValueError(f"options must be a sequence of texts, got the string {options!r}")
        if options and unit:
            raise ValueError(f"unit must be left out where there are options, got {unit!r}")
        if not isinstance(unit, str):
            raise ValueError(f"unit must be a string, got {unit!r}")
        if options:
            answer = index_of_answer(answer, len(option_list("options", options)))
        else:
            answer = finite("answer", answer)
            if finite("tolerance", tolerance) <= 0:
                raise ValueError(f"tolerance must be positive, got {tolerance!r}")
        super().__init__(
            id=id, question=question, answer=answer, explanation=explanation, options=list(options),
            unit=unit, tolerance=float(tolerance),
        )  # fmt: skip

    def describe(self) -> str:
        lines = [f"Predict: {self.question}"]
        lines += [f"  {chr(97 + i)}) {option}" for i, option in enumerate(self.options)]
        if not self.options:
            lines.append(f"  (a number{', in ' + self.unit if self.unit else ''})")
        return "\n".join(lines)


def index_of_answer(answer: Any, options: int) -> int:
    """``answer`` as an index into so many ``options``. Raises ValueError if it is none."""
    whole = not isinstance(answer, bool) and hasattr(answer, "__index__")
    if not whole or not 0 <= answer < options:
        raise ValueError(f"answer must be the index of an option, 0 to {options - 1}, got {answer!r}")
    return int(answer)


def finite(name: str, value: Any) -> int | float:
    """``value`` as a finite number, an integer staying one. Raises ValueError if it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool | str) or not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return int(value) if hasattr(value, "__index__") else number
