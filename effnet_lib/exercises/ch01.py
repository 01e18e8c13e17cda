"""Exercises of chapter 1: parameters, MACs, memory and time, worked out before anything runs."""

from itertools import pairwise

from effnet_lib.exercises import case, exercise


def without_groups(in_channels, out_channels, kernel, groups=1, bias=False):
    return kernel * kernel * in_channels * out_channels + (out_channels if bias else 0)


def both_sides_divided(in_channels, out_channels, kernel, groups=1, bias=False):
    weights = kernel * kernel * (in_channels // groups) * (out_channels // groups)
    return weights + (out_channels if bias else 0)


def without_bias(in_channels, out_channels, kernel, groups=1, bias=False):
    return kernel * kernel * (in_channels // groups) * out_channels


def bias_per_input(in_channels, out_channels, kernel, groups=1, bias=False):
    return kernel * kernel * (in_channels // groups) * out_channels + (in_channels if bias else 0)


@exercise(
    title="Count the parameters of a convolution",
    cases=[
        (3, 32, 3),
        (16, 96, 1),
        case(96, 96, 3, groups=96),
        case(64, 32, 5, groups=4, bias=True),
        case(1280, 1000, 1, bias=True),
    ],
    wrong=[
        (without_groups, "A filter of a grouped convolution reads only the input channels of its own group."),
        (
            both_sides_divided,
            "You divide both channel counts by `groups`. Each filter reads fewer inputs, but there are still "
            "`out_channels` filters: divide once.",
        ),
        (without_bias, "With `bias=True` every output channel has one more number to learn."),
        (bias_per_input, "A bias is added to an output channel, so there are `out_channels` of them."),
    ],
    hint="Write down the shape of the weights: (filters, channels a filter reads, height, width).",
)
def conv_params(in_channels: int, out_channels: int, kernel: int, groups: int = 1, bias: bool = False) -> int:
    """Parameters of a ``kernel`` x ``kernel`` convolution."""
    weights = out_channels * (in_channels // groups) * kernel * kernel
    return weights + (out_channels if bias else 0)


def at_input_size(in_channels, out_channels, kernel, size, stride=1, padding=0, groups=1):
    return size * size * kernel * kernel * (in_channels // groups) * out_channels


def padded_on_one_side(in_channels, out_channels, kernel, size, stride=1, padding=0, groups=1):
    out = (size + padding - kernel) // stride + 1
    return out * out * kernel * kernel * (in_channels // groups) * out_channels


def size_over_stride(in_channels, out_channels, kernel, size, stride=1, padding=0, groups=1):
    out = size // stride
    return out * out * kernel * kernel * (in_channels // groups) * out_channels


def macs_without_groups(in_channels, out_channels, kernel, size, stride=1, padding=0, groups=1):
    out = (size + 2 * padding - kernel) // stride + 1
    return out * out * kernel * kernel * in_channels * out_channels


def operations(in_channels, out_channels, kernel, size, stride=1, padding=0, groups=1):
    out = (size + 2 * padding - kernel) // stride + 1
    return 2 * out * out * kernel * kernel * (in_channels // groups) * out_channels


@exercise(
    title="Count the MACs of a convolution with stride and padding",
    cases=[
        case(3, 32, 3, 224, stride=2, padding=1),
        case(8, 16, 3, 32),
        case(8, 16, 5, 33, stride=2, padding=2),
        case(96, 96, 3, 112, stride=2, padding=1, groups=96),
        case(16, 96, 1, 112),
    ],
    wrong=[
        (
            at_input_size,
            "You multiply by the *input's* positions. A filter is applied once for every *output* position.",
        ),
        (padded_on_one_side, "`padding` zeros stand on *both* sides of the input: `size + 2 * padding`."),
        (
            size_over_stride,
            "`size // stride` is right only for some paddings and sizes. In general the output has "
            "`(size + 2 * padding - kernel) // stride + 1` positions a side.",
        ),
        (macs_without_groups, "Divide the input channels by `groups`: a filter reads only its own group."),
        (operations, "You count a multiplication and an addition separately. Together they are one MAC."),
    ],
    hint="First the output's height and width, then weights times positions.",
)
def conv_macs(
    in_channels: int,
    out_channels: int,
    kernel: int,
    size: int,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
) -> int:
    """MACs of a convolution on one image of ``size`` x ``size`` pixels."""
    out = (size + 2 * padding - kernel) // stride + 1
    weights = kernel * kernel * (in_channels // groups) * out_channels
    return out * out * weights


def _claimed(claim):
    number, prefixed = claim.split()
    prefix = {"k": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}[prefixed[0]]
    return float(number) * prefix, prefixed[1:] == "FLOPs"


def never_divided(claim, flops_per_mac):
    return round(_claimed(claim)[0])


def always_divided(claim, flops_per_mac):
    return round(_claimed(claim)[0] / flops_per_mac)


def multiplied(claim, flops_per_mac):
    number, is_flops = _claimed(claim)
    return round(number * flops_per_mac if is_flops else number)


def halved_always(claim, flops_per_mac):
    number, is_flops = _claimed(claim)
    return round(number / 2 if is_flops else number)


@exercise(
    title="Turn what a source claims into MACs",
    cases=[
        ("0.39 BFLOPs", 1),
        ("771.6 MFLOPs", 2),
        ("407 MMAdds", 2),
        ("4.1 GMACs", 2),
        ("8.18 GFLOPs", 2),
        ("0.5 TFLOPs", 2),
    ],
    wrong=[
        (never_divided, "Where a source counts two FLOPs a MAC, its number is twice the MACs."),
        (
            always_divided,
            "MACs and MAdds (multiply-adds) are the same thing already; only FLOPs have to be divided.",
        ),
        (
            multiplied,
            "You have it backwards: one MAC is *two* operations, so there are *fewer* MACs than FLOPs.",
        ),
        (
            halved_always,
            "You always halve FLOPs. Some sources, the paper's tables among them, write FLOPS and mean MACs: "
            "`flops_per_mac` says what the source does.",
        ),
    ],
    hint="Split the claim at the space; the second part begins with the prefix, the rest is the unit.",
)
def macs_of_claim(claim: str, flops_per_mac: int) -> int:
    """MACs that ``claim`` means, such as "771.6 MFLOPs"; ``flops_per_mac`` is how its source counts FLOPs."""
    number, prefixed = claim.split()
    prefix = {"k": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}[prefixed[0]]
    divisor = flops_per_mac if prefixed[1:] == "FLOPs" else 1
    return round(float(number) * prefix / divisor)


def sum_of_all(sizes):
    return 4 * sum(sizes)


def largest_alone(sizes):
    return 4 * max(sizes)


def numbers_not_bytes(sizes):
    return max(a + b for a, b in pairwise(sizes))


def input_kept(sizes):
    rest = [a + b for a, b in pairwise(sizes[1:])]
    return 4 * max(sizes[0] + sizes[1], *(sizes[0] + pair for pair in rest))


@exercise(
    title="Peak memory of a chain",
    cases=[
        [100, 400, 50],
        [150528, 401408, 200704, 1204224, 301056, 75264, 1000],
        [10, 900, 5, 5, 800, 20],
        [300, 20, 30, 250, 40, 10],
    ],
    wrong=[
        (
            sum_of_all,
            "You add up all tensors. What is no longer needed has been freed by then (in inference).",
        ),
        (
            largest_alone,
            "While a layer writes its output, its input is still there: two tensors live at once.",
        ),
        (numbers_not_bytes, "These are numbers; a float32 number has four bytes."),
        (input_kept, "Here the network's input is freed, too, once the first layer has read it."),
    ],
    hint="Walk along the chain: at each layer, which two tensors must exist?",
)
def peak_bytes(sizes: list[int]) -> int:
    """Most bytes alive at once; ``sizes``: float32 numbers in the input and in each layer's output."""
    return 4 * max(before + after for before, after in pairwise(sizes))


def without_gradients(budget, params, kept_per_image, optimizer_states=1):
    return max(0, (budget - 4 * params * (1 + optimizer_states)) // kept_per_image)


def activations_only(budget, params, kept_per_image, optimizer_states=1):
    return budget // kept_per_image


def parameters_per_image(budget, params, kept_per_image, optimizer_states=1):
    return budget // (4 * params * (2 + optimizer_states) + kept_per_image)


def rounded_up(budget, params, kept_per_image, optimizer_states=1):
    return max(0, -(-(budget - 4 * params * (2 + optimizer_states)) // kept_per_image))


def below_zero(budget, params, kept_per_image, optimizer_states=1):
    return (budget - 4 * params * (2 + optimizer_states)) // kept_per_image


@exercise(
    title="The largest batch that fits",
    cases=[
        (8 * 2**30, 5_288_548, 88_000_000),
        case(8 * 2**30, 5_288_548, 88_000_000, optimizer_states=2),
        (2**30, 25_557_032, 86_000_000),
        (2**28, 25_557_032, 86_000_000),
        case(1000, 25, 100, optimizer_states=2),
    ],
    wrong=[
        (without_gradients, "Training also holds a gradient for every parameter."),
        (
            activations_only,
            "You give the whole budget to the images. Weights, gradients and optimizer state come first.",
        ),
        (parameters_per_image, "Parameters, gradients and optimizer state are held once, not once an image."),
        (rounded_up, "Rounded up, the last image does not fit any more."),
        (
            below_zero,
            "If not even the parameters fit, no image does: the answer is 0, not a negative number.",
        ),
    ],
    hint="Take away what does not depend on the batch, then see how many images fit into the rest.",
)
def largest_batch(budget: int, params: int, kept_per_image: int, optimizer_states: int = 1) -> int:
    """Images in the largest training batch for ``budget`` bytes, all in float32.

    ``kept_per_image`` bytes are kept for the backward pass; the optimizer holds ``optimizer_states`` numbers
    a parameter (1: momentum, 2: Adam).
    """
    fixed = 4 * params * (1 + 1 + optimizer_states)  # weights, gradients, optimizer
    return max(0, (budget - fixed) // kept_per_image)


def _traffic(channels, out_channels, kernel, size, groups):
    weights = kernel * kernel * (channels // groups) * out_channels
    return size * size * weights, 4 * (weights + size * size * (channels + out_channels))


def arithmetic_only(in_channels, out_channels, kernel, size, groups, macs_per_second, bytes_per_second):
    return _traffic(in_channels, out_channels, kernel, size, groups)[0] / macs_per_second


def traffic_only(in_channels, out_channels, kernel, size, groups, macs_per_second, bytes_per_second):
    return _traffic(in_channels, out_channels, kernel, size, groups)[1] / bytes_per_second


def one_after_the_other(in_channels, out_channels, kernel, size, groups, macs_per_second, bytes_per_second):
    macs, moved = _traffic(in_channels, out_channels, kernel, size, groups)
    return macs / macs_per_second + moved / bytes_per_second


def the_faster_limit(in_channels, out_channels, kernel, size, groups, macs_per_second, bytes_per_second):
    macs, moved = _traffic(in_channels, out_channels, kernel, size, groups)
    return min(macs / macs_per_second, moved / bytes_per_second)


def numbers_moved(in_channels, out_channels, kernel, size, groups, macs_per_second, bytes_per_second):
    macs, moved = _traffic(in_channels, out_channels, kernel, size, groups)
    return max(macs / macs_per_second, moved / 4 / bytes_per_second)


@exercise(
    title="The least time a layer can take",
    cases=[
        (480, 480, 5, 14, 480, 5e10, 1e10),
        (80, 480, 1, 14, 1, 5e10, 1e10),
        (80, 480, 1, 14, 1, 5e10, 2e9),
        (320, 1280, 1, 7, 1, 5e10, 1e9),
        (96, 96, 3, 56, 96, 1e9, 1e12),
    ],
    wrong=[
        (
            arithmetic_only,
            "You count arithmetic only. A layer with few MACs for its bytes waits for the memory.",
        ),
        (
            traffic_only,
            "You count memory traffic only. A layer with many MACs for its bytes waits for arithmetic.",
        ),
        (
            one_after_the_other,
            "You add both times. The bound assumes that arithmetic and traffic overlap: the longer decides.",
        ),
        (
            the_faster_limit,
            "The layer is done when *both* are done, so the longer time is the bound, not the shorter.",
        ),
        (numbers_moved, "`bytes_per_second` wants bytes: a float32 number has four."),
    ],
    hint="Work out two times, one for the arithmetic, one for the traffic. Which bounds the layer?",
)
def least_seconds(
    in_channels: int, out_channels: int, kernel: int, size: int, groups: int,
    macs_per_second: float, bytes_per_second: float,
) -> float:  # fmt: skip
    """Roofline bound on the time of a stride-1 layer that keeps ``size`` x ``size`` positions, in seconds."""
    weights = kernel * kernel * (in_channels // groups) * out_channels
    macs = size * size * weights
    moved = 4 * (size * size * in_channels + weights + size * size * out_channels)  # read, read, write
    return max(macs / macs_per_second, moved / bytes_per_second)
