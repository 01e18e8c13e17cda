import pytest
import torch

from effnet_lib.compress import (
    Scheme,
    dequantize,
    fake_quantize,
    integer_range,
    quantize,
    scale_and_zero_point,
    sqnr,
)

SEED = 20260


def normals(n=1_000_000, seed=SEED):
    print("seed", seed)
    return torch.randn(n, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def million():
    return normals()


CASES = [
    pytest.param(Scheme(8), id="symmetric"),
    pytest.param(Scheme(8, symmetric=False), id="affine"),
    pytest.param(Scheme(8, symmetric=False, signed=False), id="affine unsigned"),
    pytest.param(Scheme(4, symmetric=False), id="4 bits"),
    pytest.param(Scheme(2), id="2 bits"),
]


@pytest.mark.parametrize("scheme", CASES)
def test_a_million_normals_are_rounded_as_torch_torchao_and_quantized_decomposed_round_them(scheme, million):
    import torch.ao.quantization.fx._decomposed  # registers the operators
    from torchao.quantization.quant_primitives import dequantize_affine, quantize_affine

    low, high = million.min() * 0.9, million.max() * 0.9  # so that some are clamped
    scale, zero = scale_and_zero_point(low, high, scheme)
    qmin, qmax = scheme.range
    ours = quantize(million, scale, zero, qmin, qmax)
    assert len(ours.unique()) > qmax - qmin - 40
    dtype = torch.int8 if scheme.signed else torch.uint8
    whole = (million.numel(),)
    theirs = quantize_affine(million, whole, scale, zero, dtype, qmin, qmax)
    assert (ours != theirs).sum() == 0
    decomposed = torch.ops.quantized_decomposed
    third = decomposed.quantize_per_tensor(million, float(scale), int(zero), qmin, qmax, dtype)
    assert (ours != third).sum() == 0
    floats = dequantize(ours, scale, zero)
    assert torch.equal(floats, dequantize_affine(theirs, whole, scale, zero, dtype, qmin, qmax))
    back = decomposed.dequantize_per_tensor(third, float(scale), int(zero), qmin, qmax, dtype)
    assert torch.equal(floats, back)
    fake = fake_quantize(million, scale, zero, qmin, qmax)
    assert torch.equal(fake, floats)
    assert torch.equal(fake, torch.fake_quantize_per_tensor_affine(million, scale, zero, qmin, qmax))


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_scale_for_each_channel_rounds_as_torchs_and_decomposed_operators_do(symmetric):
    import torch.ao.quantization.fx._decomposed

    x = normals(100_000).view(100, 50, 20) * torch.logspace(-3, 3, 50)[:, None]
    scheme = Scheme(8, symmetric=symmetric)
    scale, zero = scale_and_zero_point(x.amin((0, 2)), x.amax((0, 2)), scheme)
    qmin, qmax = scheme.range
    ours = quantize(x, scale, zero, qmin, qmax, axis=1)
    theirs = torch.ops.quantized_decomposed.quantize_per_channel(x, scale, zero, 1, qmin, qmax, torch.int8)
    assert (ours != theirs).sum() == 0
    fake = fake_quantize(x, scale, zero, qmin, qmax, axis=1)
    assert torch.equal(fake, torch.fake_quantize_per_channel_affine(x, scale, zero, 1, qmin, qmax))
    assert torch.equal(fake, dequantize(ours, scale, zero, axis=1))
    assert not torch.equal(ours, quantize(x, scale.mean(), zero[0], qmin, qmax))


def test_scales_and_zero_points_are_torchaos_where_the_conventions_agree(million):
    from torchao.quantization.quant_primitives import MappingType, choose_qparams_affine

    x = million[:1000] + 0.3
    for scheme, dtype in (
        (Scheme(8, symmetric=False), torch.int8), (Scheme(8, symmetric=False, signed=False), torch.uint8)
    ):  # fmt: skip
        ours = scale_and_zero_point(x.min(), x.max(), scheme)
        theirs = choose_qparams_affine(
            x, MappingType.ASYMMETRIC, (1000,), dtype, *scheme.range, scale_dtype=torch.float32,
            zero_point_dtype=torch.int32,
        )  # fmt: skip
        for mine, their in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, their.reshape(()), rtol=0, atol=0)
    # symmetric: ours is absmax / 127 with -127 to 127, torchao's default absmax / 127.5 with -128 to 127
    scale, zero = scale_and_zero_point(x.min(), x.max(), Scheme(8))
    their_scale, _ = choose_qparams_affine(x, MappingType.SYMMETRIC, (1000,), torch.int8, -128, 127)
    assert zero == 0
    torch.testing.assert_close(scale, x.abs().max() / 127)
    torch.testing.assert_close(their_scale.reshape(()), x.abs().max() / 127.5)


def test_the_zero_point_stands_for_zero_exactly_wherever_the_range_lies():
    for low, high in ((-1.0, 3.0), (0.5, 3.0), (-3.0, -0.5), (0.0, 6.0), (0.0, 0.0)):
        scheme = Scheme(5, symmetric=False, signed=False)
        scale, zero = scale_and_zero_point(low, high, scheme)
        q = quantize(torch.zeros(1), scale, zero, *scheme.range)
        assert dequantize(q, scale, zero) == 0
        top = dequantize(quantize(torch.tensor([high]), scale, zero, *scheme.range), scale, zero)
        assert abs(top.item() - high) <= scale / 2 + 1e-6


