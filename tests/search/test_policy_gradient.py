import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from effnet_lib.search import PPO, Reinforce
from effnet_lib.search.controller import (
    Adam,
    Controller,
    estimates,
    expected_reward,
    optimal_baseline,
    policy_gradient,
    ppo_gradient,
    reinforce_gradient,
    softmax,
    total_variance,
)
from effnet_lib.search.space import Dimension, SearchSpace, mnasnet_space, tabular_space
from effnet_lib.small import glyph_base

THETA, REWARDS = [0.2, -0.1, 0.5, 0.0], [1.0, 0.0, 2.0, 0.5]
SIZES = (3, 2, 4)
BANDIT = SearchSpace("bandit", glyph_base(), (Dimension("kernel", (3, 5, 7, 9)),))
numbers = st.lists(st.floats(-3, 3), min_size=4, max_size=4)


def test_the_bandit_has_its_exact_values():
    assert softmax(THETA) == pytest.approx([0.25579, 0.18950, 0.34528, 0.20943], abs=5e-6)
    assert expected_reward(THETA, REWARDS) == pytest.approx(1.0510756, abs=5e-8)
    exact = [-0.013065, -0.199175, 0.327649, -0.115409]
    assert policy_gradient(THETA, REWARDS) == pytest.approx(exact, abs=5e-7)


def test_a_baseline_lowers_the_variance_by_as_much_as_it_should():
    baseline = optimal_baseline(THETA, REWARDS)
    assert baseline == pytest.approx(0.9209, abs=5e-5)
    assert total_variance(THETA, REWARDS) == pytest.approx(0.8689, abs=5e-5)
    assert total_variance(THETA, REWARDS, expected_reward(THETA, REWARDS)) == pytest.approx(0.2575, abs=5e-5)
    assert total_variance(THETA, REWARDS, baseline) == pytest.approx(0.2451, abs=5e-5)


@given(numbers, numbers, st.floats(-3, 3))
def test_the_mean_of_the_estimates_is_the_gradient_for_any_baseline(theta, rewards, baseline):
    mean = softmax(theta) @ estimates(theta, rewards, baseline)
    assert mean == pytest.approx(policy_gradient(theta, rewards), abs=1e-12)


@given(numbers, numbers, st.floats(-3, 3))
def test_no_baseline_has_less_variance_than_the_optimal_one(theta, rewards, baseline):
    best = total_variance(theta, rewards, optimal_baseline(theta, rewards))
    assert best <= total_variance(theta, rewards, baseline) + 1e-12


@given(numbers, numbers)
def test_the_exact_gradient_is_torchs(theta, rewards):
    logits = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    (logits.softmax(0) @ torch.tensor(rewards, dtype=torch.float64)).backward()
    assert policy_gradient(theta, rewards) == pytest.approx(logits.grad.numpy(), abs=1e-12)


def controller(seed: int) -> Controller:
    made = Controller(SIZES)
    made.logits += np.random.default_rng(seed).normal(size=made.logits.shape)
    return made


