"""Exercises of chapter 14: integers for numbers, clipping, decibels, gradients through a step, integer sums."""

import math

from effnet_lib.exercises import case, exercise

# 1. integers for numbers


def integers_cut_off(values, scale, zero_point, bits):
    low, high = 0, 2**bits - 1
    return [min(max(int(value / scale) + zero_point, low), high) for value in values]


def integers_halves_up(values, scale, zero_point, bits):
    low, high = 0, 2**bits - 1
    return [min(max(math.floor(value / scale + 0.5) + zero_point, low), high) for value in values]


def integers_unclamped(values, scale, zero_point, bits):
    return [round(value / scale) + zero_point for value in values]


def integers_with_the_zero_point_subtracted(values, scale, zero_point, bits):
    low, high = 0, 2**bits - 1
    return [min(max(round(value / scale) - zero_point, low), high) for value in values]


def integers_one_too_many(values, scale, zero_point, bits):
    return [min(max(round(value / scale) + zero_point, 0), 2**bits) for value in values]


def integers_signed(values, scale, zero_point, bits):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return [min(max(round(value / scale) + zero_point, low), high) for value in values]


def integers_rounded_with_the_zero_point(values, scale, zero_point, bits):
    low, high = 0, 2**bits - 1
    return [min(max(round(value / scale + zero_point), low), high) for value in values]


@exercise(
    title="Integers for real numbers",
    cases=[
        ([0.0, 0.5, 1.0, 1.2, -0.2], 0.5, 1, 3),
        ([0.25, 0.75, 1.25, -0.25], 0.5, 3, 4),
        ([-3.0, 3.0, 6.0, 100.0], 0.25, 8, 4),
        ([6.0, 5.9, 0.01], 6 / 255, 0, 8),
        ([0.35, -0.35, -0.65], 0.1, 100, 8),
        ([], 0.1, 0, 8),
    ],
    wrong=[
        (integers_cut_off, "`int` cuts the fraction off. Take the *nearest* integer."),
        (
            integers_halves_up,
            "Your halves go up. `round` takes the even neighbour: 0.5 to 0, 1.5 to 2, so that halves do not all "
            "push in one direction.",
        ),
        (integers_unclamped, "Some of your integers need more bits than there are. Clamp them."),
        (integers_with_the_zero_point_subtracted, "The zero point is the integer *of* zero: add it."),
        (integers_one_too_many, "The largest integer of b bits is 2ᵇ − 1: zero takes one of the 2ᵇ codes."),
        (integers_signed, "Your range is the signed one. Here the codes are unsigned and start at 0."),
        (
            integers_rounded_with_the_zero_point,
            "You add the zero point before you round. With an odd zero point, a half then goes to the other "
            "neighbour. PyTorch and ONNX Runtime round first.",
        ),
    ],
    hint="`round(value / scale) + zero_point`, then clamp to 0 … 2ᵇ − 1.",
)
def to_integers(values: list[float], scale: float, zero_point: int, bits: int) -> list[int]:
    """Unsigned codes of ``bits`` bits: nearest integer of ``value / scale``, halves to even, plus the zero point."""
    low, high = 0, 2**bits - 1
    return [min(max(round(value / scale) + zero_point, low), high) for value in values]


# 2. scale and zero point of a range


def range_without_zero(low, high, bits):
    scale = (high - low) / (2**bits - 1)
    return scale, min(max(round(-low / scale), 0), 2**bits - 1)


def range_of_two_to_the_b(low, high, bits):
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 2**bits
    return scale, min(max(round(-low / scale), 0), 2**bits - 1)


def range_with_a_real_zero_point(low, high, bits):
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (2**bits - 1)
    return scale, -low / scale


def range_with_a_negative_zero_point(low, high, bits):
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (2**bits - 1)
    return scale, round(low / scale)


def range_of_the_larger_side(low, high, bits):
    scale = 2 * max(abs(low), abs(high)) / (2**bits - 1)
    return scale, 2 ** (bits - 1)


