"""What a network is worth, by training it: the evaluation of a real search, ready to be sent to workers.

PyTorch is loaded where the training happens, not where the search is driven from.
"""

from __future__ import annotations

import functools
import math
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any

from effnet_lib.cost import cost_of
from effnet_lib.search.objective import SOFT, constrained, mnasnet_reward
from effnet_lib.search.space import Genotype, SearchSpace
from effnet_lib.search.trial import Evaluation

if TYPE_CHECKING:
    from effnet_lib.arch import ArchSpec
    from effnet_lib.data.sets import ImageData
    from effnet_lib.train.recipe import Recipe

Notes = Mapping[str, Any]


@dataclass(frozen=True)
class Accuracy:
    """Validation accuracy, whatever it costs."""

    def __call__(self, notes: Notes) -> float:
        return notes["accuracy"]


@dataclass(frozen=True)
class Reward:
    """``mnasnet_reward`` of validation accuracy and ``notes[cost]``: "macs", "params" or "latency"."""

    target: float
    exponents: tuple[float, float] = SOFT
    cost: str = "macs"

    def __call__(self, notes: Notes) -> float:
        return mnasnet_reward(notes["accuracy"], notes[self.cost], self.target, self.exponents)


@dataclass(frozen=True)
class Within:
    """``constrained``: validation accuracy within the budget. What is beyond it is not even trained."""

    budget: float
    cost: str = "macs"

    def __call__(self, notes: Notes) -> float:
        return constrained(notes.get("accuracy", 0.0), notes[self.cost], self.budget)

    def decided(self, notes: Notes) -> bool:
        """Whether the value depends on the cost alone."""
        return notes[self.cost] > self.budget


@dataclass(frozen=True)
class TradeOff:
    """The pair (cost, validation accuracy), for a strategy with two objectives."""

    cost: str = "macs"

    def __call__(self, notes: Notes) -> tuple[float, float]:
        return notes[self.cost], notes["accuracy"]


class TrainedValue:
    """An ``evaluate`` for ``run_search`` that trains the network of a genotype from scratch and validates it.

    Parameters
    ----------
    space : SearchSpace
        Its networks must have the data's classes, channels and resolution.
    data : callable or ImageData
        Best a callable without arguments that makes the ImageData, such as
        ``functools.partial(glyph_data, 20, 4000, 1000)``: a worker calls it once and keeps the data. An
        ImageData itself travels to the worker with every network. The test split is not looked at.
    recipe : str or Recipe
    seed : int
        Of the weights, the order of images and all else, the same for every network.
    objective : callable
        From the notes to the value: ``Accuracy()``, ``Reward``, ``Within``, ``TradeOff``, or your own.
    device : str, optional
        A GPU if the worker has one, else the CPU.
    threads : int, optional
        CPU threads of a training; None leaves torch's setting.
    latency : float
        Seconds for which to measure the trained network's latency at batch 1; 0 leaves it out. Other
        evaluations on the same machine disturb it.

    Raises
    ------
    ValueError
        If there is no such recipe, or an argument is outside its range.

    Notes
    -----
    Notes of an evaluation: ``accuracy``, that of the validation split at the end; ``curve``, the same after
    every epoch; ``macs``; ``params``; ``seconds`` of training; ``latency`` in seconds, if it is measured.

    A training whose loss is no longer finite is given up with FloatingPointError.

    Threads of one process share torch's random state: trained in threads, a network is worth a little else
    every time. In processes it is not.
    """

    def __init__(
        self, space: SearchSpace, data: Callable[[], ImageData] | ImageData,
        recipe: str | Recipe = "small", *, seed: int = 0, objective: Callable[[Notes], Any] = Accuracy(),
        device: str | None = None, threads: int | None = 1, latency: float = 0.0,
    ) -> None:  # fmt: skip
        from effnet_lib.train import get_recipe

        if latency < 0:
            raise ValueError(f"latency must be a number of seconds of at least 0, got {latency!r}")
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise ValueError(f"threads must be a positive integer or None, got {threads!r}")
        self.space, self.data, self.recipe, self.seed = space, data, get_recipe(recipe), seed
        self.objective, self.device, self.threads, self.latency = objective, device, threads, latency

    @property
    def settings(self) -> dict[str, Any]:
        """What the values depend on besides the space, as plain values; the journal holds it."""
        return {
            "data": self.data.name if hasattr(self.data, "name") else _described(self.data),
            "recipe": self.recipe.to_dict(), "seed": self.seed, "objective": _described(self.objective),
            "latency": self.latency,
        }  # fmt: skip

    def prepare(self) -> None:
        """Make the data in this process.

        Raises
        ------
        ValueError
            If they do not fit the networks.
        """
        data, base = self._data(), self.space.base
        channels, *size = data.train[0][0].shape
        wanted = (base.classes, base.in_channels, [base.resolution] * 2)
        if (len(data.classes), channels, size) != wanted:
            raise ValueError(
                f"data must have {base.classes} classes and {base.in_channels} channels of {base.resolution} px, as "
                f"the space's networks have, got {len(data.classes)}, {channels} and {size[0]} x {size[1]} px"
            )

    def __call__(self, genotype: Genotype) -> Evaluation:
        arch = self.space.arch(genotype)
        cost = cost_of(arch)
        notes: dict[str, Any] = {"macs": cost.macs, "params": cost.params}
        decided = getattr(self.objective, "decided", None)
        if decided is not None and self.objective.cost in notes and decided(notes):
            return Evaluation(self.objective(notes), notes)
        notes.update(_train(self, arch))
        return Evaluation(self.objective(notes), notes)

    def _data(self) -> ImageData:
        if not callable(self.data):
            return self.data
        key = pickle.dumps(self.data)  # every task brings a copy of its own; only their bytes are equal
        if key not in _made:
            for oldest in list(_made)[:-1]:
                del _made[oldest]
            _made[key] = self.data()
        return _made[key]


_made: dict[bytes, ImageData] = {}  # the data sets made last in this process, two at most


def _train(how: TrainedValue, arch: ArchSpec) -> dict[str, Any]:
    import torch

    from effnet_lib.measure import latency
    from effnet_lib.model import EfficientNet
    from effnet_lib.train import History, fit

    def give_up(history: History) -> None:
        if not math.isfinite(history.train_loss[-1]):
            raise FloatingPointError(f"the training loss is {history.train_loss[-1]} after epoch {len(history)}")

    data, threads = how._data(), torch.get_num_threads()
    try:
        torch.set_num_threads(how.threads or threads)
        with torch.random.fork_rng():
            torch.manual_seed(how.seed)
            model = EfficientNet(arch)
        began = time.perf_counter()
        history = fit(model, data, how.recipe, seed=how.seed, device=how.device, on_epoch=give_up)
        notes = {
            "accuracy": history.validation_accuracy[-1], "curve": history.validation_accuracy,
            "seconds": time.perf_counter() - began,
        }  # fmt: skip
        if how.latency:
            notes["latency"] = latency(model, threads=how.threads, seconds=how.latency).median
        return notes
    finally:
        torch.set_num_threads(threads)
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()  # what a network too large has left behind


def _described(thing: Any) -> Any:
    if isinstance(thing, functools.partial):
        named = {name: repr(value) for name, value in thing.keywords.items()}
        return [_described(thing.func), list(map(repr, thing.args)), named]
    name = getattr(thing, "__qualname__", type(thing).__qualname__)
    return [name, asdict(thing)] if is_dataclass(thing) and not isinstance(thing, type) else name
