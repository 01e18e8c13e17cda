"""Exercises of chapter 15: levels that are left, equalization, bias, straight-through gradients, bytes, bits."""

from itertools import product
from math import ceil, prod, sqrt

from effnet_lib.exercises import case, exercise

# 1. levels that are left to a channel


def levels_of_own_scale(ranges, bits):
    return [2**bits - 1 for _ in ranges]


def levels_to_one_side(ranges, bits):
    step = max(ranges) / (2 ** (bits - 1) - 1)
    return [round(r / step) + 1 for r in ranges]


def levels_without_zero(ranges, bits):
    step = max(ranges) / (2 ** (bits - 1) - 1)
    return [2 * round(r / step) for r in ranges]


def levels_of_the_lowest_too(ranges, bits):
    step = max(ranges) / 2 ** (bits - 1)
    return [2 * round(r / step) + 1 for r in ranges]


def levels_rounded_up(ranges, bits):
    step = max(ranges) / (2 ** (bits - 1) - 1)
    return [2 * ceil(r / step) + 1 for r in ranges]


@exercise(
    title="Levels that one scale leaves to each channel",
    cases=[
        ([1.0, 0.1, 0.01], 8),
        ([61.0, 0.5, 0.2, 0.0], 8),
        ([61.0, 0.5, 0.2, 0.0], 4),
        ([1.0, 0.9, 0.52], 3),
        ([2.0], 2),
    ],
    wrong=[
        (
            levels_of_own_scale,
            "Every channel has all levels in your answer, as if it had a scale of its own. There is one scale, that of the "
            "widest channel.",
        ),
        (
            levels_to_one_side,
            "You count from 0 up. Weights of either sign are rounded: the levels below 0 count too.",
        ),
        (levels_without_zero, "Zero is a level as well, and the only one that is left to a narrow channel."),
        (
            levels_of_the_lowest_too,
            "You divide by 2^(b-1). The symmetric grid leaves the lowest integer out, so the widest weight falls on "
            "2^(b-1) - 1.",
        ),
        (levels_rounded_up, "A weight goes to the *nearest* level; you round the number of steps up."),
    ],
    hint="The step is max(ranges) / (2^(b-1) - 1). A channel with range r reaches round(r / step) steps to either side.",
)
def levels_left(ranges: list[float], bits: int) -> list[int]:
    """How many levels of a symmetric grid, shared by all channels, weights from -r to r can be rounded to."""
    step = max(ranges) / (2 ** (bits - 1) - 1)
    return [2 * round(r / step) + 1 for r in ranges]


# 2. factors of equalization


def factors_upside_down(written, read):
    return [sqrt(r / w) if w and r else 1.0 for w, r in zip(written, read, strict=True)]


def factors_without_root(written, read):
    return [w / r if w and r else 1.0 for w, r in zip(written, read, strict=True)]


def factors_of_the_mean(written, read):
    return [sqrt(w * r) if w and r else 1.0 for w, r in zip(written, read, strict=True)]


def factors_to_the_largest(written, read):
    top = max(written)
    return [w / top if w and r else 1.0 for w, r in zip(written, read, strict=True)]


def factors_of_dead_channels_zero(written, read):
    return [sqrt(w / r) if w and r else 0.0 for w, r in zip(written, read, strict=True)]


@exercise(
    title="Factors that equalize two layers",
    cases=[
        ([4.0, 1.0, 0.25], [1.0, 1.0, 1.0]),
        ([0.5, 8.0], [2.0, 0.5]),
        ([0.0, 1.0, 3.0], [61.0, 0.0, 3.0]),
        ([0.02, 0.6], [61.0, 0.4]),
    ],
    wrong=[
        (
            factors_upside_down,
            "Your factors are the inverse. What is written is *divided* by s, and has to become smaller where it is large.",
        ),
        (
            factors_without_root,
            "With w / r the two ranges change places. They meet half way, on a logarithmic scale: take the root.",
        ),
        (
            factors_of_the_mean,
            "sqrt(w r) is the range that both end up with, not the factor that leads there.",
        ),
        (
            factors_to_the_largest,
            "You make all written ranges equal and forget what it does to the reader: its columns become as unequal as "
            "the rows were.",
        ),
        (
            factors_of_dead_channels_zero,
            "A channel that is 0 on one side cannot be equalized. Leave it alone, with the factor 1.",
        ),
    ],
    hint="Both ranges shall be equal after one is divided by s and the other multiplied: w / s = r s. And mind the zeros.",
)
def equalizing_factors(written: list[float], read: list[float]) -> list[float]:
    """By what to divide each channel's written weights, and multiply those that read it; 1 where either is 0."""
    return [sqrt(w / r) if w and r else 1.0 for w, r in zip(written, read, strict=True)]


