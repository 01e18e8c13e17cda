"""Predict and Quiz in a running JupyterLab, whose own shortcuts are letters, arrows and Enter."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.lab
CELLS = [
    "from effnet_lib.widgets import LayerExplorer, Predict, Quiz",
    "Predict(id='ch01-n', question='How many?', answer=5288548, unit='parameters', explanation='Late.')",
    "LayerExplorer(locked_by='ch01-n')",
    "Quiz(id='ch01-quiz', questions=[dict(question='One?', options=[('a', 'no'), ('b', 'yes')], answer=1)])",
]
PARTS = 3


def test_a_number_is_typed_and_committed_and_the_notebook_stays_as_it_was(opened: Page):
    box = opened.locator("#effnet-predict-ch01-n")
    explorer = opened.locator("[data-name=kernel]").first
    expect(explorer).to_be_hidden()
    box.get_by_role("textbox").focus()
    opened.keyboard.type("dd xx")  # JupyterLab's shortcuts for deleting and cutting cells
    opened.keyboard.press("Enter")
    expect(box.get_by_text("A number, please")).to_be_visible()
    opened.keyboard.press("Control+a")
    opened.keyboard.type("5.3 million")
    opened.keyboard.press("Enter")
    expect(box).to_contain_text("Your guess is less than 1\u00a0% above the answer.")
    expect(explorer).to_be_visible()
    assert opened.locator(".jp-Notebook .jp-CodeCell").count() == len(CELLS)
    box.get_by_role("button", name="Take my guess back").press("Enter")
    expect(explorer).to_be_hidden()
    assert opened.record.problems() == []


def test_a_quiz_is_answered_by_arrows_and_enter(opened: Page):
    quiz = opened.get_by_role("region", name="Quiz")
    quiz.get_by_role("radio").first.focus()
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("Enter")
    expect(quiz.locator(".efx-score")).to_have_text("All solved, 1 at the first try.")
    quiz.get_by_role("button", name="Start over").press("Enter")
    expect(quiz.locator(".efx-score")).to_have_text("1 question. Try as often as you like.")
    assert opened.locator(".jp-Notebook .jp-CodeCell").count() == len(CELLS)
    assert opened.record.problems() == []
