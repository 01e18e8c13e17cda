"""The search widgets' Python side: columns of a table, the space explorer, the reward shaper."""

from __future__ import annotations

import dataclasses
import json
import math
import random

import numpy as np
import pytest
from search_tables import made_up_search_table

from effnet_lib.search import HARD, SOFT, SearchTable, mnasnet_reward, mnasnet_space, pareto_front
from effnet_lib.small import glyph_base
from effnet_lib.widgets import RewardShaper, SpaceExplorer
from effnet_lib.widgets.reward_points import EXPONENTS
from effnet_lib.widgets.search_points import as_search_table, costs, deviations, means, ranks, search_points

TABLE = made_up_search_table()
SEED = 20190611  # of every random setting here
WIDGETS = (SpaceExplorer, RewardShaper)


def without_latency(some: int) -> SearchTable:
    """The table with the latencies of the first ``some`` networks missing."""
    latency = TABLE.latency.copy()
    latency[:some] = np.nan
    return dataclasses.replace(TABLE, latency=latency)


def of_another_space() -> SearchTable:
    """A table of a space of six networks."""
    dimensions = (mnasnet_space().dimensions[2], mnasnet_space().dimensions[1])
    space = dataclasses.replace(mnasnet_space(), dimensions=dimensions)
    accuracy = np.full((6, 1, 1), 0.5)
    return SearchTable(space, accuracy, accuracy, np.arange(6), np.arange(6), np.ones(6))


# ---- columns ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["validation", "test"])
def test_columns_give_the_tables_means_deviations_and_ranks(split):
    points = search_points(TABLE)
    last = getattr(TABLE, split)[:, :, -1]
    assert points["unit"] == 1000
    assert np.array(points[split]).T.tolist() == np.round(1000 * last).tolist()
    np.testing.assert_allclose(means(points, split), last.mean(axis=1), rtol=1e-14)
    np.testing.assert_allclose(deviations(points, split), last.std(axis=1, ddof=1), rtol=1e-9)
    sums = np.round(1000 * last).sum(axis=1)
    assert ranks(points, split) == [1 + int((sums > own).sum()) for own in sums]
    assert len(set(ranks(points, split))) < len(TABLE), "equals share a rank"


def test_columns_hold_the_tables_costs():
    points = search_points(without_latency(3))
    assert points["macs"] == TABLE.macs.tolist()
    assert points["params"] == TABLE.params.tolist()
    assert points["latency"][:3] == costs(points, "latency")[:3] == [None] * 3
    np.testing.assert_allclose(costs(points, "latency")[3:], TABLE.latency[3:], rtol=1e-14)
    assert json.loads(json.dumps(points, allow_nan=False)) == points


def test_one_seed_has_no_deviation():
    points = search_points(made_up_search_table(seeds=1))
    assert set(deviations(points)) == {None}
    np.testing.assert_allclose(means(points), made_up_search_table(seeds=1).scores(), rtol=1e-14)


def test_accuracies_that_are_no_thousandths_keep_six_digits():
    finer = dataclasses.replace(TABLE, validation=TABLE.validation / 7)
    points = search_points(finer)
    assert points["unit"] == 10**6
    np.testing.assert_allclose(means(points), finer.scores(), atol=1e-6)
    assert search_points(dataclasses.replace(TABLE, validation=TABLE.validation / 8))["unit"] == 10**6
    assert search_points(dataclasses.replace(TABLE, test=TABLE.test / 2))["unit"] == 10**4


@pytest.mark.parametrize("widget", WIDGETS)
@pytest.mark.parametrize(
    ("table", "said"),
    [
        (3, "table must be a SearchTable or the name of a table, got 3"),
        ("no_such_table", "name must be one of"),
        (of_another_space(), "table must be of the tabular space, got one of 'mnasnet'"),
    ],
)
def test_a_table_that_cannot_be_is_refused(widget, table, said):
    with pytest.raises(ValueError, match=said):
        widget(table)


def test_without_a_table_the_one_that_ships_is_taken():
    shipped = as_search_table()
    for widget in (SpaceExplorer(), RewardShaper()):
        assert widget.points == search_points(shipped)
        assert widget.points["unit"] == 1000, "counted on 1,000 pictures: exact"


def test_the_shipped_tables_costs_are_those_of_its_networks():
    table = as_search_table()
    widget = SpaceExplorer(table)
    for i, genotype in enumerate(table.space):
        widget.genotype = genotype
        assert (widget.macs, widget.params) == (table.macs[i], table.params[i]), genotype


