"""PyTorch to ONNX: one file with batch norms folded, any batch size, checked against PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from effnet_lib.deploy.files import anonymous, contained, must_be_writable, need, put
from effnet_lib.deploy.run import OnnxNetwork
from effnet_lib.model import fold_batch_norms

INPUT, OUTPUT = "images", "logits"
BATCHES = (1, 3, 17)  #: sizes that are checked; none of them is the one that is traced
OPSET = 20


class Normalised(nn.Module):
    """``network`` after ``(images - mean) / std``, so that a file takes plain pixels in [0, 1]."""

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) in [0, 1] to logits."""
        return self.network((images - self.mean) / self.std)


def must_be_trained(model: nn.Module) -> None:
    """Refuse a model whose batch norms still have the statistics they were made with.

    Raises
    ------
    ValueError
        If any has running means of 0 and running variances of 1 throughout; the message names it.
    """
    for name, norm in model.named_modules():
        if not isinstance(norm, _BatchNorm) or norm.running_mean is None:
            continue
        if not norm.running_mean.any() and bool((norm.running_var == 1).all()):
            raise ValueError(
                f"model is untrained: the running statistics of {name} are still those it was made with; "
                "train it, load weights, or recalibrate its batch norms first"
            )


def _shape_of(model: nn.Module, resolution: int | None) -> tuple[int, int, int]:
    arch = getattr(model, "arch", None)
    channels = 3 if arch is None else arch.in_channels
    resolution = getattr(arch, "resolution", None) if resolution is None else resolution
    if isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < 1:
        raise ValueError(
            f"resolution must be a positive integer, in pixels, for a model without an .arch, got {resolution!r}"
        )
    return channels, resolution, resolution


def _check(path: Path, model: nn.Module, shape: tuple[int, int, int], tolerance: float) -> None:
    network, generator = OnnxNetwork(path), torch.Generator().manual_seed(0)
    for n in BATCHES:
        images = torch.randn(n, *shape, generator=generator)
        images[-1] = 0  # a flat picture, and one far outside of what it was trained on
        images[0] *= 10 if n > 1 else 1
        with torch.inference_mode():
            expected = model(images)
        found = network(images)
        scale = max(1.0, expected.abs().max().item())
        error = (found - expected).abs().max().item() if found.shape == expected.shape else float("nan")
        if not error <= tolerance * scale:
            raise ValueError(
                f"the exported model differs from PyTorch's on a batch of {n}: by {error:.3g} where logits reach "
                f"{scale:.3g} (shape {tuple(found.shape)} for {tuple(expected.shape)}); nothing was written"
            )


def export_onnx(
    model: nn.Module, path: str | Path, *, normalise: tuple[Sequence[float], Sequence[float]] | None = None,
    resolution: int | None = None, check: bool = True, tolerance: float = 1e-4,
) -> Path:  # fmt: skip
    """Write ``model`` as an ONNX file: input "images", float32 (N, C, H, W) for any N; output "logits".

    Batch norms are folded into the convolutions before them. The file holds weights and operators, and nothing of
    where it was made.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode, trained.
    path : path
        Replaced whole at the end; if anything fails before, what was there stays.
    normalise : pair of sequences of float, optional
        Channel means and standard deviations that the file itself applies: it then takes pixels in [0, 1].
    resolution : int, optional
        Pixels a side; ``model.arch.resolution`` if None.
    check : bool
        Compare logits with PyTorch's on batches of 1, 3 and 17 before anything is written.
    tolerance : float
        Largest difference allowed, relative to the largest logit (at least 1).

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    ValueError
        If the model is in training mode, untrained, holds numbers that are not finite or an operator that cannot be
        exported; if the exported model differs from it; or if ``path`` cannot be written.
    ImportError
        If onnx, onnxscript or onnxruntime is missing.
    """
    onnx = need("onnx")
    need("onnxscript"), need("onnxruntime")
    path = must_be_writable("path", path)
    folded = fold_batch_norms(model).cpu() if not model.training else fold_batch_norms(model)
    must_be_trained(model)
    for name, tensor in folded.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"model must hold finite numbers, got some that are not in {name}")
    shape = _shape_of(model, resolution)
    whole = folded if normalise is None else Normalised(folded, *normalise).eval()
    with contained() as folder:
        try:
            program = torch.onnx.export(
                whole, (torch.randn(2, *shape),), dynamo=True, input_names=[INPUT], output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},), opset_version=OPSET, external_data=False,
                verbose=False,
            )  # fmt: skip
        except Exception as error:  # every failed step of the exporter raises a kind of its own
            raise ValueError(f"model cannot be exported to ONNX: {_reason(error)}") from error
        proto = anonymous(program.model_proto)
        onnx.checker.check_model(proto)
        content = proto.SerializeToString()
        made = folder / "model.onnx"
        made.write_bytes(content)
        if check:
            _check(made, whole, shape, tolerance)
    return put(path, content)


def _reason(error: BaseException) -> str:
    """The first telling line of the innermost cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{lines[0] if lines else 'no reason given'} ({type(error).__name__})"
