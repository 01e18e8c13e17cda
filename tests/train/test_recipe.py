import math

import pytest
import torch
from torch import nn

from effnet_lib import EfficientNet
from effnet_lib.small import glyph_base
from effnet_lib.train import RECIPES, Recipe, get_recipe, stage_rates
from effnet_lib.train.recipe import make_optimizer, parameter_groups

SMALL, PAPER = RECIPES["small"], RECIPES["paper"]


def scheduled(scheduler_of, lr, steps):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = scheduler_of(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_the_cosine_schedule_is_pytorchs():
    recipe = SMALL.replace(warm_up=0.0, lr=0.3)
    expected = scheduled(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 200), 0.3, 200)
    assert [recipe.rate(i, 20, 200) for i in range(200)] == pytest.approx(expected, abs=1e-12)


def test_the_exponential_schedule_is_pytorchs_step_schedule():
    recipe = PAPER.replace(warm_up=0.0, lr=0.016, lr_batch=None)
    per_epoch = 10  # 2.4 epochs are 24 steps
    expected = scheduled(lambda o: torch.optim.lr_scheduler.StepLR(o, 24, 0.97), 0.016, 300)
    assert [recipe.rate(i, per_epoch, 300) for i in range(300)] == pytest.approx(expected, rel=1e-9)


def test_warm_up_rises_linearly_to_the_peak():
    recipe = SMALL.replace(warm_up=0.1, lr=1.0, schedule="constant")
    rates = [recipe.rate(i, 10, 100) for i in range(12)]
    assert rates == pytest.approx([0.1 * (i + 1) for i in range(10)] + [1.0, 1.0])


def test_the_papers_recipe_has_the_published_rate_at_its_published_batch():
    assert PAPER.rate(10**5, 312, 109_200) < PAPER.rate(312 * 6, 312, 109_200)
    assert PAPER.lr * PAPER.batch / PAPER.lr_batch == pytest.approx(0.256)  # Tan & Le 2019, Section 5.2
    assert (PAPER.smoothing, PAPER.momentum, PAPER.weight_decay) == (0.9, 0.9, 1e-5)
    assert (PAPER.decay, PAPER.decay_epochs) == (0.97, 2.4)


def test_a_fraction_of_an_epoch_is_a_number_of_steps():
    assert SMALL.replace(epochs=1.5, batch=64).steps(4000) == (62, 93)


def test_biases_and_norms_are_not_decayed_and_nothing_is_forgotten():
    model = EfficientNet(glyph_base())
    groups = parameter_groups(model, 0.02)
    decayed = {id(p) for g in groups if g["weight_decay"] for p in g["params"]}
    assert all((p.ndim > 1) == (id(p) in decayed) for p in model.parameters())
    assert sum(len(g["params"]) for g in groups) == len(list(model.parameters()))


def test_rates_fall_towards_the_input_and_the_longest_name_counts():
    model = EfficientNet(glyph_base())
    groups = parameter_groups(model, 0.0, stage_rates(model, 0.5) | {"stages.0.0.se": 7.0})
    factor = {id(p): g["factor"] for g in groups for p in g["params"]}
    assert factor[id(model.classifier.weight)] == 1
    assert factor[id(model.head.conv.weight)] == 0.5
    assert factor[id(model.stem.conv.weight)] == 0.5**6
    assert factor[id(model.stages[0][0].se.squeeze.weight)] == 7


@pytest.mark.parametrize("optimizer", ["adamw", "rmsprop", "sgd"])
def test_every_optimizer_lowers_a_convex_loss(optimizer):
    layer = nn.Linear(4, 1)
    recipe = SMALL.replace(optimizer=optimizer, lr=0.01, eps=1e-3)
    made = make_optimizer(recipe, parameter_groups(layer, 0.0))
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    losses = []
    for _ in range(50):
        loss = (layer(x) - x.sum(1, keepdim=True)).square().mean()
        made.zero_grad()
        loss.backward()
        made.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "adam"}, "optimizer must be one of 'adamw', 'rmsprop', 'sgd', got 'adam'"),
        ({"schedule": "linear"}, "schedule must be one of"),
        ({"augment": "mixup"}, "augment must be one of"),
        ({"epochs": 0}, "epochs must be a positive number, got 0"),
        ({"lr": math.nan}, "lr must be a positive number, got nan"),
        ({"batch": 0}, "batch must be a positive integer, got 0"),
        ({"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\), got 1.0"),
        ({"clip": -1.0}, "clip must be at least 0, got -1.0"),
    ],
)
def test_bad_recipes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        SMALL.replace(**changes)


def test_unknown_names_and_empty_groups_are_refused():
    with pytest.raises(ValueError, match="recipe must be a Recipe or one of 'small', 'paper', got 'big'"):
        get_recipe("big")
    with pytest.raises(ValueError, match="no parameter's name begins with 'stem2'"):
        parameter_groups(EfficientNet(glyph_base()), 0.0, {"stem2": 1.0})
    with pytest.raises(ValueError, match="no parameter that requires a gradient"):
        parameter_groups(nn.Linear(2, 2).requires_grad_(False), 0.0)
    with pytest.raises(ValueError, match="batch must be at most the 10 images"):
        SMALL.steps(10)


def test_a_recipe_survives_json():
    assert Recipe(**PAPER.to_dict()) == PAPER
