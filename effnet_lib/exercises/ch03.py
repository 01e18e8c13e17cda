"""Exercises of chapter 3: the inverted residual block, its widths, its parts and its price."""

from __future__ import annotations

import math

from effnet_lib.exercises import case, exercise


def squeeze_from_hidden(in_channels, expand, se_ratio=0.25):
    hidden = in_channels * expand
    return hidden, max(1, int(hidden * se_ratio))


def squeeze_rounded(in_channels, expand, se_ratio=0.25):
    return in_channels * expand, max(1, round(in_channels * se_ratio))


def squeeze_may_vanish(in_channels, expand, se_ratio=0.25):
    return in_channels * expand, int(in_channels * se_ratio)


def hidden_beside_input(in_channels, expand, se_ratio=0.25):
    return in_channels * (expand + 1), max(1, int(in_channels * se_ratio))


@exercise(
    title="Hidden and squeeze width of an MBConv block",
    cases=[(16, 6), (24, 6), (112, 6), (32, 1), (3, 4), (40, 6, 0.1), (22, 4)],
    wrong=[
        (
            squeeze_from_hidden,
            "You squeeze to a quarter of the *hidden* channels. EfficientNet takes a quarter of the block's input: "
            "`in_channels * se_ratio`, before the expansion.",
        ),
        (squeeze_rounded, "The squeeze width is cut off, not rounded: `int(5.5)` is 5."),
        (
            squeeze_may_vanish,
            "With 3 channels a quarter is cut off to 0. At least one channel has to be left.",
        ),
        (
            hidden_beside_input,
            "The expansion does not add channels to the input, it replaces it: `in_channels * expand` in all.",
        ),
    ],
    hint="Both widths follow from the block's *input* channels: one times `expand`, the other times `se_ratio`.",
)
def widths(in_channels: int, expand: int, se_ratio: float = 0.25) -> tuple[int, int]:
    """Hidden and squeeze width of the block."""
    return in_channels * expand, max(1, int(in_channels * se_ratio))


def only_channels(in_channels, out_channels, stride):
    return in_channels == out_channels


def only_stride(in_channels, out_channels, stride):
    return stride == 1


def either(in_channels, out_channels, stride):
    return stride == 1 or in_channels == out_channels


def not_narrower(in_channels, out_channels, stride):
    return stride == 1 and out_channels >= in_channels


@exercise(
    title="Does this block have a residual?",
    cases=[(24, 24, 1), (24, 24, 2), (24, 40, 1), (24, 40, 2), (40, 24, 1), (112, 112, 1)],
    wrong=[
        (
            only_channels,
            "Equal channels are not enough: with stride 2 the output has half the height and width, and cannot be added.",
        ),
        (only_stride, "Stride 1 is not enough: 24 channels cannot be added to 40."),
        (
            either,
            "Both have to hold at once. Input and output are added number by number, so *all* of the shape must agree.",
        ),
        (
            not_narrower,
            "EfficientNet does not pad the input with zero channels to fit a wider output; the channels must be equal.",
        ),
    ],
    hint="Two tensors are added number by number. What has to be equal in (N, C, H, W), and what changes it?",
)
def has_residual(in_channels: int, out_channels: int, stride: int) -> bool:
    """Whether the block's input is added to its output."""
    return stride == 1 and in_channels == out_channels


def without_norm(in_channels, out_channels, kernel, expand, se_ratio=0.25):
    hidden, squeeze = in_channels * expand, max(1, int(in_channels * se_ratio))
    total = in_channels * hidden if expand != 1 else 0
    return total + kernel**2 * hidden + 2 * hidden * squeeze + squeeze + hidden + hidden * out_channels


def without_gate_biases(in_channels, out_channels, kernel, expand, se_ratio=0.25):
    hidden, squeeze = in_channels * expand, max(1, int(in_channels * se_ratio))
    total = in_channels * hidden + 2 * hidden if expand != 1 else 0
    total += kernel**2 * hidden + 2 * hidden + 2 * hidden * squeeze
    return total + hidden * out_channels + 2 * out_channels