def test_ties_go_to_the_even_integer():
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5])
    assert quantize(x, torch.tensor(1.0), torch.tensor(0), -127, 127).tolist() == [0, 2, 2, 0, -2]


def test_the_gradient_passes_where_nothing_was_clamped_after_rounding():
    x = torch.tensor([-130, -127.4, -127.6, 0, 127.4, 127.6, 300.0], requires_grad=True)
    fake_quantize(x, torch.tensor(1.0), torch.tensor(0), -127, 127).sum().backward()
    assert x.grad.tolist() == [0, 1, 0, 1, 1, 0, 0]
    other = x.detach().clone().requires_grad_()
    torch.fake_quantize_per_tensor_affine(other, 1.0, 0, -127, 127).sum().backward()
    assert torch.equal(x.grad, other.grad)


def test_the_gradient_of_every_channel_is_torchs():
    x = normals(6000).view(20, 300).requires_grad_()
    scale, zero = torch.logspace(-3, -1, 20), torch.arange(-10, 10, dtype=torch.int32)
    weight = normals(6000, 7).view(20, 300)
    (fake_quantize(x, scale, zero, -128, 127, axis=0) * weight).sum().backward()
    other = x.detach().clone().requires_grad_()
    (torch.fake_quantize_per_channel_affine(other, scale, zero, 0, -128, 127) * weight).sum().backward()
    assert torch.equal(x.grad, other.grad)
    assert 0 < (x.grad == 0).float().mean() < 1


def test_eight_bits_over_the_largest_of_a_million_normals_leave_39_decibels(million):
    scheme = Scheme(8)
    scale, zero = scale_and_zero_point(million.min(), million.max(), scheme)
    found = sqnr(million, fake_quantize(million, scale, zero, *scheme.range))
    # uniform rounding error: scale ** 2 / 12; the largest of 1e6 normals is near 5
    assert found == pytest.approx(-10 * torch.log10(scale**2 / 12).item(), abs=0.05)
    assert found == pytest.approx(39.3, abs=0.8)


def test_a_bit_more_halves_the_error(million):
    def at(bits):
        scheme = Scheme(bits)
        scale, zero = scale_and_zero_point(-4.0, 4.0, scheme)
        x = million.clamp(-4, 4)
        return sqnr(x, fake_quantize(x, scale, zero, *scheme.range))

    assert at(8) - at(7) == pytest.approx(6.02, abs=0.2)


@pytest.mark.parametrize(
    ("bits", "signed", "narrow", "expected"),
    [
        (8, True, False, (-128, 127)),
        (8, True, True, (-127, 127)),
        (8, False, False, (0, 255)),
        (2, True, True, (-1, 1)),
    ],
)
def test_the_range_of_integers_is_that_of_their_bits(bits, signed, narrow, expected):
    assert integer_range(bits, signed, narrow) == expected


def test_signal_to_noise_is_infinite_without_an_error_and_0_for_noise_as_large_as_the_signal():
    x = torch.tensor([3.0, 4.0])
    assert sqnr(x, x) == float("inf")
    assert sqnr(x, torch.zeros(2)) == 0
    assert sqnr(x, x * 1.1) == pytest.approx(20, abs=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scheme(1), "bits must be an integer from 2 to 16, got 1"),
        (lambda: Scheme(17), "got 17"),
        (lambda: Scheme(True), "got True"),
        (lambda: Scheme(4.0), r"got 4\.0"),
        (lambda: Scheme(observer="max"), "observer must be one of 'minmax', 'percentile', 'mse', got 'max'"),
        (lambda: Scheme(percentile=50), r"percentile must be in \(50, 100\], got 50"),
        (lambda: integer_range(33), "bits must be an integer from 2 to 32, got 33"),
        (lambda: integer_range(8, False, True), "narrow must be False for unsigned"),
        (lambda: scale_and_zero_point(float("nan"), 1.0, Scheme()), "low must be finite, got nan"),
        (lambda: scale_and_zero_point(0.0, float("inf"), Scheme()), "high must be finite, got inf"),
        (lambda: scale_and_zero_point(2.0, 1.0, Scheme()), "low must be at most high .* got 2 and 1"),
        (lambda: scale_and_zero_point(-1.0, 1.0, Scheme(signed=False)), "low must be at least 0 .* got -1"),
        (lambda: quantize(torch.tensor([0.0, float("nan")]), 1.0, 0, -8, 7), "x must hold no NaN, got 1 of them in 2"),
        (lambda: quantize(torch.zeros(2), 0.0, 0, -8, 7), "scale must be positive, got 0"),
        (lambda: sqnr(torch.zeros(2), torch.ones(2)), "reference must hold something other than 0"),
        (lambda: sqnr(torch.ones(2), torch.ones(3)), r"shape of reference, \(2,\), got \(3,\)"),
        (lambda: sqnr(torch.ones(1), torch.full((1,), float("nan"))), "must be finite"),
    ],
)  # fmt: skip
def test_an_error_names_what_it_got(make, message):
    with pytest.raises(ValueError, match=message):
        make()
