"""A training run that can stop after any step and go on: what ``fit`` drives."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from effnet_lib.data.sets import ImageData
from effnet_lib.train import checkpoint as checkpoints
from effnet_lib.train.batches import Batches
from effnet_lib.train.distributed import cross_entropy_sum, gathered, parallel, place, total
from effnet_lib.train.history import Bar, History
from effnet_lib.train.recipe import Recipe, get_recipe, make_optimizer, parameter_groups

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  #: (images, logits, labels) of a batch to their mean loss


def default_device() -> torch.device:
    """This process' GPU if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", place().local_rank)
    return torch.device("cpu")


def _identity_of(loss: Loss | None) -> Any:
    """Plain values that tell one loss from another; None for the recipe's own cross-entropy."""
    if loss is None:
        return None
    return getattr(loss, "identity", getattr(loss, "__qualname__", type(loss).__qualname__))


class Run:
    """A training run that can stop after any step and go on; ``fit`` drives it.

    Parameters as in ``fit``. ``step`` counts optimizer steps from 0 to ``last``.
    """

    def __init__(
        self, model: nn.Module, data: ImageData, recipe: str | Recipe = "small", *, seed: int = 0,
        device: torch.device | str | None = None, amp: bool | None = None, workers: int = 0,
        rates: dict[str, float] | None = None, loss: Loss | None = None,
    ) -> None:  # fmt: skip
        self.recipe, self.seed, self.loss = get_recipe(recipe), seed, loss
        self.device = default_device() if device is None else torch.device(device)
        here = place()
        self.train = Batches(
            data, "train", self.device, self.recipe.augment, seed, here.rank, here.world, workers
        )
        self.validation = Batches(
            data, "validation", self.device, rank=here.rank, world=here.world, workers=workers
        )
        self.per_epoch, self.last = self.recipe.steps(len(self.train))
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.parallel = parallel(self.model, self.device)
        self.optimizer = make_optimizer(
            self.recipe, parameter_groups(self.model, self.recipe.weight_decay, rates)
        )
        self.average = None
        if self.recipe.ema:
            self.average = AveragedModel(self.model, multi_avg_fn=self._mix, use_buffers=True)
        self.amp = self.device.type == "cuda" if amp is None else amp
        half = self.device.type != "cuda" or torch.cuda.is_bf16_supported()
        self._half = torch.bfloat16 if half else torch.float16
        self._scaler = torch.amp.GradScaler(enabled=self.amp and self._half == torch.float16)
        self.history, self.step = History(), 0
        self._sums = torch.zeros(3, dtype=torch.float64, device=self.device)  # loss, right, images
        self._seconds = 0.0
        self._identity = {
            "recipe": self.recipe.to_dict(), "seed": seed, "data": data.name, "images": len(self.train),
            "parameters": {name: list(p.shape) for name, p in self.model.named_parameters()},
            "processes": here.world, "rates": rates, "loss": _identity_of(loss),
        }  # fmt: skip

    def _mix(self, average: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        # Early on an average of 0.9999 would still hold the random start: the decay rises with the steps.
        decay = min(self.recipe.ema, (1 + int(count)) / (10 + int(count)))
        if average[0].is_floating_point():
            torch._foreach_lerp_(average, current, 1 - decay)
        else:
            torch._foreach_copy_(average, current)  # batch norm's counters

    @property
    def finished(self) -> bool:
        """Whether every step has been taken."""
        return self.step >= self.last

    def _loss(self, images: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        if self.loss is not None:
            return self.loss(images, logits, labels)
        return F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)

    def take_step(self, images: Tensor, labels: Tensor) -> None:
        """One optimizer step on this process' share of a batch."""
        rate = self.recipe.rate(self.step, self.per_epoch, self.last)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        with torch.autocast(self.device.type, self._half, enabled=self.amp):
            logits = self.parallel(images)
            loss = self._loss(images, logits, labels)
        self.optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        if self.recipe.clip:
            self._scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.model)
        with torch.no_grad():
            right = (logits.argmax(1) == labels).sum()
            self._sums += torch.stack([loss.detach() * len(labels), right, right * 0 + len(labels)]).double()
        self.step += 1

    def validate(self) -> tuple[float, float]:
        """Mean loss and accuracy on the validation split, of the averaged weights if there are any."""
        model = self.model if self.average is None else self.average
        model.eval()
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        with torch.inference_mode(), torch.autocast(self.device.type, self._half, enabled=self.amp):
            for images, labels in self.validation.once():
                loss, right = cross_entropy_sum(model(images), labels)
                sums += torch.stack([loss, right, right * 0 + len(labels)]).double()
        self.model.train()
        loss, right, count = total(sums).tolist()
        return loss / count, right / count

    def end_epoch(self) -> None:
        """Validate, and write the epoch into the history."""
        loss, right, count = total(self._sums).tolist()
        validation_loss, validation_accuracy = self.validate()
        self.history.add(
            train_loss=loss / count, train_accuracy=right / count, validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            rate=self.recipe.rate(self.step - 1, self.per_epoch, self.last), seconds=self._seconds,
        )  # fmt: skip
        self._sums.zero_()
        self._seconds = 0.0

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on, and the history; the same on every process but for
        the random states, which are gathered."""
        random = checkpoints.random_state(self.device)
        return {
            "run": self._identity, "step": self.step, "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(), "scaler": self._scaler.state_dict(),
            "history": self.history.to_dict(), "sums": self._sums, "seconds": self._seconds,
            "arch": self.model.arch.to_dict() if hasattr(self.model, "arch") else None,
            "random": {kind: [t.cpu() for t in gathered(state.to(self.device))] for kind, state in random.items()},
        }  # fmt: skip

    def restore(self, state: dict[str, Any], path: str | Path = "the checkpoint") -> None:
        """Go back to ``state``.

        Raises
        ------
        CheckpointError
            If it belongs to another run: another recipe, seed, data set, network or number of processes.
        """
        checkpoints.must_match(path, state["run"], self._identity)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.history, self.step = History(**state["history"]), state["step"]
        self._sums.copy_(state["sums"])
        self._seconds = state["seconds"]
        rank = place().rank
        checkpoints.set_random_state({k: v[rank] for k, v in state["random"].items()}, self.device)

    def go(
        self, save: Callable[[], None], save_every: int | None, bar: Bar,
        on_epoch: Callable[[History], None] | None,
    ) -> None:  # fmt: skip
        """Take all steps that are left."""
        self.model.train()
        while not self.finished:
            epoch, first = divmod(self.step, self.per_epoch)
            end = min(self.last, (epoch + 1) * self.per_epoch)
            began = time.perf_counter()
            for images, labels in self.train.epoch(epoch, self.recipe.batch, first, first + end - self.step):
                self.take_step(images, labels)
                bar.step()
                if save_every and self.step % save_every == 0 and self.step < end:
                    self._seconds += time.perf_counter() - began
                    save()
                    began = time.perf_counter()
            self._seconds += time.perf_counter() - began
            self.end_epoch()
            bar.note(
                loss=self.history.train_loss[-1], accuracy=self.history.train_accuracy[-1],
                validation=self.history.validation_accuracy[-1],
            )  # fmt: skip
            save()
            if on_epoch is not None:
                on_epoch(self.history)

    def finish(self) -> None:
        """Leave the averaged weights in the model, if the recipe averages, in evaluation mode."""
        if self.average is not None:
            self.model.load_state_dict(self.average.module.state_dict())
        self.model.eval()
