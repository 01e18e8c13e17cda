"""The search widgets in a published page: their numbers are Python's, every control, words, themes."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from search_tables import made_up_search_table
from test_widgets_static import open_all
from widget_contract import is_readable_at_every_width, leaves_nothing_behind, names_everything
from widget_pages import start, write_page

import effnet_lib.widgets
from effnet_lib.cost import cost_of
from effnet_lib.search import mnasnet_space, tabular_space
from effnet_lib.widgets import RewardShaper, SpaceExplorer
from effnet_lib.widgets.reward_points import EXPONENTS, contenders, exponents, winner
from effnet_lib.widgets.search_points import costs, deviations, means, ranks, search_points, space_columns
from effnet_lib.widgets.space_explorer import CHOICES

FOLDER = Path(effnet_lib.widgets.__file__).parent
SEED = 20190611  # of every random setting here; a failure names the setting itself
TABLE = made_up_search_table()
WIDGETS = (SpaceExplorer, RewardShaper)
SETTINGS = {SpaceExplorer: tuple(CHOICES), RewardShaper: ("mode", "exponent", "cost", "target")}
NOTE = ".efx-note"


@pytest.fixture(scope="module")
def modules(chromium: Browser) -> Iterator[Page]:
    """A page in which ``import("./name.js")`` gives the module of the library's folder."""
    page = chromium.new_page()
    page.route("http://localhost:1/page", lambda r: r.fulfill(body="<p></p>", content_type="text/html"))
    page.route("http://localhost:1/*.js", lambda r: r.fulfill(path=FOLDER / Path(r.request.url).name))
    page.goto("http://localhost:1/page")
    yield page
    page.close()


def ask(page: Page, module: str, function: str, arguments: list[Any], common: Any = None) -> list[Any]:
    """``function`` of the module ``js``, ``common`` and one argument, for every argument."""
    call = f"""async text => {{
      const js = await import("./{module}.js"), points = await import("./search_points.js");
      const [all, common] = JSON.parse(text), f = {function};
      return JSON.stringify(all.map(one => f(js, one, common, points)));
    }}"""
    return json.loads(page.evaluate(call, json.dumps([arguments, common])))


def loaded(page: Page, widget: Any) -> Any:
    start(page, widget)
    open_all(page)
    return widget


# ---- the same numbers as Python -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_the_columns_sum_up_as_in_python(modules, seeds):
    tables = [search_points(made_up_search_table(seeds, seed=seed)) for seed in (0, 1)]
    tables.append(search_points(dataclasses.replace(TABLE, validation=TABLE.validation / 7)))
    found = ask(modules, "search_points", "(js, stored) => js.readPoints(stored)", tables)
    for points, read in zip(tables, found, strict=True):
        for split in ("validation", "test"):
            assert read[split] == means(points, split)
            assert read["rank"][split] == ranks(points, split)
            spread, expected = read["spread"][split], deviations(points, split)
            if None in expected:
                assert spread == expected
            else:
                np.testing.assert_allclose(spread, expected, rtol=1e-12)


