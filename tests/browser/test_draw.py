"""The page "Draw a letter": its networks are ONNX Runtime's in Python, from a server and from files, for everybody."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from recording import watch
from test_pages import CONTRAST, WIDER_THAN_THE_PAGE
from widget_contract import FAINT

from effnet_lib.data import draw_glyphs
from effnet_lib.data.glyphs import CLASSES
from effnet_lib.results import FOLDER

PAGE = "book/draw.html"
FILES = {"float": "glyph_lite_48.onnx", "int8": "glyph_lite_48_int8.onnx"}
HEAVY = re.compile(r"/_static/draw/(?!draw\.(?:js|css)$)")
# float: sums are taken in another order; 3e-7 was seen. int8: on a processor whose byte products do not saturate all
# 200 x 40 probabilities were equal; an activation that falls on the other side of a rounding moves one by up to 0.004.
TOLERANCE = {"float": 1e-5, "int8": 0.01}
WAIT = 60_000


def load(page: Page) -> None:
    """Ask for the networks and wait until they have answered and been timed."""
    page.locator(".dl-load").click()
    page.locator(".dl-loaded").wait_for(timeout=WAIT)
    page.wait_for_function(
        "document.querySelector('.dl-ratio').textContent.includes('medians')", timeout=WAIT
    )


@pytest.fixture(scope="module", params=["http", "file"])
def loaded(request: pytest.FixtureRequest, chromium: Browser, site: Path, http_site: str) -> Iterator[Page]:
    """The page with everything loaded; ``page.before`` is what it had asked for until then."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.record = watch(page)
    page.goto(f"{http_site}/{PAGE}" if request.param == "http" else (site / PAGE).as_uri())
    page.wait_for_selector(".draw-letter[data-ready]")
    page.wait_for_load_state("networkidle")
    page.before = [response.url for response in page.record.responses]
    page.evaluate(
        """() => {
          window.steps = [];
          const bar = document.querySelector(".dl-start progress");
          new MutationObserver(() => steps.push(bar.value / bar.max)).observe(bar, {attributes: true});
        }"""
    )
    load(page)
    yield page
    assert page.record.problems() == []
    context.close()


@pytest.fixture(scope="module")
def references() -> dict[str, np.ndarray]:
    """Probabilities of the first 200 test scenes, drawn anew, from ONNX Runtime in Python: (200, 40) each."""
    drawn = draw_glyphs(200, 48, "test", "hard")
    pixels = (drawn.images.float() / 255).numpy()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    # On x86 without VNNI, products of bytes would saturate at 16 bits; no other processor's do.
    options.add_session_config_entry("session.x64quantprecision", "1")
    found = {}
    for kind, name in FILES.items():
        session = onnxruntime.InferenceSession(FOLDER / name, options, providers=["CPUExecutionProvider"])
        (logits,) = session.run(["logits"], {"images": pixels})
        powers = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
        found[kind] = powers / powers.sum(1, keepdims=True)
    assert np.ptp(found["float"], axis=0).min() > 0.5  # the pictures do differ, for every class
    return found


def test_nothing_heavy_comes_before_the_reader_asks_and_the_progress_is_real(loaded: Page) -> None:
    assert loaded.before
    assert [url for url in loaded.before if HEAVY.search(url)] == []
    steps = loaded.evaluate("steps")
    assert steps == sorted(steps)
    assert len({round(step, 3) for step in steps}) > 12
    assert steps[-1] == 1


def test_200_test_pictures_get_the_answers_of_onnx_runtime_in_python(
    loaded: Page, references: dict[str, np.ndarray]
) -> None:
    loaded.locator(".dl-all").click()
    loaded.locator(".dl-summary").wait_for(timeout=WAIT)
    with loaded.expect_download() as download:
        loaded.get_by_role("button", name="Save all probabilities").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf8"))))
    assert rows[0] == ["picture", "shows", "network", *CLASSES]
    truth = [row[1] for row in rows[1::2]]
    right = {}
    for kind, expected in references.items():
        mine = [row for row in rows[1:] if row[2] == kind]
        assert [int(row[0]) for row in mine] == list(range(200))
        found = np.array([row[3:] for row in mine], dtype=np.float64)
        print(f"{kind}: largest difference {np.abs(found - expected).max():.2g}")
        np.testing.assert_array_equal(found.argmax(1), expected.argmax(1))
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[kind])
        right[kind] = sum(CLASSES[k] == name for k, name in zip(expected.argmax(1), truth, strict=True))
    apart = int((references["float"].argmax(1) != references["int8"].argmax(1)).sum())
    sure = references["float"].max(1) > 0.5
    agree = references["float"].argmax(1) == references["int8"].argmax(1)
    assert agree[sure].mean() > 0.98  # the page says: hardly ever where the float network is sure
    summary = loaded.locator(".dl-summary").inner_text()
    assert f"float names {right['float']} right and int8 {right['int8']}" in summary
    assert (f"disagree about {apart}" if apart else "never disagree") in summary
    assert loaded.locator(".dl-found tbody tr").count() >= 1


