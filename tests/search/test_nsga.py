import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effnet_lib.search import NSGA2
from effnet_lib.search.nsga import crowding_distances, nondominated_ranks
from effnet_lib.search.objective import pareto_front
from effnet_lib.search.space import tabular_space

TABULAR = tabular_space()
some_points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=14, unique=True)
directions = st.tuples(st.booleans(), st.booleans())


@given(some_points, directions)
def test_ranks_are_found_by_peeling_off_one_front_after_another(points, maximize):
    ranks = nondominated_ranks(points, maximize)
    left, rank = list(range(len(points))), 0
    while left:
        front = [left[i] for i in pareto_front([points[i] for i in left], maximize)]
        assert {i for i, r in enumerate(ranks) if r == rank} == set(front)
        left, rank = [i for i in left if i not in front], rank + 1


def test_equal_points_share_a_rank():
    assert nondominated_ranks([(1, 1), (1, 1), (2, 0)], (False, True)) == [0, 0, 1]


def test_ranks_and_crowding_are_optunas():
    from optuna.study._multi_objective import _fast_non_domination_rank

    points = np.random.default_rng(0).random((40, 2))
    assert nondominated_ranks(points.tolist(), (False, False)) == _fast_non_domination_rank(points).tolist()


def test_crowding_by_hand():
    assert crowding_distances([(0, 4), (1, 2), (4, 0)]) == [math.inf, 2.0, math.inf]
    assert crowding_distances([(0, 8), (2, 4), (4, 2), (8, 0)]) == [
        math.inf,
        0.5 + 0.75,
        0.75 + 0.5,
        math.inf,
    ]
    assert crowding_distances([(3, 3)]) == [math.inf]


def test_selection_keeps_the_better_rank_then_the_lonelier_and_equal_genotypes_once():
    search = NSGA2(TABULAR, 0, population=3)
    a, b, c, d, e = (TABULAR.genotype(i) for i in range(5))
    search._select([(a, (0.0, 0.0)), (b, (1.0, 5.0)), (c, (1.5, 5.2)), (d, (9.0, 9.0)), (e, (8.0, 1.0)),
                    (a, (0.0, 0.0))])  # fmt: skip
    kept = [genotype for genotype, _ in search.parents]
    assert set(kept[:2]) == {a, d}  # the ends of the front are infinitely lonely
    assert kept[2] == c  # between b and d there is more room than between a and c
    assert [rank for rank, _ in search.fitness] == [0, 0, 0]


def test_the_front_is_what_no_member_dominates():
    search, rng = NSGA2(TABULAR, 1, population=6), np.random.default_rng(0)
    told = {}
    for _ in range(9):
        genotype = search.ask()
        told.setdefault(genotype, tuple(rng.random(2).tolist()))
        search.tell(genotype, told[genotype])
    values = list(told.items())
    expected = [values[i] for i in pareto_front([value for _, value in values])]
    assert set(search.front()) <= set(values)
    assert expected[0] in search.front()
    assert expected[-1] in search.front()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"population": 1}, "population must be an integer of at least 2, got 1"),
        ({"crossover": 1.5}, r"crossover must be a number in \[0, 1\], got 1.5"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        NSGA2(TABULAR, **settings)
