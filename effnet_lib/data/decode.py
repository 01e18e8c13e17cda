"""One picture of any kind, from the bytes of its file to RGB."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image


def _rgb(image: Image) -> Image:
    from PIL import Image

    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"its pixels must have at most 16 bits, got {values.min()} to {values.max()}")
        image = Image.fromarray(np.round(values / 257).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its pixels must be whole numbers, got floating point")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


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
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(content))
        image.load()
        return _rgb(ImageOps.exif_transpose(image))
    except MemoryError:
        raise
    except UnidentifiedImageError as error:  # its text is the address of a buffer
        reason = "it is no picture" if content else "it is empty"
        raise ValueError(f"{name} could not be read as a picture: {reason}") from error
    except Exception as error:  # Pillow's plugins raise many kinds for a damaged file
        raise ValueError(f"{name} could not be read as a picture: {error}") from error


def decoded(content: bytes, name: str) -> Tensor:
    """``rgb_picture`` as a uint8 tensor (3, H, W); raises as that does."""
    return torch.from_numpy(np.array(rgb_picture(content, name))).permute(2, 0, 1).contiguous()
