import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from effnet_lib import EfficientNet
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.small import glyph_base
from effnet_lib.train import recalibrate
from effnet_lib.train.batches import Batches, epoch_order


@pytest.fixture(scope="module")
def data():
    return glyph_data(16, train=500, validation=250, test=250)


def network(**changes):
    torch.manual_seed(0)
    return EfficientNet(glyph_base(16).replace(**changes)).eval()


def statistics(model):
    return {k: v for k, v in model.state_dict().items() if "running" in k or "tracked" in k}


def test_the_statistics_are_torchs_own_cumulative_average(data):
    model = network()
    with torch.no_grad():
        model(torch.randn(4, 3, 16, 16))
    reference = copy.deepcopy(model)
    before = statistics(copy.deepcopy(model))
    assert recalibrate(model, data, 500, batch=100) is model
    update_bn(Batches(data, "train", torch.device("cpu")).epoch(0, 100), reference)
    assert not torch.equal(before["stem.norm.running_mean"], model.stem.norm.running_mean)
    for name, tensor in statistics(reference).items():
        assert torch.equal(statistics(model)[name], tensor), name


def test_of_one_batch_they_are_its_own_mean_and_variance(data):
    model = network()
    recalibrate(model, data, 250)
    chosen = epoch_order(500, 0, 0)[:250]
    images = data.train.images[chosen].float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (data.mean, data.std))
    out = model.stem.conv((images - mean) / std)
    torch.testing.assert_close(model.stem.norm.running_mean, out.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.stem.norm.running_var, out.var((0, 2, 3)), rtol=1e-4, atol=1e-5)


def test_nothing_but_the_statistics_changes_and_dropout_has_no_part_in_them(data):
    plain, noisy = network(), network(dropout=0.5, drop_path=0.5)
    noisy.stages[1].train()
    weights = {k: v.clone() for k, v in noisy.named_parameters()}
    random = torch.get_rng_state()
    for model in (plain, noisy):
        recalibrate(model, data, 500)
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(statistics(plain)[k], v) for k, v in statistics(noisy).items())
    assert all(torch.equal(weights[k], v) for k, v in noisy.named_parameters())
    assert all(m.momentum == 0.1 for m in noisy.modules() if isinstance(m, nn.BatchNorm2d))
    assert noisy.stages[1].training
    assert noisy.stages[1][0].depthwise.norm.training
    assert not noisy.stages[2][0].depthwise.norm.training
    assert not noisy.training


def test_it_makes_good_what_a_change_of_the_weights_spoilt(data):
    model = network()
    recalibrate(model, data, 500)
    x = next(Batches(data, "validation", torch.device("cpu")).once())[0]
    with torch.no_grad():
        wanted = model(x)
        model.stem.conv.weight.mul_(3)  # batch norm undoes a factor, once its statistics know of it
        spoilt = model(x)
        recalibrate(model, data, 500)
        assert not torch.allclose(spoilt, wanted, atol=1e-2)
        torch.testing.assert_close(model(x), wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"images": 0}, "images must be a positive multiple of batch, 250, got 0"),
        ({"images": 300}, "images must be a positive multiple of batch, 250, got 300"),
        ({"images": 250.0}, "got 250.0"),
        ({"images": 750}, "images must be at most the 500 of the train split, got 750"),
        ({"batch": 1, "images": 5}, "batch must be an integer of at least 2, got 1"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_the_statistics_are_left(data, arguments, said):
    model = network()
    before = copy.deepcopy(statistics(model))
    with pytest.raises(ValueError, match=said):
        recalibrate(model, data, **arguments)
    assert all(torch.equal(v, before[k]) for k, v in statistics(model).items())


def test_a_network_without_batch_norm_is_left_alone(data):
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 40))
    assert recalibrate(model, data, 250) is model
