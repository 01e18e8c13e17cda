import numpy as np
import pytest

from effnet_lib.search import RandomSearch, RegularizedEvolution
from effnet_lib.search.space import mnasnet_space, tabular_space

TABULAR, MNASNET = tabular_space(), mnasnet_space()


def test_random_search_without_repeats_sees_everything_once_and_then_starts_over():
    search = RandomSearch(TABULAR, 0, repeat=False)
    asked = [search.ask() for _ in range(2 * 432)]
    assert set(asked[:432]) == set(asked[432:]) == set(TABULAR)
    assert asked[:432] != asked[432:]


def told(strategy, value):
    genotype = strategy.ask()
    strategy.tell(genotype, value)
    return genotype


def test_the_oldest_dies_even_if_it_is_the_best():
    search = RegularizedEvolution(TABULAR, 0, population=4, tournament=2)
    first = [told(search, value) for value in (9.0, 1.0, 2.0, 3.0)]
    assert [genotype for genotype, _ in search.members] == first
    told(search, 0.0)
    assert [value for _, value in search.members] == [1.0, 2.0, 3.0, 0.0]


def test_a_child_is_one_mutation_from_a_member_and_a_full_tournament_takes_the_best():
    search = RegularizedEvolution(MNASNET, 0, population=6, tournament=200)  # all six are surely drawn
    members = [told(search, float(i == 2)) for i in range(6)]
    assert search.ask() in MNASNET.neighbours(members[2])


def test_the_parent_is_drawn_as_often_as_the_tournament_says():
    population, tournament, n = 5, 3, 4000
    search = RegularizedEvolution(MNASNET, 0, population=population, tournament=tournament)
    members = [told(search, float(i)) for i in range(population)]
    around = [set(MNASNET.neighbours(member)) for member in members]
    counts = np.zeros(population)
    for _ in range(n):
        child = search.ask()
        counts[next(i for i, near in enumerate(around) if child in near)] += 1
    ranks = np.arange(population + 1) / population
    expected = n * np.diff(ranks**tournament)  # P(best of three is member i), drawn with replacement
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected).max()


def test_a_failure_leaves_no_member_behind():
    search = RegularizedEvolution(TABULAR, 0, population=3, tournament=2)
    told(search, None)
    assert len(search.members) == 0
    for value in (1.0, None, 2.0, 3.0):
        told(search, value)
    assert [value for _, value in search.members] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("setting", ["population", "tournament"])
def test_bad_settings_are_refused(setting):
    with pytest.raises(ValueError, match=f"{setting} must be an integer of at least 1, got 0"):
        RegularizedEvolution(TABULAR, **{setting: 0})
