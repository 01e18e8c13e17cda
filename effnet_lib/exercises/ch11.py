"""Exercises of chapter 11: slices, shares, statistics, and how far a ranking can be trusted."""

from itertools import combinations
from statistics import fmean, pvariance, variance

import torch

from effnet_lib.exercises import case, exercise

# 1. the slice that a smaller convolution uses


def last_channels(weight, out_channels, in_channels):
    return weight[weight.shape[0] - out_channels :, weight.shape[1] - in_channels :]


def axes_exchanged(weight, out_channels, in_channels):
    return weight[:in_channels, :out_channels]


def all_inputs(weight, out_channels, in_channels):
    return weight[:out_channels]


def no_window(weight, out_channels, in_channels):
    return weight[:out_channels, :in_channels, :1, :1]


def spread_channels(weight, out_channels, in_channels):
    rows = torch.arange(out_channels) * weight.shape[0] // out_channels
    columns = torch.arange(in_channels) * weight.shape[1] // in_channels
    return weight[rows][:, columns]


def _weights():
    largest = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    return [
        case(largest, 4, 3).called("conv_slice(weight of shape (6, 5, 3, 3), 4, 3)"),
        case(largest, 2, 5).called("conv_slice(weight of shape (6, 5, 3, 3), 2, 5)"),
        case(largest, 6, 5).called("conv_slice(weight of shape (6, 5, 3, 3), 6, 5)"),
        case(largest, 3, 1).called("conv_slice(weight of shape (6, 5, 3, 3), 3, 1)"),
    ]


@exercise(
    title="The part of a shared weight that a narrower convolution uses",
    cases=_weights,
    wrong=[
        (
            last_channels,
            "You take the last channels. Any rule would do, if all layers agree on it; ours is the first ones, "
            "which is what the layer before leaves.",
        ),
        (axes_exchanged, "You exchange the axes: a convolution's weight is (out, in, height, width)."),
        (
            all_inputs,
            "You keep all input channels. The layer before is narrower, too: its output has `in_channels`.",
        ),
        (no_window, "You cut the window as well. The kernel stays what it is: other kernels do not share."),
        (
            spread_channels,
            "You take channels at regular distances. Then a network of 3 channels would not use those of one "
            "of 2: slices have to nest.",
        ),
    ],
    hint="Slice the first two axes, from the start; leave the others alone.",
)
def conv_slice(weight: torch.Tensor, out_channels: int, in_channels: int) -> torch.Tensor:
    """The first channels on either side, (out_channels, in_channels, height, width)."""
    return weight[:out_channels, :in_channels]


# 2. how often a weight is trained


def share_without_operations(channel, widths, operations):
    return sum(width > channel for width in widths) / len(widths)


def share_counted_from_one(channel, widths, operations):
    return sum(width >= channel for width in widths) / len(widths) / operations


def share_of_the_widest(channel, widths, operations):
    return 1 - channel / max(widths) if channel < max(widths) else 0.0


def share_where_it_ends(channel, widths, operations):
    return sum(width <= channel for width in widths) / len(widths) / operations


def share_if_any(channel, widths, operations):
    return float(any(width > channel for width in widths)) / operations


@exercise(
    title="In which share of the steps a channel is trained",
    cases=[(0, [24, 48], 3), (30, [24, 48], 3), (24, [24, 48], 1), (23, [24, 48], 2), (40, [16, 32, 48, 64], 2),
           (64, [16, 64], 3)],
    wrong=[
        (share_without_operations, "You forget that the stage's operation is drawn as well, and each has its own weights."),
        (
            share_counted_from_one,
            "Off by one: channels are counted from 0, so a layer of 24 channels uses number 23 and not 24.",
        ),
        (
            share_of_the_widest,
            "Widths are drawn from the list, not from everything up to the largest. Count the widths that reach "
            "this channel.",
        ),
        (share_where_it_ends, "Those are the steps in which the channel is *not* used."),
        (share_if_any, "One width that reaches it is drawn only now and then: count how many of them do."),
    ],
    hint="A width w uses the channels 0 to w − 1. Both draws are independent, so the shares multiply.",
)  # fmt: skip
def trained_share(channel: int, widths: list[int], operations: int) -> float:
    """Share of steps whose network uses this channel (from 0) of one operation's weights."""
    return sum(width > channel for width in widths) / len(widths) / operations


# 3. Kendall's tau


def tau_of_agreeing_pairs(first, second):
    pairs = list(combinations(range(len(first)), 2))
    return sum((first[i] - first[j]) * (second[i] - second[j]) > 0 for i, j in pairs) / len(pairs)


def tau_with_ties_as_agreement(first, second):
    pairs = list(combinations(range(len(first)), 2))
    agree = sum((first[i] - first[j]) * (second[i] - second[j]) >= 0 for i, j in pairs)
    return (2 * agree - len(pairs)) / len(pairs)


