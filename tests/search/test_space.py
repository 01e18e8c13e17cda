import math
from itertools import islice, pairwise
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effnet_lib import cost_of, get_arch
from effnet_lib.search.space import Dimension, SearchSpace, mnasnet_space, tabular_space
from effnet_lib.small import glyph_base

TABULAR, MNASNET = tabular_space(), mnasnet_space()
SPACES = pytest.mark.parametrize("space", [TABULAR, MNASNET], ids=lambda space: space.name)


@st.composite
def points(draw: st.DrawFn) -> tuple[SearchSpace, tuple[int, ...]]:
    space = draw(st.sampled_from((TABULAR, MNASNET)))
    return space, tuple(draw(st.integers(0, size - 1)) for size in space.sizes)


def differing(a, b) -> int:
    return sum(x != y for x, y in zip(a, b, strict=True))


def test_the_tabular_space_has_432_different_networks_in_a_fixed_order():
    everything = list(TABULAR)
    assert len(everything) == len(set(everything)) == TABULAR.cardinality == len(TABULAR) == 432
    assert everything == sorted(everything)
    assert [TABULAR.index(genotype) for genotype in everything] == list(range(432))
    assert len({TABULAR.arch(genotype).replace(name="same") for genotype in everything}) == 432
    assert len({TABULAR.arch(genotype).name for genotype in everything}) == 432


def test_the_tabular_space_costs_what_the_pilots_did():
    pilots = tabular_space(24)
    costs = [cost_of(pilots.arch(genotype)) for genotype in pilots]
    macs, params = [cost.macs for cost in costs], [cost.params for cost in costs]
    assert (min(macs), median(macs), max(macs)) == (154_696, 445_928, 1_961_224)
    assert (min(params), max(params)) == (11_248, 173_118)


def test_the_base_networks_are_points_of_their_spaces():
    choices = {
        "stages.1.operation": ("mbconv", 3), "stages.2.operation": ("mbconv", 5),
        "stages.3.operation": ("mbconv", 3), "stages.1-2-3.expand": 4, "se_ratio": 0.25, "width": 1,
        "depth": (1, 1, 2, 1),
    }  # fmt: skip
    assert TABULAR.arch(TABULAR.encode(choices)).replace(name="glyph_base") == glyph_base(20)
    b0 = get_arch("efficientnet_b0")
    choices = {}
    for i, stage in enumerate(b0.stages):
        for field in ("block", "kernel", "expand", "se_ratio", "depth"):
            choices[f"stages.{i}.{field}"] = getattr(stage, field)
        choices[f"stages.{i}.width"] = 1
    assert MNASNET.arch(MNASNET.encode(choices)).replace(name=b0.name) == b0


def test_the_mnasnet_space_is_beyond_counting_one_by_one():
    assert MNASNET.cardinality == 216**5 * 144**2  # first and last stage have one option less
    assert MNASNET.cardinality > 10**12
    assert list(islice(MNASNET, 3)) == [MNASNET.genotype(i) for i in range(3)]


def test_no_two_options_of_the_mnasnet_space_give_the_same_network():
    point = MNASNET.genotype(0)
    networks = [MNASNET.arch(point), *map(MNASNET.arch, MNASNET.neighbours(point))]
    assert len({arch.replace(name="same") for arch in networks}) == len(networks)


@given(points())
def test_encode_undoes_decode_and_genotype_undoes_index(drawn):
    space, genotype = drawn
    assert space.encode(space.decode(genotype)) == genotype
    assert space.genotype(space.index(genotype)) == genotype
    assert 0 <= space.index(genotype) < space.cardinality


@given(points())
def test_every_point_is_a_network_that_has_the_chosen_options(drawn):
    space, genotype = drawn
    arch, chosen = space.arch(genotype), space.decode(genotype)
    assert cost_of(arch).macs > 0
    for dimension in space.dimensions:
        option = chosen[dimension.name]
        stages = range(len(arch.stages)) if dimension.stages is None else dimension.stages
        for position, i in enumerate(stages):
            stage, base = arch.stages[i], space.base.stages[i]
            if dimension.field == "operation":
                assert (stage.block, stage.kernel) == option
            elif dimension.field == "width":
                assert stage.channels % space.divisor == 0
                assert stage.channels == pytest.approx(base.channels * option, rel=0.15)
            else:
                expected = option[position] if isinstance(option, tuple) else option
                assert getattr(stage, dimension.field) == expected


