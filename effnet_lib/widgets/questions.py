"""What the questions of :class:`Predict` and :class:`Quiz` must satisfy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import traitlets

from effnet_lib.widgets.base import Text


class Identifier(Text):
    """A name under which a browser remembers answers: lower-case words and digits joined by hyphens."""

    def validate(self, obj: traitlets.HasTraits, value: Any) -> str:
        if (
            not isinstance(value, str)
            or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value)
            or len(value) > 60
        ):
            self.refuse(value, "lower-case words joined by hyphens, like 'ch01-latency'")
        return value


class Prose(Text):
    """A text that says something; `` `backticks` `` come in pairs."""

    def validate(self, obj: traitlets.HasTraits, value: Any) -> str:
        return text_of(self.name, value)


def text_of(name: str, value: Any) -> str:
    """``value``, stripped, if it is a text. Raises ValueError if it is empty or a backtick is left open."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be a text, got {value!r}")
    if value.count("`") % 2:
        raise ValueError(f"{name} must have its backticks in pairs, got {value!r}")
    return " ".join(value.split())


def option_list(name: str, texts: Sequence[Any]) -> list[str]:
    """Two to eight different texts. Raises ValueError otherwise."""
    found = [text_of(f"{name}[{i}]", text) for i, text in enumerate(texts)]
    if not 2 <= len(found) <= 8:
        raise ValueError(f"{name} must be two to eight, got {len(found)}")
    twice = [text for text in found if found.count(text) > 1]
    if twice:
        raise ValueError(f"{name} must differ, got {twice[0]!r} twice")
    return found
