"""Quiz: several questions, every option explained, as many tries as the reader likes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from effnet_lib.widgets.base import BookWidget, Setting
from effnet_lib.widgets.bundle import script, style
from effnet_lib.widgets.predict import index_of_answer
from effnet_lib.widgets.questions import Identifier, option_list, text_of


class Quiz(BookWidget):
    """Questions with options, each of which says why it is right or wrong once it has been tried.

    The score counts what was right at the first try. Answers are remembered in the reader's browser and can
    be taken back; an answer to a question that has changed since is forgotten.

    Parameters
    ----------
    id : str
        Unique in the book: ``"ch01-quiz"``.
    questions : sequence of dict
        ``dict(question="...", options=[("text", "explanation"), ...], answer=index of the right one)``; texts
        may mark code by backticks.

    Raises
    ------
    ValueError
        If there is no question, two are the same, an option has no explanation, two options of a question are
        the same, or an answer is no index of an option. The message says which.
    """

    _esm = script("quiz.js")
    _css = style("questions.css")
    id = Identifier("unnamed")
    questions = Setting([])

    def __init__(self, *, id: str, questions: Sequence[Mapping[str, Any]]) -> None:
        found = [_question(f"questions[{i}]", question) for i, question in enumerate(questions)]
        texts = [question["question"] for question in found]
        if not texts:
            raise ValueError("questions must hold at least one question, got none")
        twice = [text for text in texts if texts.count(text) > 1]
        if twice:
            raise ValueError(f"questions must differ, got {twice[0]!r} twice")
        super().__init__(id=id, questions=found)

    def describe(self) -> str:
        count = len(self.questions)
        lines = [f"Quiz, {count} question{'s' if count > 1 else ''}"]
        for number, question in enumerate(self.questions, 1):
            lines.append(f"{number}. {question['question']}")
            lines += [f"   {chr(97 + i)}) {option['text']}" for i, option in enumerate(question["options"])]
        return "\n".join(lines)


def _question(where: str, given: Any) -> dict[str, Any]:
    wanted = {"question", "options", "answer"}
    if not isinstance(given, Mapping) or set(given) != wanted:
        got = sorted(given) if isinstance(given, Mapping) else given
        raise ValueError(f"{where} must be a dict of {', '.join(sorted(wanted))}, got {got!r}")
    options = []
    for i, option in enumerate(given["options"]):
        if isinstance(option, str) or not isinstance(option, Sequence) or len(option) != 2:
            raise ValueError(f"{where}: options[{i}] must be a pair (text, explanation), got {option!r}")
        explanation = text_of(f"{where}: the explanation of options[{i}] ({option[0]!r})", option[1])
        options.append({"text": text_of(f"{where}: options[{i}]", option[0]), "explanation": explanation})
    option_list(f"{where}: options", [option["text"] for option in options])
    try:
        answer = index_of_answer(given["answer"], len(options))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return {
        "question": text_of(f"{where}: question", given["question"]),
        "options": options,
        "answer": answer,
    }
