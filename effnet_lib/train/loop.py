"""``fit``: train a network in place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from effnet_lib.data.sets import ImageData
from effnet_lib.train import checkpoint as checkpoints
from effnet_lib.train.distributed import place
from effnet_lib.train.history import Bar, History
from effnet_lib.train.recipe import Recipe
from effnet_lib.train.run import Loss, Run


def fit(
    model: nn.Module, data: ImageData, recipe: str | Recipe = "small", *, seed: int = 0,
    device: torch.device | str | None = None, amp: bool | None = None, workers: int = 0,
    rates: dict[str, float] | None = None, checkpoint: str | Path | None = None,
    save_every: int | None = None, resume: bool = True, progress: bool = False,
    on_epoch: Callable[[History], None] | None = None, loss: Loss | None = None,
) -> History:  # fmt: skip
    """Train ``model`` in place, and leave it in evaluation mode with its final (or averaged) weights.

    Parameters
    ----------
    model : nn.Module
        (N, C, H, W) to logits (N, classes).
    data : ImageData
        The test split is not touched.
    recipe : str or Recipe
        "small", "paper", or your own.
    seed : int
        Of the order of images, the augmentation, dropout and stochastic depth. The model's first weights
        are the caller's: call ``torch.manual_seed`` before building it.
    device : optional
        A GPU if there is one, else the CPU.
    amp : bool, optional
        Mixed precision; None means on a GPU only.
    workers : int
        Processes that decode files, for data that is not in memory.
    rates : dict of str to float, optional
        Learning-rate factors by the beginning of a parameter's name, as in ``parameter_groups``.
    checkpoint : path, optional
        Where the run is saved after every epoch, and after every ``save_every`` steps if that is given.
        If the file is there and ``resume`` is true, the run goes on from it: killed and resumed, a run on
        a CPU ends in the same weights as one that was never interrupted.
    progress : bool
        Show a bar with loss, accuracy and the time left.
    on_epoch : callable, optional
        Called with the History after every epoch.
    loss : callable, optional
        ``loss(images, logits, labels)``, the mean loss of a training batch, in place of the recipe's cross-entropy;
        ``images`` are as the model saw them, augmented and normalised. An attribute ``identity``, plain values,
        tells one such loss from another when a run is resumed.

    Returns
    -------
    History

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be read or belongs to another run.
    ValueError
        If the recipe does not fit the data, or nothing requires a gradient.

    Notes
    -----
    torch's global random state is left as it was. Started by ``torchrun`` inside
    ``effnet_lib.train.distributed.group``, every process takes its share of every batch.
    """
    run = Run(
        model, data, recipe, seed=seed, device=device, amp=amp, workers=workers, rates=rates, loss=loss
    )  # fmt: skip
    here = place()
    with torch.random.fork_rng(devices=[run.device] if run.device.type == "cuda" else []):
        torch.manual_seed(seed * here.world + here.rank)
        if checkpoint is not None and resume and Path(checkpoint).is_file():
            run.restore(checkpoints.load(checkpoint), checkpoint)

        def save() -> None:
            if checkpoint is not None:
                state = run.state()
                if here.rank == 0:
                    checkpoints.save(checkpoint, state)

        bar = Bar(progress and here.rank == 0, run.last, run.step)
        try:
            run.go(save, save_every, bar, on_epoch)
        finally:
            bar.close()
    run.finish()
    return run.history
