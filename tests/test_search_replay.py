"""The search replay's Python side: what a search has come to, checks of what is given, text form, stored state."""

from __future__ import annotations

import json
import random
import re
from statistics import fmean, stdev

import numpy as np
import pytest
from optuna._hypervolume import compute_hypervolume
from replay_runs import BUDGET, SEEDS, made_up_runs, made_up_search_table, random_runs

from effnet_lib.figures import pareto_front
from effnet_lib.search import RandomSearch, mnasnet_space, regret_curves, tabular_space
from effnet_lib.widgets import SearchReplay
from effnet_lib.widgets.search_moment import Moment
from effnet_lib.widgets.search_replay import words_of

TABLE, RUNS = made_up_search_table(), made_up_runs()
ALIVE = {"evolution": 12, "NSGA-II": 12}


def replay(**settings):
    return SearchReplay(RUNS, TABLE, ALIVE, **settings)


def test_regret_after_every_evaluation_is_that_of_the_regret_curves():
    curves = regret_curves(RandomSearch, TABLE, BUDGET, range(SEEDS))
    widget = replay()
    for step in range(1, BUDGET + 1):
        widget.step = step
        assert widget.regrets["random"] == curves[:, step - 1].tolist(), step


def test_the_incumbent_is_the_first_of_those_that_look_best_to_the_search():
    draw = random.Random(1)
    widget = replay()
    for _ in range(300):
        widget.strategy, widget.seed = draw.choice(list(RUNS)), draw.randrange(SEEDS)
        widget.step = draw.randint(1, BUDGET)
        seen = TABLE.validation[:, widget.seed % 3, -1]
        found = RUNS[widget.strategy][widget.seed][: widget.step]
        assert widget.incumbent == max(found, key=lambda i: seen[i])
        best = TABLE.test[:, :, -1].mean(axis=1)
        assert widget.regret == best.max() - best[widget.incumbent] >= 0
        assert widget.distinct == np.unique(found).size


def test_the_front_and_its_hypervolume_are_those_of_others():
    """The front as the figures draw it; the area as Optuna computes it."""
    draw, macs, tested = random.Random(2), TABLE.macs.astype(float), TABLE.tested()
    corner = np.array([macs.max(), 1 - tested.min()])

    def area(indices):
        return compute_hypervolume(np.stack([macs[indices], 1 - tested[indices]], axis=1), corner)

    for _ in range(60):
        runs = random_runs(draw)
        r = draw.randrange(len(runs["s0"]))
        found = runs["s0"][r]
        now = Moment(TABLE, found, r, 5)
        points = [(int(macs[i]), TABLE.validation[i, r % 3, -1]) for i in found]
        assert now.front == [found[k] for k in pareto_front(points)]
        assert now.hypervolume == pytest.approx(area(now.front) / area(np.arange(432)), rel=1e-12)
    assert Moment(TABLE, range(432), 0, 5).hypervolume <= 1
    flat = made_up_search_table(seeds=1)
    assert Moment(flat, range(432), 0, 1).front == pareto_front(list(zip(flat.macs, flat.scores(), strict=True)))


def test_the_latest_are_those_alive_and_their_mean_is_what_the_search_saw():
    widget = replay(strategy="evolution", seed=1, step=40)
    now = widget.moment()
    assert now.recent == RUNS["evolution"][1][28:40]
    assert now.level == pytest.approx(fmean(TABLE.validation[i, 1, -1] for i in now.recent), rel=1e-12)
    assert replay(strategy="random", step=40).moment().recent == RUNS["random"][0][20:40]
    assert replay(strategy="random", step=7).moment().recent == RUNS["random"][0][:7]


def test_before_the_first_evaluation_there_is_nothing():
    widget = replay(step=0)
    now = widget.moment()
    assert (widget.incumbent, widget.regret, now.newest, now.level) == (None, None, None, None)
    assert (widget.distinct, widget.front, widget.hypervolume, now.recent) == (0, [], 0, [])
    assert [set(regrets) for regrets in widget.regrets.values()] == [{None}] * len(RUNS)
    assert repr(widget).endswith("Nothing evaluated yet by random and evolution")


