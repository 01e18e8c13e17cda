"""The search replay in a running JupyterLab: both sides agree, also while it plays."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import wear
from playwright.sync_api import Page, expect
from test_replay_static import SHOWN, check
from widget_contract import FAINT

pytestmark = pytest.mark.lab
TESTS = Path(__file__).resolve().parents[1]
CELLS = [
    f"import sys; sys.path.append({str(TESTS)!r})\nfrom replay_runs import made_up_runs, made_up_search_table",
    "from effnet_lib.widgets import SearchReplay\n"
    "w = SearchReplay(made_up_runs(), made_up_search_table(), {'evolution': 12, 'NSGA-II': 12})\nw",
]
PARTS = 1
NAMES = ("strategy", "against", "seed", "step")


def agree(page: Page, python: Callable[[str], Any]) -> dict[str, Any]:
    """Both sides come to have the same settings, incumbent and regret; the page's numbers are the library's."""
    end = time.monotonic() + 30
    while True:
        shown = page.evaluate(SHOWN)
        known = python(f"_answer = [[getattr(w, name) for name in {NAMES}], w.incumbent, w.regret]")
        rows = shown["rows"]
        if [[shown[name] for name in NAMES], rows[1][0]] == known[:2]:
            assert rows[5][0] == (known[2] if known[2] is None else pytest.approx(known[2], rel=1e-12, abs=1e-12))
            check(shown)
            return shown
        assert time.monotonic() < end, (shown, known)
        time.sleep(0.1)


def test_python_sees_every_control(opened, python):
    for name in ("seed", "against", "strategy"):
        for radio in opened.locator(f"input[type=radio][data-name={name}]").all():
            radio.check(force=True)
            agree(opened, python)
    budget = python("_answer = w.budget")
    slider = opened.locator("input[type=range][data-name=step]")
    for key, step in (("Home", 0), ("ArrowRight", 1), ("End", budget)):
        slider.press(key)
        assert agree(opened, python)["step"] == step
    field = opened.locator("input[type=number][data-name=step]")
    for value in (0, 9, budget):
        field.fill(str(value))
        assert agree(opened, python)["step"] == value
    field.fill(str(budget + 1))
    assert field.get_attribute("aria-invalid") == "true"
    assert python("_answer = w.step") == budget
    field.blur()
    agree(opened, python)


def test_a_setting_from_python_moves_the_page(opened, python):
    python("w.strategy, w.against, w.seed, w.step = 'NSGA-II', 'random', 2, 40")
    assert [agree(opened, python)[name] for name in NAMES] == ["NSGA-II", "random", 2, 40]
    with pytest.raises(RuntimeError, match="ValueError: step must be an integer from 0 to 60, got 61"):
        python("w.step = 61")
    with pytest.raises(RuntimeError, match="ValueError: strategy must be one of 'random'"):
        python("w.strategy = 'annealing'")
    assert [agree(opened, python)[name] for name in NAMES] == ["NSGA-II", "random", 2, 40]


def test_python_follows_while_it_plays_and_both_stop_at_the_end(opened, python):
    python("w.strategy, w.against, w.seed, w.step = 'evolution', 'random', 0, 48")
    agree(opened, python)
    play = opened.locator("button[data-name=play]")
    play.click()
    expect(play).to_have_attribute("aria-label", "Pause")
    expect(play).to_have_attribute("aria-label", "Play from the start", timeout=30_000)
    assert agree(opened, python)["step"] == 60


def test_keys_belong_to_the_replay_and_not_to_the_notebook(opened, python):
    cells = opened.locator(".jp-Cell").count()
    python("w.step = 10")
    agree(opened, python)
    opened.locator("button[data-name=forward]").focus()
    for key in ("a", "b", "m", "Enter", "Space", "ArrowDown", "Enter"):
        opened.keyboard.press(key)
    assert agree(opened, python)["step"] == 13
    assert opened.locator(".jp-Cell").count() == cells
    assert opened.locator(".jp-MarkdownCell").count() == 0


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_text_can_be_read_in_both_themes(opened, theme):
    wear(opened, theme)
    assert opened.evaluate(FAINT) == []


def test_nothing_was_complained_of(opened):
    """Last: errors of the whole session."""
    assert opened.record.console_errors + opened.record.page_errors + opened.record.external == []