def test_size_and_time_are_stated_with_how_they_were_measured(loaded: Page) -> None:
    sizes, times = (loaded.locator(f".dl-facts td:nth-child({n}) data") for n in (2, 3))
    values = [int(found.get_attribute("value")) for found in sizes.all()]
    assert values == [(FOLDER / name).stat().st_size for name in FILES.values()]
    assert all(0 < float(found.get_attribute("value")) < 2000 for found in times.all())
    words = loaded.locator(".dl-ratio").inner_text()
    assert re.search(r"medians of \d+ blocks of \d+ runs.*this browser", words), words


def test_bars_numbers_and_sentence_agree(loaded: Page, references: dict[str, np.ndarray]) -> None:
    loaded.get_by_role("option", name="E serif").click()
    expect(loaded.locator(".dl-figure figcaption")).to_contain_text("E serif")
    index = int(loaded.get_by_role("option", name="E serif").get_attribute("data-index"))
    expected = {kind: values[index] for kind, values in references.items()}
    expect(loaded.locator(".dl-classes tbody th").first).to_have_text(CLASSES[expected["float"].argmax()])
    first = loaded.locator(".dl-classes tbody tr").first.locator("data")
    for cell, kind in zip(first.all(), FILES, strict=True):
        value = float(cell.get_attribute("value"))
        assert abs(value - expected[kind].max()) < TOLERANCE[kind]
        bar = cell.locator(".efx-track > span").evaluate("bar => parseFloat(bar.style.width)")
        assert abs(bar - 100 * value) < 0.01
        assert f"{100 * value:.1f}" in cell.inner_text()
        assert f"{kind} {100 * value:.1f}" in loaded.locator(".dl-sentence").inner_text()
    letter = loaded.locator(".dl-letters tbody tr").first
    assert letter.locator("th").inner_text() == "E"
    both = expected["float"].reshape(20, 2).sum(1).max()
    assert abs(float(letter.locator("data").first.get_attribute("value")) - both) < 1e-5


SEEN = """[...document.querySelector(".dl-seen").getContext("2d").getImageData(0, 0, 48, 48).data]"""
HEIGHT = f"""() => {{
  const data = {SEEN}, light = i => data[4 * i] + data[4 * i + 1] + data[4 * i + 2];
  const all = Array.from({{length: 48 * 48}}, (_, i) => light(i)), limit = 0.9 * Math.max(...all);
  const rows = all.flatMap((value, i) => value > limit ? [Math.floor(i / 48)] : []);
  return Math.max(...rows) - Math.min(...rows) + 1;
}}"""


def height(page: Page) -> int:
    """Rows that the letter in the picture for the networks spans."""
    return page.evaluate(HEIGHT)


def seen_pixels(page: Page) -> np.ndarray:
    """The picture for the networks, uint8 (48, 48, 3)."""
    return np.array(page.evaluate(SEEN), dtype=np.uint8).reshape(48, 48, 4)[..., :3]


def draw(page: Page, *strokes: list[tuple[float, float]]) -> None:
    """Draw with the mouse; points in units of the board's side."""
    board = page.locator(".dl-board")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    for stroke in strokes:
        for number, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
            if number == 0:
                page.mouse.down()
        page.mouse.up()


def test_a_letter_drawn_by_hand_is_answered_and_can_be_taken_back(loaded: Page) -> None:
    sentence, seen = loaded.locator(".dl-sentence"), loaded.locator(".dl-figure figcaption")
    draw(loaded, [(0.3, 0.2), (0.3, 0.8), (0.7, 0.8)])
    expect(seen).to_have_text("Your drawing")
    expect(sentence).to_contain_text("Both say L sans")
    draw(loaded, [(0.3, 0.2), (0.7, 0.2)], [(0.3, 0.5), (0.6, 0.5)])
    expect(sentence).to_contain_text("Both say E sans")
    assert loaded.locator("[role=option][aria-selected=true]").count() == 0
    assert 14 <= height(loaded) <= 20  # of 48 pixels: as tall as the letters of the training scenes
    loaded.get_by_label("Shrink my letter").uncheck()
    loaded.wait_for_function(f"({HEIGHT})() > 26")
    loaded.get_by_label("Shrink my letter").check()
    loaded.wait_for_function(f"({HEIGHT})() < 21")
    for _ in range(2):
        loaded.get_by_role("button", name="Undo").click()
    expect(sentence).to_contain_text("Both say L sans")
    loaded.get_by_role("button", name="Clear").click()
    expect(sentence).to_have_text("Draw a letter.")
    assert loaded.locator(".dl-tables table").count() == 0


