"""Exercises of chapter 8: spaces as numbers, rewards, fronts, ranks, and what random search finds."""

import math
from itertools import product
from statistics import correlation, fmean

from effnet_lib.exercises import case, exercise

# 1. a number for each network


def index_from_the_left(genotype, sizes):
    return index_of(genotype[::-1], sizes[::-1])


def index_in_one_base(genotype, sizes):
    found = 0
    for place in genotype:
        found = found * max(sizes) + place
    return found


def index_by_own_sizes(genotype, sizes):
    return sum(place * size for place, size in zip(genotype, sizes, strict=True))


def index_from_one(genotype, sizes):
    return index_of(genotype, sizes) + 1


def index_by_places(genotype, sizes):
    return int("".join(map(str, genotype)))


@exercise(
    title="Number the networks of a space",
    cases=[
        ((0, 0, 1), (3, 3, 2)),
        ((0, 1, 0), (3, 3, 2)),
        ((2, 2, 1), (3, 3, 2)),
        ((0, 0, 0), (3, 3, 2)),
        ((2, 1, 0, 1, 0, 1, 1), (3, 3, 3, 2, 2, 2, 2)),
        ((4,), (7,)),
        ((1, 3), (2, 5)),
    ],
    wrong=[
        (index_from_the_left, "You let the first choice turn fastest. As on a counter, the last one does."),
        (
            index_in_one_base,
            "You use the largest number of options as the base everywhere. Every digit has a range of its "
            "own: multiply by the size of the choice that you are about to add.",
        ),
        (
            index_by_own_sizes,
            "You multiply each place by the size of its own choice. A place is worth the product of the sizes "
            "*after* it.",
        ),
        (index_from_one, "You count from 1. The first network has the number 0."),
        (
            index_by_places,
            "You write the places side by side, as if every choice had ten options. That leaves gaps.",
        ),
    ],
    hint="Go through the genotype from left to right: multiply what you have by the size of the choice, then "
    "add the place.",
)
def index_of(genotype: tuple[int, ...], sizes: tuple[int, ...]) -> int:
    """Place of ``genotype`` in the list of all genotypes, the last choice turning fastest."""
    found = 0
    for place, size in zip(genotype, sizes, strict=True):
        found = found * size + place
    return found


# 2. neighbours


def neighbours_and_itself(genotype, sizes):
    return [
        (*genotype[:d], option, *genotype[d + 1 :]) for d, size in enumerate(sizes) for option in range(size)
    ]


def neighbours_by_one_step(genotype, sizes):
    return [
        (*genotype[:d], option, *genotype[d + 1 :])
        for d, size in enumerate(sizes)
        for option in (genotype[d] - 1, genotype[d] + 1)
        if 0 <= option < size
    ]


def neighbours_around_the_corner(genotype, sizes):
    return [
        (*genotype[:d], (genotype[d] + 1) % size, *genotype[d + 1 :])
        for d, size in enumerate(sizes)
        if size > 1
    ]


def neighbours_from_the_last(genotype, sizes):
    found = neighbours_and_itself(genotype, sizes)
    found = [one for one in found if one != genotype]
    return sorted(found, key=lambda one: [a == b for a, b in zip(one, genotype, strict=True)], reverse=True)


def all_other_networks(genotype, sizes):
    return [one for one in product(*map(range, sizes)) if one != genotype]