@given(points())
def test_neighbours_differ_in_one_dimension_and_are_symmetric(drawn):
    space, genotype = drawn
    around = space.neighbours(genotype)
    assert len(around) == len(set(around)) == sum(size - 1 for size in space.sizes)
    assert all(differing(genotype, other) == 1 for other in around)
    assert all(genotype in space.neighbours(other) for other in around[:5])


@given(points(), st.integers(0, 2**32))
def test_a_mutation_is_a_neighbour_and_a_child_has_its_parents_places(drawn, seed):
    space, genotype = drawn
    rng = np.random.default_rng(seed)
    assert space.mutate(genotype, rng) in space.neighbours(genotype)
    other = space.sample(rng)
    assert space.check(other) == other
    child = space.crossover(genotype, other, rng)
    assert all(c in pair for c, *pair in zip(child, genotype, other, strict=True))


@SPACES
def test_sampling_and_mutation_reach_every_option_equally_often(space):
    rng = np.random.default_rng(0)
    n = 4000
    drawn = np.array([space.sample(rng) for _ in range(n)])
    for d, size in enumerate(space.sizes):
        counts = np.bincount(drawn[:, d], minlength=size)
        assert np.abs(counts - n / size).max() < 5 * math.sqrt(n / size)  # five standard deviations
    start = space.genotype(0)
    moved = [space.mutate(start, rng) for _ in range(n)]
    assert set(moved) == set(space.neighbours(start))
    counts = np.bincount([next(d for d, v in enumerate(m) if v) for m in moved], minlength=len(space.sizes))
    share = n / len(space.sizes)
    assert np.abs(counts - share).max() < 5 * math.sqrt(share)


def test_a_seed_repeats_what_is_drawn():
    def draws(seed):
        rng = np.random.default_rng(seed)
        first = [MNASNET.sample(rng) for _ in range(5)]
        return [*first, *(MNASNET.mutate(a, rng) for a in first),
                *(MNASNET.crossover(a, b, rng) for a, b in pairwise(first))]  # fmt: skip

    assert draws(3) == draws(3) != draws(4)


def test_a_space_of_one_point_has_no_other_to_go_to():
    lone = SearchSpace("lone", glyph_base(), (Dimension("kernel", (3,)),))
    assert lone.neighbours((0,)) == []
    assert lone.mutate((0,), np.random.default_rng(0)) == (0,)


def spaces_of(*dimensions):
    return SearchSpace("wrong", glyph_base(), dimensions)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spaces_of(), "dimensions must hold at least one Dimension"),
        (lambda: spaces_of(Dimension("colour", (1,))), "field must be one of operation, .*, got 'colour'"),
        (lambda: spaces_of(Dimension("kernel", (3,), (4,))), r"stages must lie in 0 to 3, got \(4,\)"),
        (lambda: spaces_of(Dimension("kernel", ())), "options of kernel must be at least one"),
        (lambda: spaces_of(Dimension("kernel", (3, 3))), r"must be at least one and differ, got \(3, 3\)"),
        (lambda: spaces_of(Dimension("depth", ((1, 2),))), r"must have 4 depths each, got \(1, 2\)"),
        (
            lambda: spaces_of(Dimension("kernel", (3, 5)), Dimension("operation", (("mbconv", 3),), (2,))),
            "must set kernel of stage 2 once, got it twice",
        ),
        (lambda: TABULAR.arch((0, 0)), "genotype must have 7 dimensions, got 2"),
        (lambda: TABULAR.index((0, 0, 3, 0, 0, 0, 0)), "must have 0 to 2 for stages.3.operation, got 3"),
        (lambda: TABULAR.index((0, 0, 0.5, 0, 0, 0, 0)), "must have 0 to 2 for stages.3.operation, got 0.5"),
        (lambda: TABULAR.genotype(432), "index must lie in 0 to 431, got 432"),
        (lambda: TABULAR.encode({"width": 1}), "choices must name .*; got width"),
        (
            lambda: TABULAR.encode(TABULAR.decode((0,) * 7) | {"width": 2}),
            r"width must be one of \(1, 1.4\), got 2",
        ),
    ],
)
def test_bad_input_is_refused_with_the_value_and_what_is_right(call, message):
    with pytest.raises(ValueError, match=message):
        call()