@pytest.mark.parametrize("loaded", ["http"], indirect=True)
def test_a_finger_draws_and_the_page_stays_where_it_is(loaded: Page) -> None:
    board = loaded.locator(".dl-board")
    board.scroll_into_view_if_needed()
    box, before = board.bounding_box(), loaded.evaluate("scrollY")
    touch = loaded.context.new_cdp_session(loaded)
    path = [(0.3, 0.2), (0.3, 0.4), (0.3, 0.6), (0.3, 0.8), (0.5, 0.8), (0.7, 0.8)]
    for number, (x, y) in enumerate(path):
        point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        kind = "touchMove" if number else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(loaded.locator(".dl-sentence")).to_contain_text("Both say L sans")
    assert loaded.evaluate("scrollY") == before
    loaded.get_by_role("button", name="Clear").click()


@pytest.mark.parametrize("loaded", ["file"], indirect=True)
def test_a_readers_own_picture_is_averaged_exactly_and_a_bad_one_is_told_in_words(
    loaded: Page, tmp_path: Path
) -> None:
    generator = np.random.default_rng(20190611)
    fine = generator.integers(0, 256, (96, 96, 3), dtype=np.uint8)
    wide = np.zeros((96, 160, 3), np.uint8)
    wide[:, 32:128] = fine
    Image.fromarray(wide).save(tmp_path / "wide.png")
    chooser = loaded.get_by_label("Or load a picture of a letter")
    chooser.set_input_files(tmp_path / "wide.png")
    expect(loaded.locator(".dl-figure figcaption")).to_contain_text("wide.png, the middle square of 160 × 96")
    means = fine.reshape(48, 2, 48, 2, 3).mean((1, 3), dtype=np.float64)
    assert np.abs(seen_pixels(loaded) - means).max() <= 0.5
    shown = seen_pixels(loaded)
    loaded.get_by_label("Invert it").check()
    np.testing.assert_array_equal(seen_pixels(loaded), 255 - shown)
    assert loaded.locator(".dl-classes tbody tr").count() == 5

    (tmp_path / "notes.png").write_text("not a picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    trouble = loaded.locator(".dl-grid [role=alert]")
    for name, said in (("notes.png", "could not be read as a picture"), ("empty.jpg", "is an empty file")):
        chooser.set_input_files(tmp_path / name)
        expect(trouble).to_contain_text(f"“{name}” {said}")
    loaded.get_by_role("option", name="A sans").click()  # and the page goes on
    expect(trouble).to_be_hidden()


def test_everything_works_by_keyboard_alone(page: Page, site: Path) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto((site / PAGE).as_uri())
    page.wait_for_selector(".draw-letter[data-ready]")
    focused = "document.activeElement.matches(%r)"

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        pytest.fail(f"Tab does not lead to {selector}")

    page.locator("article h1").evaluate("node => { node.tabIndex = -1; node.focus(); }")
    tab_to(".dl-load")
    page.keyboard.press("Enter")
    page.wait_for_function(focused % ".dl-loaded", timeout=WAIT)
    tab_to("[role=option]")
    assert page.evaluate("document.activeElement.ariaLabel") == "A sans"
    for key, name in (
        ("ArrowRight", "A serif"),
        ("ArrowLeft", "A sans"),
        ("ArrowLeft", "A sans"),
        ("End", "X serif"),
        ("Home", "A sans"),
    ):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.ariaLabel") == name, key
    page.keyboard.press("ArrowDown")
    below = page.evaluate("document.activeElement.ariaLabel")
    assert below in CLASSES[2:]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".dl-figure figcaption")).to_contain_text("A serif")
    assert page.locator("[aria-selected=true]").get_attribute("aria-label") == "A serif"
    status = page.locator(".draw-letter [role=status]")
    expect(status).to_contain_text("A serif")
    tab_to(".dl-all")
    page.keyboard.press("Space")
    page.locator(".dl-summary").wait_for(timeout=WAIT)
    expect(status).to_contain_text("Of 200 test pictures")
    tab_to(".dl-look")
    page.keyboard.press("Enter")
    name = page.evaluate("document.activeElement.textContent")
    expect(page.locator(".dl-figure figcaption")).to_contain_text(name)
    assert page.record.problems() == []


