"""Exercises of chapter 12: which weights and channels go, what that saves, and what a fair comparison costs."""

import torch

from effnet_lib.exercises import case, exercise

# 1. one threshold for all layers


def masks_layer_by_layer(weights, amount):
    return {name: global_masks({name: tensor}, amount)[name] for name, tensor in weights.items()}


def masks_by_value(weights, amount):
    order = torch.cat([tensor.flatten() for tensor in weights.values()]).sort().values
    gone = round(amount * len(order))
    return {name: tensor >= order[gone] for name, tensor in weights.items()}


def masks_of_what_goes(weights, amount):
    return {name: ~mask for name, mask in global_masks(weights, amount).items()}


def masks_that_keep_the_amount(weights, amount):
    return global_masks(weights, 1 - amount)


def masks_by_the_largest(weights, amount):
    largest = max(float(tensor.abs().max()) for tensor in weights.values())
    return {name: tensor.abs() >= amount * largest for name, tensor in weights.items()}


def _weights():
    draw = torch.Generator().manual_seed(12)
    sizes = {"wide": (4, 6), "narrow": (3, 2), "depthwise": (5, 1, 3, 3)}
    spreads = {"wide": 0.2, "narrow": 1.0, "depthwise": 0.5}
    drawn = {name: spreads[name] * torch.randn(size, generator=draw) for name, size in sizes.items()}
    by_hand = {"a": torch.tensor([0.1, -0.9, 0.2]), "b": torch.tensor([[0.3, -0.4], [0.05, 0.8]])}
    return [
        case(by_hand, 3 / 7),
        case(drawn, 0.5).called("global_masks(three tensors of 24, 6 and 45 weights, 0.5)"),
        case(drawn, 0.8).called("global_masks(three tensors of 24, 6 and 45 weights, 0.8)"),
    ]


@exercise(
    title="Masks with one threshold for all layers",
    cases=_weights,
    wrong=[
        (
            masks_layer_by_layer,
            "You remove the same share of every layer. Here all weights compete with one another: one threshold "
            "for all tensors.",
        ),
        (
            masks_by_value,
            "You remove the smallest values, so every strongly negative weight goes first. What counts is the "
            "*magnitude*, `abs()`.",
        ),
        (masks_of_what_goes, "Your masks are True where a weight goes. True means that it is kept."),
        (
            masks_that_keep_the_amount,
            "You keep the share `amount`. It says how much is *removed*; the difference vanishes at one half only.",
        ),
        (
            masks_by_the_largest,
            "You use `amount` as a threshold, relative to the largest weight. It is a share of the *number* of "
            "weights: sort the magnitudes and count.",
        ),
    ],
    hint="Put the magnitudes of all tensors into one flat tensor and sort it. The element at place "
    "`round(amount * n)`, counted from 0, is the smallest magnitude that stays.",
)
def global_masks(weights: dict[str, torch.Tensor], amount: float) -> dict[str, torch.Tensor]:
    """True where a weight is kept; ``round(amount * n)`` of the n weights in all tensors together go."""
    order = torch.cat([tensor.abs().flatten() for tensor in weights.values()]).sort().values
    threshold = order[round(amount * len(order))]
    return {name: tensor.abs() >= threshold for name, tensor in weights.items()}


# 2. bytes of a sparse matrix


def bytes_of_values(rows, columns, kept, value_bytes=4, index_bytes=4):
    return kept * value_bytes


def bytes_without_rows(rows, columns, kept, value_bytes=4, index_bytes=4):
    return kept * (value_bytes + index_bytes)


def bytes_without_the_end(rows, columns, kept, value_bytes=4, index_bytes=4):
    return kept * (value_bytes + index_bytes) + rows * index_bytes


def bytes_by_columns(rows, columns, kept, value_bytes=4, index_bytes=4):
    return kept * (value_bytes + index_bytes) + (columns + 1) * index_bytes