@pytest.mark.parametrize("space", [tabular_space(), tabular_space(27, 10), mnasnet_space()], ids=lambda s: s.name)
def test_every_genotype_is_the_same_network_at_the_same_cost(modules, space):
    rng = np.random.default_rng(SEED)
    few = space.cardinality < 1000
    genotypes = list(space) if few else [space.sample(rng) for _ in range(300)]
    page = modules.evaluate(
        """async text => {
          const [space, genotypes] = JSON.parse(text);
          const {archOf} = await import("./search_space.js"), {costOf} = await import("./cost.js");
          return JSON.stringify(genotypes.map(genotype => {
            const arch = archOf(space, genotype), {macs, params, activation_bytes} = costOf(arch);
            return [arch.stem, arch.head, arch.stages.map(stage => Object.values(stage)), macs, params, activation_bytes];
          }));
        }""",
        json.dumps([space_columns(space), genotypes]),
    )
    for genotype, found in zip(genotypes, json.loads(page), strict=True):
        arch = space.arch(genotype)
        cost, stages = cost_of(arch), [list(stage.to_dict().values()) for stage in arch.stages]
        assert found == [arch.stem, arch.head, stages, cost.macs, cost.params, cost.activation_bytes], genotype
    assert few or len({tuple(genotype) for genotype in genotypes}) == 300


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_best_change_of_every_network_is_pythons(modules, seeds):
    table = made_up_search_table(seeds)
    rounded = dataclasses.replace(table, validation=table.validation.round(2))  # many ties
    for found in (table, rounded):
        widget = SpaceExplorer(found)
        function = """(js, i, stored, p) => {
          const table = p.readPoints(stored);
          return [js.bestMove(table, i)?.index ?? null, js.noiseOf(table)];
        }"""
        best = ask(modules, "space_explorer", function, list(range(0, 432, 3)), widget.points)
        for i, (index, noise) in zip(range(0, 432, 3), best, strict=True):
            widget.genotype = found.space.genotype(i)
            expected = widget.best_change
            assert index == (None if expected is None else found.space.index(expected)), i
            assert noise == (None if seeds == 1 else pytest.approx(widget.noise, rel=1e-12))


def random_settings(draw: random.Random, table: Any) -> dict[str, Any]:
    cost = draw.choice(("macs", "latency"))
    known = getattr(table, cost)
    ends = np.log(known.min() / 2), np.log(known.max() * 2)
    target = draw.choice((float(np.exp(draw.uniform(*ends))), float(draw.choice(known))))
    exponent = draw.choice((0, -0.07, -1, -draw.random(), -(draw.random() ** 3)))
    return {"mode": draw.choice(("soft", "hard")), "exponent": exponent, "cost": cost, "target": target}


def test_rewards_winners_and_contenders_are_pythons_at_random_settings(modules):
    draw = random.Random(SEED)
    rounded = dataclasses.replace(TABLE, validation=TABLE.validation.round(2))  # many ties
    for table in (TABLE, rounded, made_up_search_table(seeds=1, seed=4)):
        points = search_points(table)
        cases = [random_settings(draw, table) for _ in range(150)]
        found = ask(
            modules, "reward",
            """(js, {mode, exponent, cost, target}, stored, p) => {
              const table = p.readPoints(stored), costs = table[cost].map(c => cost === "latency" ? c / 1e6 : c);
              const pair = js.exponentsOf(mode, exponent);
              const rewards = table.validation.map((share, i) => js.reward(share, costs[i], target, pair));
              return [rewards, js.winnerOf(rewards, costs), js.contenders(costs, table.validation, target, mode)];
            }""",
            cases, points,
        )  # fmt: skip
        winners = set()
        for case, (rewards, best, able) in zip(cases, found, strict=True):
            widget = RewardShaper(table, **case)
            np.testing.assert_allclose(rewards, widget.rewards, rtol=1e-12, err_msg=str(case))
            assert best == widget.winner, case
            expected = widget.contenders
            assert [one["index"] for one in able] == [one.index for one in expected], case
            np.testing.assert_allclose([one["end"] for one in able], [one.end for one in expected], rtol=1e-9)
            winners.add(best)
        assert len(winners) >= 8


def test_modes_and_exponents_are_listed_alike(modules):
    (found,) = ask(modules, "reward", "js => [js.EXPONENTS, js.PAPER, js.exponentsOf('hard', -0.5)]", [0])
    assert found == [list(EXPONENTS), {"soft": -0.07, "hard": -1.0}, list(exponents("hard", -0.5))]


def test_one_network_alone_wins_always(modules):
    for mode in ("soft", "hard"):
        assert contenders([3.0], [0.5], 2.0, mode) == [(0, 0.0, -1.0)]
        (found,) = ask(modules, "reward", f"js => js.contenders([3], [0.5], 2, '{mode}')", [0])
        assert found == [{"index": 0, "start": 0, "end": -1}]
    assert winner([0.5], [3.0]) == 0


# ---- the space explorer -------------------------------------------------------------------------------------------


