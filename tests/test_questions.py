"""Predict and Quiz in Python: what they refuse, and their text form."""

from __future__ import annotations

import json

import numpy as np
import pytest

from effnet_lib.widgets import Predict, Quiz

GUESS = {"id": "ch01-a", "question": "Why?", "answer": 0, "explanation": "So.", "options": ["a", "b"]}
NUMBER = {
    "id": "ch01-n",
    "question": "How many?",
    "answer": 5288548,
    "explanation": "So.",
    "unit": "parameters",
}
FIRST = {"question": "What?", "options": [("a", "no"), ("b", "yes")], "answer": 1}


def test_the_text_form_holds_the_question_and_not_the_answer():
    assert repr(Predict(**GUESS)) == "Predict: Why?\n  a) a\n  b) b"
    assert repr(Predict(**NUMBER)) == "Predict: How many?\n  (a number, in parameters)"
    assert repr(Quiz(id="ch01-quiz", questions=[FIRST])) == "Quiz, 1 question\n1. What?\n   a) a\n   b) b"


def test_numbers_of_numpy_and_tuples_are_taken_and_reach_the_page_as_json():
    widget = Predict(**{**NUMBER, "answer": np.float64(2.5), "tolerance": np.float32(0.5)})
    state = {name: getattr(widget, name) for name in ("answer", "tolerance", "options")}
    assert json.loads(json.dumps(state)) == {"answer": 2.5, "tolerance": 0.5, "options": []}
    assert Predict(**{**GUESS, "options": ("a", "b"), "answer": np.int64(1)}).answer == 1
    assert type(Predict(**NUMBER).answer) is int


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "Ch01 a"}, "id must be lower-case words joined by hyphens"),
        ({"id": ""}, "id must be"),
        ({"id": "a" * 61}, "id must be"),
        ({"question": "  "}, "question must be a text"),
        ({"question": 3}, "question must be a text"),
        ({"question": "What is `x?"}, "backticks in pairs"),
        ({"explanation": ""}, "explanation must be a text"),
        ({"options": ["a"]}, "options must be two to eight, got 1"),
        ({"options": list("abcdefghi")}, "options must be two to eight, got 9"),
        ({"options": ["a", "a"]}, "options must differ, got 'a' twice"),
        ({"options": ["a", ""]}, r"options\[1\] must be a text"),
        ({"options": "ab"}, "sequence of texts"),
        ({"answer": 2}, "index of an option, 0 to 1, got 2"),
        ({"answer": -1}, "index of an option"),
        ({"answer": True}, "index of an option"),
        ({"answer": 0.0}, "index of an option"),
        ({"answer": "a"}, "index of an option"),
        ({"unit": "ms"}, "unit must be left out"),
        ({"options": [], "answer": float("nan")}, "answer must be a finite number"),
        ({"options": [], "answer": "5"}, "answer must be a finite number"),
        ({"options": [], "answer": None}, "answer must be a finite number"),
        ({"options": [], "tolerance": 0}, "tolerance must be positive"),
        ({"options": [], "tolerance": "x"}, "tolerance must be a finite number"),
        ({"options": [], "unit": 3}, "unit must be a string"),
    ],
)
def test_a_prediction_that_makes_no_sense_is_refused_with_the_reason(changes, said):
    with pytest.raises(ValueError, match=said):
        Predict(**{**GUESS, **changes})


@pytest.mark.parametrize(
    ("questions", "said"),
    [
        ([], "at least one question"),
        ([FIRST, FIRST], "questions must differ, got 'What\\?' twice"),
        ([{**FIRST, "answer": 2}], r"questions\[0\]: answer must be the index"),
        ([FIRST, {**FIRST, "question": ""}], r"questions\[1\]: question must be a text"),
        ([{**FIRST, "options": [("a", "no"), ("b", " ")]}], r"the explanation of options\[1\] \('b'\)"),
        ([{**FIRST, "options": [("a", "no"), "b"]}], r"options\[1\] must be a pair"),
        ([{**FIRST, "options": [("a", "no"), ("b",)]}], r"options\[1\] must be a pair"),
        ([{**FIRST, "options": [("a", "no"), ("a", "yes")]}], "options must differ"),
        ([{**FIRST, "options": [("a", "no")]}], "options must be two to eight"),
        (
            [{"question": "What?", "options": []}],
            r"must be a dict of answer, options, question, got \['options'",
        ),
        (["What?"], "must be a dict"),
    ],
)
def test_a_quiz_that_makes_no_sense_is_refused_with_the_reason(questions, said):
    with pytest.raises(ValueError, match=said):
        Quiz(id="ch01-quiz", questions=questions)


def test_an_argument_that_does_not_exist_is_refused():
    with pytest.raises(TypeError, match="hint"):
        Predict(**GUESS, hint="x")
