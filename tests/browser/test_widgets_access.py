"""The explorers for everyone: by keyboard alone, by screen reader, in both themes, at 390 px, and locked."""

from __future__ import annotations

import pytest
from test_widgets_static import EXPLORERS, open_all, totals
from widget_contract import FAINT, WIDE, names_everything
from widget_pages import start, write_page

from effnet_lib.widgets import LayerExplorer, NetworkExplorer, ScalingExplorer


def unfold(page):
    """Open everything that opens."""
    open_all(page)
    for name in ("stages.1", "stages.1.0", "stem"):
        for button in page.locator(f'button[data-key="{name}"]').all():
            button.click()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_and_nothing_sticks_out(page, tmp_path, theme):
    widgets = [*(explorer() for explorer in EXPLORERS), ScalingExplorer(phi=7), LayerExplorer(locked_by="x")]
    page.goto(write_page(tmp_path, widgets, theme).as_uri())
    page.wait_for_selector(".efx >> nth=4")
    unfold(page)
    assert page.evaluate(FAINT) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(100)  # plots follow the width
    assert page.evaluate(WIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(FAINT) == []


def test_dark_themes_of_the_notebook_programs_are_followed(page):
    start(page, LayerExplorer())
    colour = "getComputedStyle(document.querySelector('.efx')).backgroundColor"
    light = page.evaluate(colour)
    for mark in (
        "document.documentElement.dataset.theme = 'dark'",  # the book
        "document.body.dataset.jpThemeLight = 'false'",  # JupyterLab
        "document.body.className = 'vscode-dark'",
        "document.documentElement.setAttribute('theme', 'dark')",  # Colab
    ):
        page.evaluate(mark)
        assert page.evaluate(colour) != light, mark
        page.evaluate("for (const n of [document.documentElement, document.body]) "
                      "for (const a of n.getAttributeNames()) n.removeAttribute(a)")  # fmt: skip
        assert page.evaluate(colour) == light


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_every_control_has_a_name_and_every_table_its_headings(page, explorer):
    start(page, explorer())
    unfold(page)
    names_everything(page)
    tables = page.locator(".efx table").all()
    assert tables
    for table in tables:
        assert table.locator("> caption").inner_text().strip()
        assert table.locator("> thead th[scope=col]").count() >= 3
        rows = table.locator("> tbody > tr:not(.efx-inside)").count()
        assert table.locator("> tbody > tr > th[scope=row]").count() == rows > 0


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_screen_readers_hear_one_sentence_once_the_reader_pauses(page, explorer):
    start(page, explorer())
    live = ".efx > [role=status]"
    page.wait_for_function(f"document.querySelector('{live}').textContent")
    page.evaluate(
        """live => {
          const node = document.querySelector(live);
          window.heard = [];
          const observer = new MutationObserver(() => heard.push(node.textContent));
          observer.observe(node, {childList: true, characterData: true, subtree: true});
        }""",
        live,
    )
    slider = page.locator("input[type=range]").first
    for _ in range(8):
        slider.press("ArrowRight")
    page.wait_for_function("heard.length")
    page.wait_for_timeout(300)
    (sentence,) = page.evaluate("heard")
    assert f"{totals(page, explorer)[0]:,} MACs" in sentence


def test_a_stage_opens_and_closes_by_keyboard_alone(page):
    start(page, NetworkExplorer())
    page.locator("select").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.key") == "stages.1":
            break
    focused = page.locator("button[data-key='stages.1']")
    assert focused.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Enter")
    assert focused.get_attribute("aria-expanded") == "true"
    assert page.evaluate("document.activeElement.dataset.key") == "stages.1"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.key") == "stages.1.0"
    page.keyboard.press("Space")
    layers = page.locator("table:has(> caption:text-is('Layers of stages.1.0'))").inner_text()
    assert "expand.conv" in layers
    assert "19,267,584" in layers
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert focused.get_attribute("aria-expanded") == "false"
    assert page.locator("button[data-key='stages.1.0']").count() == 0


def test_the_pieces_of_a_stage_add_up(page):
    start(page, NetworkExplorer(variant="efficientnet_v2_s"))
    page.locator("button[data-key='stages.3']").click()
    blocks = page.locator("tr[data-row^='stages.3.']")
    values = blocks.locator("> td data").evaluate_all("found => found.map(data => Number(data.value))")
    stage = page.locator("tr[data-row='stages.3'] > td data").get_attribute("value")
    assert len(values) == 6
    assert sum(values) == int(stage)


def test_an_explorer_stays_covered_until_its_prediction_is_made(page, tmp_path):
    page.goto(write_page(tmp_path, [LayerExplorer(locked_by="ch01-cost"), LayerExplorer()]).as_uri())
    page.wait_for_selector(".efx >> nth=1")
    locked = page.locator(".efx").first
    assert "Make your prediction above first" in locked.inner_text()
    assert "115,605,504" not in locked.inner_text()
    assert locked.locator("input:visible").count() == 0
    assert page.locator(".efx").nth(1).locator("input:visible").count() > 0

    tell = "dispatchEvent(new CustomEvent('effnet:answered', {detail: {id: 'ch01-cost'}}))"
    page.evaluate(f"localStorage.setItem('effnet:other', '1'); {tell}")
    assert not locked.locator(".efx-body").is_visible()
    page.evaluate(f"localStorage.setItem('effnet:ch01-cost', JSON.stringify({{answer: 1}})); {tell}")
    assert locked.locator(".efx-body").is_visible()
    assert not locked.locator(".efx-cover").is_visible()
    page.reload()
    page.wait_for_selector(".efx >> nth=1")
    assert locked.locator(".efx-body").is_visible()
    page.evaluate(f"localStorage.removeItem('effnet:ch01-cost'); {tell}")
    assert not locked.locator(".efx-body").is_visible()
    assert page.record.problems() == []


def test_a_cover_without_its_question_can_be_lifted_by_keyboard(page):
    start(page, LayerExplorer(locked_by="not-here"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "The question is not on this page." in page.locator(".efx-cover").inner_text()
    page.keyboard.press("Enter")
    assert page.locator(".efx-body").is_visible()
    assert page.evaluate("document.activeElement.tagName") == "INPUT"


def test_a_browser_that_refuses_storage_keeps_the_lock_working(page):
    page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw Error('refused') }})")
    page.goto("data:text/html,<body></body>")
    start(page, LayerExplorer(locked_by="ch01-cost"))
    assert page.locator(".efx-cover").is_visible()
    page.evaluate("__effnet_answers.set('ch01-cost', 1)")
    page.evaluate("dispatchEvent(new CustomEvent('effnet:answered', {detail: {id: 'ch01-cost'}}))")
    assert not page.locator(".efx-cover").is_visible()
    assert page.record.problems() == []
