"""Widgets of the book: each does all it does in the browser, in a published page as in JupyterLab."""

from __future__ import annotations

from effnet_lib.lazy import lazily

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
__getattr__, __dir__ = lazily(__name__, _HOMES)