def test_the_first_two_strategies_are_shown_at_the_end_of_the_first_search():
    widget = SearchReplay(RUNS, TABLE)
    assert (widget.strategy, widget.against, widget.seed, widget.step) == ("random", "evolution", 0, BUDGET)
    assert SearchReplay(RUNS, TABLE, strategy="evolution").against == "random"
    assert SearchReplay({"mine": RUNS["random"]}, TABLE).against == ""
    assert widget.limits["step"] == [0, BUDGET, BUDGET]
    assert widget.limits["seed"] == list(range(SEEDS))
    assert widget.limits["against"] == [*RUNS, ""]


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [
        ("strategy", "annealing", "one of 'random', 'evolution', 'NSGA-II', 'REINFORCE', 'no repeats', got"),
        ("strategy", "", "one of 'random'"),
        ("strategy", None, "one of 'random'"),
        ("against", 3, "one of 'random', .*, '', got 3"),
        ("seed", SEEDS, "one of 0, 1, 2, 3, got 4"),
        ("seed", -1, "one of 0"),
        ("seed", True, "one of 0"),
        ("seed", [0], "one of 0"),
        ("step", BUDGET + 1, f"an integer from 0 to {BUDGET}, got {BUDGET + 1}"),
        ("step", -1, "an integer from 0"),
        ("step", 2.5, "an integer from 0"),
        ("step", float("nan"), "an integer from 0"),
        ("locked_by", 3, "a string"),
    ],
)
def test_a_bad_setting_is_refused_by_name(setting, value, right):
    with pytest.raises(ValueError, match=f"{setting} must be {right}"):
        replay(**{setting: value})
    widget = replay()
    before = getattr(widget, setting)
    with pytest.raises(ValueError, match=f"{setting} must be {right}"):
        setattr(widget, setting, value)
    assert getattr(widget, setting) == before


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([[1, 2]], "runs must be a dict from a strategy's name to its searches, got [[1, 2]]"),
        ({}, "runs must be a dict from a strategy's name to its searches, got {}"),
        ({3: [[1]]}, "runs must have names of strategies as keys, got 3"),
        ({" ": [[1]]}, "runs must have names of strategies as keys, got ' '"),
        ({"a": []}, "runs['a'] must be a list of searches, one a seed, got []"),
        ({"a": "abc"}, "runs['a'] must be a list of searches, one a seed, got 'abc'"),
        ({"a": [1, 2]}, "runs['a'][0] must be a list of indices, one an evaluation, got 1"),
        ({"a": [[1], []]}, "runs['a'][1] must be a list of indices, one an evaluation, got []"),
        ({"a": [[1, 432]]}, "runs['a'][0] must hold indices from 0 to 431, got 432"),
        ({"a": [[1, -1]]}, "runs['a'][0] must hold indices from 0 to 431, got -1"),
        ({"a": [[1, 2.0]]}, "runs['a'][0] must hold indices from 0 to 431, got 2.0"),
        ({"a": [[True]]}, "runs['a'][0] must hold indices from 0 to 431, got True"),
        ({"a": [[1]], "b": [[1], [2]]}, "as many searches of every strategy, got 1 of 'a' and 2 of 'b'"),
        ({"a": [[1]], "b": [[1, 2]]}, "as many evaluations, got 2 in runs['b'][0] and 1 in runs['a'][0]"),
        ({"a": [[1, 2], [1]]}, "as many evaluations, got 1 in runs['a'][1] and 2 in runs['a'][0]"),
    ],
)
def test_runs_that_cannot_be_are_refused_and_the_place_named(runs, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        SearchReplay(runs, TABLE)


@pytest.mark.parametrize(
    ("alive", "said"),
    [
        ([12], "alive must be a dict from a strategy's name to the size of its population, got [12]"),
        ({"annealing": 3}, "alive must name strategies of runs ('random', 'evolution'"),
        ({"evolution": 0}, "alive['evolution'] must be a positive integer, got 0"),
        ({"evolution": True}, "alive['evolution'] must be a positive integer, got True"),
    ],
)
def test_a_population_that_cannot_be_is_refused(alive, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        SearchReplay(RUNS, TABLE, alive)


@pytest.mark.parametrize("table", [3, "search_nothing"])
def test_a_table_that_there_is_not_is_refused(table):
    with pytest.raises(ValueError, match=re.escape(repr(table)) if table == 3 else "name must be one of"):
        SearchReplay(RUNS, table)


def test_numpy_arrays_are_taken_as_searches():
    runs = {name: np.array(found) for name, found in RUNS.items()}
    widget = SearchReplay(runs, TABLE, seed=np.int64(2), step=np.int32(9))
    assert widget.runs == RUNS
    assert (type(widget.seed), widget.seed, type(widget.step), widget.step) == (int, 2, int, 9)


def test_the_text_form_holds_the_numbers_of_the_step():
    widget = replay(strategy="evolution", against="REINFORCE", seed=3, step=31)
    text = repr(widget)
    assert text == repr(replay(strategy="evolution", against="REINFORCE", seed=3, step=31))
    assert text.startswith(f"Search replay: 31 of {BUDGET} evaluations, search 3 of 4 (it sees training seed 0)")
    assert re.search(rf"regret, points +{100 * widget.regret:.2f} +{100 * widget.regrets['REINFORCE'][3]:.2f}\n", text)
    assert re.search(rf"different networks +{widget.distinct} ", text)
    assert re.search(rf"MACs +{TABLE.macs[widget.incumbent]:,} ", text)
    assert re.search(rf"hypervolume, % of the space's +{100 * widget.hypervolume:.1f} ", text)
    for name, regrets in widget.regrets.items():
        assert re.search(rf"\n{name} +{100 * fmean(regrets):.2f} ± {100 * stdev(regrets):.2f}", text)
    alone = repr(replay(against="random"))
    assert "evolution" not in alone.split("Mean regret")[0]
    one = {name: found[:1] for name, found in RUNS.items()}
    assert "±" not in repr(SearchReplay(one, TABLE))


def test_a_network_is_named_by_its_choices():
    space = tabular_space()
    words = words_of(space)
    assert [len(options) for options in words] == list(space.sizes)
    widget = replay(step=1)
    choices = [words[d][place] for d, place in enumerate(space.genotype(RUNS["random"][0][0]))]
    assert f"Best so far, random: {', '.join(choices)}\n" in repr(widget)
    assert [options[-1] for options in words] == [
        "stage 1 Fused 3×3", "stage 2 Fused 3×3", "stage 3 Fused 3×3", "expansion ×4", "SE 0.25", "width ×1.4",
        "1+2+2+2 blocks",
    ]  # fmt: skip
    for options in words_of(mnasnet_space()):
        assert len(set(options)) == len(options)


def test_stored_state_is_json_and_bounded_for_five_strategies_five_seeds_and_a_hundred_evaluations():
    state = SearchReplay(made_up_runs(100, 5), TABLE, ALIVE).get_state()
    del state["layout"]
    assert len(json.dumps(state["runs"])) < 15_000
    assert len(state["_esm"]) < 48_000
    assert len(json.dumps(state, allow_nan=False)) < 100_000