@pytest.mark.parametrize("widget", WIDGETS)
def test_stored_state_is_json_and_small(widget):
    state = widget(TABLE).get_state()
    del state["layout"]  # a widget of its own
    assert len(state.pop("_esm")) < 48_000
    assert len(json.dumps(state, allow_nan=False)) < 45_000


# ---- space explorer -----------------------------------------------------------------------------------------------


def test_the_explorer_begins_at_the_hand_made_base():
    widget = SpaceExplorer(TABLE)
    assert widget.arch.replace(name="glyph_base") == glyph_base(20)


def test_every_network_can_be_shown_and_costs_what_the_table_says():
    widget = SpaceExplorer(TABLE)
    for i, genotype in enumerate(TABLE.space):
        widget.genotype = genotype
        assert (widget.index, widget.genotype, widget.arch) == (i, genotype, TABLE.space.arch(genotype))
        assert (widget.macs, widget.params) == (TABLE.macs[i], TABLE.params[i])


def test_settings_name_the_options():
    widget = SpaceExplorer(TABLE, stage1="fused3", stage2="mbconv3", stage3="mbconv5", expand=2, se_ratio=0,
                           width=1.4, blocks=7)  # fmt: skip
    assert TABLE.space.decode(widget.genotype) == {
        "stages.1.operation": ("fused", 3), "stages.2.operation": ("mbconv", 3),
        "stages.3.operation": ("mbconv", 5), "stages.1-2-3.expand": 2, "se_ratio": 0, "width": 1.4,
        "depth": (1, 2, 2, 2),
    }  # fmt: skip
    assert SpaceExplorer(TABLE, genotype=widget.genotype).genotype == widget.genotype


def test_the_best_change_is_the_neighbour_with_the_highest_validation():
    draw, scores, widget = random.Random(SEED), TABLE.scores(), SpaceExplorer(TABLE)
    optima = 0
    for index in draw.sample(range(432), 60):
        genotype = TABLE.space.genotype(index)
        widget.genotype = genotype
        near = {point: scores[TABLE.space.index(point)] for point in TABLE.space.neighbours(genotype)}
        if max(near.values()) <= scores[index]:
            assert widget.best_change is None
            optima += 1
        else:
            assert near[widget.best_change] == max(near.values())
    best = TABLE.space.genotype(int(scores.argmax()))
    assert SpaceExplorer(TABLE, genotype=best).best_change is None
    assert SpaceExplorer(TABLE, genotype=best).rank == 1
    assert optima < 60


def test_of_equal_neighbours_the_cheapest_is_the_best_change():
    flat = TABLE.validation.copy()
    flat[:] = 0.5
    near = TABLE.space.neighbours((0,) * 7)
    flat[[TABLE.space.index(point) for point in near]] = 0.6
    widget = SpaceExplorer(dataclasses.replace(TABLE, validation=flat), genotype=(0,) * 7)
    assert TABLE.macs[TABLE.space.index(widget.best_change)] == min(
        TABLE.macs[TABLE.space.index(point)] for point in near
    )


def test_noise_is_the_standard_error_of_a_difference():
    variance = TABLE.validation[:, :, -1].var(axis=1, ddof=1).mean()
    assert SpaceExplorer(TABLE).noise == pytest.approx(math.sqrt(2 * variance / 3))
    assert SpaceExplorer(made_up_search_table(seeds=1)).noise is None


