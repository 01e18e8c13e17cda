"""What a reader is told: the verdict on an answer, a hint, a solution, each as plain text and as HTML.

The HTML carries no colours but borders, so that it reads in light and dark in the book, JupyterLab and Colab,
and survives the cleaning that JupyterLab gives to outputs of a notebook it does not trust. Text becomes HTML
by escaping alone.
"""

from __future__ import annotations

import html
import keyword
import re
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "wrong", "not attempted", "error"]

_SIGNS = {"passed": "✓", "wrong": "✗", "not attempted": "○", "error": "!"}
_EDGES = {"passed": "#009e73", "wrong": "#d55e00", "not attempted": "#888888", "error": "#cc79a7"}
_LINE = "1px solid rgba(128, 128, 128, 0.45)"
_EDGED = f"border: {_LINE}; border-left: 5px solid {{edge}}; border-radius: 6px"
_BOX = f"{_EDGED}; padding: 8px 14px; margin: 4px 0 8px 0"
_CODE = "background-color: transparent; color: inherit; padding: 0"
_PRE = (
    f"background-color: transparent; color: inherit; border: {_LINE}; padding: 8px 12px;"
    " overflow-x: auto; line-height: 1.45; margin: 8px 0"
)
_TOKEN = re.compile(r"(#[^\n]*|\"\"\".*?\"\"\"|\"[^\"\n]*\"|'[^'\n]*'|\b[A-Za-z_]\w*\b)", re.DOTALL)


def text_to_html(text: str) -> str:
    """Escape ``text``; `` `backticks` `` become code, ``*asterisks*`` emphasis, an empty line a paragraph."""
    pieces = re.split(r"(`[^`\n]+`)", html.escape(text, quote=False))
    for i, piece in enumerate(pieces):
        if i % 2:
            pieces[i] = f'<code style="{_CODE}">{piece[1:-1]}</code>'
        else:
            pieces[i] = re.sub(r"(?<![\w*])\*(\w[^*\n]*)\*(?![\w*])", r"<em>\1</em>", piece)
    escaped = "".join(pieces)
    return escaped.replace("\n\n", "<br><br>").replace("\n", "<br>")


def code_to_html(source: str) -> str:
    """Python ``source`` in a ``<pre>``: keywords bold, comments and docstrings in italics, no colours."""
    pieces, end = [], 0
    for match in _TOKEN.finditer(source):
        pieces.append(html.escape(source[end : match.start()], quote=False))
        token, end = match.group(), match.end()
        escaped = html.escape(token, quote=False)
        if token.startswith(("#", '"""')):
            escaped = f"<em>{escaped}</em>"
        elif keyword.iskeyword(token):
            escaped = f"<strong>{escaped}</strong>"
        pieces.append(escaped)
    pieces.append(html.escape(source[end:], quote=False))
    return f'<pre style="{_PRE}">{"".join(pieces)}</pre>'


def box(content: str, edge: str = "#888888") -> str:
    """HTML ``content`` behind a line of colour ``edge``."""
    return f'<div style="{_BOX.format(edge=edge)}">{content}</div>'


def toggle(summary: str, content: str) -> str:
    """HTML ``content`` that opens with a click or Enter on ``summary``, without JavaScript."""
    return (
        '<details style="margin: 6px 0"><summary style="cursor: pointer; display: list-item"><strong>'
        f"{html.escape(summary, quote=False)}</strong></summary>{content}</details>"
    )


@dataclass(frozen=True)
class Verdict:
    """What is said of an answer. ``passed`` and ``status`` are for programs, the display is for readers.

    Attributes
    ----------
    name : str
        The exercise.
    status : {"passed", "wrong", "not attempted", "error"}
        "error" means that the answer raised, where the solution does not.
    message : str
        One or two sentences.
    case, got, expected : str or None
        The first call on which the answer fails, what it gave, and what the solution gives.
    hint : str or None
        The hint of the usual wrong answer that this answer equals.
    """

    name: str
    status: Status
    message: str
    case: str | None = None
    got: str | None = None
    expected: str | None = None
    hint: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the answer agrees with the solution on every case."""
        return self.status == "passed"

    def __bool__(self) -> bool:
        return self.passed

    def _rows(self) -> list[tuple[str, str]]:
        rows = [("call", self.case), ("yours", self.got), ("expected", self.expected)]
        return [(name, value) for name, value in rows if value is not None]

    def __repr__(self) -> str:
        lines = [f"{_SIGNS[self.status]} {self.name}: {self.status}. {self.message}"]
        lines += [f"    {name + ':':<10}{value}" for name, value in self._rows()]
        if self.hint:
            lines.append(f"  Hint: {self.hint}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        name = html.escape(self.name, quote=False)
        parts = [
            f'<div><strong>{_SIGNS[self.status]} <code style="{_CODE}">{name}</code>: {self.status}.</strong>'
            f" {text_to_html(self.message)}</div>"
        ]
        if self._rows():
            lines = "\n".join(f"{name + ':':<10}{value}" for name, value in self._rows())
            parts.append(f'<pre style="{_PRE}">{html.escape(lines, quote=False)}</pre>')
        if self.hint:
            parts.append(f"<div><strong>Hint.</strong> {text_to_html(self.hint)}</div>")
        return box("".join(parts), _EDGES[self.status])


@dataclass(frozen=True)
class Note:
    """A titled text, or with ``code=True`` a titled listing, that a notebook displays."""

    title: str
    text: str
    code: bool = False

    def __repr__(self) -> str:
        return f"{self.title}\n\n{self.text}" if self.code else f"{self.title}: {self.text}"

    def _repr_html_(self) -> str:
        title = text_to_html(self.title)
        if self.code:
            return box(f"<div><strong>{title}</strong></div>{code_to_html(self.text)}")
        return box(f"<strong>{title}.</strong> {text_to_html(self.text)}")
