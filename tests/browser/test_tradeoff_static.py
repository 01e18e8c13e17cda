"""The trade-off explorer in a published page: its choices are Python's, every control, points, words, themes."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from test_widgets_access import unfold
from test_widgets_static import open_all
from tradeoff_tables import made_up_table
from widget_contract import (
    is_readable_at_every_width,
    leaves_nothing_behind,
    names_everything,
    says_instead_of_drawing,
)
from widget_pages import start, write_page

import effnet_lib.widgets
from effnet_lib import results
from effnet_lib.figures import pareto_front
from effnet_lib.widgets import TradeoffExplorer
from effnet_lib.widgets.tradeoff_table import best_within

FOLDER = Path(effnet_lib.widgets.__file__).parent
SEED = 20190611  # of every random setting here; a failure names the setting itself
TABLE = made_up_table()
NOTE = ".efx-note"
PANELS = {"budget": "rows", "published_budget": "networks"}


def loaded(page: Page, table: Any = TABLE, **settings: Any) -> TradeoffExplorer:
    widget = TradeoffExplorer(table, **settings)
    start(page, widget)
    open_all(page)
    return widget


def shown(page: Page) -> dict[str, Any]:
    """What the page says: axis, budgets, and the best choice of each plot."""
    return page.evaluate(
        """() => {
          const best = key => document.querySelector(`[data-panel=${key}] [data-best]:not([hidden] *)`);
          return {axis: document.querySelector("input[data-name=axis]:checked").value,
            budget: model.get("budget"), published_budget: model.get("published_budget"),
            best: best("rows")?.dataset.best ?? null, published: best("networks")?.dataset.best ?? null};
        }"""
    )


def agree(page: Page, table: Any = TABLE) -> dict[str, Any]:
    """The page's choices are those of the library for the page's settings."""
    found = shown(page)
    widget = TradeoffExplorer(table, **{name: found[name] for name in ("axis", *PANELS)})
    assert (found["best"], found["published"]) == (widget.best, widget.best_published), found
    return found


def random_rows(draw: random.Random) -> list[dict[str, Any]]:
    """Few different values, so that there are ties; some costs are missing."""
    return [
        {
            "name": str(i), "macs": draw.randint(1, 12), "cpu": draw.choice((None, draw.random(), 0.5)),
            "validation": draw.choice((None, [draw.randint(1, 9) / 9, None, 1], [draw.random(), 0.1, 3])),
            "test": [draw.choice((draw.random(), 0.5)), None, 0],
        }
        for i in range(draw.randint(0, 20))
    ]  # fmt: skip


def test_choices_and_fronts_are_the_librarys_on_random_tables(page):
    page.route(
        "http://localhost:1/page", lambda route: route.fulfill(body="<p></p>", content_type="text/html")
    )
    page.route(
        "http://localhost:1/*.js", lambda route: route.fulfill(path=FOLDER / Path(route.request.url).name)
    )
    page.goto("http://localhost:1/page")
    draw = random.Random(SEED)
    cases = [(random_rows(draw), draw.choice(("macs", "cpu")), draw.choice((0, 0.5, draw.random(), 5, 12)))
             for _ in range(600)]  # fmt: skip
    found = page.evaluate(
        """async text => {
          const js = await import("./tradeoff.js");
          return JSON.parse(text).map(([rows, axis, budget]) => [js.bestWithin(rows, axis, budget)?.name ?? null,
            js.paretoFront(rows.map(row => [row.macs, row.test[0]]))]);
        }""",
        json.dumps(cases),
    )
    for (rows, axis, budget), (best, front) in zip(cases, found, strict=True):
        expected = best_within(rows, axis, budget)
        assert best == (expected and expected["name"]), (rows, axis, budget)
        assert front == pareto_front([(row["macs"], row["test"][0]) for row in rows]), rows
    assert len({best for best, _ in found}) > 10


def test_the_pages_choices_are_the_librarys_at_random_settings(page):
    draw = random.Random(SEED)
    table = made_up_table(seed=3)
    for row in draw.sample(table["rows"], 4):
        row["latency"] = None
    widget = loaded(page, table)
    cases = []
    for _ in range(300):
        axis = draw.choice(widget.axes)
        budgets = {}
        for name, key in PANELS.items():
            costs = [row[axis] for row in (widget.rows if key == "rows" else widget.networks) if row[axis]]
            edges = (draw.uniform(min(costs) / 2, max(costs) * 2), draw.choice(costs)) if costs else (1,)
            budgets[name] = draw.choice(edges)
        cases.append({"axis": axis, **budgets})
    found = page.evaluate(
        f"""cases => cases.map(values => {{
          for (const [name, value] of Object.entries(values)) model.set(name, value);
          return ["rows", "networks"].map(key =>
            document.querySelector(`[data-panel=${{key}}] [data-best]:not([hidden] *)`)?.dataset.best ?? null)
            .concat(document.querySelector("{NOTE}").hidden);
        }})""",
        cases,
    )
    for case, (best, published, quiet) in zip(cases, found, strict=True):
        expected = TradeoffExplorer(table, **case)
        assert [best, published, quiet] == [expected.best, expected.best_published, True], case
    assert len({best for best, *_ in found}) > 5


def test_every_budget_goes_to_both_ends_by_keyboard_on_every_axis(page):
    widget = loaded(page)
    for axis in widget.axes:
        page.locator(f"input[data-name=axis][value={axis}]").check(force=True)
        assert agree(page)["budget"] == widget.ranges[axis]["rows"]["start"]
        for name, key in PANELS.items():
            if not widget.ranges[axis][key]:
                continue
            slider = page.locator(f"input[type=range][data-name={name}]")
            costs = [row[axis] for row in (widget.rows if key == "rows" else widget.networks)]
            slider.press("Home")
            low = agree(page)[name]
            assert min(costs) <= low <= 1.02 * min(costs)
            assert page.locator(f"[data-panel={key}] .efx-dot:not(.efx-out)").count() < len(costs)
            for key_pressed in ("ArrowRight", "PageUp", "PageUp"):
                slider.press(key_pressed)
                assert agree(page)[name] > low
            slider.press("End")
            assert max(costs) <= agree(page)[name] <= 1.02 * max(costs)
            assert page.locator(f"[data-panel={key}] .efx-dot.efx-out").count() == 0
            assert slider.get_attribute("aria-valuetext")
    assert page.record.problems() == []


def test_every_field_takes_its_limits_and_refuses_what_lies_beyond(page):
    widget = loaded(page)
    for axis in widget.axes:
        page.locator(f"input[data-name=axis][value={axis}]").check(force=True)
        for name, key in PANELS.items():
            span = widget.ranges[axis][key]
            field = page.locator(f"input[type=number][data-name={name}]")
            if not span:
                assert not field.is_visible()
                continue
            for value in (span["low"], span["high"], span["start"] / span["scale"]):
                field.fill(f"{value:.3g}" if value < 1e3 else str(value))
                field.blur()
                agree(page)
            before = shown(page)
            for value in (span["low"] * 0.9, span["high"] * 1.1, -1, 0, 1e12, ""):
                field.fill(str(value))
                said = page.locator(f"#{field.get_attribute('aria-describedby')}").inner_text()
                assert f"A number from {span['low']:g} to {span['high']:g}, please." in said, (
                    axis,
                    name,
                    value,
                )
                assert field.get_attribute("aria-invalid") == "true"
                assert shown(page) == before
                field.blur()
                assert float(field.input_value()) == pytest.approx(before[name] / span["scale"], rel=1e-5)
                assert field.get_attribute("aria-invalid") is None
    assert page.record.problems() == []


def test_points_are_walked_by_arrow_keys_from_cheap_to_dear(page):
    widget = loaded(page)
    for key, rows in (("rows", widget.rows), ("networks", widget.networks)):
        order = [row["name"] for row in sorted(rows, key=lambda row: row["macs"])]
        page.locator(f"[data-panel={key}] .efx-point").first.focus()
        page.keyboard.press("ArrowRight")
        for name in [*order[1:], order[0]]:
            assert page.evaluate("document.activeElement.value") == name
            assert page.evaluate("model.get('selected')") == name
            row = next(row for row in rows if row["name"] == name)
            card = page.locator(".efx-card")
            assert row["label"] in card.locator(".efx-card-title").inner_text()
            assert f"{row['macs']:,}" in card.inner_text()
            assert f"{row['params']:,}" in card.inner_text()
            page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Follow the budget again").press("Enter")
    assert page.evaluate("model.get('selected')") == ""
    assert page.evaluate("document.activeElement.value") == widget.best
    assert page.record.problems() == []


def test_a_click_picks_the_nearest_point(page):
    loaded(page)
    for name in ("8x own", "2x depth", "base", "efficientnet_b6"):
        point = page.locator(f".efx-point[value='{name}']")
        box = point.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2 + 2, box["y"] + box["height"] / 2 - 2)
        assert page.evaluate("model.get('selected')") == name
        assert point.is_checked()
    page.locator("[data-panel=rows] .efx-stage").click(position={"x": 45, "y": 45})
    assert page.evaluate("model.get('selected')") == "efficientnet_b6", "far from every point"


def test_a_card_shows_architecture_and_provenance(page):
    loaded(page, selected="4x paper")
    row = next(row for row in TABLE["rows"] if row["name"] == "4x paper")
    table = page.locator(".efx-arch")
    assert table.locator("tbody tr").count() == len(row["arch"]["stages"]) + 3
    for i, stage in enumerate(row["arch"]["stages"]):
        cells = table.locator("tbody tr").nth(i + 1).locator("th, td").all_inner_texts()
        assert cells == [
            f"stages.{i}", "MBConv", f"{stage['kernel']}×{stage['kernel']}", str(stage["stride"]),
            f"×{stage['expand']}", str(stage["channels"]), str(stage["depth"]), f"{stage['se_ratio']:g}",
        ]  # fmt: skip
    text = page.locator(".efx-card").inner_text()
    for run in row["runs"]:
        assert f"seed {run['seed']}: {100 * run['test_accuracy']:.1f}" in text
    made = TABLE["made_by"]
    for words in (
        made["command"],
        made["date"],
        made["hardware"],
        "python 3.11, torch 2.12",
        "made-up cpu, 1 thread",
    ):
        assert words in text
    assert f"{row['arch']['resolution']} px" in text
    page.evaluate("model.set('selected', 'efficientnet_v2_s')")
    assert "published: google/automl" in page.locator(".efx-card").inner_text()
    assert "Fused-MBConv" in page.locator(".efx-card").inner_text()


def test_all_numbers_stand_in_tables(page):
    widget = loaded(page)
    for caption, rows in (("made-up", widget.rows), ("Published networks", widget.networks)):
        table = page.locator(f"table:has(> caption:text('{caption}'))")
        for column, axis in enumerate(("macs", "params")):
            values = table.locator(f"tbody tr td:nth-child({3 + column}) data").evaluate_all(
                "found => found.map(data => Number(data.value))"
            )
            assert values == [row[axis] for row in rows]
        text = table.inner_text()
        assert all(f"{100 * row['test'][0]:.1f}" in text for row in rows)


def test_what_was_not_measured_is_left_out_and_counted(page):
    table = copy.deepcopy(TABLE)
    for row in table["rows"][:3]:
        row["latency"] = None
    loaded(page, table, axis="cpu")
    words = page.locator("[data-panel=rows]").inner_text()
    assert "3 of 16 networks are left out: their CPU latency has not been measured." in words
    assert page.locator("[data-panel=rows] .efx-point").count() == 13
    assert (
        "No published latency can be compared with ours" in page.locator("[data-panel=networks]").inner_text()
    )
    assert page.locator("[data-panel=networks] svg:visible, [data-panel=networks] input:visible").count() == 0
    page.locator("input[data-name=axis][value=params]").check(force=True)
    assert "left out" not in page.locator("[data-panel=rows]").inner_text()
    assert page.locator("[data-panel=networks] .efx-point").count() == 16


def test_without_the_published_ones_one_plot_takes_all_the_room(page):
    loaded(page, published=False)
    assert not page.get_by_text("Two tasks, two plots").is_visible()
    assert not page.locator("[data-panel=networks]").is_visible()
    assert page.locator("[data-panel=rows] .efx-plot").bounding_box()["width"] > 900


@pytest.mark.parametrize("seeds", [1, 2])
def test_small_and_flat_tables_can_be_drawn(page, seeds):
    table = made_up_table(seeds)
    table["rows"] = table["rows"][:1]
    loaded(page, table)
    for name in ("macs", "params", "bytes", "cpu", "cuda", "memory"):
        page.locator(f"input[data-name=axis][value={name}]").check(force=True)
        assert agree(page, table)["best"] == "base"
        for key in ("Home", "End"):
            page.locator("input[type=range][data-name=budget]").press(key)
            assert agree(page, table)["best"] == "base"
    assert "NaN" not in page.content()
    assert not page.locator(NOTE).is_visible()
    assert page.record.problems() == []


@pytest.mark.parametrize("value", ["NaN", "undefined", "null", "'many'", "Infinity", "-3", "[]", "{}"])
def test_a_broken_setting_is_said_and_something_sensible_shown(page, value):
    for name in ("axis", "budget", "published_budget", "selected"):
        start(page, TradeoffExplorer(TABLE), f"{{{name}: {value}}}")
        assert f"{name} must be" in page.locator(NOTE).inner_text(), name
        assert page.locator("[data-best]").count() == 2
    assert page.record.problems() == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("{rows: undefined}", "lacks its table"),
        ("{rows: []}", "lacks its table"),
        ("{networks: 3}", "lacks its table"),
        ("{ranges: {}}", "lacks the range"),
        ("{limits: undefined}", "lacks the limits"),
        ("{rows: [{name: 'a'}]}", "cannot be drawn"),
    ],
)
def test_what_cannot_be_drawn_gives_a_message_instead_of_a_picture(page, broken, said):
    start(page, TradeoffExplorer(TABLE), broken)
    says_instead_of_drawing(page, said)


def test_a_budget_below_every_network_is_said(page):
    loaded(page, budget=1000)
    assert "Nothing here does with 1 k MACs; the cheapest, base, takes 260 k." in (
        page.locator("[data-panel=rows]").inner_text().replace("\u00a0", " ")
    )
    assert not page.locator(".efx-card").is_visible()
    assert not page.locator(NOTE).is_visible()


def test_screen_readers_hear_the_best_choice_once_the_reader_pauses(page):
    loaded(page)
    live = page.locator(".efx > [role=status]")
    expect(live).to_contain_text("the best measured network is")
    page.locator("input[type=range][data-name=budget]").press("Home")
    expect(live).to_contain_text("the best measured network is base, ")
    expect(live).to_contain_text("the best published network is V2-S, ")


def test_without_a_kernel_there_is_nothing_to_measure_with(page, tmp_path):
    page.goto(write_page(tmp_path, [TradeoffExplorer(TABLE)]).as_uri())
    page.wait_for_selector("[data-name=measure]", state="attached")
    assert not page.locator("[data-name=measure]").is_visible()
    assert page.record.problems() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_and_nothing_sticks_out(page, tmp_path, theme):
    widgets = [TradeoffExplorer(TABLE, selected="8x own"), TradeoffExplorer(TABLE, axis="cpu"),
               TradeoffExplorer(made_up_table(2, ()), axis="memory")]  # fmt: skip
    page.goto(write_page(tmp_path, widgets, theme).as_uri())
    page.wait_for_selector(".efx >> nth=2")
    unfold(page)
    is_readable_at_every_width(page)
    two = page.locator("[data-panel]").evaluate_all(
        "found => found.map(node => node.getBoundingClientRect().left)"
    )
    assert two[0] == two[1], "one below the other on a phone"


def test_every_control_has_a_name_and_every_table_its_headings(page):
    loaded(page)
    names_everything(page)
    for table in page.locator(".efx table").all():
        assert table.locator("> caption").inner_text().strip()
        rows = table.locator("> tbody > tr").count()
        assert table.locator("> tbody > tr > th[scope=row]").count() == rows > 0
    assert page.locator(".efx-points").count() == 2


def test_clean_up_leaves_no_listener_and_no_element(page):
    loaded(page)
    leaves_nothing_behind(page)


def test_hostile_text_stays_text(page):
    evil = "<img src=x onerror=alert(1)>"
    table = copy.deepcopy(TABLE)
    table["title"] = evil
    table["made_by"]["command"] = table["setting"]["data"]["set"] = evil
    table["rows"][0]["name"] = table["rows"][0]["family"] = evil
    loaded(page, table, selected=evil)
    assert page.locator(".efx img").count() == 0
    assert page.locator(".efx-card").inner_text().count(evil) >= 3


def test_the_books_own_tables_can_be_shown(page):
    for name in results.of_networks():
        widget = loaded(page, name)
        agree(page, name)
        assert not page.locator(NOTE).is_visible()
        assert page.locator("[data-panel=rows] .efx-point").count() == len(widget.rows)
    assert page.record.problems() == []
