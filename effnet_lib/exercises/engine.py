"""Exercises that know their solution, the cases that decide, and the usual wrong answers.

A chapter's file decorates the solution::

    @exercise(
        title="Round a width",
        cases=[(33.6,), case(33.6, divisor=16)],
        wrong=[(floor_it, "You always round down; the *nearest* multiple is wanted.")],
        hint="Add half a divisor before you divide.",
    )
    def round_channels(channels, divisor=8):
        ...

The decorated name is an :class:`Exercise`: ``round_channels.check(answer)``, ``.hint()``, ``.solution()``.
The source that the reader is shown is the source that decides.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .compare import Tolerance, difference, kind, show_value
from .run import InterruptedAnswerError, Outcome, UnattemptedError, guard, outcome_of
from .verdict import Note, Verdict, box, code_to_html, text_to_html, toggle


@dataclass(frozen=True)
class Case:
    """Arguments of one call. ``text`` is how the call is shown; by default it is written out."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    text: str | None = None

    def called(self, text: str) -> Case:
        """The same case, shown as ``text``: for arguments that are too large to read."""
        return replace(self, text=text)

    def show(self, name: str) -> str:
        """The call as a reader would type it."""
        if self.text is not None:
            return self.text
        given = [show_value(arg) for arg in self.args]
        given += [f"{key}={show_value(value)}" for key, value in self.kwargs.items()]
        return f"{name}({', '.join(given)})"


def case(*args: Any, **kwargs: Any) -> Case:
    """The case of a call with these arguments."""
    return Case(args, kwargs)


def exercise(
    *,
    title: str,
    cases: Iterable[Any] | Callable[[], Iterable[Any]],
    wrong: Sequence[tuple[Callable, str]],
    hint: str,
    observe: Callable[..., Any] | None = None,
    compare: Callable[[Any, Any], str | None] | None = None,
    tolerance: Tolerance | None = None,
) -> Callable[[Callable], Exercise]:
    """Turn the solution that follows into an :class:`Exercise`.

    Parameters
    ----------
    title : str
        What is to be done, in a few words.
    cases : iterable, or function that returns one
        A tuple of arguments each, or :func:`case` with keywords; anything else is a single argument. A
        function is called when the cases are first needed: give one where they hold tensors. Every call gets
        its own copy and the same random seed.
    wrong : sequence of (function, str)
        The usual wrong answers, each with the hint that the reader gets whose answer behaves exactly like it.
    hint : str
        What ``.hint()`` says: a step towards the solution, not the solution.
    observe : function, optional
        Called as ``observe(answer, *args, **kwargs)`` instead of ``answer(*args, **kwargs)``; what it returns
        is compared. For answers that make modules: return shapes, outputs, parameter counts.
    compare : function, optional
        ``compare(got, expected)``: None if they agree, else a sentence's end that starts after "it". Default:
        :func:`~effnet_lib.exercises.compare.difference`.
    tolerance : Tolerance, optional
        For floats; it states its reason.

    Raises
    ------
    ValueError
        If a text is empty, there is no case, or no wrong answer is listed.
    """
    for name, text in [("title", title), ("hint", hint)]:
        if not text.strip():
            raise ValueError(f"{name} must be a text, got {text!r}")
    if not wrong:
        raise ValueError("wrong must list at least one usual wrong answer with its hint, got none")
    for function, text in wrong:
        if not callable(function) or not isinstance(text, str) or not text.strip():
            raise ValueError(
                f"wrong must hold (function, hint) pairs, got ({show_value(function)}, {text!r})"
            )
    if not callable(cases):
        cases = list(cases)
        if not cases:
            raise ValueError("cases must hold at least one case, got none")

    def decorate(solution: Callable) -> Exercise:
        agree = compare or functools.partial(difference, tolerance=tolerance)
        return Exercise(solution, title, cases, tuple(wrong), hint, observe, agree)

    return decorate