def always_expanding(in_channels, out_channels, kernel, expand, se_ratio=0.25):
    hidden, squeeze = in_channels * expand, max(1, int(in_channels * se_ratio))
    total = in_channels * hidden + 2 * hidden + kernel**2 * hidden + 2 * hidden
    return total + 2 * hidden * squeeze + squeeze + hidden + hidden * out_channels + 2 * out_channels


def full_kernel(in_channels, out_channels, kernel, expand, se_ratio=0.25):
    hidden, squeeze = in_channels * expand, max(1, int(in_channels * se_ratio))
    total = in_channels * hidden + 2 * hidden if expand != 1 else 0
    total += kernel**2 * hidden * hidden + 2 * hidden
    return total + 2 * hidden * squeeze + squeeze + hidden + hidden * out_channels + 2 * out_channels


def wide_gate(in_channels, out_channels, kernel, expand, se_ratio=0.25):
    hidden = in_channels * expand
    squeeze = max(1, int(hidden * se_ratio))
    total = in_channels * hidden + 2 * hidden if expand != 1 else 0
    total += kernel**2 * hidden + 2 * hidden
    return total + 2 * hidden * squeeze + squeeze + hidden + hidden * out_channels + 2 * out_channels


@exercise(
    title="Count the parameters of an MBConv block",
    cases=[(16, 24, 3, 6), (32, 16, 3, 1), (80, 112, 5, 6), (192, 320, 3, 6), (24, 24, 3, 4)],
    wrong=[
        (
            without_norm,
            "Each of the three convolutions is followed by a batch norm: a scale and a shift a channel.",
        ),
        (
            without_gate_biases,
            "The two layers of squeeze-and-excitation have no batch norm, so they have biases: `squeeze + hidden`.",
        ),
        (
            always_expanding,
            "With `expand=1` there is nothing to expand: the first 1×1 convolution is left out.",
        ),
        (full_kernel, "The k×k convolution is depthwise: each of its `hidden` filters sees one channel."),
        (
            wide_gate,
            "The squeeze width is a quarter of the block's *input* channels, not of the hidden ones.",
        ),
    ],
    hint="Four parts: expand (unless `expand` is 1), depthwise, squeeze-and-excitation, project. Convolutions have "
    "batch norm and no bias, the gate's two layers have biases and no batch norm.",
)
def mbconv_params(
    in_channels: int, out_channels: int, kernel: int, expand: int, se_ratio: float = 0.25
) -> int:
    """Trainable parameters of the block, batch norms included."""
    hidden = in_channels * expand
    squeeze = max(1, int(in_channels * se_ratio))
    expansion = in_channels * hidden + 2 * hidden if expand != 1 else 0
    depthwise = kernel**2 * hidden + 2 * hidden
    gate = hidden * squeeze + squeeze + squeeze * hidden + hidden
    project = hidden * out_channels + 2 * out_channels
    return expansion + depthwise + gate + project


def _gate_cases():
    import torch

    source = torch.Generator().manual_seed(3)

    def draw(*shape):
        return torch.randn(*shape, generator=source)

    found = []
    for batch, channels, squeeze, height, width in ((2, 8, 2, 5, 5), (1, 6, 1, 4, 7), (3, 4, 4, 1, 1)):
        args = (draw(batch, channels, height, width), draw(squeeze, channels), draw(squeeze),
                draw(channels, squeeze), draw(channels))  # fmt: skip
        shape = f"squeeze_excite(x, w1, b1, w2, b2), x of shape {(batch, channels, height, width)}"
        found.append(case(*args).called(shape))
    return found


def without_sigmoid(x, w1, b1, w2, b2):
    import torch.nn.functional as F

    gate = F.silu(x.mean((2, 3)) @ w1.T + b1) @ w2.T + b2
    return x * gate[:, :, None, None]