def test_the_explorers_text_holds_its_numbers_and_those_of_its_neighbours():
    widget = SpaceExplorer(TABLE)
    text = widget._repr_mimebundle_()["text/plain"]
    assert text == repr(SpaceExplorer(made_up_search_table()))
    for value in (widget.macs, widget.params):
        assert f"{value:,}" in text
    for point in TABLE.space.neighbours(widget.genotype):
        i = TABLE.space.index(point)
        assert f"{TABLE.macs[i]:,}" in text
        assert f"{100 * TABLE.tested()[i]:.1f} ± " in text
    assert f"rank {widget.rank}" in text
    assert "The best single change on validation: " in text
    assert f"{100 * widget.noise:.1f} points" in text
    best = TABLE.space.genotype(int(TABLE.scores().argmax()))
    assert "a local optimum" in repr(SpaceExplorer(TABLE, genotype=best))
    single = repr(SpaceExplorer(dataclasses.replace(made_up_search_table(seeds=1), latency=TABLE.latency * np.nan)))
    assert "over 1 seed. " in single
    assert "latency not measured" in single
    assert "±" not in single


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [
        ("stage1", "conv3", "one of 'mbconv3', 'mbconv5', 'fused3'"),
        ("stage3", ["mbconv3"], "one of 'mbconv3'"),
        ("expand", 3, "one of 2, 4"),
        ("se_ratio", math.nan, "one of 0, 0.25"),
        ("width", True, "one of 1, 1.4"),
        ("blocks", None, "one of 5, 7"),
        ("locked_by", 3, "a string"),
    ],
)
def test_a_bad_setting_of_the_explorer_is_refused_by_name(setting, value, right):
    with pytest.raises(ValueError, match=f"{setting} must be {right}"):
        SpaceExplorer(TABLE, **{setting: value})
    widget = SpaceExplorer(TABLE)
    with pytest.raises(ValueError, match=f"{setting} must be {right}"):
        setattr(widget, setting, value)


def test_a_bad_genotype_is_refused():
    with pytest.raises(ValueError, match="genotype must have 7 dimensions, got 2"):
        SpaceExplorer(TABLE, genotype=(0, 1))
    with pytest.raises(ValueError, match="genotype must have 0 to 1 for depth, got 2"):
        SpaceExplorer(TABLE).genotype = (0, 0, 0, 0, 0, 0, 2)
    with pytest.raises(ValueError, match="genotype must not be given together with width"):
        SpaceExplorer(TABLE, genotype=(0,) * 7, width=1)


# ---- reward shaper ------------------------------------------------------------------------------------------------


def random_shaper(draw: random.Random, table: SearchTable = TABLE) -> RewardShaper:
    cost = draw.choice(("macs", "latency"))
    known = getattr(table, cost)
    target = float(np.exp(draw.uniform(np.log(known.min() / 2), np.log(known.max() * 2))))
    return RewardShaper(table, cost=cost, target=target, mode=draw.choice(("soft", "hard")),
                        exponent=draw.choice((0, -0.07, -1, -draw.random(), -(draw.random() ** 3))))  # fmt: skip


def test_the_winner_has_the_highest_of_mnasnets_rewards():
    draw = random.Random(SEED)
    found = set()
    for _ in range(60):
        widget = random_shaper(draw)
        pair = (widget.exponent if widget.mode == "soft" else 0.0, widget.exponent)
        rewards = [
            mnasnet_reward(float(share), float(cost), widget.target, pair)
            for share, cost in zip(TABLE.scores(), getattr(TABLE, widget.cost), strict=True)
        ]
        np.testing.assert_allclose(widget.rewards, rewards, rtol=1e-12)
        assert rewards[widget.winner] >= max(rewards) * (1 - 1e-12)
        assert (widget.macs, widget.params) == (TABLE.macs[widget.winner], TABLE.params[widget.winner])
        assert widget.arch == TABLE.space.arch(widget.genotype)
        found.add(widget.winner)
    assert len(found) > 8


def test_the_modes_are_the_papers():
    assert RewardShaper(TABLE).exponents == SOFT
    assert RewardShaper(TABLE, mode="hard").exponents == HARD
    assert RewardShaper(TABLE, mode="hard", exponent=-0.5).exponents == (0.0, -0.5)
    widget = RewardShaper(TABLE, exponent=-0.5)
    widget.mode = "hard"
    assert widget.exponents == HARD


def test_at_exponent_zero_accuracy_alone_counts():
    for mode in ("soft", "hard"):
        assert RewardShaper(TABLE, mode=mode, exponent=0).winner == int(TABLE.scores().argmax())


def test_of_equals_the_cheapest_wins():
    level = dataclasses.replace(TABLE, validation=np.full_like(TABLE.validation, 0.5))
    for mode in ("soft", "hard"):
        widget = RewardShaper(level, mode=mode, exponent=0)
        assert widget.macs == TABLE.macs.min()
        assert [contender.index for contender in widget.contenders] == [widget.winner]


def test_a_soft_target_moves_no_winner_and_a_hard_one_does():
    targets = np.geomspace(TABLE.macs.min(), TABLE.macs.max(), 30)
    soft = {RewardShaper(TABLE, target=float(target)).winner for target in targets}
    hard = {RewardShaper(TABLE, mode="hard", target=float(target)).winner for target in targets}
    assert len(soft) == 1
    assert len(hard) > 3


