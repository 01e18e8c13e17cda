import copy
import math

import pytest
import torch
import torch.nn.functional as F

import effnet_lib.compress
from effnet_lib import EfficientNet
from effnet_lib.compress import distill, distillation_loss, soft_loss
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.small import glyph_base
from effnet_lib.train import RECIPES, CheckpointError, fit
from effnet_lib.train.batches import Batches

RECIPE = RECIPES["small"].replace(epochs=1, batch=50)


@pytest.fixture(scope="module")
def data():
    return glyph_data(16, train=250, validation=250, test=250)


def network(seed=0, **changes):
    torch.manual_seed(seed)
    return EfficientNet(glyph_base(16).replace(**changes))


def logits(seed, n=6, classes=7, scale=3.0):
    print("seed", seed)
    made = torch.Generator().manual_seed(seed)
    student = (scale * torch.randn(n, classes, generator=made)).requires_grad_()
    teacher = scale * torch.randn(n, classes, generator=made)
    return student, teacher, torch.randint(0, classes, (n,), generator=made)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 4.0, 20.0])
def test_the_soft_loss_and_its_gradient_are_pytorchs_divergence(seed, temperature):
    student, teacher, _ = logits(seed)
    twin = student.detach().clone().requires_grad_()
    expected = F.kl_div(
        F.log_softmax(twin / temperature, 1), F.log_softmax(teacher / temperature, 1),
        reduction="batchmean", log_target=True,
    )  # fmt: skip
    found = soft_loss(student, teacher, temperature, scale_by_t2=False)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
    scaled = soft_loss(student, teacher, temperature)
    torch.testing.assert_close(scaled, temperature**2 * expected, rtol=1e-5, atol=1e-7)
    scaled.backward()
    (temperature**2 * expected).backward()
    torch.testing.assert_close(student.grad, twin.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_whole_loss_is_the_weighted_sum_of_pytorchs_two_losses(alpha):
    student, teacher, labels = logits(7)
    soft = F.kl_div(
        F.log_softmax(student / 4, 1), F.softmax(teacher / 4, 1), reduction="batchmean"
    )  # fmt: skip
    hard = F.cross_entropy(student, labels, label_smoothing=0.1)
    found = distillation_loss(student, teacher, labels, 4.0, alpha, label_smoothing=0.1)
    torch.testing.assert_close(found, alpha * 16 * soft + (1 - alpha) * hard, rtol=1e-5, atol=1e-6)


def test_pytorchs_mean_would_be_smaller_by_the_number_of_classes():
    student, teacher, _ = logits(1, classes=40)
    mean = F.kl_div(
        F.log_softmax(student, 1), F.log_softmax(teacher, 1), reduction="none", log_target=True
    ).mean()
    torch.testing.assert_close(soft_loss(student, teacher, 1.0), 40 * mean, rtol=1e-5, atol=0)


def test_with_t_squared_the_gradient_tends_to_a_constant_and_without_it_falls_as_one_over_t_squared():
    def norm(temperature, scale_by_t2):
        student, teacher, _ = logits(0, n=32, classes=40)
        soft_loss(student, teacher, temperature, scale_by_t2).backward()
        return student.grad.norm().item()

    with_it = [norm(t, True) for t in (8, 16, 32, 64)]
    assert with_it[-1] == pytest.approx(with_it[-2], rel=0.02), with_it
    without = [norm(t, False) for t in (8, 16, 32, 64)]
    assert without[-2] / without[-1] == pytest.approx(4, rel=0.03)
    # In the limit the gradient is that of half the squared distance of centred logits over N and classes (Section 2.1).
    student, teacher, _ = logits(0, n=32, classes=40)
    gap = (student - student.mean(1, True)) - (teacher - teacher.mean(1, True))
    assert norm(1e3, True) == pytest.approx((gap / (32 * 40)).norm().item(), rel=0.02)


def test_a_student_that_says_what_the_teacher_says_has_no_loss_and_no_gradient():
    _, teacher, _ = logits(3)
    student = (teacher + 5).requires_grad_()  # a constant added to all logits changes no probability
    loss = soft_loss(student, teacher, 4.0)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-5)
    assert student.grad.abs().max() < 1e-5


def test_a_teacher_that_knows_only_the_labels_is_cross_entropy():
    student, _, labels = logits(4)
    certain = 1e4 * F.one_hot(labels, 7).float()
    torch.testing.assert_close(soft_loss(student, certain, 1.0), F.cross_entropy(student, labels))


def test_no_gradient_goes_to_the_teacher():
    student, teacher, labels = logits(5)
    teacher.requires_grad_()
    distillation_loss(student, teacher, labels).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


def test_half_precision_logits_are_compared_in_full():
    student, teacher, _ = logits(6)
    half = soft_loss(student.detach().bfloat16(), teacher.bfloat16(), 4.0)
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(soft_loss(student, teacher, 4.0).item(), rel=0.05)


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
def test_a_temperature_that_is_not_positive_is_refused(value, data):
    student, teacher, labels = logits(0)
    with pytest.raises(ValueError, match=f"temperature must be a positive number, got {value!r}"):
        distillation_loss(student, teacher, labels, temperature=value)
    with pytest.raises(ValueError, match="temperature must be a positive number"):
        distill(network(), network(1), data, RECIPE, temperature=value)


