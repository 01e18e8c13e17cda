"""The trade-off explorer in a running JupyterLab: both sides agree, and a network is measured in the kernel."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import wear
from playwright.sync_api import Locator, Page, expect
from widget_contract import FAINT

pytestmark = pytest.mark.lab
TESTS = Path(__file__).resolve().parents[1]
CELLS = [
    f"import sys; sys.path.append({str(TESTS)!r})\nfrom tradeoff_tables import made_up_table",
    "from effnet_lib.widgets import TradeoffExplorer\nw = TradeoffExplorer(made_up_table())\nw",
]
PARTS = 1
BEST = "[data-panel=rows] [data-best]"


def agree(page: Page, python: Callable[[str], Any]) -> list[Any]:
    """Both sides come to have the same axis, budgets, selection and best choice."""
    read = """root => [root.querySelector("input[data-name=axis]:checked").value,
      root.querySelector("[data-panel=rows] [data-best]")?.dataset.best ?? null,
      root.querySelector("[data-panel=networks] [data-best]:not([hidden] *)")?.dataset.best ?? null,
      ...["budget", "published_budget"].map(
        name => Number(root.querySelector(`input[type=number][data-name=${name}]`).value))]"""
    end = time.monotonic() + 20
    while True:
        shown = page.locator(".efx").evaluate(read)
        known = python(
            "r = w.ranges[w.axis]\n"
            "_answer = [w.axis, w.best, w.best_published, w.budget / r['rows']['scale'], "
            "w.published_budget / r['networks']['scale'] if r['networks'] else None]"
        )
        pairs = [(a, b) for a, b in zip(shown[3:], known[3:], strict=True) if b is not None]
        if shown[:3] == known[:3] and all(a == pytest.approx(b, rel=1e-5) for a, b in pairs):
            return known
        assert time.monotonic() < end, (shown, known)
        time.sleep(0.05)


def control(page: Page, kind: str, name: str) -> Locator:
    return page.locator(f"input[type={kind}][data-name={name}]")


def test_python_sees_every_control_at_its_ends(opened, python):
    limits = python("_answer = w.ranges")
    for axis in limits:
        opened.locator(f"input[data-name=axis][value={axis}]").check(force=True)
        agree(opened, python)
        for name, key in (("budget", "rows"), ("published_budget", "networks")):
            span = limits[axis][key]
            if not span:
                continue
            for key_pressed in ("Home", "End", "ArrowLeft"):
                control(opened, "range", name).press(key_pressed)
                agree(opened, python)
            field = control(opened, "number", name)
            for value in (span["low"], span["high"]):
                field.fill(str(value))
                agree(opened, python)
            before = python(f"_answer = w.{name}")
            field.fill(str(2 * span["high"]))
            assert field.get_attribute("aria-invalid") == "true"
            assert python(f"_answer = w.{name}") == before
            field.blur()
            agree(opened, python)


def test_a_setting_from_python_moves_the_page(opened, python):
    for axis in ("cpu", "macs"):
        python(f"w.axis = {axis!r}")
        assert agree(opened, python)[0] == axis
    python("w.budget = 300_000")
    assert agree(opened, python)[1] == "base"
    python("w.selected = '8x own'")
    expect(opened.locator(".efx-card-title")).to_have_text("8x own (own)")
    with pytest.raises(RuntimeError, match="ValueError: selected must be"):
        python("w.selected = '16x own'")
    python("w.selected = ''")
    expect(opened.locator(".efx-card-title")).to_have_text("Best within the budget: base")


def test_points_are_walked_by_arrow_keys_and_the_notebook_stays_as_it_was(opened, python):
    python("w.axis, w.budget = 'macs', 300_000")
    agree(opened, python)
    opened.locator(".efx-point[value=base]").focus()
    for key in ("ArrowRight", "a", "m", "Enter", "ArrowRight"):
        opened.keyboard.press(key)
    names = python("_answer = [row['name'] for row in sorted(w.rows, key=lambda row: row['macs'])]")
    expect(opened.locator(".efx-card-title")).to_contain_text(names[2])
    deadline = time.monotonic() + 10  # the choice is on its way to the kernel while the page shows it already
    while python("_answer = w.selected") != names[2] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert python("_answer = w.selected") == names[2]
    assert opened.locator(".jp-Cell").count() == len(CELLS)
    assert opened.locator(".jp-MarkdownCell").count() == 0


def test_the_chosen_network_is_measured_in_the_kernel(opened, python):
    python("w.selected = '2x depth'")
    button = opened.get_by_role("button", name="Measure on this machine")
    button.focus()
    opened.keyboard.press("Enter")
    told = opened.locator(".efx-told")
    expect(told).to_contain_text("On your machine: ", timeout=60_000)
    expect(told).to_contain_text("s (quartiles ")
    expect(told).to_contain_text(" for 1 image on cpu, 1 thread")
    python("w.selected = 'base'")
    expect(told).to_have_text("")
    python("w.selected = '2x depth'")
    expect(told).to_contain_text("On your machine: ")


def test_what_goes_wrong_in_the_kernel_is_told(opened, python):
    python("w.selected = '2x own'\nw._archs['2x own'] = {'name': 'broken'}")
    opened.get_by_role("button", name="Measure on this machine").click()
    told = opened.locator(".efx-told")
    expect(told).to_contain_text(
        "This could not be measured: ValueError: ArchSpec needs the field", timeout=30_000
    )


def test_the_cards_figures_stand_side_by_side(opened):
    """JupyterLab has rules of its own for lists of terms."""
    boxes = opened.locator(".efx-card .efx-stats > div").evaluate_all(
        "found => found.map(node => { const b = node.getBoundingClientRect(); return [b.left, b.top, b.bottom]; })"
    )
    assert len(boxes) == 9
    assert boxes[0][1] == boxes[1][1]
    assert boxes[0][0] < boxes[1][0]
    terms = opened.locator(".efx-card dt").evaluate_all(
        "found => found.map(node => getComputedStyle(node).float)"
    )
    assert set(terms) == {"none"}


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_text_can_be_read_in_both_themes(opened, theme):
    wear(opened, theme)
    assert opened.evaluate(FAINT) == []


def test_nothing_was_complained_of(opened):
    """Last: errors of the whole session."""
    assert opened.record.console_errors + opened.record.page_errors + opened.record.external == []
