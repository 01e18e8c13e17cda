"""Exercises of chapter 4: EfficientNet-B0, layer by layer."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from effnet_lib.arch import ArchSpec, StageSpec
from effnet_lib.cost import cost_of
from effnet_lib.exercises import case, exercise
from effnet_lib.families import get_arch
from effnet_lib.model import EfficientNet
from effnet_lib.scaling import scale

B0_STRIDES = (2, 1, 2, 2, 2, 1, 2, 1)


def rounding_down(resolution, strides):
    return [resolution := resolution // stride for stride in strides]


def sizes_before(resolution, strides):
    sizes = [resolution]
    for stride in strides[:-1]:
        sizes.append(-(-sizes[-1] // stride))
    return sizes


def from_the_image_each_time(resolution, strides):
    return [-(-resolution // stride) for stride in strides]


@exercise(
    title="The size of the feature maps after every stage",
    cases=[(224, B0_STRIDES), (225, B0_STRIDES), (260, B0_STRIDES), (33, (2, 2))],
    wrong=[
        (
            rounding_down,
            "You round down. Padding lets a window start at the last odd pixel too, so a stride of 2 "
            "turns 225 pixels into 113: the quotient is rounded up.",
        ),
        (
            sizes_before,
            "These are the sizes *before* each stage, as in the paper's Table 1. "
            "The sizes after it are wanted.",
        ),
        (
            from_the_image_each_time,
            "You divide the size of the image by each stride. A stage sees what the stage before it left: "
            "keep the size from one stride to the next.",
        ),
    ],
    hint="Keep one number, the present size. For every stride replace it by size / stride, rounded up: "
    "`-(-size // stride)`.",
)
def output_sizes(resolution: int, strides: tuple[int, ...]) -> list[int]:
    """Height (and width) in pixels after each stage, for an image of ``resolution`` pixels a side."""
    sizes = []
    size = resolution
    for stride in strides:
        size = -(-size // stride)  # rounded up
        sizes.append(size)
    return sizes


def without_batch_norm(channels, head, classes):
    return channels * head, head * classes + classes


def running_statistics_too(channels, head, classes):
    return channels * head + 4 * head, head * classes + classes


def convolution_with_bias(channels, head, classes):
    return channels * head + head + 2 * head, head * classes + classes


def classifier_without_bias(channels, head, classes):
    return channels * head + 2 * head, head * classes


@exercise(
    title="The parameters of head and classifier",
    cases=[(320, 1280, 1000), (320, 1280, 10), (112, 256, 100)],
    wrong=[
        (
            without_batch_norm,
            "The batch norm of the head is missing: it has a scale and a shift for each of its channels.",
        ),
        (
            running_statistics_too,
            "Running mean and variance are not trained: they are buffers, not parameters. A batch norm "
            "has two parameters a channel.",
        ),
        (
            convolution_with_bias,
            "The head's convolution has no bias: the shift of the batch norm that follows does its work.",
        ),
        (
            classifier_without_bias,
            "The classifier is a linear layer with a bias: one more parameter for each class.",
        ),
    ],
    hint="The head is a 1×1 convolution without bias, then a batch norm with two parameters a channel. "
    "The classifier is a matrix and a bias.",
)
def end_parameters(channels: int, head: int, classes: int) -> tuple[int, int]:
    """Parameters of the head (``channels`` to ``head``) and of the classifier (``head`` to ``classes``)."""
    head_parameters = channels * head + 2 * head
    classifier_parameters = head * classes + classes
    return head_parameters, classifier_parameters


def reaching_the_last_rate(last, blocks):
    return [last * i / (blocks - 1) for i in range(blocks)]


def counting_from_one(last, blocks):
    return [last * (i + 1) / blocks for i in range(blocks)]


def the_same_everywhere(last, blocks):
    return [last] * blocks


def probabilities_of_survival(last, blocks):
    return [1 - last * i / blocks for i in range(blocks)]


@exercise(
    title="The schedule of stochastic depth",
    cases=[(0.2, 16), (0.3, 4), (0.5, 2)],
    wrong=[
        (
            reaching_the_last_rate,
            "Your last block has the full rate. EfficientNet's code divides by the number of blocks and "
            "counts from 0, so the last block stays a little below.",
        ),
        (
            counting_from_one,
            "You count the blocks from 1. Block 0 has rate 0: the first block is never dropped.",
        ),
        (
            the_same_everywhere,
            "The rate grows with depth: early blocks make features that all later ones need, so they are "
            "dropped more rarely.",
        ),
        (
            probabilities_of_survival,
            "These are probabilities to *survive*, one minus the rates that are asked for.",
        ),
    ],
    hint="Block i of n, counted from 0, has the rate `last * i / n`.",
)
def drop_rates(last: float, blocks: int) -> list[float]:
    """Rate at which every residual branch is dropped in training, in order of the blocks."""
    return [last * i / blocks for i in range(blocks)]


def along_the_outputs(weight, mean, std):
    scaled = weight / std.view(-1, 1, 1, 1)
    return scaled, -(scaled * mean.view(1, -1, 1, 1)).sum((1, 2, 3))


def multiplying_by_std(weight, mean, std):
    return weight * std.view(1, -1, 1, 1), -(weight * mean.view(1, -1, 1, 1)).sum((1, 2, 3))


def mean_not_divided(weight, mean, std):
    return weight / std.view(1, -1, 1, 1), -(weight * mean.view(1, -1, 1, 1)).sum((1, 2, 3))


def wrong_sign(weight, mean, std):
    scaled = weight / std.view(1, -1, 1, 1)
    return scaled, (scaled * mean.view(1, -1, 1, 1)).sum((1, 2, 3))


def without_a_shift(weight, mean, std):
    return weight / std.view(1, -1, 1, 1), torch.zeros(len(weight))


def _normalisation_cases():
    g = torch.Generator().manual_seed(4)

    def one(outputs: int, kernel: int):
        weight = torch.randn(outputs, 3, kernel, kernel, generator=g)
        mean, std = torch.rand(3, generator=g), 0.1 + torch.rand(3, generator=g)
        return case(weight, mean, std).called(
            f"absorb(weight, mean, std), weight of shape {tuple(weight.shape)}"
        )

    return [one(3, 1), one(3, 3)]  # as many outputs as inputs: the wrong axis fits too


@exercise(
    title="Fold the normalisation of the image into the stem",
    cases=_normalisation_cases,
    wrong=[
        (
            along_the_outputs,
            "You scale the weight's first axis, the output channels. The image is normalised before the "
            "convolution, so its *input* channels, the second axis, are scaled.",
        ),
        (multiplying_by_std, "Normalising divides by `std`, so the weight is divided by it too."),
        (
            mean_not_divided,
            "The mean is divided by `std` just as the pixel is. Use the new weight in the bias.",
        ),
        (wrong_sign, "The mean is subtracted, so the bias is minus the weighted sum of the means."),
        (
            without_a_shift,
            "The new convolution needs a bias: subtracting the mean moves every output by the same amount.",
        ),
    ],
    hint="`conv((x - mean) / std)` is a sum of `weight * x / std` and a part without `x`. The first gives "
    "the new weight (one factor an *input* channel), the second the bias.",
)
def absorb(weight: Tensor, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (C_out, 3, k, k) and bias (C_out,) that take raw pixels; ``weight`` takes normalised ones."""
    scaled = weight / std.view(1, -1, 1, 1)
    bias = -(scaled * mean.view(1, -1, 1, 1)).sum((1, 2, 3))
    return scaled, bias


