"""The Quantization explorer in a published page: its numbers are the library's, every control, words, themes."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect
from quantization_tables import made_up_table
from test_widgets_static import open_all
from widget_contract import (
    is_readable_at_every_width,
    leaves_nothing_behind,
    names_everything,
    says_instead_of_drawing,
)
from widget_pages import start, write_page

import effnet_lib.widgets
from effnet_lib.compress.affine import Scheme
from effnet_lib.widgets import QuantizationExplorer
from effnet_lib.widgets.quantization_numbers import decoded, quantized_numbers, stored_tensors

FOLDER = Path(effnet_lib.widgets.__file__).parent
SEED = 20190611  # of every random setting here; a failure names the setting itself
TABLE = made_up_table()
NOTE = ".efx-note"
NAMES = [row["name"] for row in stored_tensors()]
CHOICES = {
    "scales": ("tensor", "channel"),
    "form": ("symmetric", "affine"),
    "observer": ("minmax", "percentile", "mse"),
}


def loaded(page: Page, table: Any = TABLE, **settings: Any) -> QuantizationExplorer:
    widget = QuantizationExplorer(table, **settings)
    start(page, widget)
    open_all(page)
    return widget


SHOWN = """root => {
  const number = name => Number(root.querySelector(`input[type=number][data-name=${name}]`).value);
  const chosen = name => root.querySelector(`input[data-name=${name}]:checked`).value;
  const figures = [...root.querySelectorAll(".efx-stats data")];
  return {settings: {tensor: root.querySelector("select").value, bits: number("bits"),
      percentile: number("percentile"), scales: chosen("scales"), form: chosen("form"), observer: chosen("observer")},
    figures: Object.fromEntries(figures.map(data => [data.dataset.name, Number(data.value)])),
    words: root.querySelector(".efx-body").innerText};
}"""  # what the controls of a widget say, its figures and its words


def shown(page: Page) -> dict[str, Any]:
    return page.locator(".efx").evaluate(SHOWN)


def agree(page: Page, table: Any = TABLE) -> dict[str, Any]:
    """The page shows what the library says of the settings that the page shows."""
    found = shown(page)
    widget = QuantizationExplorer(table, **found["settings"])
    numbers, figures = widget.numbers, found["figures"]
    assert figures["sqnr"] == pytest.approx(numbers.sqnr, rel=1e-6), found["settings"]
    assert figures["mse"] == pytest.approx(numbers.rounding + numbers.clipping, rel=1e-6), found["settings"]
    assert figures["scale"] == max(numbers.scale), found["settings"]
    assert figures["zero"] == min(numbers.zero_point), found["settings"]
    assert figures["bytes"] == widget.bytes[1], found["settings"]
    words = found["words"].replace("\u00a0", " ")
    accuracy = widget.accuracy
    if accuracy is None:
        assert "has not been measured with this setting" in words, found["settings"]
    else:
        said = f"names {100 * accuracy['mean']:.1f} ± {100 * accuracy['deviation']:.1f} % of the test letters right"
        assert said in words, found["settings"]
    return found["settings"]


def modules(page: Page) -> None:
    """An empty page that can import the widgets' modules one by one."""
    page.route(
        "http://localhost:1/page", lambda route: route.fulfill(body="<p></p>", content_type="text/html")
    )
    page.route(
        "http://localhost:1/*.js", lambda route: route.fulfill(path=FOLDER / Path(route.request.url).name)
    )
    page.goto("http://localhost:1/page")


def random_row(draw: random.Random) -> dict[str, Any]:
    """A tensor with ties, zeros, and channels of one sign; numbers of few bits, so that half precision holds them."""
    channels, length = draw.randint(1, 6), draw.randint(1, 30)
    values = []
    for _ in range(channels):
        size, offset = 2.0 ** draw.randint(-6, 5), draw.choice((-1, 0, 0, 1))
        values.append([
            draw.choice((0.0, size * round(draw.gauss(offset, 1), 2), size * draw.randint(-8, 8) / 8))
            for _ in range(length)
        ])  # fmt: skip
    array = np.array(values, "<f2")
    return {"name": "random", "kind": "weights", "shape": [channels, length],
            "values": base64.b64encode(array.tobytes()).decode()}  # fmt: skip


