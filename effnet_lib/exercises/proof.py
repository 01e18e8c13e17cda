"""That an exercise keeps its promises: the solution passes, every usual wrong answer gets its own hint."""

from __future__ import annotations

import pkgutil
from types import ModuleType

from .engine import Exercise


def chapters() -> list[str]:
    """Names of the chapters that have exercises: ``["ch01", ...]``."""
    import effnet_lib.exercises as package

    return sorted(name for _, name, _ in pkgutil.iter_modules(package.__path__) if name.startswith("ch"))


def exercises_of(module: ModuleType) -> list[Exercise]:
    """The exercises that a chapter's module defines, in the order in which they stand."""
    found = [value for value in vars(module).values() if isinstance(value, Exercise)]
    return [one for one in found if one.reference.__module__ == module.__name__]


def self_test(one: Exercise) -> list[str]:
    """What is wrong with the exercise ``one``, a sentence each; empty if it keeps every promise."""
    problems = []
    verdict = one.check(one.reference)
    if not verdict.passed:
        problems.append(f"the solution does not pass: {verdict!r}")
    if "in place" in verdict.message:
        problems.append("the solution changes its arguments in place")
    hints = [hint for _, hint in one.wrong]
    if len(set(hints)) < len(hints):
        problems.append("two usual wrong answers share a hint")
    for function, hint in one.wrong:
        verdict = one.check(function)
        if verdict.passed:
            problems.append(f"no case tells the wrong answer {function.__name__} from the solution")
        elif verdict.hint != hint:
            given = next((other.__name__ for other, text in one.wrong if text == verdict.hint), None)
            problems.append(
                f"the wrong answer {function.__name__} is taken for {given}: add a case on which they differ"
                if given
                else f"the wrong answer {function.__name__} gets no hint: {verdict!r}"
            )

    def stub(*args, **kwargs): ...

    def gives_none(*args, **kwargs):
        [*args].clear()

    def gives_text(*args, **kwargs):
        return "a text that no exercise asks for"

    def raises(*args, **kwargs):
        raise KeyError("a key that is not there")

    for function, statuses in [
        (stub, {"not attempted"}),
        (gives_none, {"wrong", "error"}),
        (gives_text, {"wrong", "error"}),
        (raises, {"wrong", "error"}),
    ]:
        verdict = one.check(function)
        if verdict.status not in statuses:
            problems.append(f"an answer that is {function.__name__!r} gets the status {verdict.status!r}")
    for shown in (one, one.hint(), one.solution(), one.check(stub)):
        if not repr(shown).strip() or "<" not in shown._repr_html_():
            problems.append(f"{type(shown).__name__} does not display")
    return problems