TINY = ArchSpec(
    "tiny",
    stages=(StageSpec("mbconv", 3, 2, 1, 8, 1), StageSpec("mbconv", 3, 2, 2, 16, 1)),
    stem=8,
    head=24,
    resolution=32,
    classes=20,
)


def a_whole_new_network(model, classes):
    return EfficientNet(model.arch.replace(classes=classes))


def one_more_layer(model, classes):
    old = model.classifier
    model.classifier = nn.Sequential(old, nn.Linear(old.out_features, classes))
    return model


def changing_the_attribute(model, classes):
    model.classifier.out_features = classes
    return model


def without_a_bias(model, classes):
    model.classifier = nn.Linear(model.classifier.in_features, classes, bias=False)
    return model


def _see_classes(answer, classes):
    """What a reader's ``with_classes`` makes of a small network of 20 classes."""
    torch.manual_seed(0)
    model = EfficientNet(TINY).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    changed = answer(model, classes)
    if not isinstance(changed, nn.Module):
        return changed
    after = changed.state_dict()
    kept = [n for n in before if not n.startswith("classifier") and n in after]
    return {
        "shape of the logits": tuple(changed.eval()(torch.zeros(2, 3, 32, 32)).shape),
        "the features keep their weights": all(torch.equal(before[n], after[n]) for n in kept),
        "parameters": sum(p.numel() for p in changed.parameters()),
    }


@exercise(
    title="Give a network another number of classes",
    cases=[case(10).called("with_classes(model, 10)"), case(37).called("with_classes(model, 37)")],
    wrong=[
        (
            a_whole_new_network,
            "You build a new network, so the features lose what they have learned. "
            "Replace the classifier only.",
        ),
        (
            one_more_layer,
            "You put a new layer behind the old classifier. The old classes then stand between the features "
            "and yours; replace the old layer instead.",
        ),
        (
            changing_the_attribute,
            "`out_features` only describes the layer: its weight keeps the old shape. "
            "Make a new `nn.Linear`.",
        ),
        (without_a_bias, "Your new layer has no bias; the classifier it replaces has one."),
    ],
    hint="`model.classifier` is an ordinary attribute: assign a new `nn.Linear` to it. "
    "The old one knows its `in_features`.",
    observe=_see_classes,
)
def with_classes(model: nn.Module, classes: int) -> nn.Module:
    """``model`` with a fresh classifier of ``classes`` outputs; all other weights stay."""
    model.classifier = nn.Linear(model.classifier.in_features, classes)
    return model


