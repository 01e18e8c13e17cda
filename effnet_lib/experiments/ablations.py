"""One part of the network changed at a time, and the widths solved again, so that every variant costs the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from effnet_lib.arch import ArchSpec
from effnet_lib.cost import cost_of
from effnet_lib.experiments.matching import match_macs
from effnet_lib.small import glyph_base


def ablation_base() -> ArchSpec:
    """The base network with every stage deeper, so that there are residuals to take away, at 31 pixels."""
    base = glyph_base(31)
    depths = (1, 2, 3, 2)
    stages = tuple(replace(stage, depth=d) for stage, d in zip(base.stages, depths, strict=True))
    return base.replace(stages=stages)


def _every(arch: ArchSpec, **changes: Any) -> ArchSpec:
    """Change all stages; the expansion of the first, unexpanded one stays 1."""
    stages = []
    for stage in arch.stages:
        kept = {k: v for k, v in changes.items() if not (k == "expand" and stage.expand == 1)}
        stages.append(replace(stage, **kept))
    return arch.replace(stages=tuple(stages))


def variants() -> Iterator[tuple[str, str, dict[str, Any], ArchSpec]]:
    """(row name, family, further fields, network); all at the base's MACs within 1 %."""
    base = ablation_base()
    macs = cost_of(base).macs
    changed: list[tuple[str, str, ArchSpec, str | None]] = [
        ("base", "base", base, None),
        ("no squeeze-and-excitation", "attention", _every(base, se_ratio=0.0), None),
        ("ReLU", "activation", base.replace(activation="relu"), None),
        ("expansion 2", "expansion", _every(base, expand=2), None),
        ("expansion 6", "expansion", _every(base, expand=6), None),
        ("no linear bottleneck", "bottleneck", base, "no linear bottleneck"),
        ("no residual", "residual", base, "no residual"),
        ("stochastic depth 0.2", "regularization", base.replace(drop_path=0.2), None),
        ("kernel 3 throughout", "kernel", _every(base, kernel=3), None),
        ("kernel 5 throughout", "kernel", _every(base, kernel=5), None),
        ("kernel 7 throughout", "kernel", _every(base, kernel=7), None),
    ]
    for name, family, arch, change in changed:
        yield name, family, {"change": change}, match_macs(arch, macs)
