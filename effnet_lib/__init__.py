"""Efficient networks, small enough to read in an evening.

Names load on first use, so that ``import effnet_lib`` needs nothing but Python:

>>> from effnet_lib import cost_of, get_arch
>>> cost_of(get_arch("efficientnet_b0")).macs
385814752
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "ArchSpec": "arch",
    "BlockSpec": "arch",
    "StageSpec": "arch",
    "Coefficients": "scaling",
    "compound_multipliers": "scaling",
    "compound_scale": "scaling",
    "round_channels": "scaling",
    "round_depth": "scaling",
    "scale": "scaling",
    "available": "families",
    "get_arch": "families",
    "get_variant": "families",
    "Cost": "cost",
    "LayerCost": "cost",
    "cost_of": "cost",
    "ConvNormAct": "blocks",
    "FusedMBConv": "blocks",
    "MBConv": "blocks",
    "SqueezeExcite": "blocks",
    "StochasticDepth": "blocks",
    "EfficientNet": "model",
    "inference_form": "model",
    "load_torchvision_weights": "model",
}
_MODULES = (
    "arch", "scaling", "families", "small", "cost", "blocks", "model", "measure", "data", "train", "search",
    "compress", "deploy", "trained", "results", "jsonlines", "experiments", "figures", "exercises", "widgets",
)  # fmt: skip

__all__ = sorted([*_HOME, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"effnet_lib.{_HOME[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"effnet_lib.{name}")
    else:
        raise AttributeError(f"module 'effnet_lib' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
