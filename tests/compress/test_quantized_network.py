import copy
import itertools
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from effnet_lib import EfficientNet, cost_of
from effnet_lib.arch import ArchSpec, StageSpec
from effnet_lib.compress import (
    ChannelCap,
    Scheme,
    allocate_bits,
    channel_means,
    correct_bias,
    equalization_pairs,
    equalize,
    fake_quantize,
    layer_sensitivity,
    packed_bytes,
    prepare_qat,
    quantized,
    scale_and_zero_point,
    sqnr,
    weighted_layers,
    zero_dead_channels,
)
from effnet_lib.model import fold_batch_norms
from effnet_lib.small import glyph_lite, glyph_net
from effnet_lib.train import Recipe, fit
from effnet_lib.trained import load_trained

SCHEME = Scheme(8)
ACTIVATIONS = Scheme(8, symmetric=False, signed=False)


def images(n=64, seed=1, resolution=32):
    return torch.randn(n, 3, resolution, resolution, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def lite():
    return load_trained("glyph_lite")


@pytest.fixture(scope="module")
def folded(lite):
    return fold_batch_norms(lite)


@pytest.fixture(scope="module")
def pictures():
    """Real pictures, normalised: noise reaches few of the channels."""
    from effnet_lib.data.glyphs import glyph_data
    from effnet_lib.train.batches import Batches

    data = glyph_data(32, train=256, validation=40, test=40, difficulty="hard")
    return next(iter(Batches(data, "train", torch.device("cpu")).epoch(0, 256)))[0]


@torch.no_grad()
def logits(model, x):
    return model(x)


def test_folding_leaves_the_logits_to_within_120_decibels(lite, folded, pictures):
    assert sqnr(logits(lite, pictures), logits(folded, pictures)) >= 120


@pytest.mark.parametrize("arch", [glyph_lite, glyph_net])
def test_without_a_scheme_the_network_computes_what_the_folded_one_does(arch):
    torch.manual_seed(0)
    model = EfficientNet(arch()).eval()
    assert torch.equal(logits(quantized(model), images(8)), logits(fold_batch_norms(model), images(8)))
    assert torch.equal(logits(quantized(model, fold=False), images(8)), logits(model, images(8)))


def test_the_layers_are_those_that_cost_of_counts_and_hold_what_is_stored(lite):
    network = quantized(lite, replace(SCHEME, bits=4))
    counted = [layer for layer in cost_of(lite.arch).layers if layer.weights]
    assert [layer.name for layer in network.layers()] == [layer.name for layer in counted]
    total = 0
    for layer, weights in zip(
        network.layers(), weighted_layers(fold_batch_norms(lite)).values(), strict=True
    ):
        assert torch.equal(layer.weight, weights.weight)
        reference = torch.fake_quantize_per_channel_affine(
            weights.weight, layer.scale, layer.zero_point, 0, -7, 7
        )
        assert torch.equal(layer.rounded, reference)
        assert layer.integers.abs().max() == 7
        n, channels = layer.weight.numel(), len(layer.weight)
        total += (n + 1) // 2 + 4 * channels + 4 * channels  # packed weights, scales, biases
    assert network.weight_bytes() == total
    assert {layer.kind for layer in network.layers()} == {"convolution", "depthwise", "pointwise", "linear"}


def test_rounding_by_hand_with_torchs_operator_gives_the_same_logits(lite, folded, pictures):
    network = quantized(lite, SCHEME, ACTIVATIONS, [pictures[:128], pictures[128:]])
    by_hand = copy.deepcopy(folded)
    with torch.no_grad():
        for layer in weighted_layers(by_hand).values():
            scale = layer.weight.abs().flatten(1).amax(1) / 127
            zero = torch.zeros_like(scale, dtype=torch.int32)
            layer.weight.copy_(
                torch.fake_quantize_per_channel_affine(layer.weight, scale, zero, 0, -127, 127)
            )

    seen = {}

    def run(x, net, rounding):
        def at(name, t):
            if not rounding:
                old = seen.get(name, (0.0, 0.0))
                seen[name] = min(old[0], t.min().item()), max(old[1], t.max().item())
                return t
            scale, zero = scale_and_zero_point(*seen[name], ACTIVATIONS)
            return torch.fake_quantize_per_tensor_affine(t, scale, zero, 0, 255)

        x = at("stem", net.stem(at("images", x)))
        for i, block in enumerate(b for stage in net.stages for b in stage):
            h = x if block.expand is None else at(f"{i} expand", block.expand(x))
            h = at(f"{i} project", block.project(at(f"{i} depthwise", block.depthwise(h))))
            x = at(f"{i} sum", x + h) if block.residual else h
        pooled = at("pooled", F.adaptive_avg_pool2d(at("head", net.head(x)), 1).flatten(1))
        return net.classifier(pooled)

    with torch.no_grad():
        run(pictures, folded, False)
        assert torch.equal(logits(network, pictures), run(pictures, by_hand, True))
    assert len(seen) == len(network.tensors) == len(network.tensor_names())
    assert 20 < sqnr(logits(lite, pictures), logits(network, pictures)) < 60


def test_more_bits_are_better_and_a_scale_a_channel_is_better_than_one_a_tensor(lite, pictures):
    truth = logits(lite, pictures)

    def at(**changes):
        return sqnr(truth, logits(quantized(lite, replace(SCHEME, **changes)), pictures))

    assert at(bits=8) > at(bits=6) + 6 > at(bits=4) + 12
    assert at(bits=8) > at(bits=8, per_channel=False) + 20


def test_squeeze_and_excitation_is_quantized_too():
    torch.manual_seed(0)
    network = quantized(EfficientNet(glyph_net()).eval(), SCHEME, ACTIVATIONS, [images(8)])
    names = network.tensor_names()
    assert [n for n in names if n.startswith("stages.1.0")] == [
        f"stages.1.0.{part}" for part in ("expand", "depthwise", "se.pooled", "se.squeeze", "se.excite", "se", "project")
    ]  # fmt: skip
    assert network.activation("stages.1.0.se.excite").scale == pytest.approx(1 / 255, rel=0.6)
    assert logits(network, images(4)).isfinite().all()


def test_skipped_names_stay_in_floats(lite, pictures):
    network = quantized(lite, SCHEME, ACTIVATIONS, [pictures[:64]], skip=("stem", "stages.1", "classifier"))
    plain = {layer.name for layer in network.layers() if layer.scheme is None}
    assert plain == {
        "stem.conv", "classifier",
        *(f"stages.1.0.{part}.conv" for part in ("expand", "depthwise", "project")),
    }  # fmt: skip
    kept = {key.replace("/", ".") for key in network.tensors}
    assert set(network.tensor_names()) - kept == {
        "stem", *(f"stages.1.0.{part}" for part in ("expand", "depthwise", "project"))
    }  # fmt: skip


def test_calibration_is_read_once_and_none_of_it_is_kept(lite, pictures):
    read = []

    def stream():
        for batch in pictures.split(64):
            read.append(len(batch))
            yield batch

    one = quantized(lite, None, ACTIVATIONS, stream())
    assert read == [64] * 4
    two = quantized(lite, None, ACTIVATIONS, [pictures])
    assert torch.equal(logits(one, pictures), logits(two, pictures))
    assert all(quantizer.observer is None for quantizer in one.tensors.values())


def test_equalization_leaves_the_function_as_it_is_and_makes_ranges_equal(folded, pictures):
    equal = equalize(folded)
    # the same in exact arithmetic; two dozen layers of float32 rounding leave about 127 dB, as folding does
    assert sqnr(logits(folded, pictures), logits(equal, pictures)) >= 110
    assert (
        sqnr(logits(folded, 3 * images()), logits(equal, 3 * images())) >= 110
    )  # beyond what it was trained on
    assert any(isinstance(m, ChannelCap) and m.caps.std() > 0 for m in equal.modules())
    for pair in equalization_pairs(equal):
        written, read = pair.ranges()
        torch.testing.assert_close(written, read, rtol=5e-3, atol=1e-6)
    before, after = (quantized(net, replace(SCHEME, per_channel=False)) for net in (folded, equal))
    truth = logits(folded, pictures)
    assert sqnr(truth, logits(after, pictures)) > sqnr(truth, logits(before, pictures)) + 10


def test_equalization_of_one_pair_is_the_papers_formula(folded):
    def ranges(net):
        (pair,) = [p for p in equalization_pairs(net) if p.name == "head"]
        return pair.ranges()

    written, read = ranges(folded)
    expected = (written * read).sqrt()  # a pair that shares no layer: one step is the solution
    for found in ranges(equalize(folded)):
        torch.testing.assert_close(found, expected)


def test_equalization_passes_squeeze_and_excitation_and_fused_blocks():
    torch.manual_seed(0)
    stages = (
        StageSpec("fused", 3, 1, 4, 8, 1, 0.25),
        StageSpec("mbconv", 3, 2, 4, 12, 2, 0.25),
    )
    arch = ArchSpec("x", stages, stem=8, head=16, resolution=16, classes=5, activation="relu6")
    model = EfficientNet(arch).train()
    with torch.no_grad():
        for _ in range(3):
            model(images(32, resolution=16))
    folded = fold_batch_norms(model.eval())
    x = images(16, 2, 16)
    assert sqnr(logits(folded, x), logits(equalize(folded), x)) >= 100


def test_without_the_bound_of_relu6_it_is_another_function(folded, pictures):
    loose = equalize(folded, relu6="relu")
    assert sqnr(logits(folded, pictures), logits(loose, pictures)) < 60


def test_zeroed_dead_channels_change_no_logit_and_repair_one_scale_a_tensor(folded, pictures):
    clean, dead = zero_dead_channels(folded, [pictures])
    assert dead
    changed = [
        name for (name, a), b in zip(weighted_layers(folded).items(), weighted_layers(clean).values(), strict=True)
        if not torch.equal(a.weight, b.weight)
    ]  # fmt: skip
    assert changed
    truth = logits(folded, pictures)
    assert torch.equal(truth, logits(clean, pictures))
    one = replace(SCHEME, per_channel=False)
    before, after = (sqnr(truth, logits(quantized(net, one), pictures)) for net in (folded, clean))
    assert after > before + 15


def test_bias_correction_takes_back_the_shift_of_every_mean(lite, folded, pictures):
    network = quantized(lite, replace(SCHEME, bits=4), ACTIVATIONS, [pictures])

    def worst():
        truth = channel_means(folded, weighted_layers(folded), [pictures])
        now = channel_means(network, weighted_layers(network.model), [pictures])
        return max(
            ((now[name] - truth[name]).abs().max() / (1 + truth[name].abs().max())).item() for name in truth
        )

    before, ratio = worst(), sqnr(logits(lite, pictures), logits(network, pictures))
    moved = correct_bias(network, folded, [pictures])
    assert list(moved) == list(weighted_layers(folded))
    assert before > 0.05
    # not to the last bit: a bias that moves by float32's rounding flips single activations to the next level
    assert worst() < 2e-3 * before + 1e-5
    assert sqnr(logits(lite, pictures), logits(network, pictures)) > ratio + 1


def test_gradients_of_quantization_aware_training_equal_those_by_hand(lite):
    scheme = replace(SCHEME, bits=3)
    network = prepare_qat(lite, {"classifier": scheme}).train()
    x, y = images(16), torch.arange(16) % 40
    F.cross_entropy(network(x), y).backward()
    plain = fold_batch_norms(lite)
    with torch.no_grad():
        pooled = F.adaptive_avg_pool2d(plain.features(x), 1).flatten(1)
        weight = plain.classifier.weight
        scale = weight.abs().amax(1) / 3
        rounded = (weight / scale[:, None]).round().clamp(-3, 3) * scale[:, None]
        slope = (pooled @ rounded.T + plain.classifier.bias).softmax(1) - F.one_hot(y, 40)
        by_hand = slope.T @ pooled / 16  # min/max scales clamp nothing, so every gradient passes
    found = network.model.classifier.parametrizations.weight.original.grad
    torch.testing.assert_close(found, by_hand, rtol=1e-4, atol=1e-6)
    assert network.model.stem.conv.weight.grad.abs().sum() > 0  # trained, though in floats


def test_quantization_aware_training_by_fit_repairs_what_it_is_trained_with(lite):
    from effnet_lib.data.glyphs import glyph_data

    data = glyph_data(32, train=640, validation=200, test=40, difficulty="hard")
    scheme = replace(SCHEME, bits=3)
    network = prepare_qat(lite, scheme)
    recipe = Recipe("short", epochs=2, batch=64, optimizer="adamw", lr=1e-3)
    history = fit(network, data, recipe, device="cpu")
    start = fit(prepare_qat(lite, scheme), data, recipe.replace(epochs=0.1, lr=1e-12), device="cpu")
    assert history.validation_loss[-1] < start.validation_loss[0] - 0.02
    assert not network.training
    for layer in network.layers():  # scales follow the weights
        torch.testing.assert_close(layer.scale, layer.weight.abs().flatten(1).amax(1) / 3)


def test_a_quantized_network_can_be_copied_and_its_state_loaded(lite, pictures):
    network = quantized(lite, SCHEME, ACTIVATIONS, [pictures[:64]])
    other = quantized(lite, SCHEME, ACTIVATIONS, [pictures[64:128] * 1.5])
    assert not torch.equal(logits(network, pictures[:8]), logits(other, pictures[:8]))
    other.load_state_dict(network.state_dict())
    copied = copy.deepcopy(network)
    for same in (other, copied):
        assert torch.equal(logits(network, pictures[:8]), logits(same, pictures[:8]))


@pytest.mark.parametrize("seed", range(4))
def test_allocated_bits_are_the_best_of_all_assignments_within_the_budget(seed):
    print("seed", seed)
    generator = torch.Generator().manual_seed(seed)
    choices = (2, 4, 8)
    sizes = {f"layer {i}": int(torch.randint(3, 400, (1,), generator=generator)) for i in range(6)}
    harms = {
        name: dict(zip(choices, (torch.rand(3, generator=generator) - 0.1).tolist(), strict=True))
        for name in sizes
    }
    options = list(itertools.product(choices, repeat=6))
    spent = [sum(packed_bytes(n, b) for n, b in zip(sizes.values(), bits, strict=True)) for bits in options]
    harm = [sum(harms[name][b] for name, b in zip(sizes, bits, strict=True)) for bits in options]
    for budget in (min(spent), sum(packed_bytes(n, 4) for n in sizes.values()), max(spent) + 50):
        found = allocate_bits(harms, sizes, budget, choices)
        assert sum(packed_bytes(sizes[name], b) for name, b in found.items()) <= budget
        best = min(h for h, s in zip(harm, spent, strict=True) if s <= budget)
        assert sum(harms[name][b] for name, b in found.items()) == pytest.approx(best, abs=1e-9)
    uniform = sum(row[4] for row in harms.values())
    found = allocate_bits(harms, sizes, sum(packed_bytes(n, 4) for n in sizes.values()), choices)
    assert sum(harms[name][b] for name, b in found.items()) <= uniform


def test_sensitivity_is_the_harm_of_one_layer_alone(lite, pictures):
    truth = logits(lite, pictures[:64])

    def harm(network):
        return (logits(network, pictures[:64]) - truth).square().mean().item()

    found = layer_sensitivity(lite, harm, choices=(2, 8))
    assert list(found) == list(weighted_layers(lite))
    for name in ("stem.conv", "head.conv"):
        alone = quantized(lite, {name: Scheme(2)})
        assert [layer.name for layer in alone.layers() if layer.scheme] == [name]
        assert found[name][2] == pytest.approx(harm(alone) - harm(quantized(lite)))
        assert found[name][2] > found[name][8]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x: quantized(torch.nn.Linear(2, 2), SCHEME), "model must be an EfficientNet, got Linear"),
        (lambda m, x: quantized(copy.deepcopy(m).train(), SCHEME), "evaluation mode, got training mode"),
        (lambda m, x: quantized(copy.deepcopy(m).train(), SCHEME, fold=False), "evaluation mode, got training"),
        (lambda m, x: quantized(m, {"stem": SCHEME}), "weights: a layer must be one of stem.conv, .* got 'stem'"),
        (lambda m, x: quantized(m, SCHEME, skip=("tail",)), "skip: no layer's .* begins with 'tail'"),
        (lambda m, x: quantized(m, SCHEME, ACTIVATIONS), "calibration must hold at least one batch, got None"),
        (lambda m, x: quantized(m, SCHEME, ACTIVATIONS, []), "at least one batch, got none"),
        (lambda m, x: quantized(m, SCHEME, ACTIVATIONS, x), r"batches \(N, C, H, W\).* got \(3, 32, 32\)"),
        (lambda m, x: quantized(m, SCHEME, ACTIVATIONS, [x, x * float("nan")]), "NaN or infinity in batch 1"),
        (lambda m, x: quantized(m, SCHEME, Scheme(8, signed=False), [x]), "images: low must be at least 0"),
        (lambda m, x: quantized(m).activation("stem"), "activations are in floats; got 'stem'"),
        (lambda m, x: equalize(m), "folded must have its batch norms folded"),
        (lambda m, x: equalize(fold_batch_norms(m), "six"), "relu6 must be 'cap' or 'relu', got 'six'"),
        (lambda m, x: equalize(fold_batch_norms(EfficientNet(glyph_net()).eval())), "got 'silu'"),
        (lambda m, x: correct_bias(quantized(m), fold_batch_norms(m), iter([x])), "more than once, got a list_iter"),
        (lambda m, x: correct_bias(quantized(m), fold_batch_norms(m), []), "at least one batch, got none"),
        (lambda m, x: correct_bias(quantized(m, fold=False), m, [x]), "got stem.conv without a bias"),
        (lambda m, x: zero_dead_channels(fold_batch_norms(m), []), "at least one batch, got none"),
        (lambda m, x: layer_sensitivity(m, lambda net: float("nan")), "harm must return a finite number, got nan"),
        (lambda m, x: allocate_bits({"a": {2: 0.0}}, {"a": 8}, 1, (2,)), "budget_bytes .* at least 2, .* got 1"),
        (lambda m, x: allocate_bits({"a": {2: 0.0}}, {"a": 8}, 9, (2, 4)), "number for a at 4 bits, got None"),
        (lambda m, x: allocate_bits({"a": {2: 0.0}}, {"b": 8}, 9, (2,)), "the same layers"),
    ],
)  # fmt: skip
def test_an_error_names_what_it_got(call, message, lite):
    with pytest.raises(ValueError, match=message):
        call(lite, images(4))


def test_fake_quantization_of_an_activation_reads_one_scale_for_the_tensor(lite, pictures):
    network = quantized(lite, None, replace(ACTIVATIONS, bits=4), [pictures])
    quantizer = network.activation("head")
    assert quantizer.scale.ndim == 0
    x = torch.rand(2, 128, 4, 4) * 6
    expected = fake_quantize(x, quantizer.scale, quantizer.zero_point, 0, 15)
    assert torch.equal(quantizer(x), expected)
    assert len(quantizer(x).unique()) <= 16