def bytes_of_coordinates(rows, columns, kept, value_bytes=4, index_bytes=4):
    return kept * (value_bytes + 2 * index_bytes)


def bytes_of_a_bitmask(rows, columns, kept, value_bytes=4, index_bytes=4):
    return kept * value_bytes + (rows * columns + 7) // 8


@exercise(
    title="Bytes of a sparse matrix",
    cases=[
        (10, 20, 100),
        (10, 20, 0),
        case(320, 1280, 40_960),
        case(64, 16, 100, value_bytes=4, index_bytes=2),
        case(64, 16, 100, value_bytes=1, index_bytes=2),
    ],
    wrong=[
        (
            bytes_of_values,
            "Those are the values alone. A reader of the file could not tell where they belong.",
        ),
        (
            bytes_without_rows,
            "Values and columns are there, but nothing says where a row ends and the next begins.",
        ),
        (
            bytes_without_the_end,
            "One row pointer is missing: where the rows begin, *and* where the last one ends.",
        ),
        (bytes_by_columns, "You point at columns. In compressed sparse *row* form there is a pointer a row."),
        (
            bytes_of_coordinates,
            "You store a row and a column for every weight. That is the coordinate form; CSR stores the columns, "
            "and of the rows only where each begins.",
        ),
        (bytes_of_a_bitmask, "That is the size with a bitmask: one bit for every position, kept or not."),
    ],
    hint="Three arrays: the values, one column index a value, and the places where the rows begin, with one "
    "more entry for the end of the last.",
)
def csr_bytes(rows: int, columns: int, kept: int, value_bytes: int = 4, index_bytes: int = 4) -> int:
    """Bytes of a ``rows`` x ``columns`` matrix with ``kept`` nonzeros in compressed sparse row form."""
    return kept * (value_bytes + index_bytes) + (rows + 1) * index_bytes


# 3. the gradual schedule


def schedule_linear(step, steps, final, initial=0.0):
    return initial + (final - initial) * min(step / steps, 1)


def schedule_slow_first(step, steps, final, initial=0.0):
    return initial + (final - initial) * min(step / steps, 1) ** 3


def schedule_squared(step, steps, final, initial=0.0):
    return final + (initial - final) * (1 - min(step / steps, 1)) ** 2


def schedule_from_nothing(step, steps, final, initial=0.0):
    return final - final * (1 - min(step / steps, 1)) ** 3


def schedule_without_end(step, steps, final, initial=0.0):
    return final + (initial - final) * (1 - step / steps) ** 3


def schedule_of_what_is_left(step, steps, final, initial=0.0):
    return 1 - sparsity_at(step, steps, final, initial)


@exercise(
    title="The gradual schedule",
    cases=[
        (0, 100, 0.8),
        (25, 100, 0.8),
        (50, 100, 0.8),
        (100, 100, 0.8),
        (150, 100, 0.8),
        case(0, 40, 0.9, initial=0.3),
        case(10, 40, 0.9, initial=0.3),
    ],
    wrong=[
        (schedule_linear, "You remove the same share at every step. The schedule removes most of it early."),
        (
            schedule_slow_first,
            "Yours begins slowly and ends in a rush. It is the *distance to the end* that shrinks with the third "
            "power: `(1 - step / steps) ** 3`.",
        ),
        (schedule_squared, "The power is the third, not the second."),
        (schedule_from_nothing, "You start from 0. At step 0 the share is `initial`."),
        (
            schedule_without_end,
            "After the last step yours goes on. The share then stays what it is: cut `step / steps` off at 1.",
        ),
        (schedule_of_what_is_left, "That is the share that is left. The share of *zeros* is wanted."),
    ],
    hint="Write it as `final`, plus the distance from `final` to `initial` times a factor that falls from 1 to 0 "
    "with the third power.",
)
def sparsity_at(step: int, steps: int, final: float, initial: float = 0.0) -> float:
    """Share of zeros after ``step`` of ``steps`` (Zhu & Gupta 2017, Equation 1); ``final`` from then on."""
    left = 1 - min(step / steps, 1)
    return final + (initial - final) * left**3