def explored(page: Page) -> dict[str, Any]:
    """What the page says: the settings of its controls, MACs, parameters, the network's index."""
    return page.evaluate(
        """names => ({
          settings: Object.fromEntries(names.map(name =>
            [name, document.querySelector(`[data-name=${name}]:checked`).value])),
          costs: [...document.querySelectorAll(".efx-stats data")].map(data => Number(data.value)).slice(0, 2),
          index: Number(document.querySelector("[data-name=lead]").dataset.index),
          text: document.querySelector(".efx-stats").textContent + document.querySelector("[data-name=lead]").textContent,
        })""",
        list(CHOICES),
    )


def at_network(page: Page, table: Any = TABLE) -> SpaceExplorer:
    """The page shows what the library says of the network that the page's controls say."""
    found = explored(page)
    values = {name: next(v for v in CHOICES[name] if str(v) == word) for name, word in found["settings"].items()}
    widget = SpaceExplorer(table, **values)
    assert found["costs"] == [widget.macs, widget.params], values
    assert found["index"] == widget.index
    assert f"rank {widget.rank} of 432" in found["text"]
    for share in (table.scores(), table.tested()):
        assert f"{100 * share[widget.index]:.1f} ± " in found["text"]
    return widget


def test_every_option_can_be_chosen_by_mouse_and_by_keyboard(page):
    loaded(page, SpaceExplorer(TABLE))
    seen = {at_network(page).index}
    for radio in page.locator("input[type=radio]").all():
        radio.check(force=True)
        seen.add(at_network(page).index)
    for name in CHOICES:
        page.locator(f"input[data-name={name}]:checked").focus()
        for _ in CHOICES[name]:
            page.keyboard.press("ArrowDown")
            assert page.evaluate("document.activeElement.dataset.name") == name
            seen.add(at_network(page).index)
    assert len(seen) > 10
    assert page.record.problems() == []


def test_every_option_says_what_the_move_would_gain(page):
    loaded(page, SpaceExplorer(TABLE))
    widget, scores = at_network(page), TABLE.scores()
    options = page.locator("input[type=radio]")
    words = options.evaluate_all(
        "all => all.map(node => [node.dataset.name, node.value, node.closest('label').innerText, node.ariaLabel])"
    )
    assert len(words) == sum(map(len, CHOICES.values()))
    starred = 0
    for name, value, text, label in words:
        places = list(widget.genotype)
        d = list(CHOICES).index(name)
        places[d] = [str(v) for v in CHOICES[name]].index(value)
        i = TABLE.space.index(tuple(places))
        if i == widget.index:
            assert "✓" in text
            continue
        gain = f"{abs(100 * (scores[i] - scores[widget.index])):.1f}"
        sign = "+" if scores[i] > scores[widget.index] else "−"
        assert f"{sign}{gain}" in text or gain == "0.0", (name, value)
        assert "MACs more" in label if TABLE.macs[i] > TABLE.macs[widget.index] else "MACs less" in label
        starred += "★" in text
        assert ("★" in text) == (tuple(places) == widget.best_change)
    assert starred == 1


def test_following_the_best_change_ends_at_a_local_optimum(page):
    loaded(page, SpaceExplorer(TABLE, genotype=(0,) * 7))
    take = page.locator("[data-name=take]")
    widget = at_network(page)
    for _ in range(30):
        expected = widget.best_change
        if expected is None:
            break
        take.focus()
        page.keyboard.press("Enter")
        widget = at_network(page)
        assert widget.genotype == expected
        assert page.evaluate("document.activeElement.dataset.name") == "take"
    assert widget.best_change is None
    assert take.get_attribute("aria-disabled") == "true"
    take.click(force=True)
    assert at_network(page).genotype == widget.genotype
    assert re.search("local optimum|No network of the space is better", page.locator("[data-name=lead]").inner_text())
    assert page.record.problems() == []


