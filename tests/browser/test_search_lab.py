"""The search widgets in a running JupyterLab: what the reader moves, Python sees, and the other way round."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import wear
from playwright.sync_api import Locator, Page
from widget_contract import FAINT

from effnet_lib.widgets.space_explorer import CHOICES

pytestmark = pytest.mark.lab
TESTS = Path(__file__).resolve().parents[1]
CELLS = [
    f"import sys; sys.path.append({str(TESTS)!r})\nfrom search_tables import made_up_search_table",
    "from effnet_lib.widgets import RewardShaper, SpaceExplorer\nspace = SpaceExplorer(made_up_search_table())\nspace",
    "reward = RewardShaper(made_up_search_table())\nreward",
]
PARTS = 2


READ = """root => root.querySelector("[data-best]")
  ? [Number(root.querySelector("[data-best]").dataset.best), root.querySelector("[data-name=mode]:checked").value,
     Number(root.querySelector("[type=number][data-name=exponent]").value),
     root.querySelector("[data-name=cost]:checked").value]
  : [Number(root.querySelector("[data-name=lead]").dataset.index),
     ...[...root.querySelectorAll(".efx-stats data")].slice(0, 2).map(data => Number(data.value))]"""
KNOWN = {
    "space": "[space.index, space.macs, space.params]",
    "reward": "[reward.winner, reward.mode, reward.exponent, reward.cost]",
}


def part(page: Page, name: str) -> Locator:
    return page.locator(".efx").nth(list(KNOWN).index(name))


def agree(page: Page, python: Callable[[str], Any], name: str) -> list[Any]:
    """Both sides come to the same settings and the same numbers."""
    end = time.monotonic() + 30
    while True:
        shown, known = part(page, name).evaluate(READ), python(f"_answer = {KNOWN[name]}")
        if shown == known:
            return known
        assert time.monotonic() < end, (shown, known)
        time.sleep(0.05)


def test_python_sees_every_choice(opened, python):
    seen = {agree(opened, python, "space")[0]}
    for name in CHOICES:
        for radio in part(opened, "space").locator(f"input[data-name={name}]").all():
            radio.check(force=True)
            seen.add(agree(opened, python, "space")[0])
            assert str(python(f"_answer = space.{name}")) == radio.get_attribute("value")
    assert len(seen) > 8


def test_the_best_change_is_made_on_both_sides(opened, python):
    python("space.genotype = (0,) * 7")
    agree(opened, python, "space")
    best = python("_answer = space.best_change")
    button = part(opened, "space").locator("[data-name=take]")
    button.focus()
    opened.keyboard.press("Enter")
    agree(opened, python, "space")
    deadline = time.monotonic() + 20  # the move is on its way to the kernel
    while python("_answer = space.genotype") != best and time.monotonic() < deadline:
        time.sleep(0.1)
    assert python("_answer = space.genotype") == best


def test_python_sees_every_control_of_the_reward_at_its_ends(opened, python):
    root, ranges = part(opened, "reward"), python("_answer = reward.ranges")
    for cost in ("latency", "macs"):
        root.locator(f"input[data-name=cost][value={cost}]").check(force=True)
        agree(opened, python, "reward")
        assert python("_answer = reward.target") == pytest.approx(ranges[cost]["start"])
        for mode in ("hard", "soft"):
            root.locator(f"input[data-name=mode][value={mode}]").check(force=True)
            assert agree(opened, python, "reward")[2] == {"hard": -1, "soft": -0.07}[mode]
            for name in ("exponent", "target"):
                for key in ("Home", "End", "ArrowLeft"):
                    root.locator(f"input[type=range][data-name={name}]").press(key)
                    agree(opened, python, "reward")
        span = ranges[cost]
        for name, good, bad in (("exponent", (-1, 0, -0.2), 0.5), ("target", (span["low"], span["high"]), -1)):
            field = root.locator(f"input[type=number][data-name={name}]")
            for value in good:
                field.fill(str(value))
                agree(opened, python, "reward")
            before = python(f"_answer = reward.{name}")
            field.fill(str(bad))
            assert field.get_attribute("aria-invalid") == "true"
            assert python(f"_answer = reward.{name}") == before
            field.blur()
            agree(opened, python, "reward")


def test_a_setting_from_python_moves_the_page(opened, python):
    for code in ("space.genotype = (2, 1, 0, 1, 0, 1, 1)", "space.width = 1"):
        python(code)
        agree(opened, python, "space")
    for code in ("reward.exponent = -0.31", "reward.mode = 'hard'", "reward.target = 300_000", "reward.mode = 'soft'"):
        python(code)
        agree(opened, python, "reward")
    with pytest.raises(RuntimeError, match="ValueError: exponent must be a number from -1 to 0"):
        python("reward.exponent = 0.2")
    with pytest.raises(RuntimeError, match="ValueError: blocks must be one of 5, 7, got 6"):
        python("space.blocks = 6")
    agree(opened, python, "reward")
    agree(opened, python, "space")


def test_keys_belong_to_the_widgets_and_not_to_the_notebook(opened, python):
    part(opened, "space").locator("input[data-name=stage2]:checked").focus()
    for key in ("a", "b", "m", "ArrowDown", "ArrowDown", "Enter"):
        opened.keyboard.press(key)
    agree(opened, python, "space")
    part(opened, "reward").locator("input[type=range]").first.focus()
    for key in ("d", "d", "ArrowLeft", "ArrowUp"):
        opened.keyboard.press(key)
    agree(opened, python, "reward")
    assert opened.locator(".jp-Cell").count() == len(CELLS)
    assert opened.locator(".jp-MarkdownCell").count() == 0


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_text_can_be_read_in_both_themes(opened, theme):
    wear(opened, theme)
    assert opened.evaluate(FAINT) == []


def test_figures_stand_side_by_side(opened):
    """JupyterLab has rules of its own for lists of terms."""
    boxes = part(opened, "space").locator(".efx-stats > div").evaluate_all(
        "found => found.map(node => { const b = node.getBoundingClientRect(); return [b.left, b.top]; })"
    )
    assert len(boxes) == 5
    assert boxes[0][1] == boxes[1][1]
    assert boxes[0][0] < boxes[1][0]


def test_nothing_was_complained_of(opened):
    """Last: errors of the whole session."""
    assert opened.record.console_errors + opened.record.page_errors + opened.record.external == []
