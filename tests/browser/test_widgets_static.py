"""The explorers in a published page, without a kernel: every control, broken states, clean-up."""

from __future__ import annotations

import functools
import http.server
import threading
from typing import Any

import pytest
from playwright.sync_api import Page
from widget_contract import says_instead_of_drawing
from widget_pages import start, write_page

from effnet_lib.arch import ArchSpec, StageSpec
from effnet_lib.widgets import LayerExplorer, NetworkExplorer, ScalingExplorer

EXPLORERS = (LayerExplorer, NetworkExplorer, ScalingExplorer)
SETTINGS = {
    LayerExplorer: ("channels", "kernel", "expand", "se", "resolution", "out_channels", "stride", "layer"),
    NetworkExplorer: ("variant", "resolution", "show"),
    ScalingExplorer: ("phi", "alpha", "beta", "gamma"),
}
TOTALS = {  # where the page shows MACs and parameters
    LayerExplorer: ".efx-formula > p data",
    NetworkExplorer: ".efx-stats data",
    ScalingExplorer: ".efx-stats data",
}
NOTE = ".efx-note"


def totals(page: Page, explorer: type) -> list[int]:
    values = page.locator(TOTALS[explorer]).evaluate_all("found => found.map(data => data.value)")
    return [int(value) for value in values[:2]]


def settings(page: Page, explorer: type) -> dict[str, Any]:
    """What the page's controls say."""
    read = """name => {
      const find = rest => document.querySelector(`[data-name="${name}"]${rest}`);
      const number = find("[type=number]"), box = find("[type=checkbox]");
      if (number) return Number(number.value);
      if (box) return box.checked;
      const text = (document.querySelector(`select[data-name="${name}"]`) ?? find(":checked")).value;
      return /^\\d+$/.test(text) ? Number(text) : text;
    }"""
    return {name: page.evaluate(read, name) for name in SETTINGS[explorer]}


def agree(page: Page, explorer: type) -> None:
    """The page shows what the library says of the settings that the page shows."""
    found = settings(page, explorer)
    widget = explorer(**found)
    assert totals(page, explorer) == [widget.macs, widget.params], found


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('.efx details').forEach(details => details.open = true)")


def loaded(page: Page, explorer: type, **values: Any) -> None:
    start(page, explorer(**values))
    open_all(page)


@pytest.fixture(params=["file", "http"])
def published(request, page, tmp_path):
    """The three explorers in one page, from the file system and from a server."""
    path = write_page(tmp_path, [explorer() for explorer in EXPLORERS])
    if request.param == "file":
        page.goto(path.as_uri())
        yield page
        return
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    handler.log_message = None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/index.html")
        yield page
        server.shutdown()


def test_a_published_page_shows_the_librarys_numbers_and_complains_of_nothing(published):
    published.wait_for_selector(".efx >> nth=2")
    for i, explorer in enumerate(EXPLORERS):
        widget = explorer()
        text = published.locator(".efx").nth(i).inner_text()
        assert f"{widget.macs:,}" in text
        assert f"{widget.params:,}" in text
    assert published.locator(f"{NOTE}:visible").count() == 0
    assert published.record.problems() == []


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_every_slider_goes_to_both_ends_by_keyboard(page, explorer):
    loaded(page, explorer)
    agree(page, explorer)
    for slider in page.locator("input[type=range]").all():
        for key in ("Home", "ArrowRight", "PageUp", "End"):
            before = totals(page, explorer)
            slider.press(key)
            agree(page, explorer)
            if key == "End" and slider.get_attribute("data-name") in ("channels", "resolution", "phi"):
                assert totals(page, explorer) != before
        slider.press("Home")
    assert page.record.problems() == []


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_every_field_takes_its_limits_and_refuses_what_lies_beyond(page, explorer):
    limits = explorer().limits
    loaded(page, explorer)
    for field in page.locator("input[type=number]").all():
        name = field.get_attribute("data-name")
        low, high, usual = limits[name]
        if explorer is NetworkExplorer:
            low = 32  # pixels, B0's total stride; below it: a test of its own
        for value in (low, high, usual):
            field.fill(str(value))
            field.blur()
            agree(page, explorer)
        before = totals(page, explorer)
        for value in (low - 1 if explorer is not NetworkExplorer else 7, high + 1, 10**12, ""):
            field.fill(str(value))
            said = page.locator(f"#{field.get_attribute('aria-describedby')}").inner_text()
            assert "please" in said, (name, value)
            assert field.get_attribute("aria-invalid") == "true"
            assert totals(page, explorer) == before
            field.blur()
            assert float(field.input_value()) == usual
            assert field.get_attribute("aria-invalid") is None
    assert page.record.problems() == []


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_every_choice_can_be_chosen(page, explorer):
    loaded(page, explorer)
    for radio in page.locator("input[type=radio]").all():
        radio.check(force=True)
        agree(page, explorer)
    for box in page.locator("input[type=checkbox]").all():
        box.check()
        agree(page, explorer)
    for select in page.locator("select").all():
        for option in select.locator("option").all():
            select.select_option(option.get_attribute("value"))
            agree(page, explorer)
    assert page.record.problems() == []