def random_scheme(draw: random.Random, weights: bool, observer: str) -> dict[str, Any]:
    symmetric = draw.random() < 0.5
    return {
        "bits": draw.randint(2, 8), "symmetric": symmetric, "per_channel": weights and draw.random() < 0.5,
        "signed": weights or symmetric, "observer": observer,
        "percentile": draw.choice((99.9, 99, 95, 100, draw.uniform(90, 100))),
    }  # fmt: skip


def test_numbers_are_the_librarys_on_real_and_random_tensors(page):
    modules(page)
    draw = random.Random(SEED)
    cases = []
    for observer, real, made_up in (("minmax", 110, 70), ("percentile", 110, 80), ("mse", 14, 20)):
        for i in range(real + made_up):
            row = draw.choice(stored_tensors()) if i < real else random_row(draw)
            cases.append((row, random_scheme(draw, row["kind"] == "weights", observer)))
    found = page.evaluate(
        """async text => {
          const js = await import("./quantization.js");
          return JSON.parse(text).map(([row, scheme]) => {
            const channels = row.kind === "weights" ? row.shape[0] : 1;
            const got = js.quantized(js.decodeHalf(row.values), channels, {...scheme, perChannel: scheme.per_channel});
            return {...got, q: [...got.q], at: [], sqnr: String(got.sqnr), own: got.own.map(String),
              bytes: js.bytesOf(got.q.length, scheme.bits, got.scale.length, scheme.symmetric)};
          });
        }""",
        json.dumps(cases),
    )
    clipped = 0
    for (row, settings), got in zip(cases, found, strict=True):
        said = (row if row["name"] == "random" else row["name"], settings)
        x = decoded(row)
        if not x.any():
            continue  # no signal: the library has no SQNR for it
        known = quantized_numbers(x, Scheme(**settings))
        integers = ("q", "zero", "clipped", "used", "spans", "levels")
        expected = (
            list(known.q),
            list(known.zero_point),
            known.clipped,
            known.used,
            list(known.spans),
            known.levels,
        )
        assert tuple(got[name] for name in integers) == expected, said
        assert got["scale"] == list(known.scale), said
        for name in ("rounding", "clipping"):
            assert got[name] == pytest.approx(getattr(known, name), rel=1e-6, abs=1e-15), (name, said)
        for ours, theirs in zip([known.sqnr, *known.own], [got["sqnr"], *got["own"]], strict=True):
            theirs = float(theirs.replace("Infinity", "inf"))
            assert theirs == pytest.approx(ours, rel=1e-6, abs=1e-9), said
        clipped += known.clipped > 0
    assert clipped > 60


def test_half_precision_is_read_as_numpy_reads_it(page):
    modules(page)
    values = np.arange(0, 0x7C00, 7, dtype="<u2")  # all but infinities and NaN
    values = np.concatenate([values, values + 0x8000])
    text = base64.b64encode(values.tobytes()).decode()
    found = page.evaluate("async text => [...(await import('./quantization.js')).decodeHalf(text)]", text)
    assert found == values.view("<f2").astype(float).tolist()


def test_ties_go_to_the_even_integer(page):
    modules(page)
    draw = random.Random(SEED)
    values = [n / 2 for n in range(-600, 600)] + [draw.uniform(-1e6, 1e6) for _ in range(500)]
    found = page.evaluate(
        "async values => { const js = await import('./quantization.js'); return values.map(js.roundEven); }",
        values,
    )
    assert found == torch.round(torch.tensor(values, dtype=torch.float64)).tolist()


def test_the_page_agrees_with_the_library_at_random_settings(page):
    widget = loaded(page)
    draw = random.Random(SEED)
    for _ in range(16):
        values = {"tensor": draw.choice(NAMES), "bits": draw.randint(2, 8),
                  "percentile": draw.choice((99.9, 99, draw.uniform(90, 100)))}  # fmt: skip
        values |= {name: draw.choice(options) for name, options in CHOICES.items()}
        if values["observer"] == "mse" and values["form"] == "affine":
            values["tensor"] = "projection"  # Python takes long over the larger ones
        page.evaluate(
            "values => { for (const [name, value] of Object.entries(values)) model.set(name, value); }",
            values,
        )
        assert agree(page) == pytest.approx(values), values
        assert not page.locator(NOTE).is_visible()
    assert widget.bits == 4
    assert page.record.problems() == []