def tau_of_neighbours(first, second):
    pairs = list(zip(range(len(first) - 1), range(1, len(first)), strict=True))
    return fmean(_sign((first[i] - first[j]) * (second[i] - second[j])) for i, j in pairs)


def tau_over_all_squares(first, second):
    n = len(first)
    signs = [_sign((first[i] - first[j]) * (second[i] - second[j])) for i in range(n) for j in range(n)]
    return sum(signs) / n**2


def pearson(first, second):
    a, b = ([value - fmean(values) for value in values] for values in (first, second))
    return sum(x * y for x, y in zip(a, b, strict=True)) / sum(x * x for x in a) ** 0.5 / sum(y * y for y in b) ** 0.5


def _sign(value):
    return (value > 0) - (value < 0)


@exercise(
    title="Kendall's rank correlation",
    cases=[
        ([0.31, 0.35, 0.40, 0.28], [0.80, 0.78, 0.90, 0.70]),
        ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
        ([0.5, 0.5, 0.6, 0.7], [0.1, 0.2, 0.3, 0.4]),
        ([0.2, 0.9, 0.4, 0.6, 0.8], [0.3, 0.95, 0.2, 0.9, 0.5]),
        ([1, 2, 3], [1, 8, 27]),
    ],
    wrong=[
        (
            tau_of_agreeing_pairs,
            "You give the share of pairs that agree, from 0 to 1. Pairs in the other order count against: from "
            "−1 to 1.",
        ),
        (tau_with_ties_as_agreement, "A pair that is level on one side neither agrees nor disagrees: it counts 0."),
        (tau_of_neighbours, "You compare neighbours in the list only. All pairs count."),
        (
            tau_over_all_squares,
            "You divide by n². There are n(n − 1)/2 pairs, or n(n − 1) if both orders are counted.",
        ),
        (pearson, "That is Pearson's correlation of the values. Only the order within each list counts."),
    ],
    hint="`itertools.combinations` gives all pairs. The sign of the product of the two differences says whether a "
    "pair agrees (1), disagrees (−1) or is level (0); take the mean.",
)
def kendall(first: list[float], second: list[float]) -> float:
    """Pairs in the same order minus pairs in the other order, over all pairs (tau-a)."""
    pairs = list(combinations(range(len(first)), 2))
    signs = [_sign((first[i] - first[j]) * (second[i] - second[j])) for i, j in pairs]
    return sum(signs) / len(pairs)


# 4. batch-norm statistics, taken anew


def moving_statistics(batches):
    mean, var = 0.0, 1.0
    for batch in batches:
        mean, var = 0.9 * mean + 0.1 * fmean(batch), 0.9 * var + 0.1 * variance(batch)
    return mean, var


def pooled_statistics(batches):
    values = [value for batch in batches for value in batch]
    return fmean(values), variance(values)


def population_statistics(batches):
    return fmean(map(fmean, batches)), fmean(map(pvariance, batches))


def last_statistics(batches):
    return fmean(batches[-1]), variance(batches[-1])


def deviations_averaged(batches):
    return fmean(map(fmean, batches)), fmean(variance(batch) ** 0.5 for batch in batches) ** 2


@exercise(
    title="Running statistics of a batch norm, taken anew",
    cases=[
        ([[1.0, 2.0, 3.0, 6.0], [0.0, 0.0, 4.0, 4.0]],),
        ([[0.5, -0.5, 1.5]],),
        ([[2.0, 2.5], [8.0, 8.5], [5.0, 7.0]],),
        ([[1.0, 1.0, 2.0], [3.0, 9.0, 3.0], [0.0, 1.0, 2.0], [4.0, 4.0, 4.0]],),
    ],
    wrong=[
        (
            moving_statistics,
            "That is the moving average of training, which starts at 0 and 1 and forgets. Here every batch has the same "
            "weight, and the start has none.",
        ),
        (
            pooled_statistics,
            "You pool all values. PyTorch averages the *batches'* variances; how far their means lie apart does not enter.",
        ),
        (population_statistics, "Your variances divide by n. The running variance is the unbiased one: n − 1."),
        (last_statistics, "You keep the last batch alone."),
        (deviations_averaged, "You average standard deviations. The buffer holds variances: average those."),
    ],
    hint="`statistics.fmean` and `statistics.variance` of every batch, then the mean of each over the batches.",
)
def fresh_statistics(batches: list[list[float]]) -> tuple[float, float]:
    """Mean over batches of their mean and of their unbiased variance, as with ``momentum=None``."""
    return fmean(map(fmean, batches)), fmean(map(variance, batches))


# 5. how many of the best are found


def overlap_of_the_worst(predicted, truth, k):
    low = [set(sorted(range(len(v)), key=lambda i: v[i])[:k]) for v in (predicted, truth)]
    return len(low[0] & low[1]) / k


def overlap_in_place(predicted, truth, k):
    top = [sorted(range(len(v)), key=lambda i: -v[i])[:k] for v in (predicted, truth)]
    return sum(a == b for a, b in zip(*top, strict=True)) / k


