"""The explorers in a running JupyterLab: what the reader moves, Python sees, and the other way round."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import wear
from playwright.sync_api import Locator, Page
from test_widgets_static import SETTINGS, TOTALS
from widget_contract import FAINT

from effnet_lib.widgets import LayerExplorer, NetworkExplorer, ScalingExplorer

pytestmark = pytest.mark.lab
ROOT = Path(__file__).resolve().parents[2]
NAMES = {"layer": LayerExplorer, "network": NetworkExplorer, "scaling": ScalingExplorer}
CELLS = [
    f"from effnet_lib.widgets import {', '.join(kind.__name__ for kind in NAMES.values())}",
    *(f"{name} = {kind.__name__}()\n{name}" for name, kind in NAMES.items()),
]
PARTS = len(NAMES)


def _part(page: Page, name: str) -> Locator:
    return page.locator(".efx").nth(list(NAMES).index(name))


def _agree(page: Page, python: Callable[[str], Any], name: str, setting: str) -> None:
    """Python has the setting that the control shows, and the page the totals that Python computes."""
    root = _part(page, name)
    read = """(root, [setting, totals]) => {
      const kinds = "[type=number], [type=checkbox], select, :checked";
      const control = root.querySelector(`[data-name=${setting}]:is(${kinds})`);
      const value = control.type === "number" ? Number(control.value) : control.value;
      const shown = control.type === "checkbox" ? control.checked : value;
      return [shown, ...[...root.querySelectorAll(totals)].slice(0, 2).map(data => Number(data.value))];
    }"""
    end = time.monotonic() + 20
    while True:
        shown = root.evaluate(read, [setting, TOTALS[NAMES[name]]])
        known = python(f"_answer = [{name}.{setting}, {name}.macs, {name}.params]")
        if [str(shown[0]), *shown[1:]] == [str(known[0]), *known[1:]] or shown == known:
            return
        assert time.monotonic() < end, (name, setting, shown, known)
        time.sleep(0.05)


@pytest.mark.parametrize("name", NAMES)
def test_python_sees_every_control_at_its_ends(opened, python, name):
    root = _part(opened, name)
    root.evaluate("node => node.querySelectorAll('details').forEach(details => details.open = true)")
    limits = NAMES[name]().limits
    for setting in SETTINGS[NAMES[name]]:
        for field in root.locator(f"input[type=number][data-name='{setting}']").all():
            slider = root.locator(f"input[type=range][data-name='{setting}']")
            for key in ("Home", "End", "ArrowLeft"):
                slider.press(key)
                _agree(opened, python, name, setting)
            low, high, usual = limits[setting]
            for value in (low if name != "network" else 32, high, usual):
                field.fill(str(value))
                _agree(opened, python, name, setting)
            field.fill(str(high + 1))
            assert field.get_attribute("aria-invalid") == "true"
            assert python(f"_answer = {name}.{setting}") == usual
            field.blur()
            _agree(opened, python, name, setting)
        for radio in root.locator(f"input[type=radio][data-name='{setting}']").all():
            radio.check(force=True)
            _agree(opened, python, name, setting)
        for box in root.locator(f"input[type=checkbox][data-name='{setting}']").all():
            box.check()
            _agree(opened, python, name, setting)
    for select in root.locator("select").all():
        for value in ("efficientnet_v2_l", "efficientnet_lite0", "efficientnet_b0"):
            select.select_option(value)
            _agree(opened, python, name, "variant")


@pytest.mark.parametrize(
    ("name", "setting", "values"),
    [
        ("layer", "channels", (1, 4096, 96)),
        ("layer", "kernel", (5, 3)),
        ("layer", "se", (True, False)),
        ("network", "resolution", (32, 1024, 224)),
        ("network", "variant", ("efficientnet_b7", "efficientnet_b0")),
        ("scaling", "phi", (8, 0.5, 0)),
        ("scaling", "alpha", (1.35, 1.2)),
    ],
)
def test_a_setting_from_python_moves_the_page(opened, python, name, setting, values):
    for value in values:
        python(f"{name}.{setting} = {value!r}")
        _agree(opened, python, name, setting)


def test_a_bad_value_in_python_is_refused_and_the_page_stays(opened, python):
    python("layer.channels = 64")
    _agree(opened, python, "layer", "channels")
    for value in ("0", "float('nan')", "None"):
        with pytest.raises(RuntimeError, match="ValueError: channels must be an integer from 1 to 4,096"):
            python(f"layer.channels = {value}")
    _agree(opened, python, "layer", "channels")
    assert python("_answer = layer.channels") == 64


def test_keys_belong_to_the_widget_and_not_to_the_notebook(opened, python):
    """In command mode "a" inserts a cell, "m" makes it Markdown, Enter edits it, arrows move on."""
    cells = opened.locator(".jp-Cell").count()
    python("layer.channels = 64")
    _agree(opened, python, "layer", "channels")
    slider = _part(opened, "layer").locator("input[type=range]").first
    slider.focus()
    for key in ("a", "b", "m", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
        opened.keyboard.press(key)
    _agree(opened, python, "layer", "channels")
    assert python("_answer = layer.channels") == 80
    button = _part(opened, "network").locator("button[data-key='stages.2']")
    button.focus()
    opened.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    assert opened.evaluate("document.activeElement.dataset.key") == "stages.2"
    assert opened.locator(".jp-Cell").count() == cells
    assert opened.locator(".jp-MarkdownCell").count() == 0


def test_lists_look_as_they_do_in_the_book(opened):
    """JupyterLab floats the terms of every list in an output, and narrows them."""
    looks = """() => [...document.querySelectorAll(".efx :is(dt, dd)")].map(node => {
      const { cssFloat, display, fontWeight } = getComputedStyle(node), inside = node.parentElement.clientWidth;
      return [cssFloat, display, node.localName === "dt" ? fontWeight : "", node.clientWidth > 0.5 * inside].join();
    })"""
    _part(opened, "layer").get_by_text("parameters").first.wait_for()
    assert set(opened.evaluate(looks)) == {"none,block,400,true", "none,block,,true"}
    rows = """() => [...document.querySelectorAll(".efx dl.efx-stats")].map(list => {
      const [one, two] = [...list.children].map(box => box.getBoundingClientRect());
      return [one.top === two.top, one.right < two.left].join();
    })"""
    assert opened.evaluate(rows) == ["true,true"] * 2  # the figures of two explorers stand side by side


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_text_can_be_read_in_both_themes(opened, theme):
    wear(opened, theme)
    assert opened.evaluate(FAINT) == []


def test_nothing_was_complained_of(opened):
    """Last: errors of the whole session."""
    assert opened.record.console_errors + opened.record.page_errors + opened.record.external == []