@exercise(
    title="List the neighbours of a network",
    cases=[
        ((0, 1), (2, 3)),
        ((1, 0, 2), (2, 1, 4)),
        ((3,), (5,)),
        ((0, 0), (1, 1)),
        ((2, 0, 1, 1, 0), (3, 3, 3, 2, 2)),
    ],
    wrong=[
        (neighbours_and_itself, "The network itself is in your list, once for every choice."),
        (
            neighbours_by_one_step,
            "You take the option before and the one after. Options have no order here: Fused-MBConv is not "
            "further from a kernel of 3 than a kernel of 5 is. Every other option is a neighbour.",
        ),
        (
            neighbours_around_the_corner,
            "You take one alternative for each choice. A choice of three options has two.",
        ),
        (neighbours_from_the_last, "The right neighbours, but those of the last choice first."),
        (all_other_networks, "That is the whole rest of the space. Neighbours differ in *one* choice."),
    ],
    hint="Two loops: over the choices and over the options of each; leave out the option that is there. "
    "`(*genotype[:d], option, *genotype[d + 1:])` changes one place.",
)
def neighbours(genotype: tuple[int, ...], sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All genotypes that differ from ``genotype`` in exactly one choice, in order of choice and option."""
    return [
        (*genotype[:d], option, *genotype[d + 1 :])
        for d, size in enumerate(sizes)
        for option in range(size)
        if option != genotype[d]
    ]


# 3. the reward


def reward_upside_down(accuracy, cost, target, exponents):
    return reward(accuracy, target, cost, exponents)


def reward_with_the_first_exponent(accuracy, cost, target, exponents):
    return accuracy * (cost / target) ** exponents[0]


def reward_with_exponents_swapped(accuracy, cost, target, exponents):
    return reward(accuracy, cost, target, exponents[::-1])


def reward_as_a_sum(accuracy, cost, target, exponents):
    w = exponents[0] if cost <= target else exponents[1]
    return accuracy + w * (cost / target)


def reward_as_a_product(accuracy, cost, target, exponents):
    w = exponents[0] if cost <= target else exponents[1]
    return accuracy * (cost / target) * w


def reward_of_the_excess(accuracy, cost, target, exponents):
    return accuracy * (cost / target) ** exponents[1] if cost > target else accuracy


@exercise(
    title="MnasNet's reward",
    cases=[
        (0.75, 80.0, 80.0, (-0.07, -0.07)),
        (0.75, 160.0, 80.0, (-0.07, -0.07)),
        (0.75, 40.0, 80.0, (-0.07, -0.07)),
        (0.8, 160.0, 80.0, (0.0, -1.0)),
        (0.8, 40.0, 80.0, (0.0, -1.0)),
        (0.6, 30.0, 60.0, (-0.1, -0.5)),
        (0.6, 90.0, 60.0, (-0.1, -0.5)),
    ],
    wrong=[
        (
            reward_upside_down,
            "The ratio is upside down: with a negative exponent, your reward grows with the cost. It is cost over "
            "target.",
        ),
        (
            reward_with_the_first_exponent,
            "You use the first exponent on both sides. Beyond the target the second one counts.",
        ),
        (reward_with_exponents_swapped, "The exponents are swapped: the first is for costs up to the target."),
        (reward_as_a_sum, "You add the cost. The reward multiplies the accuracy by a power of the ratio."),
        (reward_as_a_product, "The exponent is a factor in your formula. It belongs above: `ratio ** w`."),
        (
            reward_of_the_excess,
            "Below the target you leave the accuracy as it is. That is right only if the first exponent is 0.",
        ),
    ],
    hint="`ratio = cost / target`; the exponent is the first up to a ratio of 1, else the second.",
)
def reward(accuracy: float, cost: float, target: float, exponents: tuple[float, float]) -> float:
    """``accuracy * (cost / target) ** w``, with the first exponent up to the target, the second beyond."""
    ratio = cost / target
    return accuracy * ratio ** (exponents[0] if ratio <= 1 else exponents[1])


# 4. hypervolume


def volume_of_overlapping_rectangles(points, reference):
    inside = [p for p in points if p[0] < reference[0] and p[1] > reference[1]]
    return float(sum((reference[0] - cost) * (quality - reference[1]) for cost, quality in inside))


def volume_in_the_order_given(points, reference):
    area, floor = 0.0, reference[1]
    for cost, quality in points:
        if cost < reference[0] and quality > floor:
            area += (reference[0] - cost) * (quality - floor)
            floor = quality
    return area


def volume_beyond_the_reference(points, reference):
    area, floor = 0.0, reference[1]
    for cost, quality in sorted(points, key=lambda p: (p[0], -p[1])):
        if quality > floor:
            area += (reference[0] - cost) * (quality - floor)
            floor = quality
    return area


def volume_with_the_dominated(points, reference):
    area, floor = 0.0, reference[1]
    for cost, quality in sorted(points):
        if cost < reference[0] and quality > reference[1]:
            area += (reference[0] - cost) * (quality - floor)
            floor = quality
    return area


def volume_of_the_best_rectangle(points, reference):
    inside = [p for p in points if p[0] < reference[0] and p[1] > reference[1]]
    return max(((reference[0] - c) * (q - reference[1]) for c, q in inside), default=0.0)


@exercise(
    title="The hypervolume of a set of networks",
    cases=[
        ([(1, -3), (2, -2), (3, -1)], (4, -4)),
        ([(3, 5), (1, 2), (2, 4)], (6, 0)),
        ([(1, 4), (2, 3), (3, 6), (3, 5)], (5, 1)),
        ([(1, 3), (8, 9), (2, 0)], (6, 1)),
        ([(7, 2), (2, -1)], (6, 0)),
        ([(2.0, 0.5)], (4.0, 0.0)),
        ([], (1, 0)),
    ],
    wrong=[
        (
            volume_of_overlapping_rectangles,
            "You add the whole rectangle of every point. They overlap: each point adds only what lies above the "
            "best quality before it.",
        ),
        (
            volume_in_the_order_given,
            "You take the points in the order given. Sweep from the cheapest to the dearest: sort first.",
        ),
        (
            volume_beyond_the_reference,
            "A point dearer than the reference adds a negative area in your sum. It adds nothing.",
        ),
        (
            volume_with_the_dominated,
            "A dominated point lowers your floor again. It adds nothing, and the floor only ever rises.",
        ),
        (volume_of_the_best_rectangle, "That is the largest single rectangle. The union of all is wanted."),
    ],
    hint="Sort by cost, the better first among equals. Keep a floor, at first the reference's quality. A point "
    "that is cheaper than the reference and above the floor adds (reference cost − cost) × (quality − floor), "
    "and becomes the floor.",
)
def hypervolume(points: list[tuple[float, float]], reference: tuple[float, float]) -> float:
    """Area that ``points`` (cost, quality) dominate within the corner at ``reference``."""
    area, floor = 0.0, reference[1]
    for cost, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if cost < reference[0] and quality > floor:
            area += (reference[0] - cost) * (quality - floor)
            floor = quality
    return float(area)


# 5. rank correlation


def _ranks(values):
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) + 1) / 2 for value in values]


def correlation_of_values(first, second):
    return correlation(first, second)


def correlation_of_orders(first, second):
    def places(values):
        order = sorted(range(len(values)), key=values.__getitem__)
        return [order.index(i) for i in range(len(values))]

    return correlation(places(first), places(second))


def correlation_of_lowest_ranks(first, second):
    def lowest(values):
        ordered = sorted(values)
        return [ordered.index(value) for value in values]

    return correlation(lowest(first), lowest(second))


def correlation_by_the_short_formula(first, second):
    n = len(first)
    squares = sum((a - b) ** 2 for a, b in zip(_ranks(first), _ranks(second), strict=True))
    return 1 - 6 * squares / (n * (n**2 - 1))


def correlation_of_pairs(first, second):
    n = len(first)
    signs = [
        math.copysign(1, (first[i] - first[j]) * (second[i] - second[j]))
        for i in range(n)
        for j in range(i)
        if first[i] != first[j] and second[i] != second[j]
    ]
    return sum(signs) / (n * (n - 1) / 2)


@exercise(
    title="Spearman's rank correlation",
    cases=[
        ([0.61, 0.58, 0.70, 0.64], [0.60, 0.55, 0.71, 0.69]),
        ([1.0, 2.0, 3.0, 40.0, 50.0], [2.0, 1.0, 4.0, 3.0, 5.0]),
        ([0.5, 0.5, 0.7, 0.6, 0.5], [0.4, 0.6, 0.8, 0.7, 0.5]),
        ([5.0, 4.0, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0]),
        ([3.0, 1.0, 1.0, 2.0, 2.0, 5.0], [1.0, 1.0, 2.0, 3.0, 3.0, 2.0]),
    ],
    wrong=[
        (
            correlation_of_values,
            "You correlate the values. Spearman's correlation is that of their *ranks*: only the order counts.",
        ),
        (
            correlation_of_orders,
            "Equal values get different ranks in your answer, whichever comes first. They share the mean of "
            "their ranks.",
        ),
        (
            correlation_of_lowest_ranks,
            "Equal values all get the lowest of their ranks in your answer. They share the *mean* of them.",
        ),
        (
            correlation_by_the_short_formula,
            "1 − 6Σd²/(n(n² − 1)) holds only where no two values are equal. Correlate the ranks.",
        ),
        (correlation_of_pairs, "That counts pairs in the same order: Kendall's correlation, not Spearman's."),
    ],
    hint="The mean rank of a value is the number of smaller values, plus half of one more than the number of "
    "equal ones. Then `statistics.correlation` of the two lists of ranks.",
)
def rank_correlation(first: list[float], second: list[float]) -> float:
    """Correlation of the ranks; equal values share the mean of theirs."""

    def ranks(values):
        return [
            sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
            for value in values
        ]

    return correlation(ranks(first), ranks(second))


# 6. what random search finds


def choice_of_the_best_known(told, worth, n):
    return expected_choice(worth, worth, n)


def choice_as_it_looks(told, worth, n):
    return expected_choice(told, told, n)


def choice_without_repetition(told, worth, n):
    size = len(told)
    order = sorted(range(size), key=lambda i: -told[i])
    n = min(n, size)
    missed = [math.comb(size - c, n) / math.comb(size, n) for c in range(size + 1)]
    return sum((missed[c] - missed[c + 1]) * worth[i] for c, i in enumerate(order))


def choice_of_the_typical_rank(told, worth, n):
    order = sorted(range(len(told)), key=lambda i: -told[i])
    return float(worth[order[len(told) // (n + 1)]])


def choice_of_one_draw(told, worth, n):
    return fmean(worth)


def choice_from_below(told, worth, n):
    return expected_choice([-score for score in told], worth, n)


@exercise(
    title="What random search finds on average",
    cases=[
        ([0.7, 0.9, 0.8], [0.6, 0.8, 0.9], 1),
        ([0.7, 0.9, 0.8], [0.6, 0.8, 0.9], 2),
        ([3.0, 1.0, 4.0, 2.0, 5.0], [2.0, 1.0, 5.0, 3.0, 4.0], 3),
        case(list(range(100)), [math.sqrt(i) for i in range(100)], 20).called("expected_choice(range(100), roots, 20)"),
        ([0.5], [0.4], 7),
        ([1.0, 2.0], [10.0, 0.0], 4),
    ],
    wrong=[
        (
            choice_of_the_best_known,
            "You let the search see what the networks are worth. It sees `told`, and chooses by it.",
        ),
        (
            choice_as_it_looks,
            "That is the mean score that the chosen network *shows*: too high, by the winner's curse. Average "
            "what it is worth.",
        ),
        (
            choice_without_repetition,
            "Your draws never meet the same network twice. Here they may: each misses the best c of N with "
            "probability 1 − c/N, whatever came before.",
        ),
        (
            choice_of_the_typical_rank,
            "You take the one network that is at a typical rank. Weigh all of them by their probabilities.",
        ),
        (choice_of_one_draw, "That is the mean of a single draw. The best of `n` by `told` is kept."),
        (choice_from_below, "You keep the lowest score. The highest is chosen."),
    ],
    hint="Sort by `told`, the best first. The chosen network is among the best c with probability "
    "1 − (1 − c/N)ⁿ; the difference of two neighbouring probabilities is that of exactly the c-th.",
)
def expected_choice(told: list[float], worth: list[float], n: int) -> float:
    """Mean worth of the network that looks best among ``n`` uniform draws with repetition."""
    size = len(told)
    order = sorted(range(size), key=lambda i: -told[i])
    within = [1 - (1 - c / size) ** n for c in range(size + 1)]
    return sum((within[c + 1] - within[c]) * worth[i] for c, i in enumerate(order))