# 3. the corrected bias


def bias_with_the_wrong_sign(bias, in_floats, rounded):
    return [b + (sum(r) / len(r) - sum(f) / len(f)) for b, f, r in zip(bias, in_floats, rounded, strict=True)]


def bias_of_one_shift_for_all(bias, in_floats, rounded):
    floats = [x for row in in_floats for x in row]
    integers = [x for row in rounded for x in row]
    shift = sum(integers) / len(integers) - sum(floats) / len(floats)
    return [b - shift for b in bias]


def bias_of_sums(bias, in_floats, rounded):
    return [b - (sum(r) - sum(f)) for b, f, r in zip(bias, in_floats, rounded, strict=True)]


def bias_replaced(bias, in_floats, rounded):
    return [sum(f) / len(f) - sum(r) / len(r) for f, r in zip(in_floats, rounded, strict=True)]


def bias_of_magnitudes(bias, in_floats, rounded):
    return [
        b - sum(abs(x - y) for x, y in zip(r, f, strict=True)) / len(f)
        for b, f, r in zip(bias, in_floats, rounded, strict=True)
    ]


@exercise(
    title="The bias that takes a shift back",
    cases=[
        ([0.0, 1.0], [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], [[1.5, 2.5, 3.5], [0.0, -0.3, 0.0]]),
        ([0.5], [[1.0, -1.0]], [[1.0, -1.0]]),
        ([-2.0, 0.25, 3.0], [[4.0], [5.0], [6.0]], [[4.5], [4.0], [6.25]]),
    ],
    wrong=[
        (bias_with_the_wrong_sign, "You add the shift, so that it doubles. It is to be taken back."),
        (
            bias_of_one_shift_for_all,
            "You correct all channels by one number. Every channel has a shift, and a bias, of its own.",
        ),
        (
            bias_of_sums,
            "You subtract the sum of the shifts; the bias is added to every output, so take their mean.",
        ),
        (bias_replaced, "The correction alone. It is added to the bias that is there."),
        (
            bias_of_magnitudes,
            "You average magnitudes of errors. Errors that cancel need no correction: average with their signs.",
        ),
    ],
    hint="For every channel: the mean with rounding minus the mean in floats is what to subtract from its bias.",
)
def corrected_bias(
    bias: list[float], in_floats: list[list[float]], rounded: list[list[float]]
) -> list[float]:  # fmt: skip
    """New biases, from the outputs of every channel (biases included) in floats and with rounded weights."""
    return [b - (sum(r) / len(r) - sum(f) / len(f)) for b, f, r in zip(bias, in_floats, rounded, strict=True)]


# 4. one step of training with rounding


def step_from_the_rounded(weights, gradients, scale, top, rate):
    rounded = [max(-top, min(top, round(w / scale))) * scale for w in weights]
    return [
        r - rate * g * (abs(round(w / scale)) <= top)
        for r, g, w in zip(rounded, gradients, weights, strict=True)
    ]  # fmt: skip


def step_without_clamping(weights, gradients, scale, top, rate):
    return [w - rate * g for w, g in zip(weights, gradients, strict=True)]


def step_with_the_true_gradient(weights, gradients, scale, top, rate):
    return list(weights)


def step_masked_before_rounding(weights, gradients, scale, top, rate):
    return [w - rate * g * (abs(w / scale) <= top) for w, g in zip(weights, gradients, strict=True)]


