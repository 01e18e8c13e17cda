"""Mixed precision: more bits for the layers that suffer most, within a budget of bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from effnet_lib.compress.affine import Scheme
from effnet_lib.compress.layers import weighted_layers
from effnet_lib.compress.network import quantized
from effnet_lib.model import EfficientNet

Sensitivities = Mapping[str, Mapping[int, float]]
_MOST_CELLS = 200_000_000  # of the table that allocate_bits fills


def layer_sensitivity(
    model: EfficientNet, harm: Callable[[nn.Module], float], scheme: Scheme | None = None,
    choices: Sequence[int] = (2, 4, 8),
) -> dict[str, dict[int, float]]:  # fmt: skip
    """What it costs to round one layer's weights alone, at each number of bits.

    Parameters
    ----------
    model : EfficientNet
        In evaluation mode.
    harm : callable
        Takes a network and returns a number that is larger the worse it is: a loss, or the mean squared error of the
        logits. It must answer alike when asked twice.
    scheme : Scheme, optional
        For everything but the bits; symmetric, per channel without one.
    choices : sequence of int
        Bits to try.

    Returns
    -------
    dict
        Layer name to bits to ``harm`` of the network with this layer rounded, less that of the float network.

    Raises
    ------
    ValueError
        As ``quantized`` does, or if ``harm`` returns a number that is not finite.
    """
    scheme = scheme or Scheme()
    schemes = {bits: replace(scheme, bits=bits) for bits in choices}

    def measured(network: nn.Module, where: str) -> float:
        value = float(harm(network))
        if not math.isfinite(value):
            raise ValueError(f"harm must return a finite number, got {value} for {where}")
        return value

    whole = measured(quantized(model), "the float network")
    return {
        name: {
            b: measured(quantized(model, {name: s}), f"{name} at {b} bits") - whole
            for b, s in schemes.items()
        }
        for name in weighted_layers(model)
    }


def packed_bytes(weights: int, bits: int) -> int:
    """Bytes of so many weights of so many bits, packed: what ``allocate_bits`` counts."""
    return -(-weights * bits // 8)


def allocate_bits(
    sensitivities: Sensitivities, sizes: Mapping[str, int], budget_bytes: int,
    choices: Sequence[int] = (2, 4, 8),
) -> dict[str, int]:  # fmt: skip
    """Bits for every layer with the smallest sum of sensitivities whose weights fit into ``budget_bytes``.

    The best assignment there is, by dynamic programming over bytes (a multiple-choice knapsack), so never worse in that
    sum than the same bits everywhere. The sum takes the layers' harms to add up, which they do only roughly: the
    network that comes out has to be measured.

    Parameters
    ----------
    sensitivities : mapping
        As from ``layer_sensitivity``, with every one of ``choices``.
    sizes : mapping of str to int
        Weights of each layer.
    budget_bytes : int
        For packed weights alone; scales and biases do not depend on the choice.

    Raises
    ------
    ValueError
        If the layers or choices do not match, a sensitivity is not finite, or the budget is below the least there is.
    """
    choices = sorted(set(choices))
    if not choices or set(sensitivities) != set(sizes):
        odd = sorted(set(sensitivities) ^ set(sizes)) or list(choices)
        raise ValueError(
            f"sensitivities and sizes must have the same layers and choices must not be empty, got {odd}"
        )
    for name, row in sensitivities.items():
        for bits in choices:
            if bits not in row or not math.isfinite(row[bits]):
                raise ValueError(
                    f"sensitivities must have a finite number for {name} at {bits} bits, got {row.get(bits)}"
                )
    bytes_of = {name: [packed_bytes(sizes[name], bits) for bits in choices] for name in sizes}
    least = sum(options[0] for options in bytes_of.values())
    if not isinstance(budget_bytes, int) or budget_bytes < least:
        raise ValueError(
            f"budget_bytes must be an integer of at least {least}, for {choices[0]} bits everywhere, got {budget_bytes!r}"
        )
    spare = min(budget_bytes - least, sum(options[-1] for options in bytes_of.values()) - least)
    extra = {name: [n - options[0] for n in options] for name, options in bytes_of.items()}
    unit = math.gcd(*(n for options in extra.values() for n in options)) or 1
    cells = spare // unit + 1
    if cells * len(sizes) > _MOST_CELLS:
        raise ValueError(f"sizes must need a table of at most {_MOST_CELLS} cells, got {cells * len(sizes)}")
    best = np.zeros(cells)  # least harm with at most so many units spent
    taken = {}
    for name, options in extra.items():
        harm = np.full(cells, math.inf)
        choice = np.zeros(cells, dtype=np.int8)
        for index, (more, bits) in enumerate(zip(options, choices, strict=True)):
            first = more // unit
            if first < cells:
                found = best[: cells - first] + sensitivities[name][bits]
                better = found < harm[first:]
                harm[first:][better] = found[better]
                choice[first:][better] = index
        best, taken[name] = harm, choice
    left, chosen = cells - 1, {}
    for name in reversed(list(extra)):
        index = int(taken[name][left])
        chosen[name] = choices[index]
        left -= extra[name][index] // unit
    return {name: chosen[name] for name in sizes}
