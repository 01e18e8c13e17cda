"""Exercises of chapter 2: sizes, padding, depthwise convolution, receptive field, separable kernels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from effnet_lib.exercises import case, exercise


def without_the_first_window(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) // stride


def padded_on_one_side(size, kernel, stride=1, padding=0):
    return (size + padding - kernel) // stride + 1


def rounded_up(size, kernel, stride=1, padding=0):
    return -((kernel - size - 2 * padding) // stride) + 1


@exercise(
    title="Size of a convolution's output",
    cases=[(6, 3), (6, 3, 1, 1), (6, 3, 2, 1), (7, 3, 2, 1), (224, 3, 2, 1), (5, 5), (14, 5, 2, 2)],
    wrong=[
        (
            without_the_first_window,
            "You counted the steps of the window. Where it stands at first, it makes a pixel too.",
        ),
        (padded_on_one_side, "You added the padding once. It is added on both sides."),
        (
            rounded_up,
            "You rounded up. A last step that would carry the window over the edge is not taken: round down.",
        ),
    ],
    hint="How many steps of `stride` pixels can the window take? Its first place counts as well.",
)
def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Height of the output of a convolution, with ``padding`` rows of zeros on both sides."""
    steps = (size + 2 * padding - kernel) // stride
    return steps + 1


def always_symmetric(size, kernel, stride):
    return kernel // 2, kernel // 2


def odd_pixel_first(size, kernel, stride):
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total - total // 2, total // 2


