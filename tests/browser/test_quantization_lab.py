"""The Quantization explorer in a running JupyterLab: both sides agree, whichever of them moves a setting."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import wear
from playwright.sync_api import Page, expect
from test_quantization_static import CHOICES, NAMES, SHOWN
from widget_contract import FAINT

pytestmark = pytest.mark.lab
TESTS = Path(__file__).resolve().parents[1]
CELLS = [
    f"import sys; sys.path.append({str(TESTS)!r})\nfrom quantization_tables import made_up_table",
    "from effnet_lib.widgets import QuantizationExplorer\nw = QuantizationExplorer(made_up_table())\nw",
]
PARTS = 1
KNOWN = (
    "n = w.numbers\n"
    "_answer = [{name: getattr(w, name) for name in ('tensor', 'bits', 'percentile', 'scales', 'form', 'observer')}, "
    "{'sqnr': n.sqnr, 'mse': n.rounding + n.clipping, 'scale': max(n.scale), 'zero': min(n.zero_point), "
    "'bytes': w.bytes[1]}]"
)


def agree(page: Page, python: Callable[[str], Any]) -> dict[str, Any]:
    """Both sides come to have the same settings and the same numbers."""
    end = time.monotonic() + 30
    while True:
        found = page.locator(".efx").evaluate(SHOWN)
        settings, figures = python(KNOWN)
        if found["settings"] == settings and found["figures"] == pytest.approx(figures, rel=1e-6):
            return settings
        assert time.monotonic() < end, (found, settings, figures)
        time.sleep(0.05)


def test_python_sees_every_control(opened, python):
    opened.evaluate("document.querySelectorAll('.efx details').forEach(details => details.open = true)")
    bits = opened.locator("input[type=range][data-name=bits]")
    for key, expected in (("Home", 2), ("End", 8), ("ArrowLeft", 7)):
        bits.press(key)
        assert agree(opened, python)["bits"] == expected
    field = opened.locator("input[type=number][data-name=bits]")
    for value, expected in (("3", 3), ("9", 3), ("4", 4)):
        field.fill(value)
        assert (field.get_attribute("aria-invalid") == "true") == (value == "9")
        assert agree(opened, python)["bits"] == expected if value != "9" else python("_answer = w.bits") == 3
    for name, options in CHOICES.items():
        for option in (options[-1], options[0]):
            opened.locator(f"input[data-name={name}][value={option}]").check(force=True)
            assert agree(opened, python)[name] == option
    for name in NAMES:
        opened.locator(".efx select").select_option(name)
        assert agree(opened, python)["tensor"] == name


def test_a_setting_from_python_moves_the_page(opened, python):
    for line in ("w.tensor = 'depthwise_5x5'", "w.bits = 8", "w.scales = 'channel'", "w.form = 'affine'",
                 "w.observer = 'percentile'", "w.percentile = 99"):  # fmt: skip
        python(line)
        agree(opened, python)
    for line, said in (("w.bits = 9", "bits must be"), ("w.tensor = 'head'", "tensor must be")):
        with pytest.raises(RuntimeError, match=f"ValueError: {said}"):
            python(line)
    agree(opened, python)


def test_keys_stay_in_the_widget_and_the_notebook_as_it_was(opened, python):
    python("w.bits = 4")
    agree(opened, python)
    opened.locator("input[type=range][data-name=bits]").focus()
    for key in ("ArrowRight", "a", "m", "Enter", "ArrowRight"):
        opened.keyboard.press(key)
    assert agree(opened, python)["bits"] == 6
    assert opened.locator(".jp-Cell").count() == len(CELLS)
    assert opened.locator(".jp-MarkdownCell").count() == 0


def test_the_figures_stand_side_by_side(opened):
    """JupyterLab has rules of its own for lists of terms."""
    boxes = opened.locator(".efx-stats > div").evaluate_all(
        "found => found.map(node => { const b = node.getBoundingClientRect(); return [b.left, b.top]; })"
    )
    assert len(boxes) == 5
    assert boxes[0][1] == boxes[1][1]
    assert boxes[0][0] < boxes[1][0]
    floats = opened.locator(".efx dt").evaluate_all(
        "found => found.map(node => getComputedStyle(node).float)"
    )
    assert set(floats) == {"none"}


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_text_can_be_read_in_both_themes(opened, theme):
    wear(opened, theme)
    assert opened.evaluate(FAINT) == []
    expect(opened.locator(".efx-note")).to_be_hidden()


def test_nothing_was_complained_of(opened):
    """Last: errors of the whole session."""
    assert opened.record.console_errors + opened.record.page_errors + opened.record.external == []
