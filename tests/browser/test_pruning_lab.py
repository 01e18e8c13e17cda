"""The pruning explorer in a running JupyterLab: both sides agree on every setting and number."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import wear
from playwright.sync_api import Page
from widget_contract import FAINT

pytestmark = pytest.mark.lab
TESTS = Path(__file__).resolve().parents[1]
CELLS = [
    f"import sys; sys.path.append({str(TESTS)!r})\nfrom pruning_tables import made_up_pruning",
    "from effnet_lib.widgets import PruningExplorer\nw = PruningExplorer(made_up_pruning())\nw",
]
PARTS = 1


def agree(page: Page, python: Callable[[str], Any]) -> list[Any]:
    """Both sides come to have the same settings, MACs and stored bytes."""
    read = """root => [
      ...["structure", "scope", "criterion"].map(name => root.querySelector(`input[data-name=${name}]:checked`).value),
      Number(root.querySelector("input[type=number][data-name=amount]").value),
      ...[...root.querySelectorAll(".efx-stats data")].slice(1, 3).map(data => Number(data.value))]"""
    end = time.monotonic() + 30
    while True:
        shown = page.locator(".efx").evaluate(read)
        known = python("_answer = [w.structure, w.scope, w.criterion, w.amount, w.macs, w.bytes['dense']]")
        if shown == known:
            return known
        assert time.monotonic() < end, (shown, known)
        time.sleep(0.05)


def test_python_sees_every_control(opened, python):
    agree(opened, python)
    for structure, name, option in (("weights", "scope", "layer"), ("channels", "criterion", "everywhere")):
        opened.locator(f"input[data-name=structure][value={structure}]").check(force=True)
        opened.locator(f"input[data-name={name}][value={option}]").check(force=True)
        for key in ("Home", "End", "ArrowLeft"):
            opened.locator("input[type=range][data-name=amount]").press(key)
            assert agree(opened, python)[:1] == [structure]
    opened.locator(".efx-jumps button").last.press("Enter")
    assert agree(opened, python)[3] == 50


def test_the_page_follows_python(opened, python):
    python("w.structure, w.scope, w.amount = 'weights', 'global', 70")
    assert agree(opened, python)[:4] == ["weights", "global", "everywhere", 70]
    opened.wait_for_selector(".efx-jumps button[value='70'][aria-pressed=true]")
    said = python("try:\n    w.amount = 99\nexcept ValueError as error:\n    _answer = str(error)")
    assert said == "amount must be an integer from 0 to 95, got 99"
    assert agree(opened, python)[3] == 70


def test_the_figures_stand_side_by_side(opened):
    """JupyterLab has rules of its own for lists of terms."""
    tops = opened.locator(".efx-stats > div").evaluate_all(
        "found => found.map(node => node.getBoundingClientRect().top)"
    )
    assert tops[0] == tops[1]


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_text_can_be_read_in_both_themes(opened, theme):
    wear(opened, theme)
    assert opened.evaluate(FAINT) == []


def test_nothing_was_complained_of(opened):
    """Last: errors of the whole session."""
    assert opened.record.console_errors + opened.record.page_errors + opened.record.external == []