def output_rounded_down(size, kernel, stride):
    total = max((size // stride - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def negative_padding(size, kernel, stride):
    total = (-(-size // stride) - 1) * stride + kernel - size
    return total // 2, total - total // 2


@exercise(
    title="How many zeros SAME padding adds",
    cases=[(224, 3, 2), (225, 3, 2), (56, 5, 2), (57, 5, 2), (14, 3, 1), (14, 1, 2), (7, 5, 1)],
    wrong=[
        (
            always_symmetric,
            "That is symmetric padding, the same at every size. SAME adds only what an output of "
            "ceil(size / stride) pixels needs, and that depends on the size.",
        ),
        (
            odd_pixel_first,
            "The totals are right, but where a total is odd, the extra pixel goes *after* the image.",
        ),
        (output_rounded_down, "The output has size / stride pixels rounded *up*; you rounded down."),
        (
            negative_padding,
            "With a kernel smaller than the stride your total is negative. Padding never cuts pixels off: "
            "0 is the least.",
        ),
    ],
    hint="Where does the last of ceil(size / stride) windows end? The total is what sticks out of the image.",
)
def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros that TensorFlow's SAME padding puts before and after ``size`` pixels."""
    outputs = -(-size // stride)  # size / stride, rounded up
    end_of_last_window = (outputs - 1) * stride + kernel
    total = max(end_of_last_window - size, 0)
    return total // 2, total - total // 2


def only_the_kernel_counts(saving, kernel):
    return saving * kernel * kernel


def rounded_down(saving, kernel):
    if saving >= kernel * kernel:
        raise ValueError(f"saving must be below {kernel * kernel}, got {saving}")
    return saving * kernel * kernel // (kernel * kernel - saving)


def never_impossible(saving, kernel):
    return -(-saving * kernel * kernel // (kernel * kernel - saving))


@exercise(
    title="How wide a layer must be for a given saving",
    cases=[(8, 3), (4, 3), (2, 3), (8, 5), (20, 5), (9, 3), (10, 3)],
    wrong=[
        (
            only_the_kernel_counts,
            "Set the saving equal to k²·C_out / (k² + C_out) and solve that for C_out; the sum in the "
            "denominator has gone missing.",
        ),
        (
            rounded_down,
            "Rounded down, the width falls short of the saving: `width_for_saving(4, 3)` has to reach four "
            "times. Round up.",
        ),
        (
            never_impossible,
            "However wide the layer, the saving stays below k². Asked for k² or more, raise a ValueError.",
        ),
    ],
    hint="The saving is k²·C_out / (k² + C_out). Solve for C_out; look at the sign of what you divide by.",
)
def width_for_saving(saving: int, kernel: int) -> int:
    """Fewest output channels with which a separable layer takes ``saving`` times fewer MACs than a full."""
    area = kernel * kernel
    if saving >= area:
        raise ValueError(f"saving must be below {area}, the limit for kernel {kernel}, got {saving}")
    return -(-saving * area // (area - saving))  # rounded up


def channels_added_up(x, weight):
    return F.conv2d(x, weight.transpose(0, 1), padding=weight.shape[-1] // 2)


def first_filter_for_all(x, weight):
    same = weight[:1].expand(x.shape[1], -1, -1, -1)
    return F.conv2d(x, same, padding=weight.shape[-1] // 2, groups=x.shape[1])


def unpadded(x, weight):
    return F.conv2d(x, weight, groups=x.shape[1])


def kernel_turned(x, weight):
    return F.conv2d(x, weight.flip(2, 3), padding=weight.shape[-1] // 2, groups=x.shape[1])


def _depthwise_cases():
    random = torch.Generator().manual_seed(0)
    for channels, kernel, height, width in [(3, 3, 6, 5), (4, 5, 7, 7)]:
        x = torch.randn(2, channels, height, width, generator=random)
        weight = torch.randn(channels, 1, kernel, kernel, generator=random)
        shapes = f"x of shape {tuple(x.shape)}, weight of shape {tuple(weight.shape)}"
        yield case(x, weight).called(f"depthwise(x, weight), {shapes}")


@exercise(
    title="A depthwise convolution from shifted images",
    cases=_depthwise_cases,
    wrong=[
        (
            channels_added_up,
            "You added the channels up: that is one output of a full convolution. Every channel keeps "
            "its own output.",
        ),
        (first_filter_for_all, "All channels got the first filter. Channel c has its own: `weight[c, 0]`."),
        (unpadded, "Your output is smaller than the input: put k // 2 zeros around the image first."),
        (
            kernel_turned,
            "You turned the kernel by 180°, as mathematicians do. Here `weight[c, 0, 0, 0]` meets the top "
            "left pixel of the window.",
        ),
    ],
    hint="Pad once. Then add up k² pictures, each the padded input moved by (u, v) and multiplied by one "
    "number a channel: `weight[:, 0, u, v]`, given the shape (C, 1, 1).",
)
def depthwise(x: Tensor, weight: Tensor) -> Tensor:
    """Depthwise convolution, stride 1, padding k // 2: (N, C, H, W) and (C, 1, k, k) to (N, C, H, W)."""
    height, width = x.shape[-2:]
    kernel = weight.shape[-1]
    padded = F.pad(x, [kernel // 2] * 4)
    out = torch.zeros_like(x)
    for u in range(kernel):
        for v in range(kernel):
            moved = padded[:, :, u : u + height, v : v + width]
            out += weight[:, 0, u, v].view(-1, 1, 1) * moved
    return out


def kernels_added_up(layers):
    return sum(kernel for kernel, _ in layers)


def strides_forgotten(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def own_stride_too_early(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        field += (kernel - 1) * step
    return field


@exercise(
    title="Receptive field of a stack of layers",
    cases=[
        ([(3, 1)],),
        ([(3, 1), (3, 1)],),
        ([(3, 2), (3, 1)],),
        ([(3, 1), (1, 1), (5, 2), (1, 1), (3, 2)],),
        ([(1, 1)],),
        ([(3, 2)] * 5,),
    ],
    wrong=[
        (
            kernels_added_up,
            "A kernel of k pixels adds k − 1 to what is seen: its windows overlap, and a 1×1 adds nothing.",
        ),
        (
            strides_forgotten,
            "After a stride of 2, neighbouring pixels lie two input pixels apart: what later layers add "
            "counts double.",
        ),
        (
            own_stride_too_early,
            "A layer's own stride spreads the pixels that it *makes*. It counts for the layers after it, "
            "not for itself.",
        ),
    ],
    hint="Go through the layers and keep two numbers: the field so far, and how many input pixels apart two "
    "neighbours in the present layer's input are.",
)
def receptive_field(layers: list[tuple[int, int]]) -> int:
    """Input pixels, in one direction, that one output pixel of ``layers`` (kernel, stride) depends on."""
    field, step = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * step
        step *= stride
    return field


def _factors(weight):
    left, strength, right = torch.linalg.svd(weight.flatten(2).transpose(0, 1), full_matrices=False)
    return left, strength, right  # (C, O, r), (C, r), (C, r, k * k)


def without_strengths(weight, multiplier=1):
    out, channels, kernel, _ = weight.shape
    left, _, right = _factors(weight)
    pointwise = left[:, :, :multiplier].permute(1, 0, 2)
    shape = (channels * multiplier, 1, kernel, kernel)
    return right[:, :multiplier].reshape(shape), pointwise.reshape(out, -1, 1, 1)


def pointwise_in_the_other_order(weight, multiplier=1):
    out, channels, kernel, _ = weight.shape
    left, strength, right = _factors(weight)
    pointwise = (left * strength[:, None])[:, :, :multiplier].permute(1, 2, 0)
    shape = (channels * multiplier, 1, kernel, kernel)
    return right[:, :multiplier].reshape(shape), pointwise.reshape(out, -1, 1, 1)


def one_decomposition_for_all_channels(weight, multiplier=1):
    out, channels, kernel, _ = weight.shape
    left, strength, right = torch.linalg.svd(weight.flatten(1), full_matrices=False)
    filters = right[:multiplier].reshape(-1, channels, kernel, kernel).transpose(0, 1)
    pointwise = (left * strength)[:, None, :multiplier].expand(-1, channels, -1)
    shape = (channels * filters.shape[1], 1, kernel, kernel)
    return filters.reshape(shape), pointwise.reshape(out, -1, 1, 1)


def _run_both_layers(separate, weight, multiplier=1):
    depthwise_weight, pointwise_weight = separate(weight, multiplier)
    x = torch.randn(1, weight.shape[1], 6, 6, generator=torch.Generator().manual_seed(1))
    middle = F.conv2d(x, depthwise_weight, groups=weight.shape[1])
    return {
        "shape of the depthwise weight": tuple(depthwise_weight.shape),
        "shape of the pointwise weight": tuple(pointwise_weight.shape),
        "output of both layers": F.conv2d(middle, pointwise_weight),
    }


def _separate_cases():
    random = torch.Generator().manual_seed(2)
    general = torch.randn(6, 4, 3, 3, generator=random)
    rank_one = torch.randn(6, 4, 1, 1, generator=random) * torch.randn(1, 4, 3, 3, generator=random)
    yield case(rank_one).called(
        "separate(weight), weight of shape (6, 4, 3, 3) and rank 1 in every input channel"
    )
    yield case(general).called("separate(weight), weight of shape (6, 4, 3, 3) and full rank")
    yield case(general, 2).called("separate(weight, 2), weight of shape (6, 4, 3, 3) and full rank")
    yield case(general, 6).called("separate(weight, 6), weight of shape (6, 4, 3, 3) and full rank")


@exercise(
    title="Turn a full kernel into a depthwise and a pointwise one",
    cases=_separate_cases,
    observe=_run_both_layers,
    wrong=[
        (
            without_strengths,
            "The directions are right, the singular values are missing: multiply one of the sides by them.",
        ),
        (
            pointwise_in_the_other_order,
            "With one filter a channel all is well; with several, the pointwise weights stand in the wrong "
            "order. A convolution with groups puts all filters of input channel 0 first, then those of "
            "channel 1.",
        ),
        (
            one_decomposition_for_all_channels,
            "You decomposed one matrix (C_out, C_in·k²), so all input channels share one row of pointwise "
            "weights. Every input channel has a matrix (C_out, k²) of its own: `weight[:, c].flatten(1)`.",
        ),
    ],
    hint="`torch.linalg.svd` takes a stack of matrices, and `weight.flatten(2).transpose(0, 1)` is one, "
    "(C_in, C_out, k²). Right factors are spatial filters; left ones say how much of each goes where.",
)
def separate(weight: Tensor, multiplier: int = 1) -> tuple[Tensor, Tensor]:
    """Depthwise (C_in·m, 1, k, k) and pointwise (C_out, C_in·m, 1, 1) weights nearest to ``weight``.

    ``weight`` is (C_out, C_in, k, k); every input channel gets m = ``multiplier`` spatial filters.
    """
    out, channels, kernel, _ = weight.shape
    matrices = weight.flatten(2).transpose(0, 1)  # (C_in, C_out, k * k)
    left, strength, right = torch.linalg.svd(matrices, full_matrices=False)
    left = left * strength[:, None, :]  # the singular values go to the pointwise side
    spatial = right[:, :multiplier].reshape(channels * multiplier, 1, kernel, kernel)
    mixing = left[:, :, :multiplier].permute(1, 0, 2).reshape(out, channels * multiplier, 1, 1)
    return spatial, mixing
