"""Exercises of chapter 16: accumulators, multipliers, limits, and ratios of times."""

import math
from statistics import fmean, median

from effnet_lib.exercises import case, exercise

# 1. how wide the accumulator has to be


def bits_of_one_product(terms):
    return bits_needed(1)


def bits_without_the_sign(terms):
    return bits_needed(terms) - 1


def bits_of_signed_activations(terms):
    return math.ceil(math.log2(terms * 128 * 128 + 1)) + 1


def bits_of_the_factors(terms):
    return 16 + math.ceil(math.log2(terms))


@exercise(
    title="Bits of an accumulator",
    cases=[1, 2, 9, 25, 32, 257, 192, 1152, 4608, 65536],
    wrong=[
        (
            bits_of_one_product,
            "That is enough for one product. All `terms` of them are added before anything is rounded.",
        ),
        (bits_without_the_sign, "The sum can be negative: one bit is for the sign."),
        (
            bits_of_signed_activations,
            "You take signed activations, up to 128 in size. Ours are unsigned, and reach 255.",
        ),
        (
            bits_of_the_factors,
            "8 + 8 bits and the logarithm of the number of terms is a safe rule, and often one bit too many: 255 · 128 "
            "is less than 2¹⁵. Take the largest size of the sum itself.",
        ),
    ],
    hint="The largest size is terms · 255 · 128, with a minus sign. A signed integer of b bits reaches down to −2^(b − 1).",
)
def bits_needed(terms: int) -> int:
    """Bits of a signed integer that holds any sum of ``terms`` products of a uint8 and an int8."""
    largest = terms * 255 * 128  # reached with a minus sign, at -128
    bits = 1
    while 2 ** (bits - 1) < largest:
        bits += 1
    return bits


# 2. from the accumulator back to 8 bits


def requantized_by_cutting(total, multiplier, zero_point):
    return min(255, max(0, math.floor(total * multiplier) + zero_point))


def requantized_halves_up(total, multiplier, zero_point):
    return min(255, max(0, math.floor(total * multiplier + 0.5) + zero_point))


def requantized_without_limits(total, multiplier, zero_point):
    return round(total * multiplier) + zero_point


def requantized_wrapped(total, multiplier, zero_point):
    return (round(total * multiplier) + zero_point) % 256


def requantized_zero_first(total, multiplier, zero_point):
    return min(255, max(0, round((total + zero_point) * multiplier)))


def requantized_limits_first(total, multiplier, zero_point):
    return min(255, max(0, round(total * multiplier))) + zero_point


@exercise(
    title="From the accumulator to uint8",
    cases=[
        (1000, 0.0125, 3), (1001, 0.5, 0), (-1001, 0.03125, 128), (5, 0.5, 0), (7, 0.5, 10), (-3, 0.5, 100),
        (100000, 0.01, 20), (-100000, 0.01, 20), (0, 0.3, 77), (-31, 0.07, 9),
    ],
    wrong=[
        (requantized_by_cutting, "You cut the fraction off. Every value then comes out half a step too small, on average."),
        (
            requantized_halves_up,
            "A half goes to the *even* neighbour, as in Python's `round` and in ONNX Runtime; you always round it up.",
        ),
        (requantized_without_limits, "A uint8 ends at 0 and at 255. What lies beyond is clamped, not kept."),
        (requantized_wrapped, "What is too large wraps around in your answer: the brightest turns black. It is clamped."),
        (
            requantized_zero_first,
            "You add the zero point before you multiply. It belongs to the grid of the *output*: it comes after.",
        ),
        (requantized_limits_first, "You clamp before you add the zero point. The limits are those of the stored integer."),
    ],
    hint="Multiply, `round`, add the zero point, clamp: in this order.",
)  # fmt: skip
def requantized(total: int, multiplier: float, zero_point: int) -> int:
    """The uint8 for an int32 sum; halves to even."""
    return min(255, max(0, round(total * multiplier) + zero_point))


# 3. a multiplier without floating point


def fixed_without_normalising(multiplier):
    return round(multiplier * 2**31), 0


def fixed_cut(multiplier):
    fraction, exponent = math.frexp(multiplier)
    return int(fraction * 2**31), -exponent


def fixed_other_sign(multiplier):
    fraction, exponent = math.frexp(multiplier)
    return round(fraction * 2**31), exponent


def fixed_power_of_two(multiplier):
    return 2**30, round(-math.log2(multiplier)) - 1


def fixed_of_31_bits(multiplier):
    fraction, exponent = math.frexp(multiplier)
    return round(fraction * 2**30), -exponent