def test_choosing_a_network_goes_to_its_own_resolution(page):
    loaded(page, NetworkExplorer, resolution=100)
    page.locator("select").select_option("efficientnet_b7")
    assert settings(page, NetworkExplorer)["resolution"] == 600
    assert totals(page, NetworkExplorer) == [37_745_884_192, 66_347_960]


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_a_broken_setting_is_said_and_something_sensible_shown(page, explorer):
    for name in SETTINGS[explorer]:
        for value in ("NaN", "undefined", "null", "'many'", "Infinity", "-3", "1e9", "[]", "{}"):
            if name == "se" or (explorer is NetworkExplorer and value == "-3"):
                continue  # a flag is on only if true; 8 pixels, the least, are too few for B0: tested below
            start(page, explorer(), f"{{{name}: {value}}}")
            said = page.locator(NOTE).inner_text()
            assert f"{name} must be" in said, (name, value)
            assert "; showing " in said, (name, value)
            agree(page, explorer)
    assert page.record.problems() == []


@pytest.mark.parametrize(
    ("explorer", "broken", "said"),
    [
        (NetworkExplorer, "{networks: undefined}", "lacks the network"),
        (NetworkExplorer, "{networks: {efficientnet_b0: {stages: 3}}}", "cannot be drawn"),
        (NetworkExplorer, "{resolution: 31}", "resolution must be at least 32 pixels"),
        (ScalingExplorer, "{base: null}", "lacks its base network"),
        (ScalingExplorer, "{points: 3}", "lacks its base network or the published points"),
        (ScalingExplorer, "{phi: 8, alpha: 2, beta: 2, gamma: 2}", "more than can be counted exactly"),
        (LayerExplorer, "{limits: undefined}", "lacks the limits"),
        (ScalingExplorer, "{limits: {}}", "lacks the limits"),
    ],
)
def test_what_cannot_be_drawn_gives_a_message_instead_of_a_picture(page, explorer, broken, said):
    start(page, explorer(), broken)
    says_instead_of_drawing(page, said)


def test_an_impossible_setting_can_be_left_again(page):
    loaded(page, NetworkExplorer)
    field = page.locator("input[type=number]")
    field.fill("16")
    assert "at least 32 pixels" in page.locator(NOTE).inner_text()
    field.fill("64")
    assert not page.locator(NOTE).is_visible()
    agree(page, NetworkExplorer)


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_a_setting_from_python_moves_the_controls(page, explorer):
    loaded(page, explorer)
    name = SETTINGS[explorer][0] if explorer is not NetworkExplorer else "resolution"
    value = {"channels": 100, "resolution": 333, "phi": 2.5}[name]
    page.evaluate("([name, value]) => model.set(name, value)", [name, value])
    assert settings(page, explorer)[name] == value
    agree(page, explorer)


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_clean_up_leaves_no_listener_and_no_element(page, explorer):
    loaded(page, explorer)
    assert page.evaluate("listening()") > 0
    root = page.evaluate_handle("document.querySelector('.efx')")
    page.evaluate("stop()")
    assert page.evaluate("listening()") == 0
    assert page.locator(".efx").count() == 0
    reached = page.evaluate(
        """root => {
          document.body.append(root);
          let seen = 0;
          document.addEventListener("keydown", () => seen++);
          root.dispatchEvent(new KeyboardEvent("keydown", {key: "a", bubbles: true}));
          return seen;
        }""",
        root,
    )
    assert reached == 1


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_keys_meant_for_a_widget_do_not_reach_the_page(page, explorer):
    """JupyterLab takes letters, arrows and Enter from the document; shortcuts with Ctrl are its own."""
    loaded(page, explorer)
    page.evaluate("window.seen = []; document.addEventListener('keydown', e => seen.push(e.key), true)")
    control = page.locator("input[type=range]").first
    for key in ("ArrowRight", "a", "Enter", "Control+s", "Shift+Enter", "Tab"):
        control.press(key)
    assert page.evaluate("seen") == ["Control", "s", "Enter", "Tab"]


def test_hostile_text_stays_text(page):
    name = "<img src=x onerror=alert(1)>"
    arch = ArchSpec(name=name, stages=(StageSpec("fused", 3, 2, 4, 16, 2),), stem=8, head=32, resolution=32)
    loaded(page, NetworkExplorer, arch=arch)
    assert page.locator(".efx img").count() == 0
    assert name in page.locator(".efx caption").first.inner_text()
