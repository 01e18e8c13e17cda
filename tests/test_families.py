import pytest

from effnet_lib import available, cost_of, get_arch, get_variant
from effnet_lib.families import PUBLISHED_SCALING
from effnet_lib.scaling import scale


def test_every_published_variant_can_be_had():
    assert len(available()) == 16
    for name in available():
        assert get_arch(name).name == name


def test_b0_is_the_papers_table_1():
    b0 = get_arch("efficientnet_b0")
    rows = [(s.expand, s.kernel, s.stride, s.channels, s.depth) for s in b0.stages]
    assert rows == [
        (1, 3, 1, 16, 1),
        (6, 3, 2, 24, 2),
        (6, 5, 2, 40, 2),
        (6, 3, 2, 80, 3),
        (6, 5, 1, 112, 3),
        (6, 5, 2, 192, 4),
        (6, 3, 1, 320, 1),
    ]
    assert (b0.stem, b0.head, b0.resolution) == (32, 1280, 224)


def test_block_counts_of_b0_to_b7():
    counts = [len(get_arch(f"efficientnet_b{i}").blocks()) for i in range(8)]
    assert counts == [16, 16 + 7, 23, 26, 32, 39, 45, 55]


@pytest.mark.parametrize("name", available())
def test_parameters_agree_with_what_the_source_prints(name):
    printed = get_variant(name).params
    # sources print two or three digits; EfficientNetV2-L is printed 1 % above what its authors' code builds
    tolerance = 0.01 if name == "efficientnet_v2_l" else 0.04
    assert cost_of(get_arch(name)).params / 1e6 == pytest.approx(printed, rel=tolerance)


def test_table_7_is_not_at_equal_cost():
    base = get_arch("efficientnet_b0")
    macs = {
        row.label: cost_of(scale(base, row.width, row.depth, float(row.resolution))).macs / 1e9
        for row in PUBLISHED_SCALING
    }
    assert macs["depth"] == pytest.approx(1.575, abs=0.001)
    assert macs["width"] == pytest.approx(1.450, abs=0.001)
    assert macs["resolution"] == pytest.approx(1.538, abs=0.001)
    assert macs["compound"] == pytest.approx(1.800, abs=0.001)


def test_an_unknown_variant_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"got 'efficientnet_b9'; did you mean 'efficientnet_b\d'\?"):
        get_arch("efficientnet_b9")
    with pytest.raises(ValueError, match="got 'x'; the variants are efficientnet_b0"):
        get_arch("x")
    with pytest.raises(ValueError, match="got None"):
        get_arch(None)
