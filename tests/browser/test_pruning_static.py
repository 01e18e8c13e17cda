"""The pruning explorer in a published page: its numbers are Python's, every control, words, pictures, themes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pruning_tables import made_up_pruning
from test_widgets_static import open_all
from widget_contract import is_readable_at_every_width, leaves_nothing_behind, names_everything
from widget_pages import start, write_page

import effnet_lib.widgets
from effnet_lib import cost_of
from effnet_lib.compress import channel_groups, prunable, storage_bytes
from effnet_lib.widgets import PruningExplorer
from effnet_lib.widgets.pruning_numbers import CRITERIA, MOST

FOLDER = Path(effnet_lib.widgets.__file__).parent
SEED = 20170913  # of every random setting here; a failure names the setting itself
TABLE = made_up_pruning()
NOTE = ".efx-note"
STATE = ("layers", "groups", "survivors", "measured")


def loaded(page: Page, table: Any = TABLE, **settings: Any) -> PruningExplorer:
    widget = PruningExplorer(table, **settings)
    start(page, widget)
    open_all(page)
    return widget


def shown(page: Page) -> dict[str, Any]:
    """The settings that the page's controls say."""
    return page.evaluate(
        """() => ({...Object.fromEntries(["structure", "scope", "criterion"].map(
            name => [name, document.querySelector(`input[data-name=${name}]:checked`).value])),
          amount: Number(document.querySelector("input[type=number][data-name=amount]").value)})"""
    )


def agree(page: Page) -> PruningExplorer:
    """What the page says of its settings is what the library says."""
    widget = PruningExplorer(TABLE, **shown(page))
    values = page.locator(".efx-stats data").evaluate_all("found => found.map(data => Number(data.value))")
    stored = widget.bytes
    if widget.structure == "weights":
        assert values == [sum(widget.kept), widget.macs, stored["dense"], stored["bitmask"], stored["csr"]]
        kept = widget.kept
    else:
        assert values == [widget.params, widget.macs, stored["dense"]]
        kept = [group.size for group in channel_groups(widget.arch)]
    words = page.locator(".efx-remains b").all_inner_texts()
    assert words == [f"{n:,}" for n in kept]
    said = page.locator("[data-name=accuracy]").inner_text().replace("\u00a0", " ")
    found = widget.accuracy
    for look, value in (found or {}).items():
        if look != "ms":
            mean, deviation, _ = value
            assert f"{100 * mean:.1f} ± {100 * deviation:.1f} %" in said, look
    assert found is not None or "has not been measured" in said
    return widget


def test_costs_and_what_remains_are_the_librarys_at_random_settings(page):
    page.route(
        "http://localhost:1/page", lambda route: route.fulfill(body="<p></p>", content_type="text/html")
    )
    page.route(
        "http://localhost:1/*.js", lambda route: route.fulfill(path=FOLDER / Path(route.request.url).name)
    )
    page.goto("http://localhost:1/page")
    draw = random.Random(SEED)
    widget = PruningExplorer(TABLE)
    cases = [
        {
            "structure": draw.choice(("weights", "channels")), "scope": draw.choice(("global", "layer")),
            "criterion": draw.choice(tuple(CRITERIA)), "amount": draw.randint(0, MOST),
        }
        for _ in range(240)
    ]  # fmt: skip
    found = page.evaluate(
        """async ([state, cases]) => {
          const js = await import("./pruning.js");
          return cases.map(setting => {
            const {layers, groups, params, weights, nonzero, macs, bytes} = js.pruned(state, setting);
            return {params, weights, nonzero, macs, bytes, layers: layers.map(l => [l.weights, l.nonzero, l.macs]),
              stays: groups.map(g => g.stays.flatMap((stay, i) => stay ? [i] : []))};
          });
        }""",
        [{name: widget.get_state()[name] for name in STATE}, cases],
    )

    def marks(network: Any) -> list[tuple[str, list[float]]]:
        """A number of its own for every channel of every group: its batch norm's mean, or its bias."""
        state = network.state_dict()
        names = {g.name: next(m.tensor for m in g.members if m.tensor.endswith(("running_mean", "squeeze.bias")))
                 for g in channel_groups(network.arch)}  # fmt: skip
        return [(name, state[tensor].tolist()) for name, tensor in names.items()]

    places = {
        name: {number: i for i, number in enumerate(numbers)}
        for name, numbers in marks(PruningExplorer(TABLE, amount=0).network)
    }
    for case, got in zip(cases, found, strict=True):
        with widget.hold_trait_notifications():
            for name, value in case.items():
                setattr(widget, name, value)
        network = widget.network
        cost = cost_of(network.arch)
        weights = list(prunable(network).values())
        nonzero = [int((w != 0).sum()) for w in weights]
        assert got["layers"] == [
            [w.numel(), n, layer.macs] for w, n, layer in zip(weights, nonzero, cost.layers, strict=True)
        ], case
        assert [got["params"], got["macs"], got["nonzero"]] == [cost.params, cost.macs, sum(nonzero)], case
        assert got["bytes"] == {form: storage_bytes(network, form) for form in ("dense", "bitmask", "csr")}, (
            case
        )
        for (name, numbers), stays in zip(marks(network), got["stays"], strict=True):
            assert [places[name][number] for number in numbers] == stays, case
    assert len({json.dumps(got) for got in found}) > 150


