"""Networks small enough that their export takes a second or two."""

from dataclasses import replace

import torch

from effnet_lib.arch import ArchSpec, StageSpec
from effnet_lib.model import EfficientNet

MEAN, STD = (0.5, 0.4, 0.6), (0.2, 0.25, 0.3)


def tiny(**changes) -> ArchSpec:
    """Two blocks, one with a residual, in the Lite form."""
    stages = (
        StageSpec("mbconv", kernel=3, stride=1, expand=1, channels=8, depth=1, se_ratio=0),
        StageSpec("mbconv", kernel=5, stride=2, expand=2, channels=12, depth=1, se_ratio=0),
    )
    arch = ArchSpec(
        "tiny",
        stages,
        stem=8,
        head=16,
        resolution=16,
        classes=5,
        activation="relu6",
        dropout=0.1,
        drop_path=0.0,
    )
    return arch.replace(**changes)


def calibrated(arch: ArchSpec, seed: int = 0) -> EfficientNet:
    """A network with random weights whose batch norms have seen images, and whose answers differ."""
    torch.manual_seed(seed)
    model = EfficientNet(arch).train()
    with torch.no_grad():
        model.classifier.weight.mul_(8)
        for _ in range(30):
            model(torch.randn(32, arch.in_channels, arch.resolution, arch.resolution))
    return model.eval()


def with_everything() -> ArchSpec:
    """Squeeze-and-excitation, SiLU, a fused block and TensorFlow's padding."""
    arch = tiny()
    first, second = arch.stages
    fused = StageSpec("fused", kernel=3, stride=2, expand=2, channels=8, depth=1, se_ratio=0)
    gated = replace(second, se_ratio=0.25, depth=2)
    return arch.replace(stages=(first, fused, gated), activation="silu", padding="same", resolution=17)
