"""Names of a package that load their module on first use, so that importing the package costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, home: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of ``package``, whose public names live in the modules that ``home`` says.

    >>> __getattr__, __dir__ = lazily(__name__, {"cost_of": "cost"})         # doctest: +SKIP

    Parameters
    ----------
    package : str
        Its ``__name__``.
    home : mapping of str to str
        The module of every name, without the package's own.
    """

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return load, names