# 4. one index set through a block

_WRITES = ("expand.conv", "expand.norm", "depthwise.conv", "depthwise.norm", "se.excite")
_READS = ("se.squeeze.weight", "project.conv.weight")


def _cut(block, keep, writes=_WRITES, reads=_READS):
    found = {}
    for name, tensor in block.items():
        if name in reads:
            tensor = tensor[:, keep]
        elif name.startswith(writes):
            tensor = tensor[keep]
        found[name] = tensor
    return found


def drop_but_not_in_the_gate(block, keep):
    return _cut(block, keep, _WRITES[:4], _READS[1:])


def drop_but_not_in_the_norms(block, keep):
    return _cut(block, keep, ("expand.conv", "depthwise.conv", "se.excite"))


def drop_but_not_the_bias(block, keep):
    return _cut(block, keep, (*_WRITES[:4], "se.excite.weight"))


def drop_but_not_in_the_depthwise(block, keep):
    return _cut(block, keep, ("expand.conv", "expand.norm", "se.excite"))


def drop_outputs_of_the_projection(block, keep):
    found = _cut(block, keep, reads=_READS[:1])
    return found | {"project.conv.weight": block["project.conv.weight"][keep]}


def drop_the_kept(block, keep):
    hidden = len(block["depthwise.conv.weight"])
    return drop_hidden(block, [i for i in range(hidden) if i not in keep])


def drop_by_size(block, keep):
    hidden, found = len(block["depthwise.conv.weight"]), {}
    for name, tensor in block.items():
        for axis, size in enumerate(tensor.shape[:2]):
            if size == hidden:
                tensor = tensor.index_select(axis, torch.tensor(keep))
        found[name] = tensor
    return found


def _blocks():
    draw = torch.Generator().manual_seed(4)

    def block(channels, hidden, out, squeeze):
        sizes = {
            "expand.conv.weight": (hidden, channels, 1, 1),
            **{f"expand.norm.{part}": (hidden,) for part in ("weight", "bias", "running_mean", "running_var")},
            "depthwise.conv.weight": (hidden, 1, 3, 3),
            **{f"depthwise.norm.{part}": (hidden,) for part in ("weight", "bias", "running_mean", "running_var")},
            "se.squeeze.weight": (squeeze, hidden, 1, 1), "se.squeeze.bias": (squeeze,),
            "se.excite.weight": (hidden, squeeze, 1, 1), "se.excite.bias": (hidden,),
            "project.conv.weight": (out, hidden, 1, 1),
            **{f"project.norm.{part}": (out,) for part in ("weight", "bias", "running_mean", "running_var")},
        }  # fmt: skip
        return {name: torch.randn(size, generator=draw) for name, size in sizes.items()}

    return [
        case(block(3, 6, 4, 2), [0, 2, 3, 5]).called(
            "drop_hidden(block of 3, 6 hidden and 4 channels, [0, 2, 3, 5])"
        ),
        case(block(2, 4, 4, 2), [1, 2, 3]).called(
            "drop_hidden(block of 2, 4 hidden and 4 channels, [1, 2, 3])"
        ),
        case(block(5, 5, 5, 5), [4]).called("drop_hidden(block with 5 channels everywhere, [4])"),
    ]


