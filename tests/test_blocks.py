import pytest
import torch
from torch import nn

from effnet_lib.arch import ArchSpec, BlockSpec, StageSpec
from effnet_lib.blocks import ConvNormAct, FusedMBConv, MBConv, SqueezeExcite, StochasticDepth, same_padding

ARCH = ArchSpec("small", (StageSpec("mbconv", 3, 1, 6, 16, 1),), stem=16, head=64, resolution=32)


def block(**change) -> BlockSpec:
    row = BlockSpec("stages.0.0", "mbconv", 3, 1, 6, 16, 96, 16, 4, True)
    return row._replace(**change)


@pytest.mark.parametrize("size", range(1, 40))
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_both_paddings_give_the_size_divided_by_the_stride_rounded_up(size, kernel, stride):
    x = torch.zeros(1, 2, size, size)
    for padding in ("symmetric", "same"):
        out = ConvNormAct(2, 3, kernel, stride, padding=padding).eval()(x)
        assert out.shape == (1, 3, -(-size // stride), -(-size // stride))


def test_same_padding_puts_the_odd_pixel_after():
    assert same_padding(224, 3, 2) == (0, 1)
    assert same_padding(225, 3, 2) == (1, 1)
    assert same_padding(7, 5, 1) == (2, 2)


def test_same_and_symmetric_padding_agree_at_odd_sizes_and_not_at_even_ones():
    torch.manual_seed(0)
    symmetric, same = (ConvNormAct(3, 8, 3, 2, padding=p).eval() for p in ("symmetric", "same"))
    same.load_state_dict(symmetric.state_dict())
    odd, even = torch.randn(2, 3, 33, 33), torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(same(odd), symmetric(odd), rtol=0, atol=0)
    assert not torch.allclose(same(even), symmetric(even))


def test_a_gate_lies_between_nothing_and_everything():
    x = torch.rand(4, 12, 5, 5) + 0.1
    gate = SqueezeExcite(12, 3)(x) / x
    assert ((gate > 0) & (gate < 1)).all()
    torch.testing.assert_close(gate, gate[:, :, :1, :1].expand_as(gate))


def test_stochastic_depth_keeps_the_mean_in_training_and_everything_in_evaluation():
    torch.manual_seed(0)
    layer, x = StochasticDepth(0.3), torch.ones(20_000, 1, 1, 1)
    out = layer(x)
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.7])
    # standard error of the mean: sqrt(0.3 / 0.7 / 20000) = 0.0046; four of them
    assert out.mean().item() == pytest.approx(1, abs=0.019)
    assert layer.eval()(x) is x


def test_an_mbconv_with_residual_is_the_identity_when_its_projection_is_zero():
    layer = MBConv(block(), ARCH).eval()
    nn.init.zeros_(layer.project.conv.weight)
    x = torch.randn(2, 16, 9, 9)
    torch.testing.assert_close(layer(x), x)


def test_the_bottleneck_is_linear():
    layer = MBConv(block(residual=False), ARCH).train()  # batch norm gives its output unit variance
    assert isinstance(layer.project.act, nn.Identity)
    assert (layer(torch.randn(8, 16, 9, 9)) < -0.3).any()  # SiLU never goes below -0.28


def test_expansion_one_leaves_the_expansion_layer_out():
    assert MBConv(block(expand=1, hidden=16), ARCH).expand is None
    fused = FusedMBConv(block(block="fused", expand=1, hidden=16, squeeze=0), ARCH)
    assert fused.project is None
    assert fused.fused.conv.kernel_size == (3, 3)


def test_no_batch_no_crash_one_pixel():
    for made in (MBConv, FusedMBConv):
        assert made(block(kernel=7), ARCH).eval()(torch.zeros(1, 16, 1, 1)).shape == (1, 16, 1, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ConvNormAct(3, 8, 4), "kernel must be odd, got 4"),
        (
            lambda: ConvNormAct(3, 8, activation="gelu"),
            r"activation must be one of \['relu', 'relu6', 'silu'\] or None",
        ),
        (lambda: ConvNormAct(3, 8, padding="valid"), "padding must be 'symmetric' or 'same', got 'valid'"),
        (lambda: SqueezeExcite(8, 0), "squeeze must be at least 1, got 0"),
        (lambda: StochasticDepth(1.0), r"rate must be in \[0, 1\), got 1.0"),
    ],
)
def test_bad_input_is_refused_with_the_value_and_what_is_right(call, message):
    with pytest.raises(ValueError, match=message):
        call()
