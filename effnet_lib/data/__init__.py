"""Data sets: drawn, bundled, downloaded when asked, or a folder of your own pictures.

Every function returns an ``ImageData``: train, validation and test split, classes, and channel statistics.
Names load on first use; what a set needs (scikit-learn, torchvision, matplotlib) is imported where it is read.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "ImageData": "sets",
    "Images": "sets",
    "TensorImages": "sets",
    "channel_statistics": "sets",
    "glyph_data": "glyphs",
    "draw_glyphs": "glyphs",
    "cifar10_data": "sources",
    "data_root": "sources",
    "digits_data": "sources",
    "fashion_mnist_data": "sources",
    "FolderImages": "folder",
    "folder_data": "folder",
    "verify_folder": "folder",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'effnet_lib.data' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"effnet_lib.data.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
