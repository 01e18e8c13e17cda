"""What a network really costs on the device at hand: time, memory, and the MACs that it executes."""

from __future__ import annotations

import copy
import logging
import weakref
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Latency:
    """Times of one forward pass, in seconds.

    ``median``, and ``low`` and ``high``, its quartiles, over ``runs`` blocks of passes; with the batch
    size, the CPU threads and the device that they hold for.
    """

    median: float
    low: float
    high: float
    runs: int
    batch: int
    threads: int
    device: str

    @property
    def throughput(self) -> float:
        """Images per second at this batch size."""
        return self.batch / self.median

    def __str__(self) -> str:
        unit = "thread" if self.threads == 1 else "threads"
        return (
            f"{1e3 * self.median:.1f} ms ({1e3 * self.low:.1f} to {1e3 * self.high:.1f}) "
            f"for {self.batch} on {self.device}, {self.threads} {unit}"
        )


def _device(model: nn.Module) -> torch.device:
    tensor = next(model.parameters(), None)
    return torch.device("cpu") if tensor is None else tensor.device


def _images(model: nn.Module, resolution: int | None, batch: int, device: torch.device | str) -> Tensor:
    arch = getattr(model, "arch", None)
    if resolution is None:
        if arch is None:
            raise ValueError("resolution must be given in pixels for a model without an .arch, got None")
        resolution = arch.resolution
    for name, value in (("resolution", resolution), ("batch", batch)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
    if arch is not None:
        arch.check_resolution(resolution)
    channels = arch.in_channels if arch is not None else 3
    return torch.zeros(batch, channels, resolution, resolution, device=device)


def _must_evaluate(model: nn.Module) -> None:
    if model.training:
        raise ValueError("model must be in evaluation mode, got training mode; call model.eval() first")


def _timer_class() -> type:
    """PyTorch's Timer, imported without the warning that a machine with nvcc but no GPU gets from it."""
    log = logging.getLogger("torch.utils.cpp_extension")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        from torch.utils.benchmark import Timer
    finally:
        log.setLevel(level)
    return Timer


def latency(
    model: nn.Module, resolution: int | None = None, batch: int = 1, threads: int | None = None,
    seconds: float = 1.0, warm_up: int = 3,
) -> Latency:  # fmt: skip
    """Time of one forward pass on the model's own device.

    The first ``warm_up`` passes are not counted, a GPU is waited for, and the number of threads is set
    for the measurement and put back. Inputs are zeros: a convolution takes as long for any number.

    Parameters
    ----------
    resolution : int, optional
        Pixels a side; ``model.arch.resolution`` if None.
    threads : int, optional
        CPU threads; torch's present setting if None.
    seconds : float
        Measure for at least this long.

    Raises
    ------
    ValueError
        If the model is in training mode or an argument is not positive.
    """
    _must_evaluate(model)
    threads = torch.get_num_threads() if threads is None else threads
    for name, value in (("threads", threads), ("warm_up", warm_up)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
    if not seconds > 0:
        raise ValueError(f"seconds must be positive, got {seconds!r}")
    device = _device(model)
    x = _images(model, resolution, batch, device)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            for _ in range(warm_up):
                model(x)
            timer = _timer_class()("model(x)", globals={"model": model, "x": x}, num_threads=threads)
            times = timer.blocked_autorange(min_run_time=seconds).times
    finally:
        torch.set_num_threads(before)
    times = sorted(times)
    quartile = len(times) // 4
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return Latency(median(times), times[quartile], times[-1 - quartile], len(times), batch, threads, name)


def throughput(
    model: nn.Module, resolution: int | None = None, batch: int = 32, threads: int | None = None,
    seconds: float = 1.0,
) -> float:  # fmt: skip
    """Images per second at ``batch``, from the median ``latency``; raises as that does."""
    return latency(model, resolution, batch, threads, seconds).throughput


class _LiveBytes(TorchDispatchMode):
    """Follows every tensor storage from the operation that makes it to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._seen: set[int] = set()

    def watch(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._seen:
            return
        self._seen.add(key)
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._end, key, size)

    def _end(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.live -= size

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                self.watch(leaf)
        return made


def peak_memory(
    model: nn.Module, resolution: int | None = None, batch: int = 1, training: bool = False
) -> int:
    """Most bytes of tensors alive at once during one pass, the images included and the weights not.

    Inference in evaluation mode, or with ``training`` a forward and backward pass in training mode,
    gradients of the weights included. On a CPU every tensor is followed (kernels' scratch space is not
    seen); on a GPU this is what the caching allocator says.

    Raises
    ------
    ValueError
        If the model is not in the mode that ``training`` asks for, or an argument is not positive.
    """
    if training and not model.training:
        raise ValueError("model must be in training mode, got evaluation mode; call model.train() first")
    if not training:
        _must_evaluate(model)
    device = _device(model)
    for tensor in model.parameters():
        tensor.grad = None
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    x = _images(model, resolution, batch, device)
    watch = _LiveBytes()
    for tensor in (*model.parameters(), *model.buffers()):
        watch._seen.add(tensor.untyped_storage()._cdata)
    with torch.set_grad_enabled(training), watch:
        watch.watch(x)
        out = model(x)
        if training:
            out.sum().backward()
    peak = torch.cuda.max_memory_allocated(device) - before if on_gpu else watch.peak
    for tensor in model.parameters():
        tensor.grad = None
    return peak


def saved_bytes(model: nn.Module, resolution: int | None = None, batch: int = 1) -> int:
    """Bytes of tensors that one training forward pass keeps for the backward pass, weights not included.

    Raises
    ------
    ValueError
        If the model is in evaluation mode or an argument is not positive.
    """
    if not model.training:
        raise ValueError("model must be in training mode, got evaluation mode; call model.train() first")
    x = _images(model, resolution, batch, _device(model))
    weights = {t.untyped_storage()._cdata for t in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = model(x)  # holding the graph keeps every storage, and so every key, alive
    return sum(kept.values()) if out.grad_fn is not None else 0


def _meta(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).to("meta").eval()


def executed_macs(model: nn.Module, resolution: int | None = None) -> dict[str, int]:
    """MACs that every convolution and linear layer executes on one image, by module path.

    Counted from the shapes that really pass through a copy of the model on the meta device: no
    arithmetic is done. A layer that runs twice counts twice.
    """
    shadow, found = _meta(model), {}

    def count(name: str):
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            uses = output.numel() // module.weight.shape[0]  # output positions a weight takes part in
            found[name] = found.get(name, 0) + uses * module.weight.numel()

        return hook

    for name, module in shadow.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(count(name))
    with torch.no_grad():
        shadow(_images(model, resolution, 1, "meta"))
    return found


def counted_macs(model: nn.Module, resolution: int | None = None) -> int:
    """MACs on one image as PyTorch's own counter sees them: half of its FLOPs."""
    shadow = _meta(model)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        shadow(_images(model, resolution, 1, "meta"))
    return counter.get_total_flops() // 2