def torch_log_probabilities(
    made: Controller, genotypes: np.ndarray
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """A leaf of logits for every dimension, and log pi of the genotypes through torch's own Categorical."""
    leaves = [torch.tensor(row[:n], requires_grad=True) for row, n in zip(made.logits, SIZES, strict=True)]
    drawn = torch.from_numpy(genotypes)
    parts = [
        torch.distributions.Categorical(logits=leaf).log_prob(drawn[:, d]) for d, leaf in enumerate(leaves)
    ]
    return leaves, torch.stack(parts).sum(0)


def padded(leaves: list[torch.Tensor]) -> np.ndarray:
    out = np.zeros((len(SIZES), max(SIZES)))
    for row, leaf in zip(out, leaves, strict=True):
        row[: len(leaf)] = leaf.grad.numpy()
    return out


def a_batch(seed: int, n: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    genotypes = rng.integers(0, SIZES, (n, len(SIZES)))
    old = controller(seed).log_probabilities(genotypes) + rng.normal(0, 0.3, n)
    return genotypes, rng.normal(size=n), old


@pytest.mark.parametrize("seed", range(4))
def test_reinforces_gradient_is_torchs(seed):
    made, (genotypes, advantages, _) = controller(seed), a_batch(seed)
    leaves, logs = torch_log_probabilities(made, genotypes)
    assert made.log_probabilities(genotypes) == pytest.approx(logs.detach().numpy(), abs=1e-12)
    (logs * torch.from_numpy(advantages)).mean().backward()
    assert np.allclose(reinforce_gradient(made, genotypes, advantages), padded(leaves), atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_ppos_gradient_is_torchs_of_the_clipped_objective(seed):
    made, (genotypes, advantages, old) = controller(seed), a_batch(seed)
    leaves, logs = torch_log_probabilities(made, genotypes)
    ratio, a = (logs - torch.from_numpy(old)).exp(), torch.from_numpy(advantages)
    clipped = ratio.clamp(0.8, 1.2)
    assert 10 < (clipped != ratio).sum() < 60  # some are clipped and some are not
    torch.minimum(ratio * a, clipped * a).mean().backward()
    ours = ppo_gradient(made, genotypes, advantages, old, 0.2)
    assert np.allclose(ours, padded(leaves), atol=1e-12)
    assert not np.allclose(ours, ppo_gradient(made, genotypes, advantages, old, 10.0))


@pytest.mark.parametrize(
    ("ratio", "advantage", "moves"),
    [
        (1.0, 1, 1.0),
        (1.1, 1, 1.1),
        (1.3, 1, 0),
        (0.7, 1, 0.7),
        (1.3, -1, -1.3),
        (0.7, -1, 0),
        (0.9, -1, -0.9),
    ],
)
def test_clipping_by_hand(ratio, advantage, moves):
    made, genotypes = controller(0), np.array([[1, 0, 3]])
    old = made.log_probabilities(genotypes) - np.log(ratio)
    found = ppo_gradient(made, genotypes, np.array([float(advantage)]), old, 0.2)
    assert np.allclose(found, moves * made.scores(genotypes)[0])


@pytest.mark.parametrize("seed", range(3))
def test_the_entropy_gradient_is_torchs(seed):
    made = controller(seed)
    leaves = [torch.tensor(row[:n], requires_grad=True) for row, n in zip(made.logits, SIZES, strict=True)]
    sum(torch.distributions.Categorical(logits=leaf).entropy() for leaf in leaves).backward()
    assert np.allclose(made.entropy_gradient(), padded(leaves), atol=1e-12)


def test_adam_is_torchs():
    parameter = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.Adam([parameter], lr=0.1, maximize=True)
    ours, value = Adam((3,), 0.1), np.zeros(3)
    for gradient in np.random.default_rng(0).normal(size=(20, 3)):
        parameter.grad = torch.from_numpy(gradient)
        theirs.step()
        value = value + ours.step(gradient)
        assert value == pytest.approx(parameter.detach().numpy(), rel=1e-12)


def test_the_controller_draws_with_its_probabilities():
    made, rng, n = controller(1), np.random.default_rng(0), 4000
    drawn = np.array([made.draw(rng) for _ in range(n)])
    for d, size in enumerate(SIZES):
        share = np.bincount(drawn[:, d], minlength=max(SIZES)) / n
        assert np.abs(share - made.probabilities()[d]).max() < 5 * 0.5 / np.sqrt(n)
        assert share[size:].sum() == 0


def test_the_baseline_is_the_moving_average_of_the_batches_before():
    search, told = Reinforce(tabular_space(), 0, batch=2, decay=0.75), iter([1.0, 3.0, 5.0, 7.0, 0.0, 0.0])
    seen = []
    for value in told:
        search.tell(search.ask(), value)
        seen.append(search.baseline)
    assert seen == [None, 2.0, 2.0, 3.0, 3.0, 2.25]


def test_a_failure_counts_as_the_least_reward_so_far():
    ours, other = (Reinforce(tabular_space(), 0, batch=2) for _ in range(2))
    for mine, theirs in [(0.5, 0.5), (0.2, 0.2), (None, 0.2), (0.9, 0.9)]:
        ours.tell(ours.ask(), mine)
        other.tell(other.ask(), theirs)
    assert ours.state()["memory"] == other.state()["memory"]


@pytest.mark.parametrize("kind", [Reinforce, PPO])
def test_on_a_bandit_the_best_arm_comes_to_be_the_favourite(kind):
    for seed in range(5):
        search = kind(BANDIT, seed)
        for _ in range(600):
            genotype = search.ask()
            search.tell(genotype, REWARDS[genotype[0]])
        assert search.favourite() == (2,)
        assert search.controller.probabilities()[0, 2] > 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Reinforce(BANDIT, batch=0), "batch must be an integer of at least 1, got 0"),
        (lambda: Reinforce(BANDIT, rate=-1), r"rate must be a number in \[0, 10\], got -1"),
        (lambda: Reinforce(BANDIT, decay=2), r"decay must be a number in \[0, 1\], got 2"),
        (lambda: PPO(BANDIT, clip=-0.1), r"clip must be a number in \[0, 1\], got -0.1"),
        (lambda: PPO(BANDIT, epochs=0), "epochs must be an integer of at least 1, got 0"),
    ],
)
def test_bad_settings_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_controller_of_a_large_space_is_uniform_at_first():
    space = mnasnet_space()
    pi = Controller(space.sizes).probabilities()
    assert all(
        np.allclose(row[:n], 1 / n) and not row[n:].any() for row, n in zip(pi, space.sizes, strict=True)
    )
