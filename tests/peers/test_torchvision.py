"""Our networks and torchvision's, with the same weights, are the same functions."""

import copy

import pytest
import torch
import torchvision
from torchvision.ops import StochasticDepth as TheirStochasticDepth
from torchvision.ops.misc import SqueezeExcitation

from effnet_lib import EfficientNet, cost_of, get_arch, load_torchvision_weights, measure
from effnet_lib.blocks import SqueezeExcite, StochasticDepth

NAMES = [f"efficientnet_b{i}" for i in range(8)] + [f"efficientnet_v2_{size}" for size in "sml"]
PIXELS = 65  # odd and small: the largest networks must fit into a laptop's memory and patience


def theirs(name: str, **options) -> torch.nn.Module:
    torch.manual_seed(0)
    return getattr(torchvision.models, name)(weights=None, **options)


def calibrate(model: torch.nn.Module, pixels: int = PIXELS) -> torch.nn.Module:
    """Batch statistics of three batches; with untouched ones every image has nearly the same logits."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # cumulative mean
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(4, 3, pixels, pixels))
    return model.eval()


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).norm() / b.norm()).item()


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_torchvisions(name):
    reference = calibrate(theirs(name, dropout=0.0, stochastic_depth_prob=0.0))
    ours = EfficientNet(get_arch(name)).eval()
    x = torch.randn(2, 3, PIXELS, PIXELS)
    with torch.no_grad():
        expected = reference(x)
        assert torch.isfinite(expected).all()
        assert relative(expected[0], expected[1]) > 0.1  # two images must differ, else equality says nothing
        assert relative(ours(x), expected) > 0.1  # and so must two networks
        load_torchvision_weights(ours, reference.state_dict())
        assert relative(ours(x), expected) < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_executed_macs_are_torchvisions(name):
    with torch.device("meta"):
        reference = theirs(name).eval()
    cost = cost_of(get_arch(name))
    assert sum(p.numel() for p in reference.parameters()) == cost.params
    assert measure.counted_macs(reference, cost.resolution) == cost.macs
    executed = list(measure.executed_macs(reference, cost.resolution).values())
    assert executed == [layer.macs for layer in cost.layers]  # the same layers in the same order


WEIGHTS = [w for n in NAMES for w in torchvision.models.get_model_weights(n)]


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_the_costs_that_torchvision_prints_are_ours(weights):
    name = str(weights).split("_Weights")[0].lower().replace("efficientnet_v2", "efficientnet_v2")
    cost = cost_of(get_arch(name), weights.transforms().crop_size[0])
    assert weights.meta["num_params"] == cost.params
    assert weights.meta["_ops"] == round(cost.macs / 1e9, 3)


@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_v2_s"])
def test_gradients_are_torchvisions(name):
    reference = theirs(name, dropout=0.0, stochastic_depth_prob=0.0).double().train()
    ours = EfficientNet(get_arch(name).replace(dropout=0.0, drop_path=0.0)).double().train()
    load_torchvision_weights(ours, reference.state_dict())
    x, labels = torch.randn(3, 3, 33, 33, dtype=torch.float64), torch.tensor([1, 2, 3])
    for model in (reference, ours):
        torch.nn.functional.cross_entropy(model(x), labels).backward()
    pairs = list(zip(ours.parameters(), reference.parameters(), strict=True))
    assert sum(b.grad.norm() > 1e-6 for _, b in pairs) > 0.9 * len(pairs)
    for a, b in pairs:
        torch.testing.assert_close(a.grad.reshape(b.shape), b.grad, rtol=1e-7, atol=1e-9)


def test_running_statistics_after_a_training_step_are_torchvisions():
    reference = theirs("efficientnet_b5", dropout=0.0, stochastic_depth_prob=0.0).train()
    ours = EfficientNet(get_arch("efficientnet_b5").replace(dropout=0.0, drop_path=0.0)).train()
    load_torchvision_weights(ours, reference.state_dict())
    before = copy.deepcopy(reference.state_dict())
    x = torch.randn(2, 3, 33, 33)
    with torch.no_grad():
        ours(x), reference(x)
    after = {k: v for k, v in reference.state_dict().items() if k.endswith("running_mean")}
    assert any(not torch.equal(v, before[k]) for k, v in after.items())
    mine = [v for k, v in ours.state_dict().items() if k.endswith("running_mean")]
    for a, b in zip(mine, after.values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_squeeze_and_excitation_is_torchvisions_to_the_last_bit():
    reference = SqueezeExcitation(24, 6, activation=torch.nn.SiLU)
    ours = SqueezeExcite(24, 6)
    load_torchvision_weights(ours, reference.state_dict())
    x = torch.randn(3, 24, 9, 9)
    torch.testing.assert_close(ours(x), reference(x), rtol=0, atol=0)


def test_stochastic_depth_drops_the_very_samples_that_torchvision_drops():
    x = torch.randn(64, 5, 3, 3)
    torch.manual_seed(7)
    expected = TheirStochasticDepth(0.4, mode="row").train()(x)
    torch.manual_seed(7)
    torch.testing.assert_close(StochasticDepth(0.4).train()(x), expected, rtol=0, atol=0)
    assert 0 < (expected.abs().sum((1, 2, 3)) == 0).sum() < 64


def test_training_and_inference_take_no_more_memory_than_torchvisions():
    ours, reference = EfficientNet(get_arch("efficientnet_b0")), theirs("efficientnet_b0")
    for training in (False, True):
        taken = [measure.peak_memory(m.train(training), 96, 4, training) for m in (ours, reference)]
        assert taken[0] <= 1.02 * taken[1]