def step_of_scaled_gradients(weights, gradients, scale, top, rate):
    return [
        w - rate * g * scale * (abs(round(w / scale)) <= top) for w, g in zip(weights, gradients, strict=True)
    ]


@exercise(
    title="One step of training with rounded weights",
    cases=[
        case([0.9, -0.34, 0.02], [1.0, -2.0, 0.5], 0.25, 3, 0.1),
        case([1.0, 0.8, -0.9, 0.86], [1.0, 1.0, 1.0, 1.0], 0.25, 3, 0.01),
        case([0.0], [3.0], 0.5, 1, 0.2),
        case([-5.0, 5.0, 0.1], [1.0, -1.0, 0.0], 1.0, 7, 1.0),
    ],
    wrong=[
        (
            step_from_the_rounded,
            "You go on from the rounded weights. Then no step smaller than half a grid step ever adds up: the floats are "
            "what is trained, the rounded ones are only computed with.",
        ),
        (
            step_without_clamping,
            "Where the weight was clamped, moving it a little changes nothing, and its gradient is 0.",
        ),
        (
            step_with_the_true_gradient,
            "Nothing moves: that is the true gradient of rounding, and the reason for the straight-through estimator.",
        ),
        (
            step_masked_before_rounding,
            "You ask whether the weight lies beyond the last level. It is clamped only where it *rounds* to an integer "
            "beyond the last one: half a step further out.",
        ),
        (
            step_of_scaled_gradients,
            "You multiply by the scale. Straight through means that the gradient of the rounded weight is taken for "
            "that of the weight itself, in the same units.",
        ),
    ],
    hint="Round, and see which integers lie within -top … top. There w becomes w - rate * gradient; elsewhere it stays.",
)
def straight_through_step(
    weights: list[float], gradients: list[float], scale: float, top: int, rate: float
) -> list[float]:  # fmt: skip
    """Float weights after one step of gradient descent, given the loss's gradients by the rounded weights."""
    return [w - rate * g * (abs(round(w / scale)) <= top) for w, g in zip(weights, gradients, strict=True)]


# 5. bytes of a layer


def bytes_in_whole_bytes(shape, bits, per_channel):
    return prod(shape) + 4 * shape[0] + 4 * (shape[0] if per_channel else 1)


def bytes_without_biases(shape, bits, per_channel):
    return ceil(prod(shape) * bits / 8) + 4 * (shape[0] if per_channel else 1)


def bytes_of_scales_for_inputs(shape, bits, per_channel):
    return ceil(prod(shape) * bits / 8) + 4 * shape[0] + 4 * (shape[1] if per_channel else 1)


def bytes_without_scales(shape, bits, per_channel):
    return ceil(prod(shape) * bits / 8) + 4 * shape[0]


def bytes_rounded_down(shape, bits, per_channel):
    return prod(shape) * bits // 8 + 4 * shape[0] + 4 * (shape[0] if per_channel else 1)


@exercise(
    title="Bytes of a quantized layer",
    cases=[
        ((96, 1, 5, 5), 4, True),
        ((96, 1, 5, 5), 4, False),
        ((16, 3, 3, 3), 3, True),
        ((40, 128), 8, False),
        ((3, 1, 3, 3), 5, False),
        ((64, 16, 1, 1), 2, True),
    ],
    wrong=[
        (
            bytes_in_whole_bytes,
            "You give every weight a byte. Fewer bits are packed: two of 4 bits to a byte.",
        ),
        (bytes_without_biases, "The biases are missing: 32 bits for each output channel."),
        (
            bytes_of_scales_for_inputs,
            "Scales belong to *output* channels, the first axis: only those can be taken out of the sum.",
        ),
        (bytes_without_scales, "The scales have to be stored, too, 4 bytes each."),
        (bytes_rounded_down, "Bits that do not fill a last byte need it all the same: round up."),
    ],
    hint="Three parts: packed weights, rounded up to whole bytes; 4 bytes a bias; 4 bytes a scale.",
)
def layer_bytes(shape: tuple[int, ...], bits: int, per_channel: bool) -> int:
    """Bytes of a symmetric layer with weights of ``shape`` (outputs first): packed weights, biases, scales."""
    return ceil(prod(shape) * bits / 8) + 4 * shape[0] + 4 * (shape[0] if per_channel else 1)


