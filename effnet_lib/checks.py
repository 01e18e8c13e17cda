"""Checks of plain values, whose errors name the argument, the value it got and what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def whole(name: str, value: object, least: int = 1) -> None:
    """Check that ``value`` is an integer, not a truth value, of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def number(
    name: str, value: object, low: float, high: float, *, below: bool = False, above: bool = False
) -> None:
    """Check low <= value <= high, with ``above``/``below`` making the lower/upper bound strict."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    good = good and (value > low if above else value >= low) and (value < high if below else value <= high)
    if not good:
        interval = f"{'(' if above else '['}{low}, {high}{')' if below else ']'}"
        raise ValueError(f"{name} must be a number in {interval}, got {value!r}")


def one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Check that ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def known_fields(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` as a dict, checked to hold every field of the dataclass ``cls`` that has no default, and no other key."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{cls.__name__} must be read from a mapping, got {type(values).__name__}")
    allowed = {f.name for f in fields(cls)}
    needed = {f.name for f in fields(cls) if f.default is f.default_factory}  # both MISSING: no default
    if unknown := sorted(set(values) - allowed, key=str):
        its = ", ".join(sorted(allowed))
        raise ValueError(f"{cls.__name__} has no field {unknown[0]!r}; its fields are {its}")
    if missing := sorted(needed - set(values)):
        raise ValueError(f"{cls.__name__} needs the field {missing[0]!r}, got {sorted(values)}")
    return dict(values)
