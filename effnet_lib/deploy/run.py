"""Exported networks at work: a callable, and how long one call takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from effnet_lib.deploy.files import image_input, need, read_onnx
from effnet_lib.measure import Latency


class OnnxNetwork:
    """An ONNX file as a function of images, on the CPU.

    Parameters
    ----------
    path : path
        A network with one input, float32 (N, C, H, W).
    threads : int
        That one operator may use.
    optimised : bool
        Let ONNX Runtime fuse operators, as it does by default.

    Attributes
    ----------
    shape : tuple
        (N, C, H, W) of its input, None where any size will do.
    path, threads
        As given.

    Raises
    ------
    ValueError
        If the file is no ONNX model, ONNX Runtime cannot run it, or its input is another.
    """

    def __init__(self, path: str | Path, threads: int = 1, *, optimised: bool = True) -> None:
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise ValueError(f"threads must be a positive integer, got {threads!r}")
        self.path, self.threads = Path(path), threads
        self._input, self.shape = image_input(read_onnx(path), path)
        runtime = need("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors; they are raised as well
        if not optimised:
            options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self.session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises kinds of its own
            raise ValueError(
                f"ONNX Runtime cannot run {str(path)!r}: {str(error).splitlines()[0]}"
            ) from error

    def __call__(self, images: Tensor | np.ndarray) -> Tensor | np.ndarray:
        """(N, C, H, W), float32, to logits (N, classes): a tensor for a tensor, an array for an array.

        Raises
        ------
        ValueError
            If the shape or the type is another.
        """
        array = images.detach().cpu().numpy() if isinstance(images, Tensor) else np.asarray(images)
        fits = array.ndim == 4 and all(
            want is None or want == got for want, got in zip(self.shape, array.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("N" if n is None else str(n) for n in self.shape)
            raise ValueError(f"images must be ({wanted}), got {array.shape}")
        if array.dtype != np.float32:
            raise ValueError(f"images must be float32, got {array.dtype}")
        logits = self.session.run(None, {self._input: np.ascontiguousarray(array)})[0]
        return torch.from_numpy(logits) if isinstance(images, Tensor) else logits

    def sized(self, batch: int) -> tuple[int, ...]:
        """A shape that it takes, with ``batch`` images."""
        if any(size is None for size in self.shape[1:]):
            raise ValueError(
                f"{str(self.path)!r} takes pictures of any size: measure it with images of yours"
            )
        return (batch, *self.shape[1:])


def _times(call: Callable[[], Any], seconds: float, least: int) -> list[float]:
    times, end = [], time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return times


def _must_be_positive(name: str, value: Any, whole: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not value > 0:
        raise ValueError(f"{name} must be a positive {'integer' if whole else 'number'}, got {value!r}")


def onnx_latency(
    path: str | Path, threads: int = 1, seconds: float = 1.0, batch: int = 1, warm_up: int = 20
) -> Latency:  # fmt: skip
    """Time of one forward pass in ONNX Runtime: the median and quartiles of single calls.

    Raises
    ------
    ValueError
        As ``OnnxNetwork``, or if an argument is not positive.
    """
    _must_be_positive("seconds", seconds, whole=False)
    _must_be_positive("batch", batch, whole=True)
    network = OnnxNetwork(path, threads)
    images = np.random.default_rng(0).random(network.sized(batch), dtype=np.float32)
    for _ in range(warm_up):
        network(images)
    times = sorted(_times(lambda: network(images), seconds, 5))
    quartile = len(times) // 4
    return Latency(
        median(times), times[quartile], times[-1 - quartile], len(times), batch, threads, "cpu, ONNX Runtime"
    )


def paired_latency(
    networks: Mapping[str, str | Path | nn.Module], threads: int = 1, rounds: int = 9, seconds: float = 0.1,
    resolution: int | None = None,
) -> dict[str, list[float]]:  # fmt: skip
    """Seconds of one forward pass of one image, for every network, ``rounds`` times each, taken in turn.

    What slows the machine for a while then slows all of them alike: divide within a round, and take the median of
    the ratios. One value is the median of the calls in ``seconds``.

    Parameters
    ----------
    networks : mapping of str to path or nn.Module
        ONNX files, run by ONNX Runtime; modules in evaluation mode, run by PyTorch.
    resolution : int, optional
        Pixels a side, for modules without an ``.arch``.

    Raises
    ------
    ValueError
        As ``OnnxNetwork``, if a module is in training mode, or an argument is not positive.
    """
    for name, value in (("threads", threads), ("rounds", rounds)):
        _must_be_positive(name, value, whole=True)
    _must_be_positive("seconds", seconds, whole=False)
    if not networks:
        raise ValueError("networks must name at least one network, got none")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        calls = {name: _call_of(network, threads, resolution) for name, network in networks.items()}
        for call in calls.values():
            _times(call, seconds, 5)
        found: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(rounds):
            for name, call in calls.items():
                found[name].append(median(_times(call, seconds, 5)))
    finally:
        torch.set_num_threads(before)
    return found


def _call_of(network: str | Path | nn.Module, threads: int, resolution: int | None) -> Callable[[], Any]:
    if not isinstance(network, nn.Module):
        loaded = OnnxNetwork(network, threads)
        images = np.random.default_rng(0).random(loaded.sized(1), dtype=np.float32)
        return lambda: loaded(images)
    if network.training:
        raise ValueError("networks must be in evaluation mode, got one in training mode; call .eval() first")
    pixels = resolution or getattr(getattr(network, "arch", None), "resolution", None)
    _must_be_positive("resolution", pixels, whole=True)
    example = torch.rand(1, 3, pixels, pixels, generator=torch.Generator().manual_seed(0))

    def call() -> Any:
        with torch.inference_mode():
            return network(example)

    return call