def test_the_table_of_neighbours_holds_all_and_leads_to_them(page):
    loaded(page, SpaceExplorer(TABLE))
    widget = at_network(page)
    near = [TABLE.space.index(point) for point in TABLE.space.neighbours(widget.genotype)]
    rows = page.locator(".efx-moves tbody tr")
    assert rows.locator("data").evaluate_all("all => all.map(node => Number(node.value))") == TABLE.macs[near].tolist()
    for k in (0, 4, len(near) - 1):
        widget = at_network(page)
        expected = TABLE.space.neighbours(widget.genotype)[k]
        page.locator(f"button[data-key=go-{k}]").focus()
        page.keyboard.press("Enter")
        assert at_network(page).genotype == expected
        assert page.evaluate("document.activeElement.dataset.key") == f"go-{k}"


def test_a_click_on_a_point_goes_to_its_network(page):
    loaded(page, SpaceExplorer(TABLE))
    box = page.locator(".efx-plot").bounding_box()
    scale = box["width"] / float(page.locator(".efx-plot").get_attribute("viewBox").split()[2])
    for _ in range(3):
        star = page.locator(".efx-star").get_attribute("transform")
        x, y = map(float, re.findall(r"[\d.]+", star))
        expected = at_network(page).best_change
        page.mouse.click(box["x"] + x * scale + 1, box["y"] + y * scale)
        assert at_network(page).genotype == expected
    before = explored(page)["index"]
    page.mouse.click(box["x"] + box["width"] - 5, box["y"] + box["height"] - 60)
    assert explored(page)["index"] == before, "far from every point"


def test_random_networks_set_from_python_are_shown(page):
    widget = loaded(page, SpaceExplorer(TABLE))
    draw = random.Random(SEED)
    cases = [TABLE.space.genotype(draw.randrange(432)) for _ in range(200)]
    found = page.evaluate(
        f"""cases => cases.map(values => {{
          for (const [name, value] of Object.entries(values)) model.set(name, value);
          const data = [...document.querySelectorAll(".efx-stats data")].map(node => Number(node.value));
          const lead = document.querySelector("[data-name=lead]");
          return [Number(lead.dataset.index), ...data.slice(0, 2), document.querySelector("{NOTE}").hidden,
            lead.textContent];
        }})""",
        [widget._settings(case) for case in cases],
    )
    all_ranks = ranks(widget.points)
    for case, (index, macs, params, quiet, text) in zip(cases, found, strict=True):
        i = TABLE.space.index(case)
        assert [index, macs, params, quiet] == [i, TABLE.macs[i], TABLE.params[i], True], case
        assert f"Rank {all_ranks[i]} of 432" in text


def test_a_table_of_one_seed_without_latency_can_be_explored(page):
    table = dataclasses.replace(made_up_search_table(seeds=1), latency=np.full(432, np.nan))
    loaded(page, SpaceExplorer(table))
    text = page.locator(".efx").inner_text()
    assert "not measured" in text
    assert "one seed cannot tell" in text
    assert "±" not in page.locator(".efx-stats").inner_text()
    assert "NaN" not in page.content()
    assert page.record.problems() == []


# ---- the reward shaper --------------------------------------------------------------------------------------------


def shaped(page: Page, table: Any = TABLE) -> RewardShaper:
    """The page's winner is the library's for the settings that the page has."""
    values = page.evaluate("names => Object.fromEntries(names.map(n => [n, model.get(n)]))", list(SETTINGS[RewardShaper]))
    widget = RewardShaper(table, **values)
    best = int(page.locator("[data-best]").get_attribute("data-best"))
    assert best == widget.winner, values
    lead = page.locator(".efx-chosen").inner_text()
    assert f"{max(widget.rewards):.4f}" in lead
    assert f"{100 * table.scores()[best]:.1f}" in lead
    assert f"{100 * table.tested()[best]:.1f}" in lead
    assert page.locator(".efx-plot .efx-able").count() == len(widget.contenders)
    return widget


def test_the_exponent_goes_to_both_ends_by_keyboard(page):
    loaded(page, RewardShaper(TABLE))
    assert shaped(page).exponent == -0.07
    slider = page.locator("input[type=range][data-name=exponent]")
    for key, value in (("Home", -1), ("End", 0)):
        slider.press(key)
        assert shaped(page).exponent == value
        assert page.locator("input[type=number][data-name=exponent]").input_value() == str(value)
    values = []
    for _ in range(12):
        slider.press("PageDown")
        values.append(shaped(page).exponent)
    assert values == sorted(values, reverse=True)
    assert slider.get_attribute("aria-valuetext").startswith("−")
    assert page.record.problems() == []