@exercise(
    title="Scale and zero point of a range",
    cases=[
        (-1.0, 3.0, 8),
        (0.0, 6.0, 8),
        (0.0, 6.0, 4),
        (2.0, 6.0, 8),
        (-5.0, -1.0, 8),
        (-0.7, 0.9, 3),
    ],
    wrong=[
        (
            range_without_zero,
            "Your range need not contain 0. A zero that is not on the grid is padded into every border: widen "
            "the range to 0 first.",
        ),
        (range_of_two_to_the_b, "2ᵇ codes have 2ᵇ − 1 gaps between them. The scale is one gap."),
        (range_with_a_real_zero_point, "The zero point is a code, hence an integer. Round it."),
        (
            range_with_a_negative_zero_point,
            "The sign: the code 0 stands for `low`, so zero is at −low / scale.",
        ),
        (
            range_of_the_larger_side,
            "You make the range symmetric. That is the symmetric scheme; here both ends are used as they are.",
        ),
    ],
    hint="Widen the range so that it contains 0. One gap is the width over 2ᵇ − 1; zero lies `-low / scale` gaps "
    "from the lower end.",
)
def affine(low: float, high: float, bits: int) -> tuple[float, int]:
    """Scale and zero point of unsigned codes for values between ``low`` and ``high``, with 0 exactly on the grid."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (2**bits - 1)
    return scale, round(-low / scale)


# 3. the threshold with the least error


def _error_at(values, threshold, bits):
    top = 2 ** (bits - 1) - 1
    scale = threshold / top
    return sum((v - scale * min(max(round(v / scale), -top), top)) ** 2 for v in values)


def threshold_largest(values, bits, thresholds):
    return max(thresholds)


def threshold_by_rounding_alone(values, bits, thresholds):
    top = 2 ** (bits - 1) - 1

    def rounding(threshold):
        return sum((v - threshold / top * round(v / (threshold / top))) ** 2 for v in values)

    return min(thresholds, key=rounding)


def threshold_by_clipping_alone(values, bits, thresholds):
    return min(thresholds, key=lambda t: sum(max(abs(v) - t, 0) ** 2 for v in values))


def threshold_by_absolute_error(values, bits, thresholds):
    top = 2 ** (bits - 1) - 1

    def absolute(threshold):
        scale = threshold / top
        return sum(abs(v - scale * min(max(round(v / scale), -top), top)) for v in values)

    return min(thresholds, key=absolute)


def threshold_by_worst_error(values, bits, thresholds):
    top = 2 ** (bits - 1) - 1

    def worst(threshold):
        scale = threshold / top
        return max(abs(v - scale * min(max(round(v / scale), -top), top)) for v in values)

    return min(thresholds, key=worst)


def threshold_with_a_bit_too_many(values, bits, thresholds):
    return min(thresholds, key=lambda t: _error_at(values, t, bits + 1))


def _tailed(n):
    """Values whose density falls like that of a Laplace distribution, by its quantiles."""
    return [math.copysign(-math.log(1 - abs(2 * (i + 0.5) / n - 1)), i + 0.5 - n / 2) for i in range(n)]


_GRID = [i / 4 for i in range(1, 41)]


@exercise(
    title="Clipping against rounding",
    cases=[
        case(_tailed(400), 4, _GRID).called("best_threshold(tailed, 4, thresholds)"),
        case(_tailed(400), 3, _GRID).called("best_threshold(tailed, 3, thresholds)"),
        case(_tailed(400), 8, _GRID).called("best_threshold(tailed, 8, thresholds)"),
        case([*_tailed(200), 9.0], 2, _GRID).called("best_threshold([*tailed, 9.0], 2, thresholds)"),
        ([1.0, -0.5, 0.25], 8, [0.5, 1.0, 2.0]),
    ],
    wrong=[
        (
            threshold_largest,
            "The largest threshold clips nothing, and rounds everything coarsely. Compare the whole error.",
        ),
        (
            threshold_by_rounding_alone,
            "You forget that values beyond the threshold are clipped: the finest grid then always wins.",
        ),
        (threshold_by_clipping_alone, "You count only what is clipped. What is rounded errs as well."),
        (threshold_by_absolute_error, "You add up absolute errors. The *squared* ones are wanted."),
        (threshold_by_worst_error, "You look at the worst value. Add up the squares over all of them."),
        (
            threshold_with_a_bit_too_many,
            "Your grid has twice as many steps. b signed bits reach to 2ᵇ⁻¹ − 1 on either side.",
        ),
    ],
    hint="For one threshold: `top = 2 ** (bits - 1) - 1`, `scale = threshold / top`; round, clamp to ± top, multiply "
    "back, add up the squared differences. `min(thresholds, key=...)` does the rest.",
)
def best_threshold(values: list[float], bits: int, thresholds: list[float]) -> float:
    """The threshold at which symmetric codes of ``bits`` bits have the least squared error over ``values``."""
    top = 2 ** (bits - 1) - 1

    def error(threshold):
        scale = threshold / top
        return sum((v - scale * min(max(round(v / scale), -top), top)) ** 2 for v in values)

    return min(thresholds, key=error)


# 4. bits for a ratio


def bits_of_all_codes(rms, largest, decibels):
    bits = 2
    while 10 * math.log10(12 * rms**2 / (largest / 2**bits) ** 2) < decibels:
        bits += 1
    return bits


def bits_without_the_twelve(rms, largest, decibels):
    bits = 2
    while 10 * math.log10(rms**2 / (largest / (2 ** (bits - 1) - 1)) ** 2) < decibels:
        bits += 1
    return bits


def bits_of_amplitudes(rms, largest, decibels):
    bits = 2
    while 10 * math.log10(12**0.5 * rms / (largest / (2 ** (bits - 1) - 1))) < decibels:
        bits += 1
    return bits


def bits_of_six_decibels(rms, largest, decibels):
    return max(2, math.ceil(decibels / (20 * math.log10(2))))


def bits_of_a_full_range(rms, largest, decibels):
    return bits_for(largest, largest, decibels)


@exercise(
    title="Bits for a wanted ratio of signal to noise",
    cases=[
        (1.0, 1.0, 20.0),
        (1.0, 4.0, 20.0),
        (1.0, 4.0, 40.0),
        (0.5, 61.0, 40.0),
        (0.12, 0.9, 30.0),
        (2.0, 6.0, 3.0),
        (1.0, 1000.0, 60.0),
        (0.3, 1.1, 48.0),
    ],
    wrong=[
        (
            bits_of_all_codes,
            "Your step is too small: the codes reach from −(2ᵇ⁻¹ − 1) to 2ᵇ⁻¹ − 1, so one step is "
            "`largest / (2 ** (b - 1) - 1)`.",
        ),
        (
            bits_without_the_twelve,
            "The mean squared error is a *twelfth* of the squared step: most values are not half a step off.",
        ),
        (bits_of_amplitudes, "Decibels compare squares: ten times the logarithm of 12 rms² over Δ²."),
        (
            bits_of_six_decibels,
            "Six decibels are what one *more* bit brings. How many the first bits bring depends on how far the "
            "largest value lies above the rms.",
        ),
        (bits_of_a_full_range, "The signal is `rms`, not the largest value: that only sets the step."),
    ],
    hint="For b bits the step is Δ = largest / (2ᵇ⁻¹ − 1), and the ratio 10 log₁₀(12 · rms² / Δ²). Go up from b = 2.",
)
def bits_for(rms: float, largest: float, decibels: float) -> int:
    """The fewest bits, from 2, at which symmetric codes up to ``largest`` are expected to reach ``decibels``."""
    bits = 2
    while 10 * math.log10(12 * rms**2 / (largest / (2 ** (bits - 1) - 1)) ** 2) < decibels:
        bits += 1
    return bits


# 5. the straight-through gradient


def gradient_of_the_truth(x, upstream, scale, low, high):
    return [0.0 for _ in x]


def gradient_everywhere(x, upstream, scale, low, high):
    return list(upstream)


def gradient_by_the_real_number(x, upstream, scale, low, high):
    return [u if low <= v / scale <= high else 0.0 for v, u in zip(x, upstream, strict=True)]


def gradient_over_the_scale(x, upstream, scale, low, high):
    return [g / scale for g in straight_through(x, upstream, scale, low, high)]


def gradient_inside_the_ends(x, upstream, scale, low, high):
    return [u if low < round(v / scale) < high else 0.0 for v, u in zip(x, upstream, strict=True)]


def gradient_without_the_scale(x, upstream, scale, low, high):
    return [u if low <= round(v) <= high else 0.0 for v, u in zip(x, upstream, strict=True)]


@exercise(
    title="The straight-through gradient",
    cases=[
        ([-130.0, -127.4, -127.6, 0.0, 127.4, 127.6, 300.0], [1.0] * 7, 1.0, -127, 127),
        ([0.3, 0.9, -0.2, -2.0], [0.5, -1.5, 2.0, 4.0], 0.25, 0, 3),
        ([0.5, 1.4, 2.0, -1.0], [3.0, -2.0, 1.0, 0.5], 2.0, -1, 0),
        ([0.0], [-7.0], 0.1, -8, 7),
    ],
    wrong=[
        (
            gradient_of_the_truth,
            "That is the true gradient of a staircase: zero. Nothing could learn from it. Pretend that rounding is "
            "the identity.",
        ),
        (gradient_everywhere, "You let everything pass. Clamped values do not move with `x`: theirs is 0."),
        (
            gradient_by_the_real_number,
            "You compare the number before rounding. 127.4 rounds to 127, which is on the grid: it passes. Compare "
            "the *rounded* integer.",
        ),
        (gradient_over_the_scale, "Dividing by the scale and multiplying by it cancel: the factor is 1."),
        (gradient_inside_the_ends, "The two ends are codes like the others. Their values pass."),
        (
            gradient_without_the_scale,
            "The limits are for the integer: divide by the scale before you compare.",
        ),
    ],
    hint="The gradient is `upstream` where `low <= round(x / scale) <= high`, and 0 elsewhere.",
)
def straight_through(x: list[float], upstream: list[float], scale: float, low: int, high: int) -> list[float]:
    """Gradient with respect to ``x`` of fake quantization with codes ``low`` … ``high`` and zero point 0."""
    return [u if low <= round(v / scale) <= high else 0.0 for v, u in zip(x, upstream, strict=True)]


# 6. a dot product in integers


def dot_without_the_zero_point(q, zero_point, w, multiplier, out_zero_point):
    total = sum(a * b for a, b in zip(q, w, strict=True))
    return min(max(round(multiplier * total) + out_zero_point, 0), 255)


def dot_with_the_zero_point_once(q, zero_point, w, multiplier, out_zero_point):
    total = sum(a * b for a, b in zip(q, w, strict=True)) - zero_point
    return min(max(round(multiplier * total) + out_zero_point, 0), 255)


def dot_with_the_outer_zero_point_inside(q, zero_point, w, multiplier, out_zero_point):
    total = sum((a - zero_point) * b for a, b in zip(q, w, strict=True)) + out_zero_point
    return min(max(round(multiplier * total), 0), 255)


def dot_unclamped(q, zero_point, w, multiplier, out_zero_point):
    total = sum((a - zero_point) * b for a, b in zip(q, w, strict=True))
    return round(multiplier * total) + out_zero_point


def dot_with_eight_bits_inside(q, zero_point, w, multiplier, out_zero_point):
    total = 0
    for a, b in zip(q, w, strict=True):
        total = min(max(total + (a - zero_point) * b, -128), 127)
    return min(max(round(multiplier * total) + out_zero_point, 0), 255)


def dot_cut_off(q, zero_point, w, multiplier, out_zero_point):
    total = sum((a - zero_point) * b for a, b in zip(q, w, strict=True))
    return min(max(int(multiplier * total) + out_zero_point, 0), 255)


@exercise(
    title="One output of an int8 layer",
    cases=[
        ([10, 20, 30], 0, [1, -2, 3], 0.01, 0),
        ([128, 130, 120, 255], 128, [50, -100, 127, 3], 0.02, 100),
        ([0, 255, 17, 99], 17, [-127, 127, 5, -5], 0.00137, 90),
        ([255] * 8, 0, [127] * 8, 0.01, 5),
        ([7, 3], 5, [1, -1], 0.125, 7),
        ([40, 41, 42], 40, [13, 14, -15], 0.05, 0),
        ([9, 11], 10, [100, 20], 0.2, 30),
    ],
    wrong=[
        (
            dot_without_the_zero_point,
            "The code `zero_point` stands for 0: subtract it from every `q` before you multiply.",
        ),
        (
            dot_with_the_zero_point_once,
            "Subtract the zero point from every `q`. All together that is `zero_point * sum(w)`, not one of it.",
        ),
        (
            dot_with_the_outer_zero_point_inside,
            "The output's zero point is a code of the output: add it after the multiplication.",
        ),
        (dot_unclamped, "The output is a byte. Clamp it to 0 … 255."),
        (
            dot_with_eight_bits_inside,
            "You keep the running sum in eight bits. Sums need 32; only the result is made a byte again.",
        ),
        (dot_cut_off, "`int` cuts off. Round to the nearest."),
    ],
    hint="Add up `(q - zero_point) * w`, in integers. Then `round(multiplier * total) + out_zero_point`, clamped to "
    "0 … 255.",
)
def integer_dot(q: list[int], zero_point: int, w: list[int], multiplier: float, out_zero_point: int) -> int:
    """The output byte for input bytes ``q`` and symmetric weights ``w``; ``multiplier`` is S·S′ over the output's scale."""
    total = sum((a - zero_point) * b for a, b in zip(q, w, strict=True))
    return min(max(round(multiplier * total) + out_zero_point, 0), 255)
