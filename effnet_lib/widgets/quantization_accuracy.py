"""The measured accuracies of a quantized network, in the form in which the Quantization explorer looks them up."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from effnet_lib import results
from effnet_lib.results import Table, accuracies

if TYPE_CHECKING:
    from effnet_lib.compress.affine import Scheme

TABLE = "quantization_glyphs"
KINDS = ("weights", "activations")
PERCENTILE = 99.9  #: of the table's rows with that observer


def measured_accuracies(table: str | Mapping[str, Any] | Table | None = None) -> dict[str, Any]:
    """Test accuracies by setting, one a seed, from a table of ``quantization_glyphs``' form.

    ``float``: of the network in float32. ``measured``: from a setting, as ``key_of`` names it, and from bits to the
    accuracies, in one string. ``percentile``: the one that was measured. ``about``: where it is from. Rows of other
    families than "float", "weights" and "activations" are left out.

    Raises
    ------
    ValueError
        If the table is unknown, or has no row of the family "float".
    """
    found = _as_table(table)
    whole = [accuracies(row) for row in found if row["family"] == "float"]
    if not whole:
        raise ValueError(f"table must have a row of the family 'float', got none in {found.name!r}")
    measured: dict[str, dict[str, str]] = {}
    for row in found:
        if row["family"] in KINDS:
            key = key_of(row["family"], row["symmetric"], row["per_channel"], row["observer"])
            shares = " ".join(f"{share:.6g}" for share in accuracies(row))
            measured.setdefault(key, {})[str(row["bits"])] = shares
    measured = {key: dict(sorted(points.items())) for key, points in measured.items()}
    return {"float": whole[0], "measured": measured, "percentile": PERCENTILE, "about": _about(found)}


def key_of(kind: str, symmetric: bool, per_channel: bool, observer: str) -> str:
    """A setting's name: "weights/affine/channel/minmax"; activations have one scale, whatever is said."""
    scales = "channel" if per_channel and kind == "weights" else "tensor"
    return "/".join((kind, "symmetric" if symmetric else "affine", scales, observer))


def _as_table(table: str | Mapping[str, Any] | Table | None) -> Table:
    if isinstance(table, Table):
        return table
    if isinstance(table, Mapping):
        names = ("table", "title", "made_by", "setting", "rows")
        if missing := [name for name in names if name not in table]:
            raise ValueError(f"table must have {', '.join(map(repr, names))}; {missing[0]!r} is missing")
        return Table(*(table[name] for name in names[:-1]), tuple(table["rows"]))
    return results.load(TABLE if table is None else table)


def _about(table: Table) -> str:
    made = table.made_by
    seeds = made["seeds"]
    return (
        f"Dots: a network a seed ({', '.join(map(str, seeds))}); the tensors shown are of seed 0. "
        "All weights are quantized, or all activations, not both. "
        f"Measured {made['date']} by {made['command']}."
    )


def accuracy_of(known: Mapping[str, Any], kind: str, scheme: Scheme) -> dict[str, Any] | None:
    """Mean and standard deviation of the test accuracy, and its seeds, with all ``kind`` under ``scheme``.

    ``deviation`` is None for one seed. None if that was not measured.
    """
    if scheme.observer == "percentile" and scheme.percentile != known["percentile"]:
        return None
    key = key_of(kind, scheme.symmetric, scheme.per_channel, scheme.observer)
    words = known["measured"].get(key, {}).get(str(scheme.bits))
    if not words:
        return None
    values = [float(word) for word in words.split()]
    deviation = stdev(values) if len(values) > 1 else None
    return {"mean": fmean(values), "deviation": deviation, "accuracies": values}
