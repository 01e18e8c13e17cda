"""The trained networks that ship with the library: small enough for a page, good enough to be worth compressing."""

from __future__ import annotations

import json
from pathlib import Path

from effnet_lib.arch import ArchSpec
from effnet_lib.model import EfficientNet

FOLDER = Path(__file__).parent / "results"
SHIPPED = ("glyph_net", "glyph_lite", "glyph_lite_48", "glyph_silu_48")
GLYPH_NET = FOLDER / "glyph_net.safetensors"


def weights_of(name: str) -> Path:
    """The file of the shipped network ``name``.

    Raises
    ------
    ValueError
        If no network of that name is shipped.
    """
    if name not in SHIPPED:
        raise ValueError(f"name must be one of {', '.join(map(repr, SHIPPED))}, got {name!r}")
    return FOLDER / f"{name}.safetensors"


def load_trained(name: str) -> EfficientNet:
    """The shipped network ``name``, in evaluation mode: one of ``SHIPPED``, which ``effnet_lib.small`` describes.

    Raises
    ------
    ValueError
        If no network of that name is shipped.
    """
    return load_glyph_net(weights_of(name))


def load_glyph_net(path: str | Path = GLYPH_NET) -> EfficientNet:
    """A network of ``python -m effnet_lib.experiments.glyph_net``, in evaluation mode.

    It names drawn letters (``glyph_data(arch.resolution, difficulty="hard")``, 40 classes) from float
    (N, 3, 32, 32) or (N, 3, 48, 48), normalised by the channel means and deviations in ``normalisation()``. What
    it was trained on, how well it does and what it must not be used for stands in its model card, beside its file.

    Raises
    ------
    ValueError
        If the file is missing, damaged or holds no network of this library.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    arch = ArchSpec.from_dict(json.loads(_metadata(path)["arch"]))
    model = EfficientNet(arch)
    try:
        missing = model.load_state_dict(load_file(path), strict=False)
        if missing.unexpected_keys or any(
            not k.endswith("num_batches_tracked") for k in missing.missing_keys
        ):
            raise RuntimeError(str(missing))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"path: the weights in {str(path)!r} do not fit its own network: {error}") from error
    return model.eval()


def normalisation(path: str | Path = GLYPH_NET) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Channel means and standard deviations, on [0, 1], that the network's inputs are normalised by."""
    found = _metadata(path)
    return tuple(json.loads(found["mean"])), tuple(json.loads(found["std"]))


def _metadata(path: str | Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            found = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ValueError(f"path must be a safetensors file, got {str(path)!r}: {error}") from error
    if not {"arch", "mean", "std"} <= set(found):
        raise ValueError(f"path: {str(path)!r} does not say which network it holds")
    return found