@exercise(
    title="Remove hidden channels from a block",
    cases=_blocks,
    wrong=[
        (
            drop_but_not_in_the_gate,
            "The gate still has all hidden channels: squeeze reads them (axis 1), excite writes them (axis 0, and "
            "its bias).",
        ),
        (
            drop_but_not_in_the_norms,
            "You forgot the batch norms of expansion and depthwise layer: four vectors each, running statistics "
            "included.",
        ),
        (drop_but_not_the_bias, "The bias of the excitation still has a number for every old channel."),
        (
            drop_but_not_in_the_depthwise,
            "The depthwise layer is as wide as before. Each of its filters belongs to one hidden channel: axis 0, "
            "and its batch norm.",
        ),
        (
            drop_outputs_of_the_projection,
            "You cut *outputs* of the projection. Its outputs are the block's; its inputs, axis 1, are the hidden "
            "channels.",
        ),
        (drop_the_kept, "You removed the channels in `keep` and kept the others."),
        (
            drop_by_size,
            "You cut every axis that is as long as the hidden width. Another width may happen to be the same "
            "number; go by the layer's name.",
        ),
    ],
    hint="Layers that *write* hidden channels lose rows (axis 0, batch norms and biases too); layers that *read* "
    "them lose columns (axis 1). The depthwise layer does both, and holds one filter a channel.",
)
def drop_hidden(block: dict[str, torch.Tensor], keep: list[int]) -> dict[str, torch.Tensor]:
    """The tensors of an MBConv block with only the hidden channels in ``keep``, in that order."""
    writes = ("expand.", "depthwise.", "se.excite.")
    reads = ("se.squeeze.weight", "project.conv.weight")
    found = {}
    for name, tensor in block.items():
        if name in reads:
            tensor = tensor[:, keep]
        elif name.startswith(writes):
            tensor = tensor[keep]
        found[name] = tensor
    return found


# 5. when a channel may go


def silent_if_scale_is_zero(scale, shift, squeeze, project):
    return [i for i in range(len(scale)) if scale[i] == 0 or _unread(i, squeeze, project)]


def silent_if_nobody_projects(scale, shift, squeeze, project):
    return [i for i in range(len(scale)) if _mute(i, scale, shift) or not project[:, i].any()]


def silent_as_with_relu(scale, shift, squeeze, project):
    mute = [scale[i] == 0 and shift[i] <= 0 for i in range(len(scale))]
    return [i for i in range(len(scale)) if mute[i] or _unread(i, squeeze, project)]


def silent_if_written_so(scale, shift, squeeze, project):
    return [i for i in range(len(scale)) if _mute(i, scale, shift)]


def silent_if_unread(scale, shift, squeeze, project):
    return [i for i in range(len(scale)) if _unread(i, squeeze, project)]


def silent_if_both(scale, shift, squeeze, project):
    return [i for i in range(len(scale)) if _mute(i, scale, shift) and _unread(i, squeeze, project)]


def silent_if_either_reader_stops(scale, shift, squeeze, project):
    return [
        i for i in range(len(scale)) if _mute(i, scale, shift) or not project[:, i].any() or not squeeze[:, i].any()
    ]  # fmt: skip


def _mute(i, scale, shift):
    return bool(scale[i] == 0 and shift[i] == 0)


def _unread(i, squeeze, project):
    return not (squeeze[:, i].any() or project[:, i].any())


def _channels():
    draw = torch.Generator().manual_seed(5)

    def drawn(hidden, scale=(), shift=(), negative=(), squeeze=(), project=()):
        made = [
            torch.rand(size, generator=draw) + 0.1
            for size in [(hidden,), (hidden,), (2, hidden), (3, hidden)]
        ]
        made[0][list(scale)] = 0.0
        made[1][list(shift)] = 0.0
        made[1][list(negative)] *= -1
        made[2][:, list(squeeze)] = 0.0
        made[3][:, list(project)] = 0.0
        text = f"scale 0 in {list(scale)}, shift 0 in {list(shift)}, below 0 in {list(negative)}, "
        text += f"squeeze 0 in {list(squeeze)}, project 0 in {list(project)}"
        return case(*made).called(f"removable({hidden} channels: {text})")

    return [
        drawn(6, scale=(0, 1, 2), shift=(0, 3), negative=(1,), squeeze=(4,), project=(4, 5)),
        drawn(5, scale=(4,), shift=(4,), squeeze=(0, 1, 4), project=(1, 2, 4)),
        drawn(3),
    ]


