"""Widgets of the book: each does all it does in the browser, in a published page as in JupyterLab."""

from __future__ import annotations

from importlib import import_module

_HOMES = {
    "LayerExplorer": "layer_explorer",
    "NetworkExplorer": "network_explorer",
    "PruningExplorer": "pruning_explorer",
    "QuantizationExplorer": "quantization_explorer",
    "RewardShaper": "reward_shaper",
    "ScalingExplorer": "scaling_explorer",
    "SearchReplay": "search_replay",
    "SpaceExplorer": "space_explorer",
    "TradeoffExplorer": "tradeoff_explorer",
    "Predict": "predict",
    "Quiz": "quiz",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