def test_every_step_of_the_exponents_slider_is_an_exponent_of_its_own(page):
    """Whatever the slider gives leads back to the same place of the slider; else the keyboard could not pass it."""
    loaded(page, RewardShaper(TABLE))
    found = page.evaluate(
        """() => {
          const slider = document.querySelector("input[type=range][data-name=exponent]");
          return Array.from({length: Number(slider.max) + 1}, (_, step) => {
            slider.value = step;
            slider.dispatchEvent(new Event("input", {bubbles: true}));
            return [Number(slider.value) - step, model.get("exponent")];
          });
        }"""
    )
    assert [moved for moved, _ in found] == [0] * 101
    values = [value for _, value in found]
    assert values == sorted(set(values))
    assert [values[0], values[-1]] == [-1, 0]
    assert -0.07 in values, "the paper's"


def test_exponent_and_target_take_their_limits_and_refuse_what_lies_beyond(page):
    widget = loaded(page, RewardShaper(TABLE))
    for cost in ("macs", "latency"):
        page.locator(f"input[data-name=cost][value={cost}]").check(force=True)
        span = widget.ranges[cost]
        assert shaped(page).target == span["start"]
        slider = page.locator("input[type=range][data-name=target]")
        slider.press("Home")
        low = shaped(page).target
        slider.press("End")
        assert shaped(page).target > low
        for name, good, bad in (
            ("exponent", (-1, 0, -0.25), (-1.1, 0.1, 1e9, "")),
            ("target", (span["low"], span["high"]), (span["low"] * 0.9, span["high"] * 1.1, -1, 0, 1e12, "")),
        ):
            field = page.locator(f"input[type=number][data-name={name}]")
            for value in good:
                field.fill(str(value))
                field.blur()
                shaped(page)
                assert float(field.input_value()) == value
            for value in bad:
                field.fill(str(value))
                assert "please." in page.locator(f"#{field.get_attribute('aria-describedby')}").inner_text()
                assert field.get_attribute("aria-invalid") == "true"
                shaped(page)
                field.blur()
                assert float(field.input_value()) == pytest.approx(good[-1])
                assert field.get_attribute("aria-invalid") is None
    assert page.record.problems() == []


def test_a_mode_brings_the_papers_exponent(page):
    loaded(page, RewardShaper(TABLE, exponent=-0.4))
    for mode, exponent in (("hard", -1), ("soft", -0.07)):
        page.locator(f"input[data-name=mode][value={mode}]").check(force=True)
        widget = shaped(page)
        assert (widget.mode, widget.exponent) == (mode, exponent)
    assert "moving it changes no winner" in page.locator(".efx").inner_text()


def test_the_pages_winners_are_pythons_at_random_settings(page):
    loaded(page, RewardShaper(TABLE))
    draw = random.Random(SEED)
    cases = [random_settings(draw, TABLE) for _ in range(120)]
    found = page.evaluate(
        f"""cases => cases.map(values => {{
          for (const [name, value] of Object.entries(values)) model.set(name, value);
          return [Number(document.querySelector("[data-best]").dataset.best), document.querySelector("{NOTE}").hidden];
        }})""",
        cases,
    )
    for case, (best, quiet) in zip(cases, found, strict=True):
        assert [best, quiet] == [RewardShaper(TABLE, **case).winner, True], case