# 6. bits within a budget


def bits_that_harm_least(harms, sizes, budget):
    return [min(row, key=row.get) for row in harms]


def bits_alike(harms, sizes, budget):
    fit = [b for b in harms[0] if sum(ceil(n * b / 8) for n in sizes) <= budget]
    return [max(fit)] * len(harms)


def bits_filled_from_the_front(harms, sizes, budget):
    chosen = [min(row) for row in harms]
    for i, row in enumerate(harms):
        for b in sorted(row):
            tried = [*chosen[:i], b, *chosen[i + 1 :]]
            if sum(ceil(n * c / 8) for n, c in zip(sizes, tried, strict=True)) <= budget:
                chosen = tried
    return chosen


def bits_of_the_harmful_first(harms, sizes, budget):
    chosen = [min(row) for row in harms]
    for i in sorted(range(len(harms)), key=lambda i: -harms[i][min(harms[i])]):
        for b in sorted(harms[i]):
            tried = [*chosen[:i], b, *chosen[i + 1 :]]
            if sum(ceil(n * c / 8) for n, c in zip(sizes, tried, strict=True)) <= budget:
                chosen = tried
    return chosen


def bits_in_bits(harms, sizes, budget):
    return best_within(harms, sizes, budget, lambda n, b: n * b)


def best_within(harms, sizes, budget, cost):
    options = [
        bits
        for bits in product(*(sorted(row) for row in harms))
        if sum(cost(n, b) for n, b in zip(sizes, bits, strict=True)) <= budget
    ]
    if not options:
        return None
    return list(min(options, key=lambda bits: sum(row[b] for row, b in zip(harms, bits, strict=True))))


@exercise(
    title="Bits for every layer within a budget of bytes",
    cases=[
        ([{2: 9.0, 4: 1.0, 8: 0.0}, {2: 3.0, 4: 2.5, 8: 0.0}], [100, 400], 250),
        ([{2: 5.0, 4: 1.0, 8: 0.1}, {2: 6.0, 4: 2.0, 8: 0.2}, {2: 1.0, 4: 0.9, 8: 0.8}], [64, 64, 64], 96),
        ([{2: 5.0, 8: 4.0}, {2: 4.0, 8: 0.0}, {2: 1.0, 8: 0.9}], [10, 10, 100], 60),
        ([{4: 1.0, 8: 0.5}], [7], 4),
        ([{2: 8.0, 4: 7.0, 8: 0.0}, {2: 7.5, 4: 1.0, 8: 0.5}], [80, 80], 100),
    ],
    wrong=[
        (bits_that_harm_least, "You take the most harmless bits everywhere and leave the budget out."),
        (bits_alike, "The same bits for all layers. The budget allows a better mixture."),
        (
            bits_filled_from_the_front,
            "You serve the layers in order, so that the first take what the last would have needed.",
        ),
        (
            bits_of_the_harmful_first,
            "You serve the layer first that suffers most at the fewest bits. What counts is what a byte *buys*, and a "
            "large layer needs many.",
        ),
        (bits_in_bits, "The budget is in bytes, and you count bits."),
    ],
    hint="There are few layers: try all combinations with itertools.product, keep those that fit, take the best.",
)
def best_bits(harms: list[dict[int, float]], sizes: list[int], budget: int) -> list[int]:
    """Bits of every layer with the smallest sum of harms whose packed weights, each layer rounded up to whole bytes,
    need at most ``budget`` bytes."""

    def packed(bits):
        return sum(ceil(n * b / 8) for n, b in zip(sizes, bits, strict=True))

    fitting = [bits for bits in product(*harms) if packed(bits) <= budget]
    return list(min(fitting, key=lambda bits: sum(row[b] for row, b in zip(harms, bits, strict=True))))