@pytest.mark.parametrize("value", [-0.1, 1.5, math.nan])
def test_a_weight_that_is_no_share_is_refused(value, data):
    student, teacher, labels = logits(0)
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\], got"):
        distillation_loss(student, teacher, labels, alpha=value)
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\], got"):
        distill(network(), network(1), data, RECIPE, alpha=value)


def test_answers_for_other_classes_are_refused(data):
    student, teacher, labels = logits(0)
    with pytest.raises(ValueError, match=r"teacher_logits must be .* \(6, 7\), got \(6, 5\)"):
        distillation_loss(student, teacher[:, :5], labels)
    with pytest.raises(ValueError, match=r"teacher must answer .* 40 classes of data, .* gave \(1, 10\)"):
        distill(network(), network(1, classes=10), data, RECIPE)
    with pytest.raises(ValueError, match=r"teacher_logits must be .* \(50, 10\), got \(50, 40\)"):
        distill(network(classes=10), network(1), data, RECIPE)


def test_a_network_cannot_teach_itself(data):
    student = network()
    with pytest.raises(ValueError, match="teacher must share no weights with student"):
        distill(student, student, data, RECIPE)


def test_alpha_zero_is_plain_training_to_the_last_bit(data):
    plain, taught, otherwise = (network(drop_path=0.2) for _ in range(3))
    first = fit(plain, data, RECIPE, seed=1, device="cpu")
    second = distill(taught, network(1), data, RECIPE, alpha=0, seed=1, device="cpu")
    distill(otherwise, network(1), data, RECIPE, alpha=0.5, seed=1, device="cpu")
    for (name, ours), theirs in zip(taught.state_dict().items(), plain.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name
    assert first.train_loss == second.train_loss
    assert not torch.equal(otherwise.classifier.weight, plain.classifier.weight)


def test_the_teacher_answers_in_evaluation_mode_for_the_very_images_and_stays_as_it_was(data):
    teacher = network(1, dropout=0.5, drop_path=0.5).train()
    teacher.stem.eval()
    before = copy.deepcopy(teacher.state_dict())
    seen, modes = [], []

    def look(module, inputs, output):
        seen.append(inputs[0].clone())
        modes.append((module.training, output.requires_grad))

    teacher.register_forward_hook(look)
    recipe = RECIPE.replace(augment="flip-crop")
    distill(network(), teacher, data, recipe, seed=3, device="cpu")
    assert set(modes) == {(False, False)}
    expected = Batches(data, "train", torch.device("cpu"), "flip-crop", seed=3).epoch(0, 50)
    for shown, (images, _) in zip(seen[1:], expected, strict=True):  # the first was a question about classes
        assert torch.equal(shown, images)
    assert teacher.training
    assert not teacher.stem.training
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_a_student_of_labels_alone_from_an_answering_teacher_moves_towards_it(data):
    teacher, student = network(1), network()
    fit(teacher, data, RECIPE.replace(epochs=4, label_smoothing=0.0), device="cpu")
    images, _ = next(Batches(data, "train", torch.device("cpu")).epoch(0, 250))

    def gap():
        with torch.no_grad():
            return soft_loss(student.eval()(images), teacher(images), 2.0).item()

    before = gap()
    history = distill(
        student, teacher, data, RECIPE.replace(epochs=6), temperature=2.0, alpha=1.0, device="cpu"
    )
    assert gap() < before / 2
    assert history.train_loss[-1] < history.train_loss[0] / 2
    assert not student.training


def test_an_interrupted_distillation_ends_in_the_same_weights_and_another_teacher_is_refused(data, tmp_path):
    whole, broken = network(drop_path=0.2), network(drop_path=0.2)
    recipe = RECIPE.replace(epochs=2)
    distill(whole, network(1), data, recipe, device="cpu")
    path = tmp_path / "run.pt"

    class StopError(Exception):
        pass

    def stop(history):
        raise StopError

    with pytest.raises(StopError):
        distill(broken, network(1), data, recipe, device="cpu", checkpoint=path, on_epoch=stop)
    other = network(drop_path=0.2)
    with pytest.raises(CheckpointError, match=r"belongs to another run: its loss is .*'teacher'"):
        distill(other, network(2), data, recipe, device="cpu", checkpoint=path)
    with pytest.raises(CheckpointError, match=r"belongs to another run: its loss is .*'temperature': 4"):
        distill(other, network(1), data, recipe, device="cpu", checkpoint=path, temperature=2.0)
    with pytest.raises(CheckpointError, match="belongs to another run: its loss is"):
        fit(other, data, recipe, device="cpu", checkpoint=path)
    distill(other, network(1), data, recipe, device="cpu", checkpoint=path)
    assert all(torch.equal(v, whole.state_dict()[k]) for k, v in other.state_dict().items())


def test_the_functions_come_from_the_room_and_no_module_has_their_names():
    assert effnet_lib.compress.distill is distill
    assert {"distill", "distillation_loss", "soft_loss"} <= set(effnet_lib.compress.__all__)