@pytest.mark.parametrize("settings", [{}, {"exponent": -0.3}, {"mode": "hard", "exponent": -0.1}, {"cost": "latency"}])
def test_the_curve_of_equal_reward_touches_the_cloud_at_the_winner_and_nowhere_cuts_it(page, settings):
    loaded(page, RewardShaper(TABLE, **settings))
    read = """() => {
      const places = d => [...d.matchAll(/(-?[\\d.]+),(-?[\\d.]+)/g)].map(m => [Number(m[1]), Number(m[2])]);
      const path = name => places(document.querySelector(`.efx-stage ${name}`).getAttribute("d"));
      const [x, y] = document.querySelector(".efx-winner").getAttribute("transform").match(/[\\d.]+/g).map(Number);
      return {curve: path(".efx-iso"), cloud: path(".efx-cloud"), winner: [x, y]};
    }"""
    found = page.evaluate(read)
    curve = np.array(found["curve"])

    def height(x: float) -> float:
        return float(np.interp(x, curve[:, 0], curve[:, 1]))

    x, y = found["winner"]
    assert height(x) == pytest.approx(y, abs=1)
    for x, y in found["cloud"]:
        if curve[0, 0] <= x <= curve[-1, 0] and height(x) > 31:
            assert y >= height(x) - 1, "above the curve there would be more reward"
    assert len(found["cloud"]) == 432


def test_the_tables_hold_the_winners_and_the_whole_front(page):
    widget = loaded(page, RewardShaper(TABLE))
    text = [row.inner_text() for row in page.locator(".efx-winners tbody tr").all()]
    for exponent, row in zip(EXPONENTS, text, strict=True):
        best = widget.winner_at(exponent)
        assert f"{100 * TABLE.scores()[best]:.1f} ±" in row
        assert f"{widget._rewards(exponent)[best]:.4f}" in row
    values = page.locator(".efx-spans data").evaluate_all("all => all.map(node => Number(node.value))")
    assert values == [TABLE.macs[i] for i in widget.front]
    never = page.locator(".efx-spans td:text-is('never')").count()
    assert never == len(widget.front) - len(widget.contenders)
    assert f"Of the {len(widget.front)} networks on the Pareto front, {len(widget.contenders)} win" in (
        page.locator(".efx").inner_text()
    )


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_level_table_can_be_shaped(page, seeds):
    level = np.full((432, seeds, 1), 0.5)
    table = dataclasses.replace(TABLE, validation=level, test=level, latency=np.full(432, np.nan))
    loaded(page, RewardShaper(table))
    assert page.locator("input[data-name=cost]").count() == 1
    for mode in ("hard", "soft"):
        page.locator(f"input[data-name=mode][value={mode}]").check(force=True)
        for key in ("Home", "End"):
            page.locator("input[type=range][data-name=exponent]").press(key)
            assert shaped(page, table).macs == TABLE.macs.min()
    assert "NaN" not in page.content()
    assert page.record.problems() == []


# ---- both ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WIDGETS)
def test_a_broken_setting_is_said_and_something_sensible_shown(page, kind):
    for name in SETTINGS[kind]:
        for value in ("NaN", "undefined", "null", "'many'", "Infinity", "-3", "1e9", "[]", "{}"):
            if (name, value) == ("target", "1e9"):
                continue  # dear, but possible
            start(page, kind(TABLE), f"{{{name}: {value}}}")
            said = page.locator(NOTE).inner_text()
            assert f"{name} must be" in said, (name, value)
            assert "; showing " in said, (name, value)
            assert page.locator(".efx-body svg:visible").count() > 0
            assert "NaN" not in page.locator(".efx-body").inner_text()
    start(page, RewardShaper(TABLE), "{target: 0}")
    assert "target must be a positive number, got 0" in page.locator(NOTE).inner_text()
    assert page.record.problems() == []


