"""What every strategy must do, whatever it is. A new one is added to STRATEGIES and passes all of this."""

import json
import math

import numpy as np
import pytest

from effnet_lib.search import NSGA2, PPO, RandomSearch, RegularizedEvolution, Reinforce
from effnet_lib.search.space import Dimension, SearchSpace, mnasnet_space, tabular_space
from effnet_lib.small import glyph_base

STRATEGIES = {
    "random": RandomSearch,
    "random without repeats": lambda space, seed=0: RandomSearch(space, seed, repeat=False),
    "evolution": lambda space, seed=0: RegularizedEvolution(space, seed, population=10, tournament=3),
    "nsga2": lambda space, seed=0: NSGA2(space, seed, population=8),
    "reinforce": lambda space, seed=0: Reinforce(space, seed, batch=3, entropy=0.01),
    "ppo": lambda space, seed=0: PPO(space, seed, batch=5),
}
TABULAR, MNASNET = tabular_space(), mnasnet_space()
LONE = SearchSpace("lone", glyph_base(), (Dimension("kernel", (3,)), Dimension("expand", (4,), (2,))))
every = pytest.mark.parametrize("make", STRATEGIES.values(), ids=STRATEGIES.keys())
everywhere = pytest.mark.parametrize("space", [TABULAR, MNASNET, LONE], ids=lambda space: space.name)


def value_of(strategy, genotype):
    """A value that depends on every place, with failures; for two objectives a cost as well."""
    if sum(genotype) % 5 == 4:
        return None
    quality = math.sin(sum((d + 1) * place for d, place in enumerate(genotype)))
    return quality if strategy.objectives == 1 else (float(sum(genotype)), quality)


def go(strategy, count, evaluate=value_of):
    asked = []
    for _ in range(count):
        asked.append(strategy.ask())
        strategy.tell(asked[-1], evaluate(strategy, asked[-1]))
    return asked


@every
@everywhere
def test_everything_asked_for_is_a_point_of_the_space(make, space):
    asked = go(make(space, 1), 120)
    for genotype in asked:
        assert space.check(genotype) == genotype
        assert isinstance(genotype, tuple)
        assert all(type(place) is int for place in genotype)
        space.arch(genotype)


@every
def test_a_seed_decides_and_another_seed_decides_otherwise(make):
    assert go(make(TABULAR, 7), 150) == go(make(TABULAR, 7), 150)
    assert go(make(TABULAR, 7), 150) != go(make(TABULAR, 8), 150)


@every
def test_two_strategies_share_nothing_and_leave_numpys_global_state_alone(make):
    alone = go(make(TABULAR, 7), 80)
    first, other = make(TABULAR, 7), make(TABULAR, 9)
    np.random.seed(5)
    expected = np.random.random(3).tolist()
    np.random.seed(5)
    together = []
    for _ in range(80):
        together += go(first, 1)
        go(other, 1)
    assert together == alone
    assert np.random.random(3).tolist() == expected


@every
def test_a_shorter_budget_is_the_beginning_of_a_longer_one(make):
    assert go(make(TABULAR, 3), 130)[:47] == go(make(TABULAR, 3), 47)


@every
def test_values_matter_except_to_random_search(make, request):
    def flipped(strategy, genotype):
        value = value_of(strategy, genotype)
        if value is None:
            return None
        return -value if strategy.objectives == 1 else (value[0], -value[1])

    same = go(make(TABULAR, 3), 200) == go(make(TABULAR, 3), 200, flipped)
    assert same == request.node.callspec.id.startswith("random")


@every
@pytest.mark.parametrize("value", [0.0, 0.5, -3.0, 1e300])
def test_ties_are_survived_and_decided_the_same_way_every_time(make, value):
    def constant(strategy, genotype):
        return value if strategy.objectives == 1 else (value, value)

    asked = go(make(TABULAR, 3), 150, constant)
    assert asked == go(make(TABULAR, 3), 150, constant)
    assert len(set(asked)) > 20  # where nothing is better, nothing is settled on


@every
@everywhere
def test_a_search_in_which_everything_fails_goes_on(make, space):
    strategy = make(space, 0)
    go(strategy, 100, lambda strategy, genotype: None)
    assert strategy.pending == []
    go(strategy, 40)


@every
@pytest.mark.parametrize("before", [0, 1, 9, 60])
def test_a_state_that_went_through_json_continues_as_if_nothing_had_been(make, before):
    strategy = make(TABULAR, 11)
    go(strategy, before)
    waiting = [strategy.ask(), strategy.ask()]
    text = json.dumps(strategy.state(), allow_nan=False)
    again = type(strategy).from_state(TABULAR, json.loads(text))
    assert json.dumps(again.state()) == text
    for one in (strategy, again):
        for genotype in waiting:
            one.tell(genotype, value_of(one, genotype))
    assert go(strategy, 90) == go(again, 90)
    assert again.state() == strategy.state()


@every
def test_a_state_is_a_copy(make):
    strategy = make(TABULAR, 2)
    go(strategy, 30)
    state = strategy.state()
    before = json.dumps(state)
    go(strategy, 30)
    assert json.dumps(state) == before
    other = type(strategy).from_state(TABULAR, state)
    go(other, 30)
    assert json.dumps(state) == before


@every
def test_many_may_be_asked_for_at_once_and_told_in_any_order(make):
    strategy = make(TABULAR, 5)
    rng = np.random.default_rng(0)
    waiting = [strategy.ask() for _ in range(12)]
    for _ in range(100):
        genotype = waiting.pop(int(rng.integers(len(waiting))))
        strategy.tell(genotype, value_of(strategy, genotype))
        waiting.append(strategy.ask())
    assert sorted(genotype for genotype, _ in strategy.pending) == sorted(waiting)


@every
def test_what_was_not_asked_for_or_told_already_is_refused(make):
    strategy = make(TABULAR, 5)
    genotype = strategy.ask()
    other = TABULAR.neighbours(genotype)[0]
    with pytest.raises(ValueError, match="genotype must be one that was asked for and not told yet"):
        strategy.tell(other, None)
    strategy.tell(genotype, None)
    with pytest.raises(ValueError, match="not told yet"):
        strategy.tell(genotype, None)


@every
@pytest.mark.parametrize("bad", [math.nan, math.inf, (0.1, 0.2, 0.3), (0.5, math.nan)])
def test_a_value_that_is_no_number_is_refused_and_changes_nothing(make, bad):
    strategy = make(TABULAR, 5)
    genotype = strategy.ask()
    before = strategy.state()
    with pytest.raises(ValueError, match=r"value must be .*finite number.*, or None for a failure, got"):
        strategy.tell(genotype, bad)
    assert strategy.state() == before


@every
def test_a_state_of_another_strategy_or_space_is_refused(make):
    strategy = make(TABULAR, 5)
    other = NSGA2 if not isinstance(strategy, NSGA2) else PPO
    with pytest.raises(ValueError, match=f"state must be of a {other.__name__}, got one of a"):
        other.from_state(TABULAR, strategy.state())
    with pytest.raises(ValueError, match=r"state must be of the space .*mnasnet"):
        type(strategy).from_state(MNASNET, strategy.state())
