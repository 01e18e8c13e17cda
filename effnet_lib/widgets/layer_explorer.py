"""What one layer costs: four ways to get from the same input to the same output."""

from __future__ import annotations

from effnet_lib.arch import BlockSpec
from effnet_lib.cost import LayerCost, block_layers, conv_macs, conv_params, out_size
from effnet_lib.widgets.base import Choice, Explorer, Flag, Number, text_table
from effnet_lib.widgets.bundle import script, style

LAYERS = {
    "conv": "Standard convolution",
    "separable": "Depthwise separable",
    "mbconv": "MBConv",
    "fused": "Fused-MBConv",
}
SE_RATIO = 0.25  # of the input channels, as in EfficientNet


class LayerExplorer(Explorer):
    """Cost of one layer as a standard convolution, depthwise separable, MBConv and Fused-MBConv.

    Parameters
    ----------
    channels : int
        Input channels.
    kernel : {1, 3, 5, 7, 9}
        Height and width of the spatial kernel.
    expand : int
        Expansion ratio of MBConv and Fused-MBConv.
    se : bool
        Whether MBConv and Fused-MBConv have squeeze-and-excitation, a quarter of the input channels wide.
    resolution : int
        Height and width of the input in pixels.
    out_channels : int
        Output channels; 0 for as many as the input has.
    stride : {1, 2}
    layer : {"conv", "separable", "mbconv", "fused"}
        The one whose formulas are shown, and which ``macs`` and ``params`` are about.
    locked_by : str
        Id of a ``Predict`` that has to be answered first.
    """

    _esm = script("layer_explorer.js")
    _css = style("layer_explorer.css")
    channels = Number(64, 1, 4096, whole=True)
    kernel = Choice(3, (1, 3, 5, 7, 9))
    expand = Number(6, 1, 12, whole=True)
    se = Flag(False)
    resolution = Number(56, 1, 1024, whole=True)
    out_channels = Number(0, 0, 4096, whole=True)
    stride = Choice(1, (1, 2))
    layer = Choice("separable", tuple(LAYERS))

    @property
    def costs(self) -> dict[str, list[LayerCost]]:
        """The sub-layers of each of the four, in order of execution."""
        out = self.out_channels or self.channels
        shape_in = (self.channels, self.resolution, self.resolution)
        after = out_size(self.resolution, self.stride)
        weights = conv_params(self.channels, out, self.kernel)
        macs = conv_macs(self.channels, out, self.kernel, after)
        conv = LayerCost("conv", "conv", weights, 2 * out, macs, shape_in, (out, after, after))
        squeeze = max(1, int(self.channels * SE_RATIO)) if self.se else 0
        return {
            "conv": [conv],
            "separable": self._block("mbconv", 1, 0, out),
            "mbconv": self._block("mbconv", self.expand, squeeze, out),
            "fused": self._block("fused", self.expand, squeeze, out),
        }

    def _block(self, block: str, expand: int, squeeze: int, out: int) -> list[LayerCost]:
        widths = (self.channels, self.channels * expand, out, squeeze)
        spec = BlockSpec("block", block, self.kernel, self.stride, expand, *widths, residual=False)
        return block_layers(spec, self.resolution)

    @property
    def macs(self) -> int:
        return sum(part.macs for part in self.costs[self.layer])

    @property
    def params(self) -> int:
        return sum(part.params for part in self.costs[self.layer])

    def describe(self) -> str:
        out = self.out_channels or self.channels
        after = out_size(self.resolution, self.stride)
        rows = [("", "MACs", "parameters", "activation bytes")]
        for name, parts in self.costs.items():
            found = [(part.macs, part.params, part.activation_bytes) for part in parts]
            rows.append((LAYERS[name], *(f"{sum(column):,}" for column in zip(*found, strict=True))))
        return (
            f"Cost of one layer, {self.channels} x {self.resolution} x {self.resolution} in, "
            f"{out} x {after} x {after} out, kernel {self.kernel}, expansion {self.expand}, "
            f"squeeze-and-excitation {'on' if self.se else 'off'}\n{text_table(rows)}"
        )