@pytest.mark.parametrize("loaded", ["http"], indirect=True)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_in_both_themes_and_nothing_sticks_out_at_390_px(loaded: Page, theme: str) -> None:
    loaded.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    loaded.get_by_role("option", name="F sans").click()
    assert loaded.evaluate(FAINT) == []
    loaded.set_viewport_size({"width": 390, "height": 844})
    assert loaded.evaluate(WIDER_THAN_THE_PAGE) == []
    assert loaded.evaluate(FAINT) == []
    loaded.emulate_media(media="print")
    faint = [seen for seen in loaded.evaluate(CONTRAST, ".draw-letter :is(p, td, th)") if seen["shown"]]
    assert faint
    assert [seen for seen in faint if seen["contrast"] < 4.5] == []
    loaded.emulate_media(media="screen")
    loaded.set_viewport_size({"width": 1280, "height": 900})


def test_controls_have_names_and_tables_headings(loaded: Page) -> None:
    unnamed = """() => [...document.querySelectorAll(".draw-letter :is(input, button, progress, [role=option], canvas)")]
      .filter(node => !(node.ariaLabel || node.labels?.length || node.textContent.trim() || node.ariaHidden === "true"))
      .filter(node => node.isConnected && node.getClientRects().length).map(node => node.outerHTML)"""
    assert loaded.evaluate(unnamed) == []
    for table in loaded.locator(".draw-letter table").all():
        assert table.locator("> caption").inner_text().strip()
        assert table.locator("> thead th[scope=col]").count() >= 3


def test_a_missing_or_damaged_file_is_told_in_words_and_another_try_succeeds(
    page: Page, http_site: str
) -> None:
    page.goto(f"{http_site}/{PAGE}")
    page.wait_for_selector(".draw-letter[data-ready]")
    trouble, button = page.locator(".dl-start [role=alert]"), page.locator(".dl-load")
    expect(trouble).to_be_hidden()

    page.route("**/wasm-*-3.js", lambda route: route.fulfill(status=404))
    button.click()
    expect(trouble).to_contain_text(
        re.compile(r"wasm-\w+-3\.js could not be loaded: the server says 404"), timeout=WAIT
    )
    page.unroute("**/wasm-*-3.js")

    def spoil(route: Route) -> None:
        text = route.fetch().text()
        middle = len(text) // 2
        spoiled = text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]
        route.fulfill(body=spoiled, content_type="text/javascript")

    page.route("**/int8-*-0.js", spoil)
    page.record.clear()
    expect(button).to_have_text("Try again")
    button.click()
    expect(trouble).to_contain_text("the int8 network is damaged", timeout=WAIT)
    again = [response.url for response in page.record.responses]
    assert not [url for url in again if re.search(r"wasm-\w+-[012]\.js", url)]  # what was there is kept
    page.unroute("**/int8-*-0.js")
    page.record.clear()
    button.click()
    page.locator(".dl-loaded").wait_for(timeout=WAIT)
    assert page.locator(".dl-classes tbody tr").count() == 5
    assert page.record.problems() == []

    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: false}))")
    assert page.locator(".draw-letter .efx").count() == 0  # nothing is left behind, and nothing complains
    page.wait_for_timeout(300)
    assert page.record.problems() == []


def test_a_file_missing_from_the_folder_is_told_in_words(page: Page, site: Path, tmp_path: Path) -> None:
    for name in ("book/draw.html", "_static"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        linked = {"copy_function": os.link} if (site / name).is_dir() else {}
        (shutil.copytree if linked else os.link)(site / name, target, **linked)
    (gone,) = (tmp_path / "_static" / "draw").glob("float-*-0.js")
    gone.unlink()
    page.goto((tmp_path / PAGE).as_uri())
    page.locator(".dl-load").click()
    trouble = page.locator(".dl-start [role=alert]")
    expect(trouble).to_contain_text(f"The file {gone.name} is missing", timeout=WAIT)
    assert page.locator(".dl-load").inner_text() == "Try again"


@pytest.mark.parametrize(
    ("taken", "said"), [("WebAssembly", "does not run WebAssembly"), ("DecompressionStream", "too old")]
)
def test_a_browser_that_cannot_is_told_so_and_loads_nothing(
    page: Page, http_site: str, taken: str, said: str
) -> None:
    page.add_init_script(f"delete window.{taken}")
    page.goto(f"{http_site}/{PAGE}")
    page.locator(".dl-load").click()
    expect(page.locator(".dl-start [role=alert]")).to_contain_text(said)
    assert [response.url for response in page.record.responses if HEAVY.search(response.url)] == []
    draw(page, [(0.3, 0.2), (0.3, 0.8)])  # the board works all the same
    expect(page.locator(".dl-figure figcaption")).to_have_text("Your drawing")
    assert page.record.problems() == []