def test_every_control_goes_to_both_ends_by_keyboard(page):
    loaded(page)
    for structure, name, options in (
        ("weights", "scope", ("layer", "global")), ("channels", "criterion", (*list(CRITERIA)[1:], "l1")),
    ):  # fmt: skip
        page.locator(f"input[data-name=structure][value={structure}]").check(force=True)
        for option in options:
            page.locator(f"input[data-name={name}][value={option}]").check(force=True)
            agree(page)
        slider = page.locator("input[type=range][data-name=amount]")
        for key, amount in (("Home", 0), ("ArrowRight", 5), ("End", MOST)):
            slider.press(key)
            assert shown(page)["amount"] == amount
            agree(page)
        hidden = page.locator(f"input[data-name={'criterion' if name == 'scope' else 'scope'}]").first
        assert not hidden.is_visible()
    field = page.locator("input[type=number][data-name=amount]")
    for value in (0, 33, MOST):
        field.fill(str(value))
        field.blur()
        assert shown(page)["amount"] == value
        agree(page)
    for value in (-1, 96, 1.5, ""):
        field.fill(str(value))
        said = page.locator(f"#{field.get_attribute('aria-describedby')}").inner_text()
        assert "A whole number from 0 to 95, please." in said, value
        assert page.evaluate("model.get('amount')") == MOST
        field.blur()
    assert page.record.problems() == []


def test_only_measured_amounts_have_an_accuracy_and_buttons_lead_to_them(page):
    loaded(page, amount=33)
    assert "At 33 % it has not been measured" in page.locator("[data-name=accuracy]").inner_text().replace(
        "\u00a0", " "
    )
    assert page.locator(".efx-callout").count() == 0
    buttons = page.locator(".efx-jumps button")
    assert [int(b.get_attribute("value")) for b in buttons.all()] == [0, 25, 50, 75]
    for button in buttons.all():
        button.press("Enter")
        assert shown(page)["amount"] == int(button.get_attribute("value"))
        assert button.get_attribute("aria-pressed") == "true"
        agree(page)
        assert page.evaluate("document.activeElement.dataset.key") == f"at-{button.get_attribute('value')}"
    page.locator("input[data-name=structure][value=weights]").check(force=True)
    assert [int(b.get_attribute("value")) for b in buttons.all()] == [0, 30, 50, 70, 80]


def test_all_accuracies_stand_in_a_table(page):
    widget = loaded(page, structure="weights")
    rows = page.locator(".efx-measured tbody tr")
    ways = widget.measured["ways"]["weights global"]
    assert rows.count() == len(ways) + 1
    text = page.locator(".efx-measured").inner_text().replace("\u00a0", " ")
    for entry in ways.values():
        for look, value in entry.items():
            if look != "ms":
                assert f"{100 * value[0]:.1f} ± {100 * value[1]:.1f} %" in text


def test_without_a_table_or_a_spread_it_says_so(page):
    widget = PruningExplorer(TABLE)
    start(page, widget, "{measured: {}}")
    assert "This way of pruning has not been measured." in page.locator("[data-name=accuracy]").inner_text()
    assert not page.locator(NOTE).is_visible()
    loaded(page, made_up_pruning(seeds=1, latency=False))
    assert "±" not in page.locator("[data-name=accuracy]").inner_text()
    assert "Latency" not in page.locator(".efx-stats").inner_text()
    assert page.record.problems() == []


@pytest.mark.parametrize("value", ["NaN", "undefined", "null", "'many'", "Infinity", "-3", "[]", "{}"])
def test_a_broken_setting_is_said_and_something_sensible_shown(page, value):
    for name in ("structure", "scope", "criterion", "amount"):
        start(page, PruningExplorer(TABLE), f"{{{name}: {value}}}")
        assert f"{name} must be" in page.locator(NOTE).inner_text(), name
        assert page.locator(".efx-remains li").count() > 10
    assert page.record.problems() == []


@pytest.mark.parametrize("name", ["layers", "groups", "survivors", "limits"])
def test_what_cannot_be_drawn_gives_a_message_instead_of_a_picture(page, name):
    for value in ("undefined", "[]", "3"):
        start(page, PruningExplorer(TABLE), f"{{{name}: {value}}}")
        assert "lacks" in page.locator(NOTE).inner_text()
        assert page.locator(".efx-body svg:visible, .efx-body li:visible").count() == 0
    assert page.record.problems() == []


def test_screen_readers_hear_what_remains_once_the_reader_pauses(page):
    loaded(page)
    live = page.locator(".efx > [role=status]")
    expect(live).to_contain_text("50 percent removed.")
    expect(live).to_contain_text("Names of the test letters right: as it is")
    page.locator("input[type=range][data-name=amount]").press("Home")
    expect(live).to_contain_text("0 percent removed. 66,592 weights remain.")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_and_nothing_sticks_out(page, tmp_path, theme):
    widgets = [PruningExplorer(TABLE), PruningExplorer(TABLE, structure="weights", amount=70)]
    page.goto(write_page(tmp_path, widgets, theme).as_uri())
    page.wait_for_selector(".efx >> nth=1")
    open_all(page)
    is_readable_at_every_width(page)


def test_every_control_has_a_name_and_every_table_its_headings(page):
    loaded(page)
    names_everything(page)
    table = page.locator(".efx table")
    assert table.locator("> caption").inner_text().strip()
    assert table.locator("> tbody > tr > th[scope=row]").count() == table.locator("> tbody > tr").count() > 0


def test_clean_up_leaves_no_listener_and_no_element(page):
    loaded(page)
    leaves_nothing_behind(page)
