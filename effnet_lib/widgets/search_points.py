"""What the search widgets know of a table of networks: columns of plain numbers, short enough for a page."""

from __future__ import annotations

import math
from statistics import stdev
from typing import TYPE_CHECKING, Any

from effnet_lib.widgets.network_explorer import rows

if TYPE_CHECKING:
    from effnet_lib.search.space import SearchSpace
    from effnet_lib.search.table import SearchTable

Points = dict[str, Any]


def as_search_table(table: str | SearchTable | None = None) -> SearchTable:
    """``table`` as a ``SearchTable``: the one that ships with the library if None, loaded by name, or as it is.

    Raises
    ------
    ValueError
        If there is no such table, it is not complete, or ``table`` is something else.
    """
    from effnet_lib.search.table import SearchTable, load_table

    if isinstance(table, SearchTable):
        return table
    if table is None:
        return load_table()
    if not isinstance(table, str):
        raise ValueError(f"table must be a SearchTable or the name of a table, got {table!r}")
    return load_table(table)


def search_points(table: SearchTable) -> Points:
    """The networks of ``table`` as columns that JSON can hold, in the order of the space.

    ``sizes``: the number of options of every dimension. ``macs`` and ``params``: one number a network.
    ``latency``: microseconds to a tenth, None where it was not measured. ``validation`` and ``test``: a list for
    every seed, accuracy after the last epoch as a whole number of 1/``unit``. A unit of 1,000 is exact for
    accuracies counted on 1,000 pictures; where no unit up to a million is exact, a million is taken.
    """
    last = {"validation": table.validation[:, :, -1], "test": table.test[:, :, -1]}
    unit = next((10**n for n in range(2, 7) if all(_whole(v * 10**n) for v in last.values())), 10**6)
    shares = {
        name: [[round(float(share) * unit) for share in seed] for seed in values.T]
        for name, values in last.items()
    }
    latency = [None if math.isnan(s) else round(1e6 * s, 1) for s in map(float, table.latency)]
    costs = {"macs": table.macs.tolist(), "params": table.params.tolist(), "latency": latency}
    return {"sizes": list(table.space.sizes), "epochs": table.epochs, **costs, "unit": unit, **shares}


def _whole(values: Any) -> bool:
    return bool((abs(values - values.round()) < 1e-6).all())


def means(points: Points, split: str = "validation") -> list[float]:
    """Accuracy of every network, in [0, 1]: the mean over all seeds."""
    seeds = points[split]
    return [sum(shares) / (len(seeds) * points["unit"]) for shares in zip(*seeds, strict=True)]


def deviations(points: Points, split: str = "validation") -> list[float | None]:
    """Sample standard deviation of accuracy over the seeds for every network; None if there is one seed."""
    seeds = points[split]
    if len(seeds) < 2:
        return [None] * len(seeds[0])
    return [stdev(shares) / points["unit"] for shares in zip(*seeds, strict=True)]


def ranks(points: Points, split: str = "validation") -> list[int]:
    """Rank of every network by mean accuracy: 1 is the best, equals share the better rank."""
    sums = [sum(shares) for shares in zip(*points[split], strict=True)]
    first: dict[int, int] = {}
    for place, value in enumerate(sorted(sums, reverse=True), 1):
        first.setdefault(value, place)
    return [first[value] for value in sums]


def costs(points: Points, cost: str) -> list[float | None]:
    """MACs, parameters or latency in seconds of every network."""
    if cost != "latency":
        return points[cost]
    return [None if us is None else us / 1e6 for us in points["latency"]]


def check_tabular(space: SearchSpace) -> None:
    """Refuse any space but one with the dimensions of ``tabular_space``, at whatever resolution.

    Raises
    ------
    ValueError
        If it is another one.
    """
    from effnet_lib.search import tabular_space

    if space.dimensions != tabular_space().dimensions:
        raise ValueError(f"table must be of the tabular space, got one of {space.name!r}")


def space_columns(space: SearchSpace) -> dict[str, Any]:
    """What the page needs to build any network of ``space``: the base's rows, and what its dimensions set."""
    dimensions: list[list[Any]] = []
    for field, options, stages in space.dimensions:
        plain = [list(option) if isinstance(option, tuple) else option for option in options]
        dimensions.append([field, plain, list(range(len(space.base.stages)) if stages is None else stages)])
        dimensions[-1].append(stages is None)
    return {"base": rows(space.base), "dimensions": dimensions, "divisor": space.divisor}