def test_every_control_goes_through_its_values_by_keyboard(page):
    loaded(page)
    bits = page.locator("input[type=range][data-name=bits]")
    for key, expected in (("Home", 2), ("ArrowRight", 3), ("End", 8), ("ArrowLeft", 7), ("Home", 2)):
        bits.press(key)
        assert agree(page)["bits"] == expected
    for name, options in CHOICES.items():
        page.locator(f"input[data-name={name}]:checked").focus()
        for option in [*options[1:], options[0]]:
            page.keyboard.press("ArrowRight")
            assert agree(page)[name] == option
    percentile = page.locator("input[type=range][data-name=percentile]")
    page.evaluate("model.set('observer', 'percentile')")
    for key, expected in (("Home", 90), ("ArrowRight", 90.1), ("End", 100)):
        percentile.press(key)
        assert agree(page)["percentile"] == pytest.approx(expected)
    select = page.locator("select")
    select.focus()
    for name in NAMES:
        select.select_option(name)
        assert agree(page)["tensor"] == name
    assert page.record.problems() == []


def test_every_field_takes_its_limits_and_refuses_what_lies_beyond(page):
    limits = loaded(page, observer="percentile").limits
    for name, beyond in (("bits", (1, 9, 4.5, "", -1)), ("percentile", (89.9, 100.1, "", -1))):
        field = page.locator(f"input[type=number][data-name={name}]")
        for value in limits[name]:
            field.fill(str(value))
            field.blur()
            assert agree(page)[name] == value
        for value in beyond:
            field.fill(str(value))
            assert field.get_attribute("aria-invalid") == "true"
            assert " please." in page.locator(f"#{field.get_attribute('aria-describedby')}").inner_text()
            field.blur()
            assert agree(page)[name] == limits[name][2]
    assert page.record.problems() == []


def test_weights_choose_their_scales_and_activations_their_form(page):
    loaded(page)
    top = page.locator(".efx-quant-knobs")
    assert top.locator("input[data-name=scales]").count() == 2
    assert top.locator("input[data-name=form]").count() == 0
    page.locator("select").select_option("relu6")
    assert page.evaluate("document.activeElement.tagName") in ("SELECT", "BODY")
    assert top.locator("input[data-name=form]").count() == 2
    assert not page.locator("input[data-name=scales]").first.is_visible()
    words = page.locator(".efx-meaning").inner_text()
    assert "a symmetric range spends 7 of its 15 levels on negative ones" in words
    page.locator("input[data-name=form][value=affine]").check(force=True)
    assert "negative" not in page.locator(".efx-meaning").inner_text()
    assert page.locator("figure:visible").count() == 2


def test_the_percentile_can_be_moved_where_it_counts(page):
    loaded(page)
    field = page.locator("input[type=number][data-name=percentile]")
    assert not field.is_visible()
    page.locator("input[data-name=observer][value=percentile]").check(force=True)
    assert field.is_visible()


