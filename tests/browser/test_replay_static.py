"""The search replay in a published page: its numbers are Python's, its player, every control, words, themes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from replay_runs import BUDGET, SEEDS, made_up_runs, made_up_search_table, random_runs
from widget_contract import is_readable_at_every_width, names_everything, says_instead_of_drawing
from widget_pages import start, write_page

import effnet_lib.widgets
from effnet_lib.widgets import SearchReplay
from effnet_lib.widgets.search_moment import Moment
from effnet_lib.widgets.search_points import search_points

FOLDER = Path(effnet_lib.widgets.__file__).parent
SEED = 20190611  # of every random setting here; a failure names the setting itself
TABLE, RUNS = made_up_search_table(), made_up_runs()
ALIVE = {"evolution": 12, "NSGA-II": 12}
NOTE = ".efx-note"
FIELDS = ("newest", "incumbent", "regret", "distinct", "hypervolume", "level", "front", "recent")
# What the page shows: settings, the cells of its numbers (null for a dash), the regrets of all strategies.
SHOWN = """() => {
  const value = cell => cell.querySelector("data") ? Number(cell.querySelector("data").value) : null;
  const rows = [...document.querySelectorAll(".efx-sofar tbody tr")].map(row => [...row.cells].slice(1).map(value));
  const all = [...document.querySelectorAll(".efx-everyone tbody tr")].map(
    row => [row.cells[0].textContent, ...[...row.cells].slice(1).map(value)]);
  return {rows, all, heads: [...document.querySelectorAll(".efx-sofar thead th")].slice(1).map(th => th.textContent),
    strategy: document.querySelector("[data-name=strategy]:checked").value,
    against: document.querySelector("[data-name=against]:checked").value,
    seed: Number(document.querySelector("[data-name=seed]:checked").value),
    step: Number(document.querySelector("input[type=number][data-name=step]").value)};
}"""


def replay(**settings: Any) -> SearchReplay:
    return SearchReplay(RUNS, TABLE, ALIVE, **settings)


def loaded(page: Page, **settings: Any) -> SearchReplay:
    widget = replay(**settings)
    start(page, widget)
    return widget


def expected(widget: SearchReplay) -> list[list[float | None]]:
    """The rows of the table of numbers, from Python."""
    names = [widget.strategy, *([widget.against] if widget.against not in ("", widget.strategy) else [])]
    if widget.step == 0:
        return [[None] * len(names)] * 7
    columns = []
    for name in names:
        now = widget.moment(name)
        i = now.incumbent
        columns.append([now.distinct, i, now.seen[i], TABLE.tested()[i], TABLE.macs[i], now.regret, now.hypervolume])
    return [list(row) for row in zip(*columns, strict=True)]


def check(found: dict[str, Any]) -> None:
    """The page's numbers are those of the library for the page's settings."""
    settings = {name: found[name] for name in ("strategy", "against", "seed", "step")}
    widget = replay(**settings)
    rows = expected(widget)
    assert len(found["rows"]) == len(rows)
    for here, there in zip(found["rows"], rows, strict=True):
        assert here == (pytest.approx(there, rel=1e-12, abs=1e-12) if widget.step else there), settings
    assert [found["rows"][k] for k in (0, 1, 4)] == [rows[k] for k in (0, 1, 4)], settings
    for (name, own, mean), (there, regrets) in zip(found["all"], widget.regrets.items(), strict=True):
        assert name == there
        if widget.step:
            assert [own, mean] == pytest.approx([regrets[widget.seed], fmean(regrets)], rel=1e-12, abs=1e-12)
        else:
            assert (own, mean) == (None, None)


def agree(page: Page) -> dict[str, Any]:
    found = page.evaluate(SHOWN)
    check(found)
    return found


def pressed(page: Page, name: str) -> None:
    page.locator(f".efx-transport button[data-name={name}]").press("Enter")


def step_of(page: Page) -> int:
    return page.evaluate("model.get('step')")


def test_what_a_search_has_come_to_is_pythons_for_random_searches_of_random_tables(page):
    page.route("http://localhost:1/page", lambda route: route.fulfill(body="<p></p>", content_type="text/html"))
    page.route("http://localhost:1/*.js", lambda route: route.fulfill(path=FOLDER / Path(route.request.url).name))
    page.goto("http://localhost:1/page")
    draw = random.Random(SEED)
    tables = [made_up_search_table(seed, seeds) for seed, seeds in ((0, 3), (1, 1), (2, 2))]
    cases = []
    for _ in range(500):
        runs = random_runs(draw)
        found = draw.choice(draw.choice(list(runs.values())))
        cases.append([draw.randrange(3), found, draw.randrange(9), draw.randint(0, len(found)), draw.randint(1, 25)])
    answers = page.evaluate(
        """async text => {
          const js = await import("./search_moment.js"), points = await import("./search_points.js");
          const [stored, cases, fields] = JSON.parse(text);
          const tables = stored.map(points.readPoints), judged = tables.map(js.judge);
          return JSON.stringify(cases.map(([t, found, seed, step, last]) => {
            const past = js.history(tables[t], judged[t], found, seed);
            const now = js.moment(tables[t], judged[t], past, step, last);
            return [...fields.map(name => now[name]), js.summary(past.regrets)];
          }));
        }""",
        json.dumps([[search_points(table) for table in tables], cases, FIELDS]),
    )
    for (t, found, seed, step, last), (*here, summed) in zip(cases, json.loads(answers), strict=True):
        now = Moment(tables[t], found[:step], seed, last)
        for name, value in zip(FIELDS, here, strict=True):
            wanted = getattr(now, name)
            exact = wanted is None or name in ("newest", "incumbent", "distinct", "front", "recent")
            good = value == (wanted if exact else pytest.approx(wanted, rel=1e-12, abs=1e-12))
            assert good, (name, t, found, seed, step, last)
        regrets = [Moment(tables[t], found[: n + 1], seed, last).regret for n in range(len(found))]
        assert summed[0] == pytest.approx(fmean(regrets), rel=1e-12, abs=1e-12)
        assert (summed[1] is None) == (len(regrets) == 1)
        assert summed[1] is None or summed[1] == pytest.approx(stdev(regrets), rel=1e-9, abs=1e-12)


def test_the_pages_numbers_are_pythons_at_random_settings(page):
    loaded(page)
    draw = random.Random(SEED)
    cases = [
        {"strategy": draw.choice(list(RUNS)), "against": draw.choice([*RUNS, ""]), "seed": draw.randrange(SEEDS),
         "step": draw.choice((0, 1, BUDGET, draw.randint(0, BUDGET)))}
        for _ in range(250)
    ]  # fmt: skip
    found = page.evaluate(
        f"""cases => cases.map(values => {{
          for (const [name, value] of Object.entries(values)) model.set(name, value);
          return [({SHOWN})(), document.querySelector("{NOTE}").hidden];
        }})""",
        cases,
    )
    for case, (shown, quiet) in zip(cases, found, strict=True):
        assert {name: shown[name] for name in case} == case
        assert quiet, case
        check(shown)
    assert page.record.problems() == []


def test_the_step_goes_to_both_ends_by_keyboard(page):
    loaded(page)
    slider = page.locator("input[type=range][data-name=step]")
    for key, step in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("End", BUDGET), ("ArrowLeft", BUDGET - 1)):
        slider.press(key)
        assert agree(page)["step"] == step
        assert step_of(page) == step


def test_the_field_takes_its_limits_and_refuses_what_lies_beyond(page):
    loaded(page)
    field = page.locator("input[type=number][data-name=step]")
    for value in (0, BUDGET, 17):
        field.fill(str(value))
        field.blur()
        assert agree(page)["step"] == value
    for value in (-1, BUDGET + 1, 2.5, 10**12, ""):
        field.fill(str(value))
        said = page.locator(f"#{field.get_attribute('aria-describedby')}").inner_text()
        assert said == f"A whole number from 0 to {BUDGET}, please."
        assert field.get_attribute("aria-invalid") == "true"
        assert step_of(page) == 17
        field.blur()
        assert field.input_value() == "17"
    assert page.record.problems() == []


def test_every_strategy_and_every_search_can_be_chosen(page):
    loaded(page, step=33)
    for name in ("strategy", "against", "seed"):
        for radio in page.locator(f"input[type=radio][data-name={name}]").all():
            radio.check(force=True)
            found = agree(page)
            assert str(found[name]) == radio.get_attribute("value")
            two = found["against"] not in ("", found["strategy"])
            assert page.locator("[data-panel=second]").is_visible() == two
            assert (page.locator(".efx-curves .efx-bold.efx-second").count() == 1) == two
    assert page.record.problems() == []


def test_choosing_the_one_that_stands_beside_it_swaps_the_two(page):
    loaded(page)
    page.locator("input[data-name=strategy][value=evolution]").check(force=True)
    assert agree(page)["heads"] == ["evolution", "random"]
    page.locator("input[data-name=against][value=evolution]").check(force=True)
    assert agree(page)["heads"] == ["random", "evolution"]
    page.locator("input[data-name=against][value='']").check(force=True)
    assert agree(page)["heads"] == ["random"]


def test_the_buttons_step_to_and_fro_and_stay_at_the_ends_with_their_focus(page):
    loaded(page, step=1)
    for name, step in (("back", 0), ("back", 0), ("start", 0), ("forward", 1), ("forward", 2), ("end", BUDGET),
                       ("forward", BUDGET), ("end", BUDGET), ("back", BUDGET - 1), ("start", 0)):  # fmt: skip
        pressed(page, name)
        assert agree(page)["step"] == step
        assert page.evaluate("document.activeElement.dataset.name") == name
    assert page.locator(".efx-transport [aria-disabled=true]").count() == 2
    assert page.record.problems() == []


@pytest.fixture
def clocked(page):
    """The page with a clock that stands still until told."""
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    return page


def test_it_never_plays_by_itself(clocked):
    loaded(clocked, step=3)
    clocked.clock.run_for(5000)
    assert step_of(clocked) == 3


def test_playing_takes_a_few_steps_a_second_and_stops_at_the_end(clocked):
    loaded(clocked, step=0)
    play = clocked.locator("button[data-name=play]")
    play.press("Enter")
    assert play.get_attribute("aria-label") == "Pause"
    clocked.clock.run_for(2000)
    assert 8 <= step_of(clocked) <= 16
    agree(clocked)
    clocked.clock.run_for(15_000)
    assert step_of(clocked) == BUDGET
    assert play.get_attribute("aria-label") == "Play from the start"
    clocked.clock.run_for(3000)
    assert step_of(clocked) == BUDGET
    play.press("Enter")
    assert step_of(clocked) == 0
    clocked.clock.run_for(1000)
    assert 0 < step_of(clocked) < 12
    assert clocked.record.problems() == []


def test_pausing_and_every_hand_on_the_step_stop_the_clock(clocked):
    loaded(clocked, step=0)
    play = clocked.locator("button[data-name=play]")
    for stop in (
        lambda: play.press("Enter"),
        lambda: pressed(clocked, "forward"),
        lambda: pressed(clocked, "start"),
        lambda: clocked.locator("input[type=range][data-name=step]").press("ArrowRight"),
        lambda: clocked.locator("input[type=number][data-name=step]").fill("7"),
        lambda: clocked.locator(".efx-curves").click(position={"x": 200, "y": 60}),
    ):
        play.press("Enter")
        clocked.clock.run_for(1000)
        assert play.get_attribute("aria-label") == "Pause"
        stop()
        assert play.get_attribute("aria-label") == "Play"
        step = step_of(clocked)
        clocked.clock.run_for(3000)
        assert step_of(clocked) == step
    play.press("Enter")
    clocked.evaluate("model.set('strategy', 'NSGA-II')")
    clocked.clock.run_for(1000)
    assert step_of(clocked) > step, "another strategy is watched from where the first one was"


def test_who_asked_for_less_motion_gets_ten_leaps(clocked):
    clocked.emulate_media(reduced_motion="reduce")
    loaded(clocked, step=0)
    clocked.locator("button[data-name=play]").press("Enter")
    clocked.clock.run_for(900)
    assert step_of(clocked) == 0
    for leap in range(1, 11):
        clocked.clock.run_for(1000)
        assert step_of(clocked) == leap * BUDGET // 10
    assert clocked.locator("button[data-name=play]").get_attribute("aria-label") == "Play from the start"


def test_screen_readers_hear_of_it_on_pause_and_not_on_every_step(clocked):
    loaded(clocked, step=0)
    live = clocked.locator(".efx > [role=status]")
    clocked.clock.run_for(1000)
    assert live.inner_text() == f"After 0 of {BUDGET} evaluations."
    clocked.evaluate(
        """() => {
          window.heard = [];
          const node = document.querySelector(".efx > [role=status]");
          new MutationObserver(() => heard.push(node.textContent)).observe(node, {childList: true, subtree: true});
        }"""
    )
    play = clocked.locator("button[data-name=play]")
    play.press("Enter")
    clocked.clock.run_for(5000)
    assert clocked.evaluate("heard") == []
    play.press("Enter")
    clocked.clock.run_for(1000)
    step = step_of(clocked)
    (sentence,) = clocked.evaluate("heard")
    widget = replay(step=step)
    assert sentence.startswith(f"After {step} of {BUDGET} evaluations. random: best so far ")
    assert f"regret {100 * widget.regret:.2f} points. evolution: best so far " in sentence
    play.press("Enter")
    clocked.clock.run_for(20_000)
    assert clocked.evaluate("heard.length") == 2, "and at the end"


def test_a_click_on_the_curves_goes_there(page):
    loaded(page)
    box = page.locator(".efx-curves").bounding_box()
    page.mouse.click(box["x"] + 39, box["y"] + 80)
    assert agree(page)["step"] == 0
    page.mouse.click(box["x"] + 38 + (box["width"] - 52) / 2, box["y"] + 80)
    assert agree(page)["step"] == BUDGET // 2


def test_the_plane_shows_as_many_dots_as_were_evaluated(page):
    loaded(page, strategy="evolution", against="random", step=30)
    count = "node => node.getAttribute('d').split('M').length - 1"
    for which, recent in (("first", 12), ("second", 20)):
        panel = page.locator(f"[data-panel={which}]")
        assert panel.locator(".efx-recent:not(.efx-rim)").evaluate(count) == recent
        assert panel.locator(".efx-old").evaluate(count) == 30 - recent
        assert panel.locator(".efx-cloud").evaluate(count) == 432
        for mark in ("newest", "leader", "optimum", "found", "level", "mean"):
            assert panel.locator(f".efx-plot .efx-{mark}").count() == 1, mark
    assert "12 alive: mean " in page.locator("[data-panel=first]").inner_text()
    assert "last 20: mean " in page.locator("[data-panel=second]").inner_text()
    page.evaluate("model.set('step', 0)")
    assert page.locator(".efx-plot .efx-recent, .efx-plot .efx-newest, .efx-plot .efx-leader").count() == 0
    assert "nothing evaluated yet" in page.locator("[data-panel=first]").inner_text()


def test_one_search_of_one_evaluation_can_be_shown(page):
    start(page, SearchReplay({"one": [[7]]}, made_up_search_table(1, 1)))
    for step in (0, 1):
        page.evaluate("step => model.set('step', step)", step)
        assert not page.locator(NOTE).is_visible()
        assert page.locator("[data-panel=first] .efx-plot .efx-leader").count() == step
    assert "NaN" not in page.content()
    assert "±" not in page.locator(".efx-everyone").inner_text()
    pressed(page, "back")
    assert step_of(page) == 0
    many = {"many": [[r] for r in range(12)]}
    start(page, SearchReplay(many, made_up_search_table(1, 1)))
    page.locator("select[data-name=seed]").select_option("11")
    assert page.evaluate("model.get('seed')") == 11
    assert page.record.problems() == []


@pytest.mark.parametrize("value", ["NaN", "undefined", "null", "'many'", "Infinity", "-3", "[]", "{}"])
def test_a_broken_setting_is_said_and_something_sensible_shown(page, value):
    for name in ("strategy", "against", "seed", "step"):
        start(page, replay(), f"{{{name}: {value}}}")
        said = page.locator(NOTE).inner_text()
        assert f"{name} must be" in said, name
        assert "; showing " in said, name
        assert page.locator(".efx-plot:visible").count() >= 2
    assert page.record.problems() == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("{runs: undefined}", "lacks its searches"),
        ("{runs: {random: [[1, 2]]}}", "lacks its searches"),
        ("{runs: {random: [[1, 2]], evolution: [[1]]}}", "lacks its searches"),
        ("{runs: {random: [[432]], evolution: [[1]]}}", "lacks its searches"),
        ("{points: undefined}", "lacks its table"),
        ("{points: {macs: []}}", "lacks its table"),
        ("{words: undefined}", "lacks the names of its choices"),
        ("{words: [['a']]}", "lacks the names of its choices"),
        ("{limits: undefined}", "lacks the limits"),
    ],
)
def test_what_cannot_be_drawn_gives_a_message_instead_of_a_picture(page, broken, said):
    start(page, replay(), broken)
    says_instead_of_drawing(page, said)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_and_nothing_sticks_out(page, tmp_path, theme):
    widgets = [replay(step=30), replay(against="", step=0), replay(locked_by="x")]
    page.goto(write_page(tmp_path, widgets, theme).as_uri())
    page.wait_for_selector(".efx >> nth=2")
    is_readable_at_every_width(page)
    lefts = "found => found.slice(0, 2).map(node => node.getBoundingClientRect().left)"
    first, second = page.locator("[data-panel]").evaluate_all(lefts)
    assert first == second, "one below the other on a phone"
    tops = "found => found.map(node => node.getBoundingClientRect().top)"
    assert len(set(page.locator(".efx-transport").first.locator("button").evaluate_all(tops))) == 1
    assert page.locator(".efx").nth(2).locator("button:visible, input:visible").count() == 1, "covered"
    assert page.record.problems() == []


def test_every_control_has_a_name_and_every_table_its_headings(page):
    loaded(page)
    names_everything(page)
    assert page.locator(".efx table").count() == 2
    for table in page.locator(".efx table").all():
        assert table.locator("> caption").inner_text().strip()
        rows = table.locator("> tbody > tr").count()
        assert table.locator("> tbody > tr > th[scope=row]").count() == rows > 0


def test_clean_up_stops_the_clock_and_leaves_no_listener_and_no_element(clocked):
    loaded(clocked, step=0)
    clocked.locator("button[data-name=play]").press("Enter")
    clocked.clock.run_for(500)
    assert clocked.evaluate("listening()") > 0
    clocked.evaluate("stop()")
    step = step_of(clocked)
    clocked.clock.run_for(3000)
    assert step_of(clocked) == step
    assert clocked.evaluate("listening()") == 0
    assert clocked.locator(".efx").count() == 0


def test_hostile_text_stays_text(page):
    evil = "<img src=x onerror=alert(1)>"
    start(page, SearchReplay({evil: RUNS["random"], "7": RUNS["evolution"]}, TABLE))
    assert page.locator(".efx img").count() == 0
    assert page.locator(".efx-sofar thead th").all_inner_texts()[1:] == [evil, "7"]
    assert page.locator(".efx-everyone tbody th").all_inner_texts() == [evil, "7"], "in the order given"


def test_a_new_state_from_python_is_shown(page):
    loaded(page, step=20)
    expect(page.locator(".efx-everyone tbody tr")).to_have_count(5)
    page.evaluate("runs => model.set('runs', runs)", {**RUNS, "random": RUNS["evolution"]})
    rows = page.locator(".efx-everyone tbody tr").all_inner_texts()
    assert rows[0].split("\t")[1:] == rows[1].split("\t")[1:]
