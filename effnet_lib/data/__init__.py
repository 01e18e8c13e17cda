"""Data sets: drawn, bundled, downloaded when asked, or a folder of your own pictures.

Every function returns an ``ImageData``: train, validation and test split, classes, and channel statistics.
Names load on first use; what a set needs (scikit-learn, torchvision, matplotlib) is imported where it is read.
"""

from __future__ import annotations

from effnet_lib.lazy import lazily

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
__getattr__, __dir__ = lazily(__name__, _HOME)
