"""Quantization of real weights and activations: levels, error, and what the whole network loses by it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import traitlets

from effnet_lib.results import Table
from effnet_lib.widgets.base import BookWidget, Choice, Number, Setting, Text, text_table
from effnet_lib.widgets.bundle import script, style
from effnet_lib.widgets.quantization_accuracy import accuracy_of, measured_accuracies
from effnet_lib.widgets.quantization_numbers import Quantized, decoded, quantized_numbers, stored_tensors

if TYPE_CHECKING:
    from effnet_lib.compress.affine import Scheme


class TensorName(Setting):
    """One of the stored tensors."""

    def validate(self, obj: traitlets.HasTraits, value: Any) -> str:
        names = [row["name"] for row in stored_tensors()]
        if not isinstance(value, str) or value not in names:
            self.refuse(value, f"one of {', '.join(map(repr, names))}")
        return value


class QuantizationExplorer(BookWidget):
    """Weights and activations of ``glyph_lite``, quantized as the reader wants.

    Tensors are in half precision, batch norms folded; all numbers are those of ``effnet_lib.compress``. The page
    rounds to float32 where the library does and sums in double precision: integers, scales and zero points are equal
    on both sides, errors to within a millionth. The accuracy is that of the whole network with all its weights, or all
    its activations, quantized in the same way, as measured for the table ``quantization_glyphs``.

    Parameters
    ----------
    tensor : {"stem", "expansion", "depthwise", "depthwise_5x5", "projection", "relu6", "bottleneck"}
        The first five are weights, the others samples of activations.
    bits : int
        From 2 to 8.
    scales : {"tensor", "channel"}
        One scale, or one for each output channel of a weight. Activations have one, whatever this says.
    form : {"symmetric", "affine"}
        Without a zero point or with one.
    observer : {"minmax", "percentile", "mse"}
        What chooses the range: everything; the given percentile; the smallest mean squared error.
    percentile : float
        Of the values, in percent, from 90 to 100.
    table : str, dict or effnet_lib.results.Table, optional
        The measured accuracies, ``quantization_glyphs`` by default.
    locked_by : str
        Id of a ``Predict`` that has to be answered first.

    Raises
    ------
    ValueError
        If the table is unknown or of another form, or a setting is none of those that there are.
    """

    _esm = script("quantization_explorer.js")
    _css = style("quantization_explorer.css")
    tensor = TensorName("depthwise")
    bits = Number(4, 2, 8, whole=True)
    scales = Choice("tensor", ("tensor", "channel"))
    form = Choice("symmetric", ("symmetric", "affine"))
    observer = Choice("minmax", ("minmax", "percentile", "mse"))
    percentile = Number(99.9, 90, 100)
    locked_by = Text("")
    tensors = traitlets.List().tag(sync=True)
    accuracies = traitlets.Dict().tag(sync=True)

    def __init__(self, table: str | Mapping[str, Any] | Table | None = None, **settings: Any) -> None:
        self.set_trait("tensors", [dict(row) for row in stored_tensors()])
        self.set_trait("accuracies", measured_accuracies(table))
        super().__init__(**settings)

    def _limits(self) -> dict[str, list[object]]:
        return super()._limits() | {"tensor": [row["name"] for row in self.tensors]}

    @property
    def row(self) -> dict[str, Any]:
        """The tensor shown, with its name, layer, shape and values."""
        return next(row for row in self.tensors if row["name"] == self.tensor)

    @property
    def scheme(self) -> Scheme:
        """The setting, as the library's functions take it. Affine activations are unsigned, all else is signed."""
        from effnet_lib.compress.affine import Scheme

        weights, symmetric = self.row["kind"] == "weights", self.form == "symmetric"
        return Scheme(
            bits=self.bits, symmetric=symmetric, per_channel=weights and self.scales == "channel",
            signed=weights or symmetric, observer=self.observer, percentile=self.percentile,
        )  # fmt: skip

    @property
    def numbers(self) -> Quantized:
        """What quantization makes of the tensor, computed by ``effnet_lib.compress``."""
        return quantized_numbers(decoded(self.row), self.scheme)

    @property
    def accuracy(self) -> dict[str, Any] | None:
        """Mean and standard deviation of the network's test accuracy with this setting; None if not measured."""
        return accuracy_of(self.accuracies, self.row["kind"], self.scheme)

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of the tensor (of activations: for one picture) in float32, and quantized."""
        from effnet_lib.compress.layers import layer_bytes

        count = math.prod(self.row["shape"])
        return 4 * count, layer_bytes(count, self.row["shape"][0], self.scheme, bias=False)

    def describe(self) -> str:
        row, found, accuracy = self.row, self.numbers, self.accuracy
        per = "a scale per channel" if self.scheme.per_channel else "one scale"
        clip = {"minmax": "no clipping", "percentile": f"{self.percentile:g} % of the values kept",
                "mse": "range of least squared error"}[self.observer]  # fmt: skip
        scale, zero = (_ends(values) for values in (found.scale, found.zero_point))
        before, after = self.bytes
        weights = row["kind"] == "weights"
        shape = " x ".join(map(str, row["shape"]))
        table = [
            ("", ""),
            ("scale", scale),
            ("zero point", zero),
            ("levels in use", f"{found.used} of {found.levels}"),
            ("values clipped", f"{found.clipped:,} of {len(found.q):,}"),
            ("squared error, rounding", f"{found.rounding:.3g}"),
            ("squared error, clipping", f"{found.clipping:.3g}"),
            ("SQNR, dB", f"{found.sqnr:.1f}"),
            ("bytes", f"{after:,} of {before:,}"),
        ]
        if weights:
            table[-1:-1] = [
                ("median channel: levels spanned", f"{found.median_span:g} of {found.levels}"),
                ("median channel: SQNR, dB", f"{found.median_own:.1f}"),
            ]
        score = "not measured with this setting"
        if accuracy:
            deviation = accuracy["deviation"]
            spread = "" if deviation is None else f" ± {100 * deviation:.1f}"
            seeds = len(accuracy["accuracies"])
            score = f"{100 * accuracy['mean']:.1f}{spread} % over {seeds} seed{'s' if seeds > 1 else ''}"
        return (
            f"{row['label']}: {row['kind']} of {row['layer']}, {shape}\n"
            f"{self.bits} bits, {self.form}, {per}, {clip}\n{text_table(table[1:])}\n"
            f"Test accuracy of the network with all its {row['kind']} like this: {score}"
        )


def _ends(values: tuple[float, ...]) -> str:
    """Lowest and highest, or the only one."""
    low, high = min(values), max(values)
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