def without_inner_activation(x, w1, b1, w2, b2):
    gate = ((x.mean((2, 3)) @ w1.T + b1) @ w2.T + b2).sigmoid()
    return x * gate[:, :, None, None]


def relu_inside(x, w1, b1, w2, b2):
    gate = ((x.mean((2, 3)) @ w1.T + b1).relu() @ w2.T + b2).sigmoid()
    return x * gate[:, :, None, None]


def gate_only(x, w1, b1, w2, b2):
    import torch.nn.functional as F

    return (F.silu(x.mean((2, 3)) @ w1.T + b1) @ w2.T + b2).sigmoid()[:, :, None, None]


def gate_added(x, w1, b1, w2, b2):
    import torch.nn.functional as F

    return x + (F.silu(x.mean((2, 3)) @ w1.T + b1) @ w2.T + b2).sigmoid()[:, :, None, None]


def pooled_over_batch(x, w1, b1, w2, b2):
    import torch.nn.functional as F

    pooled = x.mean((0, 2, 3), keepdim=True).flatten(1)
    return x * (F.silu(pooled @ w1.T + b1) @ w2.T + b2).sigmoid()[:, :, None, None]


@exercise(
    title="Squeeze-and-excitation as a function",
    cases=_gate_cases,
    wrong=[
        (without_sigmoid, "A gate lies between 0 and 1: the last step before the product is a sigmoid."),
        (
            without_inner_activation,
            "Between the two matrices stands a SiLU. Without it they are one matrix of low rank.",
        ),
        (relu_inside, "Hu et al. have a ReLU inside the gate; EfficientNet has SiLU there, as everywhere in the block."),
        (gate_only, "You return the gates. They still have to multiply the channels of `x`."),
        (gate_added, "A gate scales its channel: multiply `x` by it, do not add it."),
        (
            pooled_over_batch,
            "You average over the batch as well, so that all images share their gates. Each image has its own.",
        ),
    ],
    hint="Four lines: the mean over height and width, `@ w1.T + b1` and SiLU, `@ w2.T + b2` and sigmoid, then `x` times "
    "the result, reshaped to (N, C, 1, 1).",
)
def squeeze_excite(x, w1, b1, w2, b2):
    """Gate ``x`` (N, C, H, W); ``w1`` (S, C) and ``b1`` squeeze, ``w2`` (C, S) and ``b2`` excite."""
    import torch.nn.functional as F

    pooled = x.mean((2, 3))
    inner = F.silu(pooled @ w1.T + b1)
    gate = (inner @ w2.T + b2).sigmoid()
    return x * gate[:, :, None, None]


def _depth_cases():
    import torch

    source = torch.Generator().manual_seed(4)
    h, x = (torch.randn(4, 3, 2, 2, generator=source) for _ in range(2))
    kept = torch.tensor([1.0, 0.0, 1.0, 1.0])
    none = torch.zeros(4)
    return [
        case(x, h, kept, 0.2, True).called("drop_path(x, h, kept=[1, 0, 1, 1], rate=0.2, training=True)"),
        case(x, h, none, 0.6, True).called("drop_path(x, h, kept=[0, 0, 0, 0], rate=0.6, training=True)"),
        case(x, h, kept, 0.2, False).called("drop_path(x, h, kept=[1, 0, 1, 1], rate=0.2, training=False)"),
    ]


def never_divided(x, h, kept, rate, training):
    return x + h * kept[:, None, None, None] if training else x + h


def divided_by_rate(x, h, kept, rate, training):
    return x + h * kept[:, None, None, None] / rate if training else x + h


def drops_in_evaluation(x, h, kept, rate, training):
    return x + h * kept[:, None, None, None] / (1 - rate)


def scaled_in_evaluation(x, h, kept, rate, training):
    return x + h * kept[:, None, None, None] if training else x + h * (1 - rate)


