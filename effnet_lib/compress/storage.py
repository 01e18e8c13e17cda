"""What a pruned network costs to keep: zeros are only saved by a format that says where they are."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from effnet_lib.compress.masks import prunable

FORMS = ("dense", "bitmask", "csr")
VALUE = 4  # bytes of one float32
INDEX = 4  # bytes of one column index or row offset: int32, as SciPy and most kernels have them


def _must_be_form(form: str) -> None:
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(map(repr, FORMS))}, got {form!r}")


def tensor_bytes(
    rows: int, columns: int, nonzeros: int, form: str = "dense", value_bytes: int = VALUE
) -> int:
    """Bytes of a matrix of ``rows`` by ``columns`` with so many nonzeros.

    ``"dense"``: every value. ``"bitmask"``: a bit for every value, in whole bytes, and the nonzeros. ``"csr"``
    (compressed sparse row): the nonzeros, a 4-byte column for each, and rows + 1 4-byte offsets.

    Raises
    ------
    ValueError
        If ``form`` is none of these, a size is not positive, or there are more nonzeros than values.
    """
    _must_be_form(form)
    for name, value in (("rows", rows), ("columns", columns), ("value_bytes", value_bytes)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
    size = rows * columns
    if not 0 <= nonzeros <= size:
        raise ValueError(f"nonzeros must lie in [0, {size}], got {nonzeros!r}")
    if form == "dense":
        return value_bytes * size
    if form == "bitmask":
        return -(-size // 8) + value_bytes * nonzeros
    return (value_bytes + INDEX) * nonzeros + INDEX * (rows + 1)


def break_even_density(rows: int, columns: int, form: str, value_bytes: int = VALUE) -> float:
    """The fraction of nonzeros below which ``form`` takes fewer bytes than a dense matrix; it can be negative: never.

    For float32, just under 31/32 for a bitmask, and at most a half for CSR: less where rows are short, as the 9
    weights of a depthwise filter are. Raises ValueError as ``tensor_bytes`` does, and for ``"dense"``.
    """
    if form == "dense":
        raise ValueError(
            "form must be 'bitmask' or 'csr': the dense form is what they are compared with, got 'dense'"
        )
    dense = tensor_bytes(rows, columns, 0, "dense", value_bytes)
    fixed = tensor_bytes(rows, columns, 0, form, value_bytes)
    each = value_bytes + (INDEX if form == "csr" else 0)
    return (dense - fixed) / (each * rows * columns)


def storage_bytes(model: nn.Module, form: str = "dense", value_bytes: int = VALUE) -> int:
    """Bytes that the numbers of ``model`` take in a file, without names and headers.

    Weights of convolutions and linear layers are matrices with one row a filter, in the form asked for; all other
    parameters, and batch norms' running statistics, are dense. What is in memory while the network runs is another
    matter: dense kernels need dense weights, zeros and all, and take as long for them.

    Parameters
    ----------
    form : {"dense", "bitmask", "csr"}
        As in ``tensor_bytes``.
    value_bytes : int
        Of every number; 4 for float32.

    Raises
    ------
    ValueError
        If ``form`` is none of these.
    """
    _must_be_form(form)
    weights = {id(w) for w in prunable(model).values()}
    total = 0
    for tensor in _numbers(model):
        if id(tensor) in weights:
            rows = tensor.shape[0]
            total += tensor_bytes(
                rows, tensor.numel() // rows, int(torch.count_nonzero(tensor)), form, value_bytes
            )
        else:
            total += value_bytes * tensor.numel()
    return total


def _numbers(model: nn.Module) -> Iterator[Tensor]:
    """Parameters and floating-point buffers; batch counters are not needed to run a network."""
    yield from model.parameters()
    yield from (buffer for buffer in model.buffers() if buffer.is_floating_point())
