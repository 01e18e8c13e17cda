"""The trained network that ships with the library: small enough for a page, good enough to be worth compressing."""

from __future__ import annotations

import json
from pathlib import Path

from effnet_lib.arch import ArchSpec
from effnet_lib.model import EfficientNet

GLYPH_NET = Path(__file__).parent / "results" / "glyph_net.safetensors"


def load_glyph_net(path: str | Path = GLYPH_NET) -> EfficientNet:
    """The network of ``python -m effnet_lib.experiments.glyph_net``, in evaluation mode.

    It names drawn letters (``glyph_data(32, difficulty="hard")``, 40 classes) from float (N, 3, 32, 32), normalised by the
    channel means and deviations in ``normalisation()``. What it was trained on, how well it does and what it
    must not be used for stands in its model card, ``effnet_lib/results/glyph_net.md``.

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