@exercise(
    title="Which channels may go without a trace",
    cases=_channels,
    wrong=[
        (
            silent_if_scale_is_zero,
            "With scale 0 and another shift, the channel is constant, not zero: SiLU of the shift reaches gate and "
            "projection.",
        ),
        (
            silent_if_nobody_projects,
            "A channel that the projection does not read is still averaged by the squeeze, and so it moves the "
            "gates of the others.",
        ),
        (
            silent_as_with_relu,
            "That is right for ReLU. SiLU of a negative number is negative, not zero.",
        ),
        (silent_if_written_so, "There is a second way: a channel that is not zero, but that nobody reads."),
        (silent_if_unread, "There is a second way: a channel that is read, but is always zero."),
        (silent_if_both, "One of the two is enough: always zero, or read by nobody."),
        (
            silent_if_either_reader_stops,
            "A channel has two readers here. As long as one of them has a weight for it, it matters.",
        ),
    ],
    hint="A channel leaves no trace if it is always zero, or if neither of its two readers has a weight for it. "
    "SiLU(0) is 0, and SiLU of any other number is not.",
)
def removable(
    scale: torch.Tensor, shift: torch.Tensor, squeeze: torch.Tensor, project: torch.Tensor
) -> list[int]:
    """Hidden channels that can be removed without changing any output of the block, in order.

    ``scale`` and ``shift``, (hidden,), are those of the batch norm after the depthwise convolution, before
    SiLU; ``squeeze``, (squeeze, hidden), and ``project``, (out, hidden), are the weights of the two layers
    that read the channels.
    """
    always_zero = (scale == 0) & (shift == 0)
    never_read = ~(squeeze.any(0) | project.any(0))
    return (always_zero | never_read).nonzero().flatten().tolist()


# 6. the same budget from scratch


def scratch_as_many_epochs(macs, pruned_macs, epochs, fine_tuning):
    return epochs + fine_tuning


def scratch_without_fine_tuning(macs, pruned_macs, epochs, fine_tuning):
    return epochs * macs / pruned_macs


def scratch_upside_down(macs, pruned_macs, epochs, fine_tuning):
    return epochs * pruned_macs / macs + fine_tuning


def scratch_all_at_full_price(macs, pruned_macs, epochs, fine_tuning):
    return (epochs + fine_tuning) * macs / pruned_macs


def scratch_for_the_fine_tuning(macs, pruned_macs, epochs, fine_tuning):
    return fine_tuning


@exercise(
    title="How long may the small network train?",
    cases=[
        (2_000_000, 1_000_000, 10, 4),
        (1_523_200, 761_600, 24, 6),
        (3_000_000, 1_000_000, 5, 0),
        (1_000_000, 250_000, 8, 8),
    ],
    wrong=[
        (
            scratch_as_many_epochs,
            "That is as many epochs, not as much computing: an epoch of the small network costs less.",
        ),
        (
            scratch_without_fine_tuning,
            "Fine-tuning was paid for as well: its epochs, at the small network's price.",
        ),
        (scratch_upside_down, "The ratio is upside down: the small network may train for *more* epochs."),
        (
            scratch_all_at_full_price,
            "Fine-tuning trained the small network. Only the first training is paid at the large one's price.",
        ),
        (
            scratch_for_the_fine_tuning,
            "You leave out what the large network cost. Without it there would be nothing to prune.",
        ),
    ],
    hint="Add up what was spent, epochs times MACs for each of the two trainings, and divide by what an epoch of "
    "the small network costs.",
)
def scratch_epochs(macs: int, pruned_macs: int, epochs: float, fine_tuning: float) -> float:
    """Epochs from scratch at the pruned size that cost what training, pruning and fine-tuning cost."""
    spent = epochs * macs + fine_tuning * pruned_macs
    return spent / pruned_macs
