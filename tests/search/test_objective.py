import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effnet_lib import figures
from effnet_lib.search.objective import (
    HARD,
    SOFT,
    constrained,
    dominates,
    hypervolume,
    mnasnet_reward,
    pareto_front,
    soft_exponent,
)

LESS = (False, False)
some_points = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=14)
directions = st.tuples(st.booleans(), st.booleans())


def test_the_reward_is_the_accuracy_at_the_target():
    assert mnasnet_reward(0.75, 80, 80, SOFT) == mnasnet_reward(0.75, 80, 80, HARD) == 0.75


def test_twice_the_target_costs_five_percent_softly_and_half_hard():
    assert mnasnet_reward(1.0, 160, 80) == pytest.approx(0.9526, abs=5e-5)
    assert mnasnet_reward(0.8, 160, 80, HARD) == 0.4


def test_half_the_target_pays_softly_and_not_hard():
    assert mnasnet_reward(0.5, 40, 80) == pytest.approx(0.5 / 2**-0.07)
    assert mnasnet_reward(0.5, 40, 80, HARD) == 0.5


def test_the_soft_exponent_is_the_papers_rule():
    assert soft_exponent() == pytest.approx(-0.0704, abs=5e-5)
    w = soft_exponent()
    assert mnasnet_reward(0.7 * 1.05, 2, 1, (w, w)) == pytest.approx(0.7)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1), st.floats(1.01, 50), st.floats(1.01, 50))
def test_within_the_budget_beats_beyond_it_and_beyond_it_cheaper_is_better(a, b, inside, outside, further):
    assert constrained(a, inside, 1) == a
    assert constrained(a, inside, 1) > constrained(b, outside, 1)
    if outside < further:
        assert constrained(a, outside, 1) > constrained(b, further, 1)


@given(some_points, directions)
def test_the_front_is_what_nothing_dominates(points, maximize):
    kept = {points[i] for i in pareto_front(points, maximize)}
    assert kept == {p for p in points if not any(dominates(q, p, maximize) for q in points)}


@given(some_points)
def test_the_front_is_the_one_that_figures_draw(points):
    assert pareto_front(points) == figures.pareto_front(points)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("maximize", [(False, True), LESS])
def test_the_front_is_optunas(seed, maximize):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    points = np.random.default_rng(seed).integers(0, 30, (60, 2)).tolist()
    study = optuna.create_study(directions=["maximize" if up else "minimize" for up in maximize])
    study.add_trials([optuna.trial.create_trial(values=point) for point in points])
    theirs = {tuple(trial.values) for trial in study.best_trials}
    assert {tuple(points[i]) for i in pareto_front(points, maximize)} == theirs
    assert 1 < len(theirs) < 60


def test_the_hypervolume_of_three_points_by_hand():
    assert hypervolume([(1, 3), (2, 2), (3, 1)], (4, 4), LESS) == 6.0
    assert hypervolume([(1, 1), (2, 2), (3, 3)], (4, 0)) == 6.0


@given(some_points, directions)
def test_the_hypervolume_counts_the_unit_squares_that_are_dominated(points, maximize):
    reference = tuple(1 if up else 7 for up in maximize)
    squares = 0
    for x in range(-1, 9):
        for y in range(-1, 9):  # a square counts if a point is no worse than its worse corner
            corner = (x if maximize[0] else x + 1, y if maximize[1] else y + 1)
            inner = (x + 1 if maximize[0] else x, y + 1 if maximize[1] else y)
            inside = all(
                (c >= r) if up else (c <= r) for c, r, up in zip(corner, reference, maximize, strict=True)
            )
            covered = any(
                all((p >= c) if up else (p <= c) for p, c, up in zip(point, inner, maximize, strict=True))
                for point in points
            )
            squares += inside and covered
    assert hypervolume(points, reference, maximize) == squares


def test_the_hypervolume_is_the_one_optuna_computes():
    from optuna._hypervolume import compute_hypervolume

    rng = np.random.default_rng(0)
    for _ in range(20):
        points = rng.random((25, 2))
        theirs = compute_hypervolume(points, np.array([1.0, 1.1]))
        assert hypervolume(points.tolist(), (1.0, 1.1), LESS) == pytest.approx(theirs, rel=1e-12)


def test_nothing_dominates_nothing():
    assert pareto_front([]) == []
    assert hypervolume([], (1, 1)) == 0
    assert hypervolume([(5, 0.5)], (4, 0)) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mnasnet_reward(75, 80, 80), r"accuracy must lie in \[0, 1\], got 75"),
        (lambda: mnasnet_reward(math.nan, 80, 80), "accuracy must lie in"),
        (lambda: mnasnet_reward(0.7, 0, 80), "cost must be a positive number, got 0"),
        (lambda: mnasnet_reward(0.7, 80, -1), "target must be a positive number, got -1"),
        (lambda: constrained(2, 1, 1), "accuracy must lie in"),
        (lambda: constrained(0.5, 1, 0), "budget must be a positive number, got 0"),
        (lambda: soft_exponent(0), "gain must be a positive number, got 0"),
        (lambda: soft_exponent(factor=1), "factor must be above 1, got 1"),
    ],
)
def test_bad_input_is_refused_with_the_value_and_what_is_right(call, message):
    with pytest.raises(ValueError, match=message):
        call()
