"""Compound scaling: one number that makes a network deeper, wider and sharper-sighted at once."""

from __future__ import annotations

from functools import lru_cache

import traitlets

from effnet_lib.arch import ArchSpec
from effnet_lib.cost import cost_of
from effnet_lib.families import PUBLISHED_SCALING, VARIANTS, get_arch
from effnet_lib.scaling import Multipliers, compound_multipliers, compound_scale, mac_factor, scale
from effnet_lib.widgets.base import ArchExplorer, Number, text_table
from effnet_lib.widgets.bundle import script, style
from effnet_lib.widgets.network_explorer import rows

BASE = "efficientnet_b0"


@lru_cache(maxsize=1)
def published_points() -> tuple[dict[str, object], ...]:
    """Networks whose ImageNet accuracy is published, with MACs counted by ``cost_of``.

    B0 to B7 (Tan & Le 2019, Table 2) and B0 scaled in one dimension and in all three (Table 7). That table
    calls its rows equal in cost; built as stated they are not, so the MACs here are those of the networks.
    """
    base = get_arch(BASE)
    points = []
    for v in VARIANTS:
        if v.source.startswith("Tan"):
            name = v.name.removeprefix("efficientnet_").upper()
            macs = cost_of(get_arch(v.name)).macs
            points.append({"label": name, "series": "family", "macs": macs, "top1": v.top1})
    for row in PUBLISHED_SCALING:
        arch = scale(base, row.width, row.depth, float(row.resolution))
        times = {"depth": row.depth, "width": row.width, "resolution": row.resolution}
        label = f"{row.label} ×{times[row.label]:g}" if row.label in times else row.label
        points.append({"label": label, "series": row.label, "macs": cost_of(arch).macs, "top1": row.top1})
    return tuple(points)


class ScalingExplorer(ArchExplorer):
    """EfficientNet-B0 scaled by phi, and where its cost lies among the published networks.

    Parameters
    ----------
    phi : float
        The compound coefficient; 0 is B0 itself.
    alpha, beta, gamma : float
        What depth, width and resolution are multiplied by for each step of phi.
    locked_by : str
        Id of a ``Predict`` that has to be answered first.
    """

    _esm = script("scaling_explorer.js")
    _css = style("scaling_explorer.css")
    phi = Number(0, 0, 8)
    alpha = Number(1.2, 1, 2)
    beta = Number(1.1, 1, 2)
    gamma = Number(1.15, 1, 2)
    base = traitlets.Dict().tag(sync=True)
    points = traitlets.List().tag(sync=True)

    def __init__(self, phi: float = 0, **settings: float | str) -> None:
        self.set_trait("base", rows(get_arch(BASE)))
        self.set_trait("points", [dict(point) for point in published_points()])
        super().__init__(phi=phi, **settings)

    @property
    def multipliers(self) -> Multipliers:
        """What width, depth and resolution are multiplied by."""
        return compound_multipliers(self.phi, self.alpha, self.beta, self.gamma)

    @property
    def arch(self) -> ArchSpec:
        """The scaled network."""
        return compound_scale(get_arch(BASE), self.phi, self.alpha, self.beta, self.gamma)

    @property
    def resolution(self) -> int:
        """Its input height and width in pixels."""
        return self.arch.resolution

    def describe(self) -> str:
        arch, cost, m = self.arch, self.cost, self.multipliers
        factor = mac_factor(self.alpha, self.beta, self.gamma)
        ratio = cost.macs / cost_of(get_arch(BASE)).macs
        table = [("", "channels", "blocks", "MACs")]
        shares = {share.name: share for share in cost.by_stage()}
        for i, stage in enumerate(arch.stages):
            name = f"stages.{i}"
            table.append((name, str(stage.channels), str(stage.depth), f"{shares[name].macs:,}"))
        return (
            f"B0 scaled by phi {self.phi:g}, alpha {self.alpha:g}, beta {self.beta:g}, gamma {self.gamma:g}: "
            f"depth x{m.depth:.3f}, width x{m.width:.3f}, resolution x{m.resolution:.3f}\n"
            f"{arch.resolution} px, {cost.macs:,} MACs, {cost.params:,} parameters; MACs x{ratio:.3f} of B0, "
            f"(alpha beta^2 gamma^2)^phi = {factor**self.phi:.3f}\n{text_table(table)}"
        )