class Exercise:
    """One exercise; made by :func:`exercise`. Calling it calls the solution."""

    def __init__(self, solution, title, cases, wrong, hint, observe, compare):
        functools.update_wrapper(self, solution, updated=())
        self.reference = solution
        self.title = title
        self.wrong = wrong
        self._cases = cases
        self._hint = hint
        self._observe = observe
        self._compare = compare

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.reference(*args, **kwargs)

    @property
    def name(self) -> str:
        """The solution's name, which is also the answer's usual name."""
        return self.reference.__name__

    @property
    def cases(self) -> list[Case]:
        """The cases, each as a :class:`Case`."""
        listed = self._cases() if callable(self._cases) else self._cases
        return [c if isinstance(c, Case) else Case(c if isinstance(c, tuple) else (c,)) for c in listed]

    @property
    def source(self) -> str:
        """The solution's source text, without the decorator."""
        lines = textwrap.dedent(inspect.getsource(self.reference)).splitlines()
        first = ast.parse("\n".join(lines)).body[0].lineno
        return "\n".join(lines[first - 1 :]).rstrip()

    def check(self, answer: Callable) -> Verdict:
        """The verdict on a reader's function (or class). Never raises, whatever the answer does."""
        if answer is None or answer is Ellipsis or answer is NotImplemented:
            return self._verdict("not attempted", "There is nothing to check yet.")
        if not callable(answer):
            got = f"{kind(answer)}: {show_value(answer)}"
            return self._verdict(
                "error", f"check takes the function itself, `check({self.name})`, and got {got}."
            )
        cases, outcomes = self.cases, []
        for one in cases:
            outcomes.append(self._run(guard(answer), one))
            if isinstance(outcomes[-1].error, InterruptedAnswerError):
                return self._verdict("error", f"{outcomes[-1].error}", case=one.show(self.name))
        if all(isinstance(outcome.error, UnattemptedError) for outcome in outcomes):
            return self._verdict(
                "not attempted", "Replace the placeholder by your answer, then run this again."
            )
        expected = [self._run(self.reference, one) for one in cases]
        failed = [i for i in range(len(cases)) if self._differs(outcomes[i], expected[i])]
        if not failed:
            return self._verdict(
                "passed", f"It agrees with the solution {_everywhere(cases)}." + self._note(outcomes)
            )
        for function, text in self.wrong:
            theirs = [self._run(function, one) for one in cases]
            if not any(self._differs(one, other) for one, other in zip(outcomes, theirs, strict=True)):
                return self._failure(cases, outcomes, expected, failed, text)
        return self._failure(cases, outcomes, expected, failed, None)

    def hint(self) -> Note:
        """A step towards the solution."""
        return Note("Hint", self._hint)

    def solution(self) -> Note:
        """The solution: the source that :meth:`check` compares with."""
        return Note(f"Solution of “{self.title}”", self.source, code=True)

    def _run(self, function: Callable, c: Case) -> Outcome:
        args, kwargs = copy.deepcopy((c.args, c.kwargs))
        if self._observe is None:
            return outcome_of(function, args, kwargs)
        return outcome_of(self._observe, (function, *args), kwargs)

    def _differs(self, got: Outcome, expected: Outcome) -> str | None:
        """How two outcomes differ, as a sentence's end; None if they do not."""
        if got.error is not None or expected.error is not None:
            if got.error is None:
                return f"gives {show_value(got.value)} where it should raise {type(expected.error).__name__}"
            if expected.error is None or not isinstance(got.error, type(expected.error)):
                return f"raises {type(got.error).__name__}"
            return None
        try:
            return self._compare(got.value, expected.value) or None
        except Exception as error:
            return f"gives {kind(got.value)}, which cannot be compared ({type(error).__name__}: {error})"

    def _failure(self, cases, outcomes, expected, failed, hint) -> Verdict:
        got, want, call = outcomes[failed[0]], expected[failed[0]], cases[failed[0]].show(self.name)
        text = f"It {self._differs(got, want)}."
        if got.value is None and got.error is None:
            text = "It gives None: is a `return` missing?"
        values = {"got": got.show(), "expected": want.show()}
        if len(cases) > 1:
            right = f"{len(cases) - len(failed)} of {len(cases)} cases"
            text += f" It is right in {right}." if len(failed) < len(cases) else " It is right in no case."
        status = "error" if got.error is not None and want.error is None and hint is None else "wrong"
        return self._verdict(status, text, case=call, hint=hint, **values)

    def _note(self, outcomes: list[Outcome]) -> str:
        if any(outcome.mutated for outcome in outcomes):
            return " It changes its argument in place, though, which a caller may not expect."
        return ""

    def _verdict(self, status: str, message: str, **details: Any) -> Verdict:
        return Verdict(self.name, status, message, **details)

    def __repr__(self) -> str:
        ways = f".check({self.name}) checks your answer, .hint() helps, .solution() shows ours."
        return f"Exercise: {self.title}\n  {ways}"

    def _repr_html_(self) -> str:
        return box(
            f"<div><strong>Exercise.</strong> {text_to_html(self.title)}</div>"
            + toggle("Show a hint", f'<div style="margin: 6px 0">{text_to_html(self._hint)}</div>')
            + toggle("Show the solution", code_to_html(self.source))
        )


def _everywhere(cases: list[Case]) -> str:
    return "in the case tried" if len(cases) == 1 else f"in all {len(cases)} cases"