def test_with_a_hard_target_the_winner_is_the_best_within_it_or_worth_its_excess():
    for target in np.geomspace(TABLE.macs.min(), TABLE.macs.max(), 20):
        widget = RewardShaper(TABLE, mode="hard", target=float(target))
        best = TABLE.scores()[TABLE.macs <= target].max()
        if widget.macs <= target:
            assert TABLE.scores()[widget.winner] == best
        else:
            assert TABLE.scores()[widget.winner] * target / widget.macs >= best


def test_contenders_are_all_that_win_at_any_exponent():
    """The hull against a scan of 2,000 exponents, and every contender in the middle of its span."""
    draw = random.Random(SEED)
    scan = -np.concatenate([np.linspace(0, 1, 1000), np.geomspace(1e-5, 1, 1000)])
    for _ in range(12):
        widget = random_shaper(draw)
        share, cost = TABLE.scores(), getattr(TABLE, widget.cost)
        excess = np.log(cost / widget.target)
        excess = excess if widget.mode == "soft" else np.maximum(excess, 0)
        found = widget.contenders
        logs = np.log(share) + scan[:, None] * excess
        able = {c.index for c in found}
        for best in logs.max(axis=1)[:, None] - logs[:, sorted(able)]:
            assert best.min() < 1e-12, "some contender is the best at every exponent"
        for contender in found:
            assert widget.winner_at((contender.start + contender.end) / 2) == contender.index
        assert [found[0].start, found[-1].end] == [0, -1]
        assert [a.end for a in found[:-1]] == [b.start for b in found[1:]]
        assert able <= set(widget.front)


def test_the_front_is_the_librarys():
    for cost in ("macs", "latency"):
        widget = RewardShaper(TABLE, cost=cost)
        assert widget.front == pareto_front(list(zip(getattr(TABLE, cost), TABLE.scores(), strict=True)))


def test_latency_is_offered_only_if_every_network_has_it():
    assert RewardShaper(TABLE).limits["cost"] == ["macs", "latency"]
    assert RewardShaper(without_latency(1)).limits["cost"] == ["macs"]
    with pytest.raises(ValueError, match="cost must be one of 'macs', got 'latency'"):
        RewardShaper(without_latency(1), cost="latency")


def test_a_new_cost_brings_back_its_default_target():
    widget = RewardShaper(TABLE, target=300_000)
    widget.cost = "latency"
    assert widget.target == widget.ranges["latency"]["start"] < 0.01
    assert TABLE.latency.min() < widget.target < TABLE.latency.max()


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [
        ("mode", "firm", "one of 'soft', 'hard'"),
        ("mode", ["soft"], "one of 'soft', 'hard'"),
        ("exponent", 0.1, "a number from -1 to 0"),
        ("exponent", -1.01, "a number from -1 to 0"),
        ("exponent", math.nan, "a number from -1 to 0"),
        ("cost", "params", "one of 'macs', 'latency'"),
        ("cost", None, "one of 'macs', 'latency'"),
        ("target", 0, "a number from 1e-09 to"),
        ("target", math.inf, "a number from 1e-09 to"),
        ("target", "much", "a number from 1e-09 to"),
    ],
)
def test_a_bad_setting_of_the_shaper_is_refused_by_name(setting, value, right):
    with pytest.raises(ValueError, match=f"{setting} must be {right}"):
        RewardShaper(TABLE, **{setting: value})
    widget = RewardShaper(TABLE)
    with pytest.raises(ValueError, match=f"{setting} must be {right}"):
        setattr(widget, setting, value)


def test_the_shapers_text_holds_the_winners_numbers():
    for widget in (RewardShaper(TABLE), RewardShaper(TABLE, mode="hard", cost="latency", target=3e-4)):
        text = repr(widget)
        assert f"{widget.macs:,} MACs, {widget.params:,} parameters" in text
        for exponent in EXPONENTS:
            share = 100 * TABLE.scores()[widget.winner_at(exponent)]
            assert any(line.startswith(f"{exponent:g} ") and f"{share:.1f} ±" in line for line in text.splitlines())
        able = {contender.index for contender in widget.contenders}
        assert f"Of {len(widget.front)} networks on the Pareto front, {len(able)} win" in text
    assert repr(RewardShaper(TABLE)) == repr(RewardShaper(made_up_search_table()))
