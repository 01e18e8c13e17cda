"""REINFORCE (Williams 1992) and PPO (Schulman et al. 2017), by which MnasNet's controller learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from effnet_lib.search.controller import Adam, Controller, ppo_gradient, reinforce_gradient
from effnet_lib.search.space import Genotype, SearchSpace
from effnet_lib.search.strategy import Strategy, between, whole


class _PolicyGradient(Strategy):
    """A controller that learns from batches of rewards, against a moving average of them.

    A failed evaluation counts as the least reward told so far; before any reward it is left out.
    """

    def __init__(self, space: SearchSpace, seed: int, **settings: Any) -> None:
        super().__init__(space, seed, **settings)
        whole("batch", settings["batch"])
        between("rate", settings["rate"], 0, 10)
        between("decay", settings["decay"], 0, 1)
        between("entropy", settings["entropy"], 0, 100)
        self.controller = Controller(space.sizes)
        self.optimizer = Adam(self.controller.logits.shape, settings["rate"])
        self.baseline: float | None = None
        self.worst: float | None = None
        self.batch: list[tuple[Genotype, float, float]] = []

    def _propose(self) -> tuple[Genotype, Any]:
        genotype = self.controller.draw(self.rng)
        return genotype, float(self.controller.log_probabilities(np.array([genotype]))[0])

    def _learn(self, genotype: Genotype, value: Any, note: Any) -> None:
        if value is None:
            if self.worst is None:
                return
            value = self.worst
        self.worst = value if self.worst is None else min(self.worst, value)
        self.batch.append((genotype, value, note))
        if len(self.batch) < self.settings["batch"]:
            return
        genotypes = np.array([entry[0] for entry in self.batch])
        rewards = np.array([entry[1] for entry in self.batch])
        old = np.array([entry[2] for entry in self.batch])
        mean = float(rewards.mean())
        baseline = mean if self.baseline is None else self.baseline  # of earlier batches: no bias
        self._improve(genotypes, rewards - baseline, old)
        decay = self.settings["decay"]
        self.baseline = decay * baseline + (1 - decay) * mean
        self.batch = []

    def _improve(self, genotypes: np.ndarray, advantages: np.ndarray, old: np.ndarray) -> None:
        raise NotImplementedError

    def _climb(self, gradient: np.ndarray) -> None:
        if self.settings["entropy"]:
            gradient = gradient + self.settings["entropy"] * self.controller.entropy_gradient()
        self.controller.logits = self.controller.logits + self.optimizer.step(gradient)

    def favourite(self) -> Genotype:
        """The network that the controller now draws most often."""
        return tuple(self.controller.logits.argmax(axis=1).tolist())

    def _memory(self) -> Any:
        logits = zip(self.controller.logits.tolist(), self.space.sizes, strict=True)
        return {
            "logits": [row[:size] for row, size in logits],
            "optimizer": self.optimizer.state(),
            "baseline": self.baseline,
            "worst": self.worst,
            "batch": [[list(genotype), value, note] for genotype, value, note in self.batch],
        }

    def _recall(self, memory: Any) -> None:
        for row, values in zip(self.controller.logits, memory["logits"], strict=True):
            row[: len(values)] = values
        self.optimizer.recall(memory["optimizer"])
        self.baseline, self.worst = memory["baseline"], memory["worst"]
        self.batch = [(tuple(genotype), value, note) for genotype, value, note in memory["batch"]]


class Reinforce(_PolicyGradient):
    """One step of Adam along reward minus baseline times score, after every batch.

    Parameters
    ----------
    space : SearchSpace
    seed : int
    batch : int
        Rewards a step.
    rate : float
        Adam's learning rate.
    decay : float
        Of the baseline, an exponential moving average of the batches' mean rewards, in [0, 1].
    entropy : float
        Weight of an entropy bonus, which keeps the controller from settling early; 0: none.

    Raises
    ------
    ValueError
        If a setting is outside its range.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        batch: int = 4,
        rate: float = 0.1,
        decay: float = 0.9,
        entropy: float = 0.0,
    ) -> None:
        super().__init__(space, seed, batch=batch, rate=rate, decay=decay, entropy=entropy)

    def _improve(self, genotypes: np.ndarray, advantages: np.ndarray, old: np.ndarray) -> None:
        self._climb(reinforce_gradient(self.controller, genotypes, advantages))


class PPO(_PolicyGradient):
    """Several steps on every batch, which clipping keeps from going too far.

    Parameters
    ----------
    space : SearchSpace
    seed : int
    batch, rate, decay, entropy
        As for ``Reinforce``.
    epochs : int
        Steps on one batch.
    clip : float
        How far the probability of a network may move from what it was when drawn: a factor 1 +- clip.

    Raises
    ------
    ValueError
        If a setting is outside its range.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        batch: int = 8,
        rate: float = 0.1,
        decay: float = 0.9,
        entropy: float = 0.0,
        epochs: int = 4,
        clip: float = 0.2,
    ) -> None:
        super().__init__(
            space, seed, batch=batch, rate=rate, decay=decay, entropy=entropy,
            epochs=whole("epochs", epochs), clip=between("clip", clip, 0, 1),
        )  # fmt: skip

    def _improve(self, genotypes: np.ndarray, advantages: np.ndarray, old: np.ndarray) -> None:
        for _ in range(self.settings["epochs"]):
            self._climb(ppo_gradient(self.controller, genotypes, advantages, old, self.settings["clip"]))
