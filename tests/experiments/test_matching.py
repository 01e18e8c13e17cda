import pytest

from effnet_lib import cost_of
from effnet_lib.experiments.ablations import ablation_base, variants
from effnet_lib.experiments.matching import match_macs, scaled, spread_depth
from effnet_lib.experiments.scaling import base_of, grid, networks
from effnet_lib.scaling import mac_factor
from effnet_lib.small import cifar_base, glyph_base


@pytest.mark.parametrize("kind", ["grid", "glyphs", "cifar10"])
def test_every_network_of_every_table_costs_what_its_row_says_within_a_hundredth(kind):
    base = cost_of(base_of(kind)).macs
    rows = list(networks(kind))
    assert len({name for name, *_ in rows}) == len(rows)
    for name, _, more, arch in rows:
        assert cost_of(arch).macs / base == pytest.approx(more["factor"], rel=0.01), name


def test_every_ablation_costs_what_its_base_costs():
    base = cost_of(ablation_base()).macs
    for name, _, _, arch in variants():
        assert cost_of(arch).macs == pytest.approx(base, rel=0.01), name


def test_each_family_grows_what_it_says_and_nothing_else():
    base = glyph_base(22)
    depths = [stage.depth for stage in base.stages]
    wide, deep, sharp = (scaled(base, family, 4) for family in ("width", "depth", "resolution"))
    assert (wide.resolution, [s.depth for s in wide.stages]) == (22, depths)
    assert wide.stages[2].channels == pytest.approx(2 * base.stages[2].channels, rel=0.15)
    assert deep.resolution == 22
    assert sum(s.depth for s in deep.stages) > 3 * sum(depths)
    assert deep.stages[2].channels == pytest.approx(base.stages[2].channels, abs=1)
    assert (sharp.resolution, [s.depth for s in sharp.stages]) == (44, depths)
    assert sharp.stages[2].channels == pytest.approx(base.stages[2].channels, abs=1)


def test_candidates_of_the_grid_double_the_macs_in_theory():
    for candidate in grid():
        assert mac_factor(*candidate) == pytest.approx(2, rel=0.02)
        assert min(candidate) >= 1


@pytest.mark.parametrize(
    ("depths", "multiplier", "expected"),
    [((1, 1, 2, 1), 1.2, (1, 1, 3, 1)), ((1, 1, 2, 1), 1.4, (2, 1, 3, 1)), ((1, 1, 2, 1), 2, (2, 2, 4, 2)),
     ((1, 2, 2, 3, 3, 4, 1), 1.0, (1, 2, 2, 3, 3, 4, 1)), ((1, 1), 0.2, (1, 1))],
)  # fmt: skip
def test_depths_are_spread_so_that_the_total_is_right(depths, multiplier, expected):
    assert spread_depth(depths, multiplier) == expected


def test_an_impossible_budget_is_refused():
    with pytest.raises(ValueError, match="no widths of 'cifar_base' at 32 pixels cost 10 within 1%"):
        match_macs(cifar_base(), 10)
    with pytest.raises(ValueError, match="family must be 'width'"):
        scaled(glyph_base(), "compound", 2)
