"""Several processes as one: what training needs when ``torchrun`` starts it more than once.

Each process takes its share of every batch, and gradients are averaged (DistributedDataParallel). Batch norm
would see only its own share; here it sees the whole batch, so that two processes train the network that one
process would have trained, up to the rounding of sums.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn


class Place(NamedTuple):
    """Which process of how many this is; rank 0 of 1 without ``torchrun``."""

    rank: int
    world: int
    local_rank: int


def place() -> Place:
    """This process' place in the running group."""
    if dist.is_available() and dist.is_initialized():
        return Place(dist.get_rank(), dist.get_world_size(), int(os.environ.get("LOCAL_RANK", 0)))
    return Place(0, 1, 0)


@contextmanager
def group(device: str | None = None) -> Iterator[Place]:
    """Join the group that ``torchrun`` describes in the environment, and leave it at the end.

    NCCL connects GPUs, gloo CPUs. Without ``torchrun`` nothing is joined.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ or dist.is_initialized():
        yield place()
        return
    cuda = torch.cuda.is_available() if device is None else device.startswith("cuda")
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield place()
    finally:
        dist.destroy_process_group()


def total(values: Tensor) -> Tensor:
    """Sum of ``values`` over all processes."""
    if place().world > 1:
        dist.all_reduce(values)
    return values


def gathered(values: Tensor) -> list[Tensor]:
    """``values`` (of the same shape everywhere) of every process, in order of rank."""
    if place().world == 1:
        return [values]
    parts = [torch.empty_like(values) for _ in range(place().world)]
    dist.all_gather(parts, values)
    return parts


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the batch of all processes together, on CPUs as on GPUs.

    PyTorch's SyncBatchNorm does the same on GPUs only. Same parameters and state as ``nn.BatchNorm2d``; in
    evaluation, and in a single process, it is that.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        if not self.training or place().world == 1:
            return super().forward(x)
        from torch.distributed.nn.functional import all_reduce

        count = x.numel() // x.shape[1] * place().world  # every process has the same share
        mean = all_reduce(x.sum((0, 2, 3))) / count
        centred = x - mean.view(1, -1, 1, 1)
        variance = all_reduce(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return torch.addcmul(self.bias.view(1, -1, 1, 1), centred, scale.view(1, -1, 1, 1))


def with_global_batch_norms(model: nn.Module) -> nn.Module:
    """Turn every ``nn.BatchNorm2d`` of ``model`` into a ``GlobalBatchNorm2d``, in place; weights stay."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = GlobalBatchNorm2d
    return model


def parallel(model: nn.Module, device: torch.device) -> nn.Module:
    """``model`` with gradients averaged over the processes; ``model`` itself in a single process."""
    if place().world == 1:
        return model
    with_global_batch_norms(model)
    ids = [device.index] if device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(model, device_ids=ids, broadcast_buffers=False)


def cross_entropy_sum(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the losses and number of right answers of a batch."""
    loss = F.cross_entropy(logits.float(), labels, reduction="sum")
    return loss, (logits.argmax(1) == labels).sum()
