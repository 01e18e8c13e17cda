"""Calling a reader's function so that whatever it does becomes an :class:`Outcome`."""

from __future__ import annotations

import contextlib
import copy
import dis
import functools
import inspect
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .compare import difference, is_array, show_value

#: Instructions of a body that computes nothing, in Python 3.11 to 3.14.
_CONSTANTS = {"LOAD_CONST", "RETURN_CONST", "LOAD_SMALL_INT"}
_LOCALS = {"LOAD_FAST", "LOAD_FAST_BORROW", "STORE_FAST"}
_IDLE = {"RESUME", "NOP", "COPY_FREE_VARS", "RETURN_VALUE"} | _CONSTANTS | _LOCALS


class UnattemptedError(NotImplementedError):
    """The answer is still a placeholder."""


class InterruptedAnswerError(TimeoutError):
    """The reader stopped the answer while it ran."""


@dataclass(frozen=True)
class Outcome:
    """What one call gave: a value or an error, and whether it changed its arguments."""

    value: Any = None
    error: BaseException | None = None
    mutated: bool = False

    def show(self) -> str:
        """The outcome on one line."""
        if self.error is None:
            return show_value(self.value)
        try:
            text = " ".join(str(self.error).split())
        except Exception:
            text = ""
        name = type(self.error).__name__
        return f"raises {name}: {text}"[:300] if text else f"raises {name}"


def outcome_of(function: Callable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
    """Call ``function`` under a fixed seed and catch what it raises, also an interrupt of an endless loop."""
    before = [copy.deepcopy(arg) if _mutable(arg) else None for arg in args]
    try:
        with fixed_seed():
            value = function(*args, **kwargs)
    except KeyboardInterrupt:
        return Outcome(error=InterruptedAnswerError("you stopped it: does a loop never end?"))
    except (Exception, SystemExit) as error:
        return Outcome(error=_unfinished(error))
    pairs = zip(args, before, strict=True)
    mutated = any(_mutable(arg) and difference(arg, old) is not None for arg, old in pairs)
    return Outcome(value, mutated=mutated)


def _mutable(value: Any) -> bool:
    return isinstance(value, list | dict) or is_array(value)


def _unfinished(error: BaseException) -> BaseException:
    """A ``...`` left in the answer shows as a NotImplementedError or as a TypeError about 'ellipsis'."""
    if isinstance(error, NotImplementedError) or "'ellipsis'" in str(error):
        return UnattemptedError("a placeholder is left in the answer")
    return error


def guard(answer: Callable) -> Callable:
    """``answer``, raising :class:`UnattemptedError` where it is a stub or returns a placeholder."""

    @functools.wraps(answer, updated=())
    def guarded(*args: Any, **kwargs: Any) -> Any:
        value = None if is_stub(answer) else answer(*args, **kwargs)
        if _placeholder(value) or (value is None and is_stub(answer)):
            raise UnattemptedError("a placeholder is left in the answer")
        return value

    return guarded


def _placeholder(value: Any) -> bool:
    if isinstance(value, tuple | list) and value:
        return all(_placeholder(item) for item in value)
    return value is Ellipsis or value is NotImplemented


def is_stub(answer: Callable) -> bool:
    """Whether a function, or a class's ``forward``, computes nothing: ``...``, ``pass``, ``return None``."""
    if isinstance(answer, type):
        methods = {name: value for name, value in vars(answer).items() if inspect.isfunction(value)}
        wanted = [methods["forward"]] if "forward" in methods else list(methods.values())
        return all(is_stub(method) for method in wanted)
    code = getattr(answer, "__code__", None)
    if code is None or (code.co_flags & inspect.CO_GENERATOR):
        return False
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return not any(
        step.opname not in _IDLE
        or (step.opname in _CONSTANTS and step.argval is not None and step.argval is not Ellipsis)
        or (step.opname in _LOCALS and step.argval in arguments)
        for step in dis.get_instructions(code)
    )


@contextlib.contextmanager
def fixed_seed(seed: int = 0) -> Iterator[None]:
    """Seed ``random``, and numpy and torch where loaded; afterwards they go on as if nothing was drawn."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    states = random.getstate(), numpy and numpy.random.get_state(), torch and torch.get_rng_state()
    random.seed(seed)
    if numpy:
        numpy.random.seed(seed)
    if torch:
        torch.random.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        if numpy:
            numpy.random.set_state(states[1])
        if torch:
            torch.set_rng_state(states[2])