def drops_the_input_too(x, h, kept, rate, training):
    return (x + h) * kept[:, None, None, None] / (1 - rate) if training else x + h


@exercise(
    title="Stochastic depth that keeps the mean",
    cases=_depth_cases,
    wrong=[
        (
            never_divided,
            "In training the branch is there only part of the time, so its mean is `(1 - rate)` times what it is in "
            "evaluation. Divide by the survival probability where it is kept.",
        ),
        (
            divided_by_rate,
            "`rate` is the probability to *drop*. Divide by the probability to survive, `1 - rate`.",
        ),
        (drops_in_evaluation, "In evaluation nothing is dropped and nothing is rescaled."),
        (
            scaled_in_evaluation,
            "The original paper scales at test time. EfficientNet divides in training instead, so that evaluation is "
            "plain `x + h`.",
        ),
        (
            drops_the_input_too,
            "Only the branch `h` is dropped. The input `x` always goes through: a dropped block is the identity.",
        ),
    ],
    hint="In training the branch is multiplied by `kept / (1 - rate)`, one number an image. Reshape it to (N, 1, 1, 1).",
)
def drop_path(x, h, kept, rate: float, training: bool):
    """``x`` plus the branch ``h``, both (N, C, H, W); ``kept`` (N,) holds 1 for images whose branch survives."""
    if not training:
        return x + h
    return x + h * (kept / (1 - rate))[:, None, None, None]


def as_if_stride_one(times, kernel, stride):
    left = kernel**2 + 1 - 2 * times
    return math.ceil(times * kernel**2 / left) if left > 0 else None


def fused_without_projection(times, kernel, stride):
    left = kernel**2 - times * (stride**2 + 1)
    return math.ceil(times * kernel**2 / left) if left > 0 else None


def mbconv_without_depthwise(times, kernel, stride):
    return 1 if kernel**2 + 1 >= times * (stride**2 + 1) else None


def no_limit(times, kernel, stride):
    left = kernel**2 + 1 - times * (stride**2 + 1)
    return math.ceil(times * kernel**2 / left) if left else None


@exercise(
    title="From which width on does fusing cost so many times the MACs?",
    cases=[
        (1, 3, 1),
        (2, 3, 1),
        (4, 3, 1),
        (4.75, 3, 1),
        (5, 3, 1),
        (6, 3, 1),
        (1.5, 3, 2),
        (2, 3, 2),
        (4, 5, 2),
        (10, 5, 1),
    ],
    wrong=[
        (
            as_if_stride_one,
            "With stride 2 the expansion of MBConv still runs on the *input's* positions, `stride**2` times as many as "
            "the output has. The fused convolution runs on the output's.",
        ),
        (
            fused_without_projection,
            "A Fused-MBConv block still ends in a 1×1 projection, with as many MACs as MBConv's.",
        ),
        (
            mbconv_without_depthwise,
            "MBConv's depthwise convolution costs `kernel**2` a hidden channel; count it too.",
        ),
        (
            no_limit,
            "The ratio grows towards a limit, `(kernel**2 + 1) / (stride**2 + 1)`, and never gets above it. Where `times` "
            "is larger, there is no such width: return None.",
        ),
    ],
    hint="Divide both blocks' MACs by the hidden channels and by the output's positions. What is left is "
    "`kernel**2 * C + C` for the fused block and `stride**2 * C + kernel**2 + C` for MBConv. Solve for C, and look "
    "for what happens as C grows.",
)
def fusing_costs(times: float, kernel: int, stride: int) -> int | None:
    """Fewest channels C (in and out) at which Fused-MBConv takes ``times`` the MACs of MBConv; None if never.

    Any expansion above 1, no squeeze-and-excitation, height and width divisible by the stride.
    """
    # fused / mbconv = (k² + 1) C / ((s² + 1) C + k²) >= times
    left = kernel**2 + 1 - times * (stride**2 + 1)
    if left <= 0:
        return None
    return math.ceil(times * kernel**2 / left)