def b0_as_it_is(budget):
    return get_arch("efficientnet_b0").replace(resolution=32, classes=10)


def _widest(base: ArchSpec, fits) -> ArchSpec:
    """The widest ``base`` (in steps of one percent) that ``fits``, else the narrowest."""
    widths = (percent / 100 for percent in range(300, 4, -1))
    return next((a for width in widths if fits(a := scale(base, width=width))), scale(base, width=0.05))


def _for_small_images(strides=(1, 2, 1, 2, 1, 2, 1), stem_stride=1, classes=10) -> ArchSpec:
    b0 = get_arch("efficientnet_b0")
    stages = tuple(replace(row, stride=stride) for row, stride in zip(b0.stages, strides, strict=True))
    return b0.replace(name="small", stages=stages, stem_stride=stem_stride, resolution=32, classes=classes)


def with_the_strides_of_b0(budget):
    return _widest(_for_small_images((1, 2, 2, 2, 1, 2, 1), 2), lambda arch: cost_of(arch).macs <= budget)


def counting_parameters(budget):
    return _widest(_for_small_images(), lambda arch: cost_of(arch).params <= budget)


def counting_at_224_pixels(budget):
    return _widest(_for_small_images(), lambda arch: cost_of(arch, 224).macs <= budget)


def for_a_thousand_classes(budget):
    return _widest(_for_small_images(classes=1000), lambda arch: cost_of(arch).macs <= budget)


def _broken_rules(answer, budget):
    """Which of the exercise's rules the network breaks, as ends of a sentence that starts with "it"."""
    arch = answer(budget)
    if not isinstance(arch, ArchSpec):
        return arch
    last, macs = cost_of(arch).layers[-2].out_shape[1], cost_of(arch).macs
    rules = {
        "takes images of another size than 32 × 32 pixels": arch.resolution == 32,
        "has another number of classes than 10": arch.classes == 10,
        "ends in a feature map of fewer than 4 × 4 positions": last >= 4,
        "costs more MACs than the budget": macs <= budget,
        "uses less than half of the budget": macs >= budget / 2,
    }
    return [text for text, kept in rules.items() if not kept]


def _agree(got, expected):
    if not isinstance(got, list):
        return f"gives {type(got).__name__}, not an ArchSpec"
    if got == expected:
        return None
    return "makes a network that " + " and ".join(got) if got else "keeps all rules"


@exercise(
    title="A network for small images",
    cases=[(12_000_000,), (40_000_000,), (120_000_000,)],
    wrong=[
        (
            b0_as_it_is,
            "B0 halves its maps five times: 32 pixels become a single position, and the budget is not "
            "looked at. Leave out two halvings, then choose the width.",
        ),
        (
            with_the_strides_of_b0,
            "Five halvings turn 32 pixels into one. Set `stem_stride=1` and the stride of one stage to 1.",
        ),
        (
            counting_parameters,
            "It costs more than the budget. If you held the number of parameters to it: the budget is in MACs, "
            "so compare `cost_of(arch).macs`.",
        ),
        (
            counting_at_224_pixels,
            "It may cost up to twice as much as it does. If you counted the MACs at 224 pixels: that is 49 times "
            "the area of 32, the network's own resolution. Otherwise take a larger width.",
        ),
        (for_a_thousand_classes, "Your network still has the 1000 classes of ImageNet; ten are wanted."),
    ],
    hint="Take the rows of B0, replace strides until 32 pixels end as at least 4, then try widths from large "
    "to small with `scale(base, width=w)` until `cost_of(arch).macs` fits.",
    observe=_broken_rules,
    compare=_agree,
)
def small_network(budget: int) -> ArchSpec:
    """A network for 32×32 images and 10 classes: at most ``budget`` MACs, and at least half of it."""
    b0 = get_arch("efficientnet_b0")
    strides = (1, 2, 1, 2, 1, 2, 1)  # 32, 16, 16, 8, 8, 4, 4
    stages = tuple(replace(row, stride=s) for row, s in zip(b0.stages, strides, strict=True))
    base = b0.replace(name="small", stages=stages, stem_stride=1, resolution=32, classes=10)
    for percent in range(300, 4, -1):  # from three times the width down to a twentieth
        arch = scale(base, width=percent / 100)
        if cost_of(arch).macs <= budget:
            return arch
    raise ValueError(f"budget must allow at least the narrowest network, got {budget}")
