import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import archs

from effnet_lib import cost_of, get_arch
from effnet_lib.cost import conv_macs, conv_params, out_size

# arXiv:1905.11946 and the networks built from it; Lite from tensorflow/tpu; V2 as torchvision ships it
EXACT = {
    "efficientnet_b0": (5_288_548, 385_814_752),
    "efficientnet_b1": (7_794_184, 686_802_832),
    "efficientnet_b2": (9_109_994, 993_561_872),
    "efficientnet_b3": (12_233_232, 1_827_141_392),
    "efficientnet_b4": (19_341_616, 4_393_771_024),
    "efficientnet_b5": (30_389_784, 10_266_384_752),
    "efficientnet_b6": (43_040_704, 19_067_593_536),
    "efficientnet_b7": (66_347_960, 37_745_884_192),
    "efficientnet_v2_s": (21_458_488, 8_365_617_152),
    "efficientnet_v2_m": (54_139_356, 24_582_460_384),
    "efficientnet_v2_l": (118_515_272, 56_079_699_008),
}
LITE = {
    "efficientnet_lite0": (4_652_008, 385.2),
    "efficientnet_lite1": (5_416_680, 600.2),
    "efficientnet_lite2": (6_092_072, 859.7),
    "efficientnet_lite3": (8_197_096, 1383.3),
    "efficientnet_lite4": (13_006_568, 2553.0),
}


@pytest.mark.parametrize("name", EXACT)
def test_parameters_and_macs_are_the_published_integers(name):
    cost = cost_of(get_arch(name))
    assert (cost.params, cost.macs) == EXACT[name]


@pytest.mark.parametrize("name", LITE)
def test_lite_parameters_are_exact_and_macs_round_to_the_known_figures(name):
    cost = cost_of(get_arch(name))
    assert cost.params == LITE[name][0]
    assert round(cost.macs / 1e6, 1) == LITE[name][1]


def test_b0_by_kind():
    kinds = cost_of(get_arch("efficientnet_b0")).by_kind()
    layers = cost_of(get_arch("efficientnet_b0")).layers
    assert sum(layer.norm for layer in layers) == 42_016
    assert kinds["stem"].macs == 10_838_016
    assert kinds["classifier"].params == 1_281_000
    weights = {kind: sum(x.weights for x in layers if x.kind == kind) for kind in kinds}
    assert weights["stem"] == 864
    assert weights["depthwise"] == 182_016
    assert weights["squeeze"] + weights["excite"] == 636_540
    assert weights["expand"] + weights["project"] + weights["head"] == 3_146_112
    assert round(kinds["depthwise"].macs / 1e6, 2) == 34.53
    assert round((kinds["expand"].macs + kinds["project"].macs + kinds["head"].macs) / 1e6, 2) == 338.54


def test_a_resolution_of_288_costs_b2_only_a_tenth_more_because_both_end_at_9_by_9():
    b2 = get_arch("efficientnet_b2")
    assert round(cost_of(b2, 288).macs / cost_of(b2, 260).macs, 3) == 1.095
    assert cost_of(b2, 288).layers[-2].out_shape == cost_of(b2, 260).layers[-2].out_shape == (1408, 9, 9)


@given(archs())
@settings(max_examples=100)
def test_groups_add_up_to_the_whole(arch):
    cost = cost_of(arch)
    for shares in (cost.by_stage(), cost.by_block(), cost.by_kind().values()):
        assert sum(share.params for share in shares) == cost.params
        assert sum(share.macs for share in shares) == cost.macs
        assert sum(share.activation_bytes for share in shares) == cost.activation_bytes
    assert len(cost.by_stage()) == len(arch.stages) + 3
    assert cost.weight_bytes == 4 * cost.params
    assert cost.peak_bytes > 0


@given(archs(), st.integers(0, 64))
def test_parameters_do_not_depend_on_resolution_and_macs_never_fall_with_it(arch, more):
    small, large = cost_of(arch), cost_of(arch, arch.resolution + more)
    assert small.params == large.params
    assert small.macs <= large.macs


def test_one_layer_by_hand():
    assert conv_params(3, 32, 3) == 864
    assert conv_params(3, 32, 3, bias=True) == 896
    assert conv_macs(3, 32, 3, 112) == 864 * 112 * 112
    assert conv_macs(32, 32, 3, 10, 20, groups=32) == 9 * 32 * 200
    assert [out_size(n, 2) for n in (1, 2, 3, 224, 225)] == [1, 1, 2, 112, 113]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: cost_of(get_arch("efficientnet_b0"), 31),
            "resolution must be at least 32 pixels, .* got 31",
        ),
        (lambda: cost_of(get_arch("efficientnet_b0"), 224.5), "resolution must be an integer .* got 224.5"),
        (lambda: conv_params(0, 8, 3), "in_channels must be a positive integer, got 0"),
        (lambda: conv_params(8, 12, 3, groups=8), "groups must divide both 8 and 12 channels, got 8"),
        (lambda: conv_macs(8, 8, 3, -1), "out_height must be a positive integer, got -1"),
    ],
)
def test_bad_input_is_refused_with_the_value_and_what_is_right(call, message):
    with pytest.raises(ValueError, match=message):
        call()
