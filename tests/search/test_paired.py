import math

import numpy as np
import pytest
from scipy import stats

from effnet_lib.search.paired import all_pairs, holm, wilcoxon


def test_holm_on_an_example_worked_out_by_hand():
    # 0.005 * 4 = 0.02, 0.01 * 3 = 0.03, 0.03 * 2 = 0.06, 0.04 * 1 = 0.04, raised to 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holms_findings_are_those_of_his_procedure_step_by_step():
    rng = np.random.default_rng(0)
    for _ in range(300):
        n = int(rng.integers(1, 12))
        p = rng.random(n) ** int(rng.integers(1, 8))
        found, rejected = holm(p.tolist()), np.zeros(n, bool)
        for rank, i in enumerate(np.argsort(p, kind="stable")):  # stop at the first that is not small enough
            if p[i] > 0.05 / (n - rank):
                break
            rejected[i] = True
        assert [value <= 0.05 for value in found] == rejected.tolist()
        assert all(p <= c <= 1 for p, c in zip(p, found, strict=True))


def test_the_correction_keeps_the_chance_of_any_false_finding_below_its_level():
    rng, runs = np.random.default_rng(1), 400
    false = sum(
        any(not pair.tie() for pair in all_pairs({name: rng.normal(size=40) for name in "abcd"}))
        for _ in range(runs)
    )
    assert false / runs < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_a_pair_is_what_scipy_says_of_the_differences():
    rng = np.random.default_rng(2)
    first, second = rng.normal(0.2, 1, 50), rng.normal(0, 1, 50)
    (pair,) = all_pairs({"first": first, "second": second})
    assert pair.p == pair.corrected == pytest.approx(stats.wilcoxon(first, second, method="asymptotic").pvalue)
    judge = stats.ttest_rel(first, second).confidence_interval()
    assert (pair.difference - pair.half, pair.difference + pair.half) == pytest.approx((judge.low, judge.high))
    assert all_pairs({"second": second, "first": first})[0].difference == pytest.approx(-pair.difference)


def test_a_clear_difference_is_found_and_equal_strategies_are_a_tie():
    rng = np.random.default_rng(3)
    regrets = rng.exponential(0.02, 100)
    pairs = {
        (pair.first, pair.second): pair
        for pair in all_pairs({"one": regrets, "same": regrets.copy(), "worse": regrets + 0.01})
    }
    assert pairs["one", "same"].tie()
    assert pairs["one", "same"].p == 1.0
    assert not pairs["one", "worse"].tie()
    assert pairs["one", "worse"].difference == pytest.approx(-0.01)


@pytest.mark.parametrize(("first", "second"), [([1.0, 2.0], [1.0]), ([1.0], [2.0]), ([[1.0, 2.0]], [[1.0, 2.0]])])
def test_what_cannot_be_paired_is_refused(first, second):
    with pytest.raises(ValueError, match="first and second must be one value a repeat, of at least 2"):
        wilcoxon(first, second)
