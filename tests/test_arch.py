import itertools
import json

import pytest
from hypothesis import given
from strategies import archs

from effnet_lib import ArchSpec, StageSpec, get_arch

STAGE = StageSpec("mbconv", 3, 2, 6, 24, 2)
ARCH = ArchSpec("small", (STAGE,), stem=16, head=64, resolution=32)


@given(archs())
def test_an_arch_survives_json(arch):
    assert ArchSpec.from_dict(json.loads(json.dumps(arch.to_dict()))) == arch


@given(archs())
def test_blocks_chain_from_stem_to_last_stage(arch):
    blocks = arch.blocks()
    assert len(blocks) == sum(stage.depth for stage in arch.stages)
    assert blocks[0].in_channels == arch.stem
    assert blocks[-1].out_channels == arch.stages[-1].channels
    for before, after in itertools.pairwise(blocks):
        assert before.out_channels == after.in_channels


@given(archs())
def test_a_residual_needs_equal_shapes(arch):
    for block in arch.blocks():
        assert block.residual == (block.stride == 1 and block.in_channels == block.out_channels)


def test_squeeze_width_is_a_quarter_of_the_blocks_input_not_of_the_expanded_width():
    blocks = get_arch("efficientnet_b0").blocks()
    assert [block.squeeze for block in blocks[:3]] == [8, 4, 6]
    assert blocks[1].hidden == 96


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernel": 4}, "kernel must be odd, got 4"),
        ({"kernel": 0}, "kernel must be an integer of at least 1, got 0"),
        ({"stride": 3}, "stride must be 1 or 2, got 3"),
        ({"channels": 0}, "channels must be an integer of at least 1, got 0"),
        ({"channels": 8.5}, "channels must be an integer of at least 1, got 8.5"),
        ({"expand": 0}, "expand must be an integer of at least 1, got 0"),
        ({"depth": -1}, "depth must be an integer of at least 1, got -1"),
        ({"depth": True}, "depth must be an integer of at least 1, got True"),
        ({"se_ratio": -0.1}, r"se_ratio must be a number in \[0, 1\], got -0.1"),
        ({"se_ratio": float("nan")}, r"se_ratio must be a number in \[0, 1\], got nan"),
        ({"block": "resnet"}, "block must be one of 'mbconv', 'fused', got 'resnet'"),
    ],
)
def test_a_bad_stage_is_refused_with_the_value_and_what_is_right(change, message):
    row = {"block": "mbconv", "kernel": 3, "stride": 1, "expand": 6, "channels": 24, "depth": 2} | change
    with pytest.raises(ValueError, match=message):
        StageSpec(**row)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": ()}, "stages must hold at least one StageSpec, got none"),
        ({"stages": ("mbconv",)}, "stages must hold StageSpec rows only, got 'mbconv'"),
        ({"stem": 0}, "stem must be an integer of at least 1, got 0"),
        ({"head": "64"}, "head must be an integer of at least 1, got '64'"),
        ({"classes": -3}, "classes must be an integer of at least 1, got -3"),
        ({"resolution": 3}, "resolution must be at least 4 pixels, the total stride of 'small', got 3"),
        ({"activation": "gelu"}, "activation must be one of 'silu', 'relu6', 'relu', got 'gelu'"),
        ({"padding": "valid"}, "padding must be one of 'symmetric', 'same', got 'valid'"),
        ({"dropout": 1.0}, r"dropout must be a number in \[0, 1\), got 1.0"),
        ({"drop_path": -0.2}, r"drop_path must be a number in \[0, 1\), got -0.2"),
        ({"bn_eps": 0}, r"bn_eps must be a number in \(0, 1\], got 0"),
        ({"stem_stride": 4}, "stem_stride must be 1 or 2, got 4"),
        ({"name": ""}, "name must be a non-empty string, got ''"),
    ],
)
def test_a_bad_arch_is_refused_with_the_value_and_what_is_right(change, message):
    with pytest.raises(ValueError, match=message):
        ARCH.replace(**change)


def test_a_stored_arch_with_a_strange_or_missing_key_is_refused():
    with pytest.raises(ValueError, match="ArchSpec has no field 'colour'"):
        ArchSpec.from_dict(ARCH.to_dict() | {"colour": "red"})
    incomplete = ARCH.to_dict()
    del incomplete["stem"]
    with pytest.raises(ValueError, match="ArchSpec needs the field 'stem'"):
        ArchSpec.from_dict(incomplete)
    with pytest.raises(ValueError, match="must be read from a mapping, got list"):
        ArchSpec.from_dict([1, 2])


IRREGULAR = ARCH.replace(
    stages=(StageSpec("mbconv", 3, 2, 6, 24, 2, hidden=[90, 31], squeeze=[3, 6], residual=[False, False]),)
)


def test_widths_given_block_by_block_are_those_of_the_blocks():
    first, second = IRREGULAR.blocks()
    assert [first.hidden, second.hidden, first.squeeze, second.squeeze] == [90, 31, 3, 6]
    assert not second.residual
    assert ARCH.blocks()[1].residual
    assert IRREGULAR.irregular
    assert not ARCH.irregular
    assert ArchSpec.from_dict(json.loads(json.dumps(IRREGULAR.to_dict()))) == IRREGULAR
    assert eval(repr(IRREGULAR)) == IRREGULAR


def test_a_regular_arch_says_nothing_about_what_only_pruned_networks_need():
    names = {"block", "kernel", "stride", "expand", "channels", "depth", "se_ratio"}
    assert set(ARCH.to_dict()["stages"][0]) == names
    assert repr(STAGE) == (
        "StageSpec(block='mbconv', kernel=3, stride=2, expand=6, channels=24, depth=2, se_ratio=0.25)"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": (8,)}, r"hidden must hold one value a block, 2, got \(8,\)"),
        ({"hidden": 8}, "hidden must hold one value a block, 2, got 8"),
        ({"hidden": (8, 0)}, "hidden must be an integer of at least 1, got 0"),
        ({"hidden": (8, 8), "expand": 1}, r"hidden must be None where expand is 1, got \(8, 8\)"),
        ({"squeeze": (1, 1), "se_ratio": 0}, r"squeeze must be None where se_ratio is 0, got \(1, 1\)"),
        ({"squeeze": (1, True)}, "squeeze must be an integer of at least 1, got True"),
        ({"residual": (1, 0)}, "residual must hold True or False only, got 1"),
    ],
)
def test_a_bad_width_of_a_block_is_refused(change, message):
    row = {"block": "mbconv", "kernel": 3, "stride": 1, "expand": 6, "channels": 24, "depth": 2} | change
    with pytest.raises(ValueError, match=message):
        StageSpec(**row)


def test_a_residual_that_cannot_be_added_is_refused():
    stage = StageSpec("mbconv", 3, 2, 6, 24, 2, residual=(True, True))
    with pytest.raises(
        ValueError, match=r"residual of stages.0.0 must be False: its stride is 2 .* 16 and 24"
    ):
        ARCH.replace(stages=(stage,))
