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

_IDLE = {
    "RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "STORE_FAST", "LOAD_FAST", "COPY_FREE_VARS",
    "LOAD_SMALL_INT", "LOAD_FAST_BORROW",
}  # fmt: skip


class Unattempted(NotImplementedError):
    """The answer is still a placeholder."""


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
    """Call ``function`` under a fixed seed and catch what it raises, an interrupt of an endless loop included."""
    before = [copy.deepcopy(arg) if _mutable(arg) else None for arg in args]
    try:
        with fixed_seed():
            value = function(*args, **kwargs)
    except KeyboardInterrupt:
        return Outcome(error=TimeoutError("you interrupted it: does a loop never end?"))
    except (Exception, SystemExit) as error:
        return Outcome(error=_unfinished(error))
    mutated = any(_mutable(arg) and difference(arg, old) is not None for arg, old in zip(args, before, strict=True))
    return Outcome(value, mutated=mutated)


def _mutable(value: Any) -> bool:
    return isinstance(value, list | dict) or is_array(value)


def _unfinished(error: BaseException) -> BaseException:
    """A ``...`` left in the answer shows as a NotImplementedError or as a TypeError about 'ellipsis'."""
    if isinstance(error, NotImplementedError) or "'ellipsis'" in str(error):
        return Unattempted("a placeholder is left in the answer")
    return error


def guard(answer: Callable) -> Callable:
    """``answer``, raising :class:`Unattempted` where it returns a placeholder or, as an untouched stub, None."""

    @functools.wraps(answer, updated=())
    def guarded(*args: Any, **kwargs: Any) -> Any:
        value = answer(*args, **kwargs)
        if _placeholder(value) or (value is None and is_stub(answer)):
            raise Unattempted("a placeholder is left in the answer")
        return value

    return guarded


def _placeholder(value: Any) -> bool:
    if isinstance(value, tuple | list) and value:
        return all(_placeholder(item) for item in value)
    return value is Ellipsis or value is NotImplemented


def is_stub(function: Callable) -> bool:
    """Whether a function's body computes nothing: ``...``, ``pass``, a docstring, ``return None``."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and all(step.opname in _IDLE for step in dis.get_instructions(code))


@contextlib.contextmanager
def fixed_seed(seed: int = 0) -> Iterator[None]:
    """Seed ``random``, and numpy and torch where they are loaded; afterwards they continue as if nothing had been drawn."""
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
