"""What PyTorch itself offers for int8 on a processor: the deprecated way, its successor, and the successor compiled.

Used by ``effnet_lib.experiments.deployment --runtimes``. Needs torchao, and a C++ compiler for what is compiled.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from effnet_lib.model import EfficientNet, fold_batch_norms, inference_form

FORMS = {
    "pytorch": "float, eager, batch norms folded, channels last",
    "compiled": "float, torch.compile",
    "fx": "int8, torch.ao.quantization in graph mode (deprecated), engine onednn, eager",
    "pt2e": "int8, torchao's PT2E with the X86InductorQuantizer, converted and run without compiling",
    "pt2e_compiled": "the same, torch.compile",
}  #: names of the forms, each with what it is


@contextlib.contextmanager
def muted() -> Iterator[None]:
    """Warnings and log lines of tools that announce their own end, for as long as they are used."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


def plain(model: EfficientNet) -> nn.Sequential:
    """The same network without the check of shapes in its forward, which symbolic tracing cannot follow."""
    blocks = [block for stage in model.stages for block in stage]
    return nn.Sequential(
        model.stem, *blocks, model.head, nn.AdaptiveAvgPool2d(1), nn.Flatten(), model.classifier
    ).eval()


def _compiled(model: nn.Module, example: Tensor) -> Any:
    import torch._inductor.config as config

    with config.patch(freezing=True), torch.inference_mode(), torch.no_grad():  # as it will be called
        made = torch.compile(model)
        made(example)
    return made


class _Frozen(nn.Module):
    """A callable as a module in evaluation mode."""

    def __init__(self, call: Any) -> None:
        super().__init__()
        self._call = [call]  # in a list, so that an exported graph does not become a submodule with modes

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self._call[0](x)


def pytorch_forms(model: EfficientNet, calibration: list[Tensor]) -> dict[str, nn.Module]:
    """``model`` in every one of ``FORMS``, compiled for a batch of one image.

    Parameters
    ----------
    model : EfficientNet
        Trained, in evaluation mode.
    calibration : list of Tensor
        Normalised images, (N, C, H, W).
    """
    example = calibration[0][:1].contiguous()
    folded = fold_batch_norms(model)
    with muted(), torch.no_grad():
        from torch.ao.quantization import get_default_qconfig_mapping
        from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
        from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

        engine = torch.backends.quantized.engine
        torch.backends.quantized.engine = "onednn"
        try:
            traced = prepare_fx(plain(model), get_default_qconfig_mapping("onednn"), (example,))
            for images in calibration:
                traced(images)
            fx = convert_fx(traced)
        finally:
            torch.backends.quantized.engine = engine
        exported = torch.export.export(folded, (example,)).module()
        settings = x86.get_default_x86_inductor_quantization_config()
        prepared = prepare_pt2e(exported, x86.X86InductorQuantizer().set_global(settings))
        for images in calibration:
            for image in images.split(1):
                prepared(image)
        converted = convert_pt2e(prepared)
        made = {
            "pytorch": inference_form(model),
            "compiled": _compiled(folded.to(memory_format=torch.channels_last), example),
            "fx": fx,
            "pt2e": converted,
            "pt2e_compiled": _compiled(converted, example),
        }
    return {name: _Frozen(call).eval() for name, call in made.items()}
