import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import archs

from effnet_lib import cost_of, get_arch
from effnet_lib.scaling import (
    Coefficients,
    candidate_coefficients,
    compound_multipliers,
    compound_scale,
    implied_phi,
    mac_factor,
    round_channels,
    round_depth,
    scale,
    search_coefficients,
)

B0 = get_arch("efficientnet_b0")


@given(st.floats(0.01, 1e5), st.integers(1, 64))
def test_rounded_channels_are_a_multiple_that_loses_at_most_a_tenth(channels, divisor):
    rounded = round_channels(channels, divisor)
    assert rounded % divisor == 0
    assert rounded >= divisor
    assert rounded >= 0.9 * channels
    assert rounded <= max(divisor, channels + divisor)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [(32 * 1.1, 32), (40 * 1.2, 48), (1280 * 1.4, 1792), (1, 8), (12, 16), (10, 16), (17.7, 16), (17.8, 24)],
)
def test_round_channels_by_hand(channels, expected):
    assert round_channels(channels) == expected


def test_round_channels_agrees_with_torchvision():
    from torchvision.models._utils import _make_divisible

    for tenths in range(1, 40_000, 7):
        assert round_channels(tenths / 10) == _make_divisible(tenths / 10, 8), tenths / 10


@pytest.mark.parametrize(
    ("depth", "expected"), [(1.1, 2), (1, 1), (2.0, 2), (0.2, 1), (2.2 * 25, 55), (3.001, 4)]
)
def test_depth_is_rounded_up_and_forgives_floating_point(depth, expected):
    assert round_depth(depth) == expected


@given(archs())
def test_scaling_by_one_changes_nothing(arch):
    assert scale(arch) == arch
    assert compound_scale(arch, 0) == arch


@given(archs(), st.floats(1, 3), st.floats(1, 3), st.floats(1, 2))
def test_scaling_up_never_makes_a_network_cheaper(arch, width, depth, resolution):
    base = cost_of(arch)
    for larger in (
        scale(arch, depth=depth),
        scale(arch, resolution=float(resolution)),
        scale(scale(arch, width=8.0), width=width),  # from multiples of 8, where rounding cannot go down
    ):
        assert cost_of(larger).macs >= base.macs


def test_an_int_resolution_is_pixels_and_a_float_multiplies():
    assert scale(B0, resolution=260).resolution == 260
    assert scale(B0, resolution=1.15).resolution == 258
    with pytest.raises(ValueError, match="resolution must be at least 32 pixels"):
        scale(B0, resolution=1)


def test_fixed_ends_keep_stem_head_and_the_depth_of_the_first_and_last_stage():
    lite = scale(get_arch("efficientnet_lite0"), width=2.0, depth=3.0)
    assert (lite.stem, lite.head) == (32, 1280)
    assert [stage.depth for stage in lite.stages] == [1, 6, 6, 9, 9, 12, 1]


@pytest.mark.parametrize(("phi", "resolution", "gmacs"), [(1, 258, 0.993), (2, 296, 1.810)])
def test_compound_scaling_of_b0_costs_what_it_should(phi, resolution, gmacs):
    arch = compound_scale(B0, phi)
    assert arch.resolution == resolution
    assert round(cost_of(arch).macs / 1e9, 2 if phi == 2 else 3) == pytest.approx(gmacs, abs=0.0005)


def test_the_papers_coefficients_multiply_the_macs_by_less_than_two():
    assert mac_factor(1.2, 1.1, 1.15) == pytest.approx(1.92027)


def test_published_multipliers_are_not_whole_steps_of_phi():
    assert implied_phi(1.1, 1.2) == pytest.approx(0.52, abs=0.005)  # B1's depth
    assert implied_phi(2.0, 1.1) == pytest.approx(7.27, abs=0.005)  # B7's width
    m = compound_multipliers(2.5)
    assert implied_phi(m.width, 1.1) == pytest.approx(2.5)


def test_candidates_satisfy_the_constraint_and_include_the_papers():
    found = list(candidate_coefficients())
    assert all(abs(mac_factor(*c) - 2) <= 0.1 for c in found)
    assert (1.2, 1.1, 1.15) in found


def test_the_coefficient_search_ranks_by_score_and_keeps_ties_in_order():
    found = [Coefficients(1.2, 1.1, 1.15), Coefficients(1.0, 1.2, 1.2), Coefficients(1.3, 1.0, 1.2)]
    ranked = search_coefficients(lambda c: c.gamma, found)
    assert [c for _, c in ranked] == [found[1], found[2], found[0]]
    with pytest.raises(ValueError, match="score must return a number, got None"):
        search_coefficients(lambda c: None, found)
    with pytest.raises(ValueError, match="candidates must hold at least one"):
        search_coefficients(lambda c: 1.0, [])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: round_channels(-3), "channels must be a positive number, got -3"),
        (lambda: round_channels(16, 0), "divisor must be a positive integer, got 0"),
        (lambda: round_depth(0), "depth must be a positive number, got 0"),
        (lambda: scale(B0, width=0), "width must be a positive number, got 0"),
        (lambda: scale(B0, depth=math.nan), "depth must be a positive number, got nan"),
        (lambda: scale(B0, resolution=-1.0), "resolution must be a positive number, got -1.0"),
        (lambda: compound_scale(B0, -1), "phi must be a number of at least 0, got -1"),
        (lambda: compound_scale(B0, math.inf), "phi must be a number of at least 0, got inf"),
        (lambda: compound_scale(B0, 1, gamma=0.9), "gamma must be a number of at least 1, got 0.9"),
        (lambda: implied_phi(1.1, 1), "base must be a number above 1, got 1"),
        (lambda: list(candidate_coefficients(highest=0.5)), "highest must be at least 1, got 0.5"),
    ],
)
def test_bad_input_is_refused_with_the_value_and_what_is_right(call, message):
    with pytest.raises(ValueError, match=message):
        call()
