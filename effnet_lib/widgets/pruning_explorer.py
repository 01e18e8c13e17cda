"""Pruning of a real trained network: what remains of it, what that costs, and how well it still does."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import traitlets

from effnet_lib.arch import ArchSpec
from effnet_lib.results import Table
from effnet_lib.widgets.base import ArchExplorer, Choice, Number, text_table
from effnet_lib.widgets.bundle import script, style
from effnet_lib.widgets.pruning_numbers import (
    CRITERIA,
    MOST,
    SCOPES,
    measured,
    stored_groups,
    stored_layers,
    stored_survivors,
    trained_network,
)

if TYPE_CHECKING:
    from effnet_lib.model import EfficientNet

FORMS = ("dense", "bitmask", "csr")
LOOKS = {
    "before": "as it is", "recalibrated": "recalibrated", "tuned": "fine-tuned",
    "gradual": "pruned while fine-tuned", "short": "from scratch, trained as long",
    "scratch": "from scratch, full training",
}  # fmt: skip


class PruningExplorer(ArchExplorer):
    """``glyph_net`` with a part of its weights or channels removed, at any amount; accuracies where they were measured.

    Costs and what remains are those of the shipped network (seed 0); accuracies are means over the seeds of the table
    ``pruning_glyphs``.

    Parameters
    ----------
    structure : {"weights", "channels"}
        Single weights become zero, or whole channels are removed and a smaller network remains.
    scope : {"global", "layer"}
        Of single weights: the smallest of all layers together, or the same share of every layer.
    criterion : {"l1", "bn", "random", "everywhere"}
        Of channels: which go first. By the L1 norm of their filters, by the scale of their batch norms, at random: the
        hidden channels of the blocks. ``"everywhere"``: by L1 norm, in every group of the network.
    amount : int
        Percent that is removed, from 0 to 95.
    table : str, dict or effnet_lib.results.Table, optional
        The measured accuracies, ``pruning_glyphs`` by default.
    locked_by : str
        Id of a ``Predict`` that has to be answered first.

    Raises
    ------
    ValueError
        If a setting is none of these, or ``table`` is not a table of pruning.
    """

    _esm = script("pruning_explorer.js")
    _css = style("pruning_explorer.css")
    structure = Choice("channels", ("weights", "channels"))
    scope = Choice("global", SCOPES)
    criterion = Choice("l1", tuple(CRITERIA))
    amount = Number(50, 0, MOST, whole=True)
    layers = traitlets.List().tag(sync=True)
    groups = traitlets.List().tag(sync=True)
    survivors = traitlets.List().tag(sync=True)
    measured = traitlets.Dict().tag(sync=True)

    def __init__(self, table: str | Mapping[str, Any] | Table | None = None, **settings: Any) -> None:
        self.set_trait("layers", [dict(row) for row in stored_layers()])
        self.set_trait("groups", [dict(row) for row in stored_groups()])
        self.set_trait("survivors", list(stored_survivors()))
        self.set_trait("measured", measured(table))
        super().__init__(**settings)

    @property
    def way(self) -> str:
        """What is done, in two words: "weights global", "channels l1", ..."""
        return f"{self.structure} {self.scope if self.structure == 'weights' else self.criterion}"

    @property
    def network(self) -> EfficientNet:
        """The pruned network, made by ``effnet_lib.compress``; not fine-tuned."""
        from effnet_lib.compress import apply_masks, magnitude_masks, prune_fraction

        if self.structure == "channels":
            criterion, groups = CRITERIA[self.criterion]
            return prune_fraction(trained_network(), self.amount / 100, criterion, groups)
        model = copy.deepcopy(trained_network())
        apply_masks(model, magnitude_masks(model, self.amount / 100, self.scope)).remove()
        return model

    @property
    def arch(self) -> ArchSpec:
        """The pruned network as an architecture; of single weights the one that it was: dense kernels multiply by zeros."""
        return self.network.arch

    @property
    def kept(self) -> list[int]:
        """Weights of every convolution and linear layer that are there and not zero, in order."""
        from effnet_lib.compress import prunable

        weights = prunable(self.network)
        return [int((weights[f"{row['name']}.weight"] != 0).sum()) for row in self.layers]

    @property
    def bytes(self) -> dict[str, int]:
        """Bytes to store it: dense, with a bit mask, and in compressed sparse rows."""
        from effnet_lib.compress import storage_bytes

        network = self.network
        return {form: storage_bytes(network, form) for form in FORMS}

    @property
    def accuracy(self) -> dict[str, Any] | None:
        """What was measured with this setting: each [mean, deviation, seeds]; None if nothing was."""
        if self.amount == 0:
            return self.measured.get("whole") or None
        return self.measured.get("ways", {}).get(self.way, {}).get(str(self.amount))

    def describe(self) -> str:
        cost, stored = self.cost, self.bytes
        whole = {row["name"]: row["shape"][0] * row["shape"][1] * row["kernel"] for row in self.layers}
        kept = self.kept
        rows = [("", "kept", "of", "")]
        for row, left in zip(self.layers, kept, strict=True):
            size = whole[row["name"]]
            rows.append((row["name"], f"{left:,}", f"{size:,}", f"{100 * left / size:.0f} %"))
        lines = [
            f"{self.amount} % of the {self.structure} of glyph_net removed ({self.way})",
            f"{cost.params:,} parameters, {sum(kept):,} weights not zero, {cost.macs:,} MACs executed",
            f"stored: {stored['dense']:,} bytes dense, {stored['bitmask']:,} with a bit mask, {stored['csr']:,} in CSR",
            self._score(),
            "Weights by layer:",
            text_table(rows),
        ]
        return "\n".join(lines)

    def _score(self) -> str:
        found = self.accuracy
        if not found:
            return "Accuracy: not measured with this setting"
        told = []
        for look, words in LOOKS.items():
            if look in found:
                mean, deviation, seeds = found[look]
                more = "" if deviation is None else f" ± {100 * deviation:.1f}"
                told.append(f"{words} {100 * mean:.1f}{more} %")
        return f"Test accuracy over {seeds} seed{'s' if seeds > 1 else ''}: {', '.join(told)}"