def test_sentences_hold_the_librarys_numbers(page):
    widget = loaded(page, tensor="depthwise_5x5", bits=8)
    lead = page.locator(".efx-meaning")
    numbers = widget.numbers
    poor = sum(span <= 3 for span in numbers.spans)
    assert (
        f"whose values span {numbers.median_span:g} of 255 levels. {poor} channels span three or fewer."
        in lead.inner_text()
    )
    assert "The widest, channel 50, is dead" in lead.inner_text()
    page.evaluate("model.set('scales', 'channel')")
    own = QuantizationExplorer(TABLE, tensor="depthwise_5x5", bits=8, scales="channel").numbers
    assert (
        f"values span {own.median_span:g} of 255 levels, with one scale {numbers.median_span:g}."
        in lead.inner_text()
    )
    page.evaluate(
        "model.set('scales', 'tensor'); model.set('observer', 'percentile'); model.set('percentile', 99)"
    )
    cut = QuantizationExplorer(
        TABLE, tensor="depthwise_5x5", bits=8, observer="percentile", percentile=99
    ).numbers
    part = 100 * cut.clipping / (cut.clipping + cut.rounding)
    share = f"{100 * cut.clipped / len(cut.q):.1g}"
    assert (
        f"{cut.clipped} values are clipped ({share}\u00a0%): {part:.0f}\u00a0% of the squared error."
        in lead.inner_text()
    )
    page.evaluate("model.set('tensor', 'stem'); model.set('percentile', 99.9)")
    assert "99.9\u00a0% of so few values is all of them: nothing is clipped." in lead.inner_text()


@pytest.mark.parametrize("scales", CHOICES["scales"])
def test_pictures_and_tables_hold_the_librarys_numbers(page, scales):
    widget = loaded(page, tensor="depthwise", bits=3, scales=scales, observer="mse")
    found = widget.numbers
    histogram, bars = (
        page.locator(f"figure svg.efx-plot >> nth={i}").get_attribute("aria-label") for i in (0, 1)
    )
    assert "Histogram of 576 values, with the 7 levels" in histogram
    assert f": {found.used} occur, and {found.clipped} values lie beyond the range" in histogram
    assert f"from {max(found.spans)} down to {min(found.spans)}" in bars
    rows = page.locator("table:has(> caption:text('Channels')) tbody tr").evaluate_all(
        "found => found.map(row => [...row.cells].map(cell => cell.innerText))"
    )
    assert len(rows) == 64
    largest = decoded(widget.row).flatten(1).abs().amax(1)
    order = sorted(range(64), key=lambda channel: -largest[channel].item())
    for channel, cells in zip(order, rows, strict=True):
        assert cells[0] == str(channel)
        assert float(cells[1]) == pytest.approx(largest[channel].item(), rel=5e-3)
        assert cells[4] == f"{found.spans[channel]} of 7"
        assert cells[5] == f"{found.own[channel]:.1f}\u00a0dB"
    table = page.locator("table:has(> caption:text('Test accuracy'))")
    assert table.locator("tbody tr").count() == 12
    cells = table.locator(
        f"tr:has-text('symmetric, per {scales}, clipping: least error') td"
    ).all_inner_texts()
    for bits, words in zip(range(8, 1, -1), cells, strict=True):
        known = QuantizationExplorer(TABLE, bits=bits, scales=scales, observer="mse").accuracy
        assert words == f"{100 * known['mean']:.1f} ± {100 * known['deviation']:.1f}\u00a0%"


def test_without_a_measurement_the_widget_says_so(page):
    widget = QuantizationExplorer(TABLE)
    for broken in ("{accuracies: {}}", "{accuracies: undefined}", "{accuracies: 3}"):
        start(page, widget, broken)
        assert (
            "The whole network has not been measured with this setting."
            in page.locator(".efx-body").inner_text()
        )
        assert not page.locator(NOTE).is_visible()
    assert page.record.problems() == []


@pytest.mark.parametrize("value", ["NaN", "undefined", "null", "'many'", "Infinity", "-3", "[]", "{}", "1e9"])
def test_a_broken_setting_is_said_and_something_sensible_shown(page, value):
    for name in ("tensor", "bits", "scales", "form", "observer", "percentile"):
        start(page, QuantizationExplorer(TABLE), f"{{{name}: {value}}}")
        assert f"{name} must be" in page.locator(NOTE).inner_text(), name
        assert page.locator("svg.efx-plot:visible").count() == 3
    assert "NaN" not in page.locator(".efx-body").inner_html()
    assert page.record.problems() == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("{tensors: undefined}", "lacks its tensors"),
        ("{tensors: []}", "lacks its tensors"),
        ("{tensors: state.tensors.slice(0, 1)}", 'lacks the tensor "depthwise"'),
        ("{tensors: state.tensors.map(row => ({...row, values: '?'}))}", "cannot be drawn"),
        ("{limits: undefined}", "lacks the limits"),
    ],
)
def test_what_cannot_be_drawn_gives_a_message_instead_of_a_picture(page, broken, said):
    start(page, QuantizationExplorer(TABLE), broken)
    says_instead_of_drawing(page, said)


