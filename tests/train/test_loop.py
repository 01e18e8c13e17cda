import copy

import pytest
import torch
import torch.nn.functional as F

from effnet_lib import EfficientNet
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.small import glyph_base
from effnet_lib.train import RECIPES, History, fit, freeze, predict, replace_head, split_accuracy, thaw
from effnet_lib.train.run import Run

RECIPE = RECIPES["small"].replace(epochs=2, batch=50)


@pytest.fixture(scope="module")
def data():
    return glyph_data(16, train=500, validation=250, test=250)


def network(**changes):
    torch.manual_seed(0)
    return EfficientNet(glyph_base(16).replace(**changes))


def test_a_step_is_what_pytorchs_own_parts_do(data):
    model = network()
    twin = copy.deepcopy(model).to(memory_format=torch.channels_last).train()
    run = Run(model, data, RECIPE, device="cpu")
    run.model.train()
    images, labels = next(run.train.epoch(0, 50))
    decayed = [p for p in twin.parameters() if p.ndim > 1]
    plain = [p for p in twin.parameters() if p.ndim == 1]
    rate = RECIPE.lr / round(0.2 * 20)  # the first of 4 steps of warm-up
    groups = [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.999), eps=1e-8)
    F.cross_entropy(twin(images), labels, label_smoothing=0.1).backward()
    optimizer.step()
    run.take_step(images, labels)
    for (name, ours), theirs in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7, msg=name)


def test_training_learns_and_reports_what_evaluation_finds(data):
    model = network()
    history = fit(model, data, RECIPE.replace(epochs=6), device="cpu")
    assert len(history) == 6
    assert history.train_loss[-1] < history.train_loss[0]
    assert history.validation_accuracy[-1] == pytest.approx(split_accuracy(model, data), abs=1e-9)
    logits, labels = predict(model, data)
    assert history.validation_loss[-1] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert not model.training


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(data):
    first, again, other = network(drop_path=0.2), network(drop_path=0.2), network(drop_path=0.2)
    fit(first, data, RECIPE, seed=1, device="cpu")
    torch.rand(7)  # the global state does not matter
    fit(again, data, RECIPE, seed=1, device="cpu")
    fit(other, data, RECIPE, seed=2, device="cpu")
    assert torch.equal(first.classifier.weight, again.classifier.weight)
    assert not torch.equal(first.classifier.weight, other.classifier.weight)


def test_a_loss_of_the_callers_own_takes_the_place_of_the_recipes(data):
    plain, same, other = network(), network(), network()
    fit(plain, data, RECIPE, device="cpu")
    fit(same, data, RECIPE, device="cpu", loss=lambda x, z, y: F.cross_entropy(z, y, label_smoothing=0.1))
    fit(other, data, RECIPE, device="cpu", loss=lambda x, z, y: F.cross_entropy(z, y) + 0 * x.sum())
    assert torch.equal(plain.classifier.weight, same.classifier.weight)
    assert not torch.equal(plain.classifier.weight, other.classifier.weight)


def test_the_global_random_state_is_left_alone(data):
    before = torch.get_rng_state()
    fit(network(), data, RECIPE.replace(epochs=0.2), device="cpu")
    model_made = torch.get_rng_state()
    torch.set_rng_state(before)
    network()
    assert torch.equal(model_made, torch.get_rng_state())


def test_the_average_is_the_recursion_written_by_hand(data):
    model = network()
    run = Run(model, data, RECIPE.replace(ema=0.9), device="cpu")
    run.model.train()
    expected = {k: v.clone() for k, v in run.average.module.state_dict().items()}
    for count, (images, labels) in enumerate(run.train.epoch(0, 50)):
        run.take_step(images, labels)
        decay = min(0.9, (1 + count) / (10 + count)) if count else 0.0  # the first average is a copy
        for k, v in model.state_dict().items():
            expected[k] = decay * expected[k] + (1 - decay) * v if v.is_floating_point() else v.clone()
    for k, v in run.average.module.state_dict().items():
        torch.testing.assert_close(v, expected[k], rtol=1e-4, atol=1e-6, msg=k)
    assert not torch.equal(run.average.module.classifier.weight, model.classifier.weight)
    run.finish()
    assert torch.equal(run.average.module.classifier.weight, model.classifier.weight)


@pytest.mark.parametrize("recipe", ["paper", "small"])
def test_both_recipes_run_from_end_to_end(data, recipe):
    few = RECIPES[recipe].replace(epochs=1, batch=50)
    history = fit(network(drop_path=0.2, dropout=0.2), data, few, device="cpu")
    assert len(history) == 1
    assert 0 <= history.validation_accuracy[0] <= 1


def test_clipping_bounds_the_gradient(data):
    run = Run(network(), data, RECIPE.replace(clip=1e-3), device="cpu")
    run.model.train()
    run.take_step(*next(run.train.epoch(0, 50)))
    norm = torch.stack([p.grad.norm() for p in run.model.parameters()]).norm()
    assert norm.item() == pytest.approx(1e-3, rel=1e-3)


def test_mixed_precision_stays_close_to_single_precision(data):
    exact, mixed = (
        Run(network(), data, RECIPE, device="cpu"),
        Run(network(), data, RECIPE, device="cpu", amp=True),
    )
    for run in (exact, mixed):
        run.model.train()
        run.take_step(*next(run.train.epoch(0, 50)))
    assert mixed._sums[0].item() == pytest.approx(exact._sums[0].item(), rel=0.02)
    assert mixed.model.classifier.weight.dtype == torch.float32


def test_a_callback_sees_every_epoch_and_a_bar_does_not_disturb(data, capfd):
    seen = []
    fit(
        network(),
        data,
        RECIPE,
        device="cpu",
        progress=True,
        on_epoch=lambda history: seen.append(len(history)),
    )
    assert seen == [1, 2]
    assert "20/20" in capfd.readouterr().err


def test_a_history_survives_json_and_draws_itself(data):
    history = fit(network(), data, RECIPE, device="cpu")
    assert History(**history.to_dict()) == history
    assert "validation accuracy" in repr(history)
    assert repr(History()) == "History of no epoch"
    assert len(history.plot().axes) == 2


def test_fine_tuning_trains_only_what_is_thawed(data):
    model = replace_head(network(classes=7), 40, seed=3)
    assert model.classifier.weight.shape[0] == model.arch.classes == 40
    freeze(model)
    thaw(model, "classifier", "stages.3")
    before = copy.deepcopy(model.state_dict())
    fit(model, data, RECIPE, device="cpu")
    for name, parameter in model.named_parameters():
        moved = not torch.equal(before[name], parameter)
        assert moved == name.startswith(("classifier", "stages.3")), name
    with pytest.raises(ValueError, match=r"no parameter's name begins with 'stages\.9'"):
        freeze(model, "stages.9")
    with pytest.raises(ValueError, match="classes must be an integer"):
        replace_head(model, 0)