@exercise(
    title="A multiplier as an integer and a shift",
    cases=[0.5, 0.25, 0.75, 0.0123456789, 0.00071, 0.9999, 1 / 3, 1.7, 1e-5],
    wrong=[
        (
            fixed_without_normalising,
            "You do not shift: a small multiplier then keeps only a few of the 31 bits. Bring it into [0.5, 1) first.",
        ),
        (fixed_cut, "You cut the integer off. `round` it: the error halves and has no preferred sign."),
        (
            fixed_other_sign,
            "The sign of your shift is the other way round: a positive one is to make the number smaller.",
        ),
        (
            fixed_power_of_two,
            "That is the nearest power of two, a multiplier of a single bit. All 31 are wanted.",
        ),
        (fixed_of_31_bits, "You scale by 2³⁰; the multiplier is m · 2⁻³¹ · 2⁻ˢʰⁱᶠᵗ."),
    ],
    hint="`math.frexp` writes a number as a fraction in [0.5, 1) and an exponent of two.",
)
def fixed_point(multiplier: float) -> tuple[int, int]:
    """(m, shift) with multiplier = m * 2**-31 * 2**-shift and m in [2**30, 2**31)."""
    fraction, exponent = math.frexp(multiplier)
    m, shift = round(fraction * 2**31), -exponent
    return (m // 2, shift - 1) if m == 2**31 else (m, shift)


# 4. the zero point, taken out of the loop


def folded_with_plus(bias, weights, x_zero):
    return bias + x_zero * sum(weights)


def folded_once(bias, weights, x_zero):
    return bias - x_zero


def folded_by_number(bias, weights, x_zero):
    return bias - x_zero * len(weights)


def folded_sizes(bias, weights, x_zero):
    return bias - x_zero * sum(abs(w) for w in weights)


def folded_not(bias, weights, x_zero):
    return bias


@exercise(
    title="The zero point, folded into the bias",
    cases=[
        (100, [3, -5, 7], 10), (0, [1, 1, 1, 1], 128), (-2500, [-127, 64, 0, 12, -3], 77), (12, [5, -5], 200), (9, [4], 0),
    ],
    wrong=[
        (folded_with_plus, "Σ (x − z) w is Σ x w *minus* z Σ w."),
        (folded_once, "The zero point is subtracted from every x, and each is multiplied by its weight."),
        (folded_by_number, "You count the weights. Each subtracted zero point is multiplied by its weight: add them up."),
        (folded_sizes, "Weights keep their signs: they may cancel."),
        (folded_not, "Without the zero point the loop's sum is another one, unless the weights add up to 0."),
    ],
    hint="Multiply out Σ (x − z) w and look for the part without x.",
)  # fmt: skip
def folded_bias(bias: int, weights: list[int], x_zero: int) -> int:
    """The bias with which Σ x w + bias gives what Σ (x − x_zero) w + the old bias gives."""
    return bias - x_zero * sum(weights)


# 5. an activation that costs nothing


def limits_of_the_type(scale, zero_point):
    return 0, 255


def limits_of_relu(scale, zero_point):
    return zero_point, 255


def limits_without_zero_point(scale, zero_point):
    return 0, min(255, round(6 / scale))


def limits_beyond_the_type(scale, zero_point):
    return zero_point, zero_point + round(6 / scale)


def limits_cut(scale, zero_point):
    return zero_point, min(255, zero_point + int(6 / scale))


@exercise(
    title="ReLU6 as two limits",
    cases=[(6 / 255, 0), (0.05, 30), (0.1, 128), (0.03, 20), (0.02, 0), (0.07, 100), (0.037, 60)],
    wrong=[
        (limits_of_the_type, "Those are the limits of uint8. ReLU6 cuts at the *real* numbers 0 and 6."),
        (limits_of_relu, "That is ReLU. ReLU6 also has an upper limit, 6."),
        (limits_without_zero_point, "The integer that stands for 0 is the zero point; count from there."),
        (limits_beyond_the_type, "The upper limit cannot lie beyond 255: there is no such integer."),
        (limits_cut, "Take the nearest integer to 6 / scale, as quantization does with every number."),
    ],
    hint="Quantize the real numbers 0 and 6.",
)
def relu6_limits(scale: float, zero_point: int) -> tuple[int, int]:
    """Lowest and highest uint8 that a convolution's output may take if ReLU6 follows it."""
    return zero_point, min(255, zero_point + round(6 / scale))


# 6. how many times faster


def speedup_of_means(float_times, int8_times):
    return fmean(float_times) / fmean(int8_times)


def speedup_of_medians(float_times, int8_times):
    return median(float_times) / median(int8_times)


def speedup_of_best(float_times, int8_times):
    return min(float_times) / min(int8_times)


def speedup_upside_down(float_times, int8_times):
    return median(b / a for a, b in zip(float_times, int8_times, strict=True))


def speedup_as_mean_ratio(float_times, int8_times):
    return fmean(a / b for a, b in zip(float_times, int8_times, strict=True))


@exercise(
    title="A ratio of times on a busy machine",
    cases=[
        case([2.0, 2.2, 6.0, 2.1, 5.6], [1.1, 1.2, 3.1, 4.0, 3.0]),
        case([3.0, 9.0, 3.1], [1.5, 5.0, 4.6]),
        case([1.0, 1.1, 1.2, 9.9], [0.8, 2.0, 0.7, 7.0]),
        case([0.5], [0.4]),
    ],
    wrong=[
        (speedup_of_means, "A single disturbed round decides a mean. And divide within the rounds."),
        (
            speedup_of_medians,
            "You divide the medians: they may come from a quiet round here and a busy one there. Divide within each round.",
        ),
        (
            speedup_of_best,
            "The best rounds of the two need not have seen the same machine. Divide within each round.",
        ),
        (speedup_upside_down, "That is below 1 where int8 is faster: float over int8 is wanted."),
        (
            speedup_as_mean_ratio,
            "One disturbed round decides the mean of the ratios. Their median stays calm.",
        ),
    ],
    hint="One ratio a round, then the median.",
)
def speedup(float_times: list[float], int8_times: list[float]) -> float:
    """How many times faster int8 is, from times that were taken in turn, one of each a round."""
    return median(a / b for a, b in zip(float_times, int8_times, strict=True))
