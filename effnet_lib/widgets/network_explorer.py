"""Where a network spends its MACs, parameters and activations: by stage, by block, by layer."""

from __future__ import annotations

from typing import Any

import traitlets

from effnet_lib.arch import ArchSpec
from effnet_lib.cost import Cost, cost_of
from effnet_lib.families import available, get_arch
from effnet_lib.widgets.base import ArchExplorer, Choice, Number, Setting, text_table
from effnet_lib.widgets.bundle import script, style

#: Of a stage, in the order in which the page reads them.
_STAGE = ("block", "kernel", "stride", "expand", "channels", "depth", "se_ratio")


class Variant(Setting):
    """The name of one of the widget's networks."""

    def validate(self, obj: traitlets.HasTraits, value: Any) -> str:
        if not isinstance(value, str) or value not in obj.networks:
            self.refuse(value, f"one of {', '.join(map(repr, obj.networks))}")
        return value


class NetworkExplorer(ArchExplorer):
    """Costs of a published network, or of one of your own, at any resolution.

    Parameters
    ----------
    variant : str
        A published variant, as in ``effnet_lib.get_arch``, or the name of ``arch``.
    resolution : int
        Height and width of the input in pixels; if left out, the network's own.
    show : {"macs", "params", "activations"}
        What the bars are.
    arch : ArchSpec, optional
        A network of your own, shown beside the published ones.
    locked_by : str
        Id of a ``Predict`` that has to be answered first.
    """

    _esm = script("network_explorer.js")
    _css = style("network_explorer.css")
    variant = Variant("efficientnet_b0")
    resolution = Number(224, 8, 1024, whole=True)
    show = Choice("macs", ("macs", "params", "activations"))
    networks = traitlets.Dict().tag(sync=True)

    def __init__(self, variant: str | None = None, arch: ArchSpec | None = None, **settings: Any) -> None:
        if arch is not None and not isinstance(arch, ArchSpec):
            raise ValueError(f"arch must be an ArchSpec, got {arch!r}")
        if arch is not None and arch.irregular:
            raise ValueError(
                f"arch must be regular, because the page works widths out from ratios, got {arch.name!r} with widths "
                "given block by block"
            )
        self._archs = {name: get_arch(name) for name in available()}
        if arch is not None:
            self._archs = {arch.name: arch} | self._archs | {arch.name: arch}
        self.set_trait("networks", {name: rows(found) for name, found in self._archs.items()})
        settings["variant"] = next(iter(self._archs)) if variant is None else variant
        for name, found in self._archs.items():
            if name == settings["variant"]:
                settings.setdefault("resolution", found.resolution)
        super().__init__(**settings)

    def _limits(self) -> dict[str, list[object]]:
        return super()._limits() | {"variant": list(self._archs)}

    @property
    def arch(self) -> ArchSpec:
        """The network of ``variant``, at its own resolution."""
        return self._archs[self.variant]

    @property
    def cost(self) -> Cost:
        """Cost of the network at the resolution, from ``effnet_lib.cost_of``."""
        return cost_of(self.arch, self.resolution)

    def describe(self) -> str:
        what = self.show.replace("macs", "MACs").replace("params", "parameters")
        title = f"Where the {what} go: {self.variant} at {self.resolution} x {self.resolution} pixels"
        try:
            cost = self.cost
        except ValueError as error:
            return f"{title}\n{error}"
        table = [("", "MACs", "parameters", "activation bytes")]
        for name, share in [*((stage.name, stage) for stage in cost.by_stage()), ("all", cost)]:
            table.append((name, f"{share.macs:,}", f"{share.params:,}", f"{share.activation_bytes:,}"))
        return f"{title}\n{text_table(table)}"


def rows(arch: ArchSpec) -> dict[str, Any]:
    """What the page needs of a regular architecture to count its costs, every stage as a list."""
    values = arch.to_dict()
    kept = ("stem", "head", "resolution", "classes", "in_channels", "stem_stride", "fixed_ends")
    stages = [[getattr(stage, name) for name in _STAGE] for stage in arch.stages]
    return {name: values[name] for name in kept} | {"stages": stages}