@pytest.mark.parametrize(
    ("kind", "broken", "said"),
    [
        *((kind, broken, said) for kind in WIDGETS for broken, said in (
            ("{points: undefined}", "lacks its table"),
            ("{points: {}}", "lacks its table"),
            ("{points: {macs: [1], params: [1], latency: [1], validation: [[1]], test: 3, unit: 1, sizes: [1]}}",
             "lacks its table"),
            ("{limits: undefined}", "lacks the limits"),
            ("{limits: {}}", "lacks the limits"),
        )),
        (SpaceExplorer, "{space: undefined}", "lacks its space"),
        (SpaceExplorer, "{space: {dimensions: 3}}", "lacks its space"),
        (SpaceExplorer, "{space: {dimensions: []}}", "cannot be drawn"),
        (RewardShaper, "{ranges: undefined}", "lacks the range"),
        (RewardShaper, "{ranges: {}}", "lacks the range"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_gives_a_message_instead_of_a_picture(page, kind, broken, said):
    start(page, kind(TABLE), broken)
    assert said in page.locator(NOTE).inner_text()
    assert page.locator(".efx-body table:visible, .efx-body .efx-stage svg:visible").count() == 0
    assert page.record.problems() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_and_nothing_sticks_out(page, tmp_path, theme):
    widgets = [SpaceExplorer(TABLE), RewardShaper(TABLE), RewardShaper(TABLE, mode="hard", cost="latency"),
               SpaceExplorer(made_up_search_table(1), locked_by="x")]  # fmt: skip
    page.goto(write_page(tmp_path, widgets, theme).as_uri())
    page.wait_for_selector(".efx >> nth=3")
    open_all(page)
    is_readable_at_every_width(page)
    assert page.record.problems() == []
    for i, kind in enumerate(WIDGETS):
        text = page.locator(".efx").nth(i).text_content()
        assert f"{kind(TABLE).macs:,}" in text or kind is RewardShaper
    assert "Make your prediction above first" in page.locator(".efx").nth(3).inner_text()


@pytest.mark.parametrize("kind", WIDGETS)
def test_every_control_has_a_name_and_every_table_its_headings(page, kind):
    loaded(page, kind(TABLE))
    names_everything(page)
    for table in page.locator(".efx table").all():
        assert table.locator("> caption").inner_text().strip()
        rows = table.locator("> tbody > tr").count()
        assert table.locator("> tbody > tr > th[scope=row]").count() == rows > 0
    assert page.locator(".efx fieldset:not(:has(legend))").count() == 0


@pytest.mark.parametrize("kind", WIDGETS)
def test_screen_readers_hear_one_sentence_once_the_reader_pauses(page, kind):
    start(page, kind(TABLE))
    live = page.locator(".efx > [role=status]")
    expect(live).to_contain_text("MACs")
    page.evaluate(
        """() => {
          window.heard = [];
          const node = document.querySelector(".efx > [role=status]");
          new MutationObserver(() => heard.push(node.textContent)).observe(node, {childList: true, subtree: true});
        }"""
    )
    control = page.locator("input[type=range], input[data-name=stage1]:checked").first
    control.focus()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    page.wait_for_function("heard.length")
    page.wait_for_timeout(300)
    (sentence,) = page.evaluate("heard")
    assert "MACs, " in sentence
    assert "validation" in sentence


@pytest.mark.parametrize("kind", WIDGETS)
def test_keys_meant_for_a_widget_do_not_reach_the_page(page, kind):
    start(page, kind(TABLE))
    page.evaluate("window.seen = []; document.addEventListener('keydown', e => seen.push(e.key), true)")
    control = page.locator("input[type=range], input[data-name=stage1]:checked").first
    for key in ("ArrowRight", "a", "Control+s", "Tab"):
        control.press(key)
    assert page.evaluate("seen") == ["Control", "s", "Tab"]


@pytest.mark.parametrize("kind", WIDGETS)
def test_clean_up_leaves_no_listener_and_no_element(page, kind):
    loaded(page, kind(TABLE))
    leaves_nothing_behind(page)


@pytest.mark.parametrize("kind", WIDGETS)
def test_nothing_moves_by_itself(page, kind):
    """No animation, no transition: nothing to hold still for readers who ask for less motion."""
    loaded(page, kind(TABLE))
    page.locator("input[type=radio]").last.check(force=True)
    assert page.evaluate("document.getAnimations().length") == 0


def test_the_books_own_table_can_be_shown(page):
    for kind in WIDGETS:
        widget = loaded(page, kind())
        assert not page.locator(NOTE).is_visible()
        if kind is SpaceExplorer:
            assert explored(page)["costs"] == [widget.macs, widget.params]
        else:
            assert int(page.locator("[data-best]").get_attribute("data-best")) == widget.winner
        assert costs(widget.points, "macs")
    assert page.record.problems() == []