def overlap_over_union(predicted, truth, k):
    top = [set(sorted(range(len(v)), key=lambda i: -v[i])[:k]) for v in (predicted, truth)]
    return len(top[0] & top[1]) / len(top[0] | top[1])


def overlap_as_a_count(predicted, truth, k):
    return float(len(_best(predicted, k) & _best(truth, k)))


def overlap_over_all(predicted, truth, k):
    return len(_best(predicted, k) & _best(truth, k)) / len(truth)


def _best(values, k):
    return set(sorted(range(len(values)), key=lambda i: -values[i])[:k])


@exercise(
    title="How many of the best k a ranking finds",
    cases=[
        ([0.3, 0.5, 0.4, 0.6, 0.2], [0.8, 0.7, 0.9, 0.95, 0.6], 2),
        ([0.3, 0.5, 0.4, 0.6, 0.2], [0.8, 0.7, 0.9, 0.95, 0.6], 3),
        ([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1], 2),
        ([1, 2, 3, 4, 5], [2, 3, 1, 4, 5], 2),
        ([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5], 4),
        ([0.1, 0.2, 0.3], [0.3, 0.2, 0.1], 3),
    ],
    wrong=[
        (overlap_of_the_worst, "You compare the k lowest. The best have the *highest* accuracy."),
        (
            overlap_in_place,
            "You ask for the same network at the same place. The best k are a set: their order among "
            "themselves does not count.",
        ),
        (overlap_over_union, "You divide by the union. Of the k true best, which share was found? Divide by k."),
        (overlap_as_a_count, "That is how many. A share is wanted: divide by k."),
        (overlap_over_all, "You divide by the number of all networks. At most k can be found: divide by k."),
    ],
    hint="Sort the indices by value, highest first, take k of each, make sets of them, and intersect.",
)
def top_overlap(predicted: list[float], truth: list[float], k: int) -> float:
    """Share of the k truly best networks (by ``truth``) that are among the k best by ``predicted``."""
    best = [set(sorted(range(len(v)), key=lambda i: -v[i])[:k]) for v in (predicted, truth)]
    return len(best[0] & best[1]) / k


# 6. the supernet proposes, training disposes


def pick_by_the_supernet(shared, alone, k):
    return max(range(len(shared)), key=lambda i: shared[i])


def pick_by_training_all(shared, alone, k):
    return max(range(len(alone)), key=lambda i: alone[i])


def pick_by_the_sum(shared, alone, k):
    chosen = sorted(range(len(shared)), key=lambda i: -shared[i])[:k]
    return max(chosen, key=lambda i: shared[i] + alone[i])


def pick_place_among_the_chosen(shared, alone, k):
    chosen = sorted(range(len(shared)), key=lambda i: -shared[i])[:k]
    return max(range(k), key=lambda place: alone[chosen[place]])


def pick_among_the_first(shared, alone, k):
    return max(range(k), key=lambda i: alone[i])


_SHARED, _ALONE = [0.30, 0.42, 0.38, 0.41, 0.20, 0.35], [0.90, 0.70, 0.85, 0.74, 0.95, 0.88]


@exercise(
    title="Let the supernet propose and training decide",
    cases=[
        case(_SHARED, _ALONE, 1).called("chosen(shared, alone, 1)"),
        case(_SHARED, _ALONE, 2).called("chosen(shared, alone, 2)"),
        case(_SHARED, _ALONE, 3).called("chosen(shared, alone, 3)"),
        case(_SHARED, _ALONE, 4).called("chosen(shared, alone, 4)"),
        case([0.30, 0.39, 0.22], [0.72, 0.70, 0.9], 2).called("chosen([0.30, 0.39, 0.22], [0.72, 0.70, 0.9], 2)"),
    ],
    wrong=[
        (
            pick_by_the_supernet,
            "You return the supernet's favourite. It only proposes: of its k favourites, the one that trains best "
            "is wanted.",
        ),
        (
            pick_by_training_all,
            "You look at `alone` for all networks. Only k of them are trained; the others' numbers do not exist yet.",
        ),
        (
            pick_by_the_sum,
            "You add the two accuracies. They are not on one scale, and what training says of a network replaces what the "
            "supernet guessed.",
        ),
        (
            pick_place_among_the_chosen,
            "You return the place among the proposals. The index of the network in the lists is wanted.",
        ),
        (pick_among_the_first, "You train the first k in the list. Train the k that the supernet ranks highest."),
    ],
    hint="Two steps: the indices of the k highest of `shared`; of these the one with the highest `alone`.",
)
def chosen(shared: list[float], alone: list[float], k: int) -> int:
    """Index of the best by ``alone`` among the ``k`` best by ``shared``."""
    proposed = sorted(range(len(shared)), key=lambda i: -shared[i])[:k]
    return max(proposed, key=lambda i: alone[i])
