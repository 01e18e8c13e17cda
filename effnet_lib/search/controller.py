"""A controller that draws networks, and the gradients that teach it: everything in closed form.

The controller has one softmax a dimension of the space and draws the dimensions independently:
pi(a) is the product of softmax(theta_d)[a_d]. For one dimension this is the textbook's bandit, for which the
expected reward, its gradient and the variance of the gradient's estimate can be computed exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from effnet_lib.search.space import Genotype


class Controller:
    """Independent softmaxes over the options of every dimension, at first uniform.

    Attributes
    ----------
    logits : float64 array, (dimensions, most options)
        Minus infinity where a dimension has fewer options.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        columns = np.arange(max(sizes))
        self.logits = np.where(columns < np.asarray(sizes)[:, None], 0.0, -np.inf)
        self._rows = np.arange(len(sizes))

    def probabilities(self) -> np.ndarray:
        """Float array, (dimensions, most options); every row sums to 1."""
        weights = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def draw(self, rng: np.random.Generator) -> Genotype:
        """A genotype, drawn from the controller's distribution."""
        totals = self.probabilities().cumsum(axis=1)
        dice = rng.random((len(totals), 1)) * totals[:, -1:]  # below the last total, whatever its rounding
        return tuple((totals <= dice).sum(axis=1).tolist())

    def log_probabilities(self, genotypes: np.ndarray) -> np.ndarray:
        """log pi of integer genotypes (n, dimensions), as (n,)."""
        highest = self.logits.max(axis=1, keepdims=True)
        log_sum = highest[:, 0] + np.log(np.exp(self.logits - highest).sum(axis=1))
        return (self.logits[self._rows, genotypes] - log_sum).sum(axis=1)

    def scores(self, genotypes: np.ndarray) -> np.ndarray:
        """Gradients of log pi with respect to the logits: (n, dimensions, most options).

        One-hot minus probability: what was drawn becomes likelier, everything else less likely.
        """
        one_hot = genotypes[:, :, None] == np.arange(self.logits.shape[1])
        return one_hot - self.probabilities()

    def entropy_gradient(self) -> np.ndarray:
        """Gradient of the entropy of the distribution with respect to the logits: -pi (log pi + H)."""
        pi = self.probabilities()
        logs = np.log(pi, out=np.zeros_like(pi), where=pi > 0)
        entropy = -(pi * logs).sum(axis=1, keepdims=True)
        return -pi * (logs + entropy)


def reinforce_gradient(controller: Controller, genotypes: np.ndarray, advantages: np.ndarray) -> np.ndarray:
    """Mean of advantage times score (Williams 1992): an estimate of the gradient of the expected reward.

    ``genotypes`` is an integer array (n, dimensions), ``advantages`` (n,): reward minus baseline.
    """
    return np.einsum("n,ndk->dk", advantages, controller.scores(genotypes)) / len(advantages)


def ppo_gradient(
    controller: Controller, genotypes: np.ndarray, advantages: np.ndarray, old: np.ndarray, clip: float
) -> np.ndarray:
    """Gradient of PPO's clipped objective, mean of min(rho A, clip(rho, 1 - clip, 1 + clip) A).

    rho is pi over the probability under which the network was drawn (``old``, its logarithm, (n,)). A sample
    whose ratio has left the interval in the direction in which its advantage pushes has no gradient
    (Schulman et al. 2017, Equation 7).
    """
    ratios = np.exp(controller.log_probabilities(genotypes) - old)
    stopped = np.where(advantages > 0, ratios > 1 + clip, ratios < 1 - clip)
    return reinforce_gradient(controller, genotypes, np.where(stopped, 0.0, ratios * advantages))


class Adam:
    """Adam (Kingma & Ba 2015), going uphill; ``state`` and ``recall`` carry it over."""

    def __init__(self, shape: tuple[int, ...], rate: float) -> None:
        self.rate, self.steps = rate, 0
        self.first, self.second = np.zeros(shape), np.zeros(shape)

    def step(self, gradient: np.ndarray) -> np.ndarray:
        """What to add to the parameters."""
        self.steps += 1
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.999 * self.second + 0.001 * gradient**2
        mean, square = self.first / (1 - 0.9**self.steps), self.second / (1 - 0.999**self.steps)
        return self.rate * mean / (np.sqrt(square) + 1e-8)

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {"steps": self.steps, "first": self.first.tolist(), "second": self.second.tolist()}

    def recall(self, state: dict[str, Any]) -> None:
        """Take up ``state``."""
        self.steps = state["steps"]
        self.first, self.second = np.array(state["first"]), np.array(state["second"])


def softmax(logits: Sequence[float]) -> np.ndarray:
    """Probabilities of a bandit's arms, (arms,)."""
    weights = np.exp(np.asarray(logits, float) - max(logits))
    return weights / weights.sum()


def expected_reward(logits: Sequence[float], rewards: Sequence[float]) -> float:
    """J, the mean reward of a softmax policy on a bandit."""
    return float(softmax(logits) @ np.asarray(rewards, float))


def policy_gradient(logits: Sequence[float], rewards: Sequence[float]) -> np.ndarray:
    """Exact gradient of J with respect to the logits: pi (r - J), (arms,)."""
    return softmax(logits) * (np.asarray(rewards, float) - expected_reward(logits, rewards))


def estimates(logits: Sequence[float], rewards: Sequence[float], baseline: float = 0.0) -> np.ndarray:
    """REINFORCE's estimate for every arm that may be drawn, (arms, arms): (r_a - b) (one-hot(a) - pi)."""
    pi, advantages = softmax(logits), np.asarray(rewards, float) - baseline
    return advantages[:, None] * (np.eye(len(pi)) - pi)


def total_variance(logits: Sequence[float], rewards: Sequence[float], baseline: float = 0.0) -> float:
    """Variance of REINFORCE's estimate from one draw, summed over the logits."""
    found, pi = estimates(logits, rewards, baseline), softmax(logits)
    return float(pi @ ((found - pi @ found) ** 2).sum(axis=1))


def optimal_baseline(logits: Sequence[float], rewards: Sequence[float]) -> float:
    """The baseline of least variance: the mean reward weighted by the squared length of the score."""
    pi = softmax(logits)
    weights = pi * ((np.eye(len(pi)) - pi) ** 2).sum(axis=1)
    total = float(weights.sum())
    return math.nan if total == 0 else float(weights @ np.asarray(rewards, float)) / total