def test_screen_readers_hear_numbers_and_meaning_once_the_reader_pauses(page):
    loaded(page)
    live = page.locator(".efx > [role=status]")
    expect(live).to_contain_text(
        "4 bits: 13.6\u00a0dB signal to quantization noise. One scale for 64 channels"
    )
    page.locator("input[type=range][data-name=bits]").press("End")
    expect(live).to_contain_text("8 bits: ")
    expect(live).to_contain_text("With all weights like this the network names")


def test_it_is_redrawn_within_a_frame(page):
    """Of up to 40 drawings of a setting the quickest counts: this machine may be doing other things as well."""
    loaded(page)
    page.evaluate("document.querySelectorAll('.efx details').forEach(details => details.open = false)")
    times = page.evaluate(
        """() => model.get("limits").tensor.flatMap(tensor => [2, 4, 8].map(bits => {
          model.set("tensor", tensor);
          let best = Infinity;
          for (let i = 0; i < 40 && best >= 16; i++) {
            model.set("bits", 5);
            document.body.offsetHeight;
            const start = performance.now();
            model.set("bits", bits);
            document.body.offsetHeight;
            best = Math.min(best, performance.now() - start);
          }
          return best;
        }))"""
    )
    assert sorted(times)[len(times) // 2] < 16, times


def test_a_published_page_shows_the_librarys_numbers(page, tmp_path):
    widgets = [QuantizationExplorer(TABLE), QuantizationExplorer(TABLE, tensor="bottleneck", form="affine")]
    page.goto(write_page(tmp_path, widgets).as_uri())
    page.wait_for_selector(".efx >> nth=1")
    for i, widget in enumerate(widgets):
        value = page.locator(".efx").nth(i).locator("[data-name=sqnr]").get_attribute("value")
        assert float(value) == pytest.approx(widget.numbers.sqnr, rel=1e-6)
    assert page.record.problems() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_and_nothing_sticks_out(page, tmp_path, theme):
    widgets = [
        QuantizationExplorer(TABLE, tensor="depthwise_5x5", bits=8), QuantizationExplorer(TABLE, scales="channel"),
        QuantizationExplorer(TABLE, tensor="bottleneck", observer="percentile", percentile=98, bits=2),
    ]  # fmt: skip
    page.goto(write_page(tmp_path, widgets, theme).as_uri())
    page.wait_for_selector(".efx >> nth=2")
    open_all(page)
    is_readable_at_every_width(page)


@pytest.mark.parametrize("tensor", ["depthwise", "relu6"])
def test_every_control_has_a_name_and_every_table_its_headings(page, tensor):
    loaded(page, tensor=tensor)
    names_everything(page)
    tables = page.locator(".efx table").all()
    assert len(tables) == (2 if tensor == "depthwise" else 1)
    for table in tables:
        assert table.locator("> caption").inner_text().strip()
        rows = table.locator("> tbody > tr").count()
        assert table.locator("> tbody > tr > th[scope=row]").count() == rows > 0


def test_clean_up_leaves_no_listener_and_no_element(page):
    loaded(page)
    leaves_nothing_behind(page)


def test_hostile_text_stays_text(page):
    evil = "<img src=x onerror=alert(1)>"
    table = made_up_table()
    table["made_by"]["command"] = evil
    start(
        page,
        QuantizationExplorer(table),
        f"{{tensors: state.tensors.map(row => ({{...row, label: '{evil}'}}))}}",
    )
    open_all(page)
    assert page.locator(".efx img").count() == 0
    assert evil in page.locator(".efx-body").inner_text()


def test_it_stays_covered_until_its_prediction_is_made(page):
    start(page, QuantizationExplorer(TABLE, locked_by="ch14-bits"))
    assert page.locator(".efx-cover").is_visible()
    assert not page.locator(".efx-body").is_visible()
