"""The range of every activation, found one batch at a time: memory does not grow with the number of batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from effnet_lib.deploy.files import image_input, need, read_onnx


def checked_batches(
    batches: Iterable[Tensor | np.ndarray], shape: tuple[int | None, ...], name: str = "calibration"
) -> Iterator[np.ndarray]:
    """Each batch as a float32 array, looked at as it comes and let go of as soon as the next one is asked for.

    Raises
    ------
    ValueError
        If there is none, or one has another shape or type, or holds a number that is not finite (a calibrator that
        takes minima and maxima would pass over it in silence).
    """
    seen = 0
    for batch in batches:
        array = batch.detach().cpu().numpy() if isinstance(batch, Tensor) else np.asarray(batch)
        wanted = ", ".join("N" if n is None else str(n) for n in shape)
        fits = array.ndim == 4 and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
        if not fits or not array.size:
            raise ValueError(f"{name} batch {seen} must be ({wanted}) with N at least 1, got {array.shape}")
        if not np.issubdtype(array.dtype, np.floating):
            raise ValueError(
                f"{name} batch {seen} must be of floats, as the network takes them, got {array.dtype}"
            )
        if not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            raise ValueError(
                f"{name} batch {seen} must hold finite numbers, got {bad} that are NaN or infinite"
            )
        seen += 1
        yield np.ascontiguousarray(array, np.float32)
        del batch, array
    if not seen:
        raise ValueError(f"{name} must hold at least one batch of images, got none")


class _One:
    """One batch, as ONNX Runtime's calibrators ask for it."""

    def __init__(self, feed: dict[str, np.ndarray]) -> None:
        self.feed: dict[str, np.ndarray] | None = feed

    def get_next(self) -> dict[str, np.ndarray] | None:
        feed, self.feed = self.feed, None
        return feed


def save_ranges(source: Path, batches: Iterable[Tensor | np.ndarray], target: Path, folder: Path) -> None:
    """Write the range of every activation of the model in ``source`` to ``target``, as ``quantize_static`` reads it.

    ONNX Runtime's own calibrator keeps what it found in every batch until the end. (It has an option to keep
    less, ``CalibMaxIntermediateOutputs``; in version 1.32 that drops what it has collected without having looked at
    it.) Here it is given one batch at a time, and merges minima and maxima after each.
    """
    name, shape = image_input(read_onnx(source), source)
    calibrate = need("onnxruntime.quantization.calibrate")
    registry = need("onnxruntime.quantization.registry")
    operators = sorted({*registry.QLinearOpsRegistry, *registry.QDQRegistry})
    calibrator = calibrate.create_calibrator(
        source, operators, augmented_model_path=str(folder / "augmented.onnx"),
        calibrate_method=calibrate.CalibrationMethod.MinMax,
    )  # fmt: skip
    for batch in checked_batches(batches, shape):
        calibrator.collect_data(_One({name: batch}))
    ranges = calibrator.compute_data()
    for tensor, found in ranges.items():
        if not all(np.isfinite(limit).all() for limit in found.range_value):
            raise ValueError(
                f"calibration makes {tensor} overflow: its range is {[v.item() for v in found.range_value]}"
            )
    calibrate.save_tensors_data(ranges, target)


def calibrated_ranges(
    source: str | Path, batches: Iterable[Tensor | np.ndarray]
) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of every activation of the ONNX model in ``source``, over all ``batches``.

    Raises
    ------
    ValueError
        If the file is no ONNX model, or a batch does not fit it or is not finite.
    """
    from effnet_lib.deploy.files import contained
    from effnet_lib.deploy.int8 import prepared

    with contained() as folder:
        ready, cache = prepared(Path(source), folder), folder / "ranges.json"
        save_ranges(ready, batches, cache, folder)
        found = need("onnxruntime.quantization.calibrate").load_tensors_data(cache)
    return {name: tuple(limit.item() for limit in data.range_value) for name, data in found.items()}


def as_plain(ranges: Any) -> dict[str, list[float]]:
    """Ranges as plain values, ready for JSON."""
    return {name: [low, high] for name, (low, high) in ranges.items()}
