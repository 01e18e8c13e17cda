"""What differs between a reader's value and the expected one, said in a sentence.

:func:`difference` walks numbers, strings, sequences, dicts, dataclasses, arrays and tensors;
:func:`show_value` writes a value the same way on every machine. Neither imports numpy or torch: an array is
recognised by what it can do.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import operator
import re
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple


class Tolerance(NamedTuple):
    """Two numbers agree if they differ by at most ``atol + rtol * |expected|``, for the ``reason`` given."""

    rtol: float
    atol: float
    reason: str


#: For Python floats: the same formula, evaluated in another order.
ROUNDING = Tolerance(1e-9, 1e-12, "the order in which a sum is added up")
#: For float32 tensors and arrays: sums of a few thousand products, in another order.
FLOAT32 = Tolerance(1e-4, 1e-5, "float32 rounds every step")


def is_array(value: Any) -> bool:
    """Whether ``value`` is an array or a tensor (numpy, torch), and not one of their scalars."""
    return not isinstance(value, type) and all(hasattr(value, name) for name in ("shape", "dtype", "tolist"))


def difference(got: Any, expected: Any, tolerance: Tolerance | None = None) -> str | None:
    """How ``got`` differs from ``expected``: the end of a sentence that starts with "it", or None.

    A list may stand for a tuple and a 0-d tensor for a number, since an exercise is rarely about that. An
    integer has to be an integer, because counts of parameters and MACs are exact. NaN equals NaN.
    """
    return _difference(got, expected, tolerance, "")


def _difference(got: Any, expected: Any, tolerance: Tolerance | None, where: str) -> str | None:
    at = f" at {where}" if where else ""
    if is_array(expected) and expected.ndim > 0:
        return _array_difference(got, expected, tolerance or FLOAT32, at)
    if is_array(expected) or isinstance(expected, numbers.Number):
        return _number_difference(got, expected, tolerance or ROUNDING, at)
    if isinstance(expected, str) or expected is None:
        return None if type(got) is type(expected) and got == expected else _gives(got, expected, at)
    if dataclasses.is_dataclass(expected) and not isinstance(expected, type):
        names = [field.name for field in dataclasses.fields(expected)]
        missing = [name for name in names if not hasattr(got, name)]
        if missing:
            return f"gives {show_value(got)}{at}, which has no attribute {missing[0]!r}"
        pairs = [(getattr(got, name), getattr(expected, name), f"{where}.{name}") for name in names]
    elif isinstance(expected, Mapping):
        if not isinstance(got, Mapping):
            return f"gives {kind(got)}{at} where a dict is expected"
        missing = [key for key in expected if key not in got]
        extra = [key for key in got if key not in expected]
        if missing or extra:
            return f"has no key {missing[0]!r}{at}" if missing else f"has a key too many{at}: {extra[0]!r}"
        pairs = [(got[key], expected[key], f"{where}[{key!r}]") for key in expected]
    elif isinstance(expected, Sequence):
        if not isinstance(got, Sequence) or isinstance(got, str):
            return f"gives {kind(got)}{at} where {kind(expected)} of {len(expected)} is expected"
        if len(got) != len(expected):
            return f"has length {len(got)}{at} instead of {len(expected)}"
        pairs = [(got[i], value, f"{where}[{i}]") for i, value in enumerate(expected)]
    elif isinstance(expected, Set):
        return None if isinstance(got, Set) and set(got) == set(expected) else _gives(got, expected, at)
    else:
        return None if bool(got == expected) else _gives(got, expected, at)
    for one, other, place in pairs:
        found = _difference(one, other, tolerance, place)
        if found:
            return found
    return None


def _gives(got: Any, expected: Any, at: str) -> str:
    if type(got) is not type(expected):
        return f"gives {kind(got)}{at} where {kind(expected)} is expected: {show_value(expected)}"
    return f"gives {show_value(got)}{at} instead of {show_value(expected)}"


def _number_difference(got: Any, expected: Any, tolerance: Tolerance, at: str) -> str | None:
    expected = expected.item() if is_array(expected) else expected
    if (is_array(got) and got.ndim == 0) or type(got).__module__ == "numpy":
        got = got.item()
    if isinstance(expected, bool) or isinstance(got, bool):
        return None if type(got) is type(expected) and got == expected else _gives(got, expected, at)
    if not isinstance(got, numbers.Number):
        return f"gives {kind(got)}{at} where a number is expected"
    if isinstance(expected, numbers.Integral):
        try:
            return None if operator.index(got) == expected else _gives(got, expected, at)
        except TypeError:
            if got == expected:
                return f"gives the right number{at} as {kind(got)} ({show_value(got)}); a count is an int"
            return f"gives {show_value(got)}{at} instead of {show_value(expected)}"
    if got == expected or (_is_nan(got) and _is_nan(expected)):
        return None
    if _is_nan(got) or _is_nan(expected) or abs(got - expected) == math.inf:
        return f"gives {show_value(got)}{at} instead of {show_value(expected)}"
    if not abs(got - expected) <= tolerance.atol + tolerance.rtol * abs(expected):
        if show_value(got) == show_value(expected):  # they differ in a digit that is not shown
            return f"gives {got!r}{at} instead of {expected!r}"
        return f"gives {show_value(got)}{at} instead of {show_value(expected)}"
    return None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _array_difference(got: Any, expected: Any, tolerance: Tolerance, at: str) -> str | None:
    if not is_array(got):
        return f"gives {kind(got)}{at} where {kind(expected)} of shape {tuple(expected.shape)} is expected"
    if tuple(got.shape) != tuple(expected.shape):
        return f"has shape {tuple(got.shape)}{at} instead of {tuple(expected.shape)}"
    if _floating(got) != _floating(expected):
        return f"has dtype {_dtype(got)}{at} instead of {_dtype(expected)}"
    worst, place = 0.0, None
    for index, (one, other) in enumerate(zip(_flat(got), _flat(expected), strict=True)):
        if one == other or (_is_nan(one) and _is_nan(other)):
            continue
        gap = abs(one - other)
        if not gap <= tolerance.atol + tolerance.rtol * abs(other) and (place is None or not gap <= worst):
            worst, place = gap, (index, one, other)
    if place is None:
        return None
    index, one, other = place
    where = _unravel(index, tuple(expected.shape))
    return f"has the right shape, but {show_value(one)} at {where} instead of {show_value(other)}{at}"


def _flat(array: Any) -> list[Any]:
    array = array.detach() if hasattr(array, "detach") else array
    return array.reshape(-1).tolist()


def _unravel(index: int, shape: tuple[int, ...]) -> list[int]:
    place = []
    for size in reversed(shape):
        place.append(index % size)
        index //= size
    return place[::-1]


def _dtype(array: Any) -> str:
    return str(array.dtype).removeprefix("torch.")


def _floating(array: Any) -> bool:
    return "float" in _dtype(array)


def kind(value: Any) -> str:
    """The kind of a value as a reader would say it: "a float", "an int", "a tensor", "None"."""
    if value is None or value is Ellipsis:
        return "None" if value is None else "..."
    name = {"str": "string", "Tensor": "tensor", "ndarray": "array", "NoneType": "None"}.get(
        type(value).__name__, type(value).__name__
    )
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def show_value(value: Any, limit: int = 160) -> str:
    """``value`` on one line of at most ``limit`` characters, without memory addresses, never raising."""
    try:
        if is_array(value):
            text = _show_array(value)
        elif isinstance(value, float):
            text = repr(value) if len(repr(value)) <= 10 else f"{value:.6g}"
        elif isinstance(value, str | numbers.Number | type(None)):
            text = repr(value)
        elif callable(value) and hasattr(value, "__name__"):
            text = value.__name__
        elif type(value) in (tuple, list):
            inside = ", ".join(show_value(item) for item in value[:50])
            text = f"[{inside}]" if isinstance(value, list) else f"({inside}{',' if len(value) == 1 else ''})"
        elif type(value) is dict:
            pairs = [f"{key!r}: {show_value(item)}" for key, item in list(value.items())[:50]]
            text = "{" + ", ".join(pairs) + "}"
        else:
            text = re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(repr(value).split()))
    except Exception:
        text = kind(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _show_array(array: Any) -> str:
    name = "tensor" if type(array).__module__.startswith("torch") else "array"
    flat = _flat(array)
    if len(flat) <= 8 and array.ndim <= 1:
        inside = ", ".join(f"{item:.4g}" if isinstance(item, float) else str(item) for item in flat)
        return f"{name}([{inside}])" if array.ndim else f"{name}({inside})"
    return f"{name} of shape {tuple(array.shape)}, {_dtype(array)}"
