"""One picture of any kind, from the bytes of its file to RGB."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image


def _eight_bits(image: Image, name: str) -> Image:
    """A grey picture of 16 bits, brought to 8."""
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"{name} must hold at most 16 bits a pixel, got {values.min()} to {values.max()}")
    return Image.fromarray(np.round(values / 257).astype(np.uint8))


def rgb_picture(content: bytes, name: str) -> Image:
    """The picture that ``content``, a whole file, holds, as an RGB image of Pillow.

    It is turned upright as its EXIF orientation says. Grey is repeated in three channels, 16 bits are rounded
    to 8, a palette is looked up, and what is transparent lies on white. Of an animation, the first frame.

    Parameters
    ----------
    content : bytes
        JPEG, PNG or whatever else Pillow reads.
    name : str
        What errors call it: the path of the file.

    Raises
    ------
    ValueError
        If it is no picture, is damaged or cut short, or has pixels of floating point; the message names it.
    """
    from PIL import Image, ImageOps

    try:
        image = Image.open(io.BytesIO(content))
        image.load()
        image = ImageOps.exif_transpose(image)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins raise many kinds for a foreign or damaged file
        reason = "it is empty" if not content else f"it is damaged, cut short or no picture ({error})"
        raise ValueError(f"{name} could not be read as a picture: {reason}") from error
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = _eight_bits(image, name)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if image.mode in ("F", "LAB"):
        raise ValueError(
            f"{name} must be grey or in colours of 8 or 16 bits, got Pillow's mode {image.mode!r}"
        )
    return image.convert("RGB")


def decoded(content: bytes, name: str) -> Tensor:
    """``rgb_picture`` as a uint8 tensor (3, H, W); raises as that does."""
    return torch.from_numpy(np.array(rgb_picture(content, name))).permute(2, 0, 1).contiguous()
